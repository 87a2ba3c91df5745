import type { Clock } from '../base/clock.js'
import { Chatter, MAX_CHATTER } from '../http/chatter.js'
import { ConnectionFault, http2Code, type Http2Code } from './error.js'
import { FrameReader } from './frame-reader.js'
import { FLAG, FRAME, type Frame } from './frames.js'
import { HeaderBlock } from './header-block.js'
import type { Streams } from './streams.js'

/** Told what the peer says of the whole connection. Each may throw a {@link ConnectionFault}. */
export interface ReceiverOwner {
  /** Whether the peer's settings have come. */
  readonly greeted: boolean
  readonly closed: boolean
  onSettings(frame: Frame): void
  onSettingsAck(): void
  onPing(payload: Buffer, ack: boolean): void
  onGoaway(last: number, code: Http2Code): void
  onWindowUpdate(increment: number): void
}

/** The receiving half: checks each frame's size, place and stream, and hands it on (RFC 9113, sections 4 to 6 and 10.5). */
export class Receiver {
  readonly #reader = new FrameReader()
  readonly #block = new HeaderBlock()
  readonly #chatter: Chatter
  readonly #streams: Streams
  readonly #owner: ReceiverOwner

  constructor(clock: Clock, streams: Streams, owner: ReceiverOwner) {
    this.#chatter = new Chatter(clock)
    this.#streams = streams
    this.#owner = owner
  }

  /** Takes what was read. @throws {ConnectionFault} the connection must end, with that code */
  push(chunk: Buffer): void {
    this.#reader.push(chunk, this.#onFrame)
  }

  /** Counts a frame that brings no response nearer. @throws {ConnectionFault} too many did (RFC 9113, section 10.5) */
  spend(): void {
    if (this.#chatter.spend())
      throw new ConnectionFault('ENHANCE_YOUR_CALM', `${MAX_CHATTER} frames that bring nothing`)
  }

  /** So many responses came or frames of bodies were sent. What isn't used up is kept, within bounds. */
  credit(count: number): void {
    this.#chatter.credit(count)
  }

  readonly #onFrame = (frame: Frame): boolean => {
    const { open } = this.#block
    if (open !== 0 && (frame.type !== FRAME.CONTINUATION || frame.stream !== open))
      throw new ConnectionFault('PROTOCOL_ERROR', 'another frame within a header block')
    if (!this.#owner.greeted && (frame.type !== FRAME.SETTINGS || (frame.flags & FLAG.ACK) !== 0))
      throw new ConnectionFault('PROTOCOL_ERROR', 'no SETTINGS at first')
    this.#dispatch(frame)
    return !this.#owner.closed
  }

  #dispatch(frame: Frame): void {
    switch (frame.type) {
      case FRAME.HEADERS:
        this.#streams.find(frame.stream)
        return this.#onBlock(frame.stream, this.#block.begin(frame))
      case FRAME.CONTINUATION:
        if (this.#block.open === 0) throw new ConnectionFault('PROTOCOL_ERROR', 'CONTINUATION of nothing')
        return this.#onBlock(frame.stream, this.#block.continue(frame))
      case FRAME.DATA:
        return this.#streams.onData(frame)
      case FRAME.RST_STREAM:
        needSize(frame, 4, 'RST_STREAM')
        return this.#streams.onReset(frame.stream, http2Code(frame.octets.readUInt32BE(frame.start)))
      case FRAME.PUSH_PROMISE:
        throw new ConnectionFault('PROTOCOL_ERROR', 'a push, which we do not allow')
      default:
        this.spend()
        this.#onControl(frame)
    }
  }

  #onBlock(stream: number, complete: boolean): void {
    if (complete) this.#streams.onHeaders(stream, this.#block)
  }

  #onControl(frame: Frame): void {
    const { octets, start, end, flags, stream } = frame
    switch (frame.type) {
      case FRAME.SETTINGS:
        return this.#onSettings(frame)
      case FRAME.PING:
        needNoStream(stream, 'PING')
        needSize(frame, 8, 'PING')
        return this.#owner.onPing(octets.subarray(start, end), (flags & FLAG.ACK) !== 0)
      case FRAME.GOAWAY:
        needNoStream(stream, 'GOAWAY')
        if (end - start < 8) throw new ConnectionFault('FRAME_SIZE_ERROR', 'GOAWAY of less than 8 octets')
        return this.#owner.onGoaway(octets.readUInt32BE(start) & 0x7fff_ffff, http2Code(octets.readUInt32BE(start + 4)))
      case FRAME.WINDOW_UPDATE:
        return this.#onWindowUpdate(frame)
      case FRAME.PRIORITY:
        // What it says is obsolete (RFC 9113, section 5.3.2), and it may name a stream in any state.
        if (stream === 0) throw new ConnectionFault('PROTOCOL_ERROR', 'PRIORITY of no stream')
        return needSize(frame, 5, 'PRIORITY')
      default:
      // Ignored (RFC 9113, section 4.1).
    }
  }

  #onSettings(frame: Frame): void {
    const size = frame.end - frame.start
    needNoStream(frame.stream, 'SETTINGS')
    if ((frame.flags & FLAG.ACK) !== 0) {
      needSize(frame, 0, 'an acknowledgement')
      return this.#owner.onSettingsAck()
    }
    if (size % 6 !== 0) throw new ConnectionFault('FRAME_SIZE_ERROR', `SETTINGS of ${size} octets`)
    this.#owner.onSettings(frame)
  }

  #onWindowUpdate(frame: Frame): void {
    needSize(frame, 4, 'WINDOW_UPDATE')
    const increment = frame.octets.readUInt32BE(frame.start) & 0x7fff_ffff
    if (frame.stream !== 0) return this.#streams.onWindowUpdate(frame.stream, increment)
    if (increment === 0) throw new ConnectionFault('PROTOCOL_ERROR', 'a window update of 0')
    this.#owner.onWindowUpdate(increment)
  }
}

function needSize({ start, end }: Frame, size: number, what: string): void {
  if (end - start !== size) throw new ConnectionFault('FRAME_SIZE_ERROR', `${what} of ${end - start} octets`)
}

function needNoStream(stream: number, what: string): void {
  if (stream !== 0) throw new ConnectionFault('PROTOCOL_ERROR', `${what} on a stream`)
}
