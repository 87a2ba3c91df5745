import { MalformedMessageError } from '../errors.js'
import { HEADER } from './walk.js'

/** The header of a message, read in place (RFC 1035, section 4.1.1; RFC 6895, section 2). */
export class Header {
  /** The octets. Not to be written to. */
  readonly wire: Buffer

  /**
   * Takes `wire` over, and checks only that there is a header; the rest is checked when it is first needed.
   *
   * @throws {MalformedMessageError} shorter than the 12-octet header
   */
  constructor(wire: Buffer) {
    if (wire.length < HEADER) throw new MalformedMessageError('message is shorter than its header')
    this.wire = wire
  }

  /** Message ID. It belongs to one hop: whoever sends the message stamps its own. */
  get id(): number {
    return (this.wire[0]! << 8) | this.wire[1]!
  }

  /** QR. */
  get isReply(): boolean {
    return (this.wire[2]! & 0x80) !== 0
  }

  get opcode(): number {
    return (this.wire[2]! >> 3) & 15
  }

  /** AA. */
  get authoritative(): boolean {
    return (this.wire[2]! & 4) !== 0
  }

  /** TC. */
  get truncated(): boolean {
    return (this.wire[2]! & 2) !== 0
  }

  /** RD. */
  get recursionDesired(): boolean {
    return (this.wire[2]! & 1) !== 0
  }

  /** RA. */
  get recursionAvailable(): boolean {
    return (this.wire[3]! & 0x80) !== 0
  }

  /** AD (RFC 4035, section 3.1.6). */
  get authenticData(): boolean {
    return (this.wire[3]! & 0x20) !== 0
  }

  /** CD (RFC 4035, section 3.1.6). */
  get checkingDisabled(): boolean {
    return (this.wire[3]! & 0x10) !== 0
  }

  /** Whether the answer section has records. */
  get hasData(): boolean {
    return (this.wire[6]! | this.wire[7]!) !== 0
  }
}
