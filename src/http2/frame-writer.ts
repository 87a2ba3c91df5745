import { Buffer } from 'node:buffer'
import { http2Number, type Http2Code } from './error.js'
import { FLAG, FRAME, FRAME_HEADER } from './frames.js'

const NOTHING = Buffer.alloc(0)
const FIRST_SIZE = 1024

/** Gathers the frames of one turn of the loop, for one write. */
export class FrameWriter {
  #octets: Buffer = NOTHING
  #size = 0

  get empty(): boolean {
    return this.#size === 0
  }

  /** What was gathered, now the taker's; null when that is nothing. */
  take(): Buffer | null {
    if (this.#size === 0) return null
    const octets = this.#octets.subarray(0, this.#size)
    this.#octets = NOTHING
    this.#size = 0
    return octets
  }

  /** Octets outside of any frame. */
  octets(octets: Uint8Array): void {
    this.#reserve(octets.length)
    this.#append(octets)
  }

  /** A frame of any type. */
  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.#begin(type, flags, stream, payload.length)
    this.#append(payload)
  }

  settings(pairs: readonly (readonly [setting: number, value: number])[]): void {
    this.#begin(FRAME.SETTINGS, 0, 0, 6 * pairs.length)
    for (const [setting, value] of pairs) {
      this.#size = this.#octets.writeUInt16BE(setting, this.#size)
      this.#number(value)
    }
  }

  settingsAck(): void {
    this.#begin(FRAME.SETTINGS, FLAG.ACK, 0, 0)
  }

  reset(stream: number, code: Http2Code): void {
    this.#begin(FRAME.RST_STREAM, 0, stream, 4)
    this.#number(http2Number(code))
  }

  /** Says that we read no stream of the peer's: it has none (RFC 9113, section 6.8). */
  goaway(code: Http2Code): void {
    this.#begin(FRAME.GOAWAY, 0, 0, 8)
    this.#number(0)
    this.#number(http2Number(code))
  }

  windowUpdate(stream: number, increment: number): void {
    this.#begin(FRAME.WINDOW_UPDATE, 0, stream, 4)
    this.#number(increment)
  }

  #begin(type: number, flags: number, stream: number, length: number): void {
    this.#reserve(FRAME_HEADER + length)
    const octets = this.#octets
    const at = this.#size
    octets[at] = length >>> 16
    octets[at + 1] = (length >>> 8) & 0xff
    octets[at + 2] = length & 0xff
    octets[at + 3] = type
    octets[at + 4] = flags
    this.#size = at + 5
    this.#number(stream)
  }

  #number(value: number): void {
    const octets = this.#octets
    const at = this.#size
    octets[at] = value >>> 24
    octets[at + 1] = (value >>> 16) & 0xff
    octets[at + 2] = (value >>> 8) & 0xff
    octets[at + 3] = value & 0xff
    this.#size = at + 4
  }

  #append(octets: Uint8Array): void {
    this.#octets.set(octets, this.#size)
    this.#size += octets.length
  }

  #reserve(more: number): void {
    const needed = this.#size + more
    if (needed <= this.#octets.length) return
    const larger = Buffer.allocUnsafe(Math.max(FIRST_SIZE, 2 * needed))
    this.#octets.copy(larger, 0, 0, this.#size)
    this.#octets = larger
  }
}
