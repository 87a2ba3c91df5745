import { Buffer } from 'node:buffer'
import { ConnectionFault } from './error.js'
import { DEFAULT_FRAME_SIZE, FRAME_HEADER, type Frame } from './frames.js'

/** Takes each frame; false stops the reading for good. */
export type OnFrame = (frame: Frame) => boolean

/** Cuts a stream into frames, however it is split (RFC 9113, section 4.1). Holds one unfinished frame at most. */
export class FrameReader implements Frame {
  type = 0
  flags = 0
  stream = 0
  octets: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  #held: Buffer | null = null
  #size = 0

  /**
   * Takes the next octets of the stream and calls `onFrame` for each frame that is complete. The frames are views.
   *
   * @throws {ConnectionFault} a frame that is larger than we allowed (RFC 9113, section 4.2)
   */
  push(chunk: Buffer, onFrame: OnFrame): void {
    let at = 0
    if (this.#held !== null) {
      at = this.#resume(chunk)
      if (this.#held !== null) return
      if (!onFrame(this)) return
    }
    while (chunk.length - at >= FRAME_HEADER) {
      const end = at + frameSize(chunk, at)
      if (end > chunk.length) break
      this.#view(chunk, at, end)
      at = end
      if (!onFrame(this)) return
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length)
  }

  /** Goes on with the unfinished frame; returns where in `chunk` the next one begins. */
  #resume(chunk: Buffer): number {
    let at = 0
    if (this.#size < FRAME_HEADER) {
      at = Math.min(chunk.length, FRAME_HEADER - this.#size)
      this.#hold(chunk, 0, at)
      if (this.#size < FRAME_HEADER) return at
    }
    const size = frameSize(this.#held!, 0)
    const end = Math.min(chunk.length, at + size - this.#size)
    this.#hold(chunk, at, end)
    if (this.#size < size) return end
    this.#view(this.#held!, 0, size)
    this.#held = null
    this.#size = 0
    return end
  }

  #view(octets: Buffer, at: number, end: number): void {
    this.type = octets[at + 3]!
    this.flags = octets[at + 4]!
    // The highest bit is reserved, and ignored.
    this.stream = octets.readUInt32BE(at + 5) & 0x7fff_ffff
    this.octets = octets
    this.start = at + FRAME_HEADER
    this.end = end
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const needed = this.#size + to - from
    if (this.#held === null || this.#held.length < needed) {
      // By doubling: a size without a frame costs its sender more than us.
      const larger = Buffer.allocUnsafe(Math.max(512, Math.min(2 * needed, FRAME_HEADER + DEFAULT_FRAME_SIZE)))
      this.#held?.copy(larger, 0, 0, this.#size)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#size, from, to)
    this.#size = needed
  }
}

/** Header and payload of the frame that begins at `at`, in octets. */
function frameSize(octets: Buffer, at: number): number {
  const length = octets.readUIntBE(at, 3)
  if (length > DEFAULT_FRAME_SIZE) throw new ConnectionFault('FRAME_SIZE_ERROR', `a frame of ${length} octets`)
  return FRAME_HEADER + length
}
