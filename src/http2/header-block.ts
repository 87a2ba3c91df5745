import { Buffer } from 'node:buffer'
import { ConnectionFault } from './error.js'
import { FLAG, type Frame } from './frames.js'

/** A header block over all of its frames, in octets, and the CONTINUATION frames that it may take. */
const MAX_BLOCK = 32_768
const MAX_CONTINUATIONS = 16

/** Puts a header block together from HEADERS and CONTINUATION (RFC 9113, section 4.3). The block is octets start to end. */
export class HeaderBlock {
  /** The stream whose block is not finished, or 0. Until it is, no other frame may come. */
  open = 0
  endStream = false
  octets: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  #parts: Buffer[] = []
  #size = 0

  /** Takes HEADERS. @returns whether the block is complete @throws {ConnectionFault} */
  begin(frame: Frame): boolean {
    unpad(frame, this)
    if ((frame.flags & FLAG.PRIORITY) !== 0) {
      this.start += 5
      if (this.start > this.end) throw new ConnectionFault('FRAME_SIZE_ERROR', 'HEADERS too short for a priority')
    }
    this.octets = frame.octets
    this.endStream = (frame.flags & FLAG.END_STREAM) !== 0
    if ((frame.flags & FLAG.END_HEADERS) !== 0) return true
    this.open = frame.stream
    this.#parts = []
    this.#size = 0
    this.#add(frame.octets, this.start, this.end)
    return false
  }

  /** Takes CONTINUATION. @returns whether the block is complete @throws {ConnectionFault} */
  continue(frame: Frame): boolean {
    if (this.#parts.length > MAX_CONTINUATIONS) throw new ConnectionFault('ENHANCE_YOUR_CALM', 'too much CONTINUATION')
    this.#add(frame.octets, frame.start, frame.end)
    if ((frame.flags & FLAG.END_HEADERS) === 0) return false
    this.open = 0
    this.octets = Buffer.concat(this.#parts, this.#size)
    this.start = 0
    this.end = this.#size
    this.#parts = []
    return true
  }

  #add(octets: Buffer, start: number, end: number): void {
    this.#size += end - start
    if (this.#size > MAX_BLOCK)
      throw new ConnectionFault('ENHANCE_YOUR_CALM', `a header block over ${MAX_BLOCK} octets`)
    this.#parts.push(Buffer.from(octets.subarray(start, end)))
  }
}

/** Octets of a payload, without what was put around them. */
export interface Span {
  start: number
  end: number
}

/** Sets `span` to the payload of DATA or HEADERS without its padding (RFC 9113, section 6.1). @throws {ConnectionFault} */
export function unpad(frame: Frame, span: Span): void {
  span.start = frame.start
  span.end = frame.end
  if ((frame.flags & FLAG.PADDED) === 0) return
  if (frame.start === frame.end) throw new ConnectionFault('FRAME_SIZE_ERROR', 'a padded frame without its length')
  span.start++
  span.end -= frame.octets[frame.start]!
  if (span.end < span.start) throw new ConnectionFault('PROTOCOL_ERROR', 'padding that is longer than its frame')
}
