import { Buffer } from 'node:buffer'

/** The largest message that two length octets can announce, in octets (RFC 1035, section 4.2.2). */
export const MAX_MESSAGE = 65_535

/** What a message that has only begun is first given, in octets. */
const FIRST_HOLD = 512

/** `message` behind its two length octets, in one buffer for one write (RFC 7766, section 8). */
export function frame(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(2 + message.length)
  writeFrame(out, 0, message)
  return out
}

/** Several messages, each behind its length, in one buffer for one write. */
export function frameAll(messages: readonly Buffer[]): Buffer {
  let size = 0
  for (const message of messages) size += 2 + message.length
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const message of messages) at = writeFrame(out, at, message)
  return out
}

/**
 * Cuts a stream into messages at their length octets, however it is split (RFC 7766, section 8).
 *
 * Holds at most one unfinished message, in no more than twice the octets that came of it, so that a length without a
 * message costs its sender more than us.
 */
export class FrameReader {
  /** An unfinished message, its length octets first; octets from `#held` on are not written yet. */
  #buffer: Buffer | null = null
  #held = 0

  /** Whether a message has begun and isn't finished. */
  get partial(): boolean {
    return this.#buffer !== null
  }

  /**
   * Takes the next octets of the stream and calls `onMessage` for each message that is complete; an empty one too.
   * Messages are views, most of them on `chunk`: copy what outlives many others.
   */
  push(chunk: Buffer, onMessage: (wire: Buffer) => void): void {
    let at = this.#buffer === null ? 0 : this.#resume(chunk, onMessage)
    while (chunk.length - at >= 2) {
      const end = at + 2 + lengthAt(chunk, at)
      if (end > chunk.length) break
      onMessage(chunk.subarray(at + 2, end))
      at = end
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length)
  }

  /** Goes on with the unfinished message; returns where in `chunk` the next one begins. */
  #resume(chunk: Buffer, onMessage: (wire: Buffer) => void): number {
    let at = 0
    if (this.#held === 1 && chunk.length > 0) this.#hold(chunk, 0, (at = 1))
    if (this.#held < 2) return at
    const size = 2 + lengthAt(this.#buffer!, 0)
    const end = Math.min(chunk.length, at + size - this.#held)
    this.#hold(chunk, at, end)
    if (this.#held === size) {
      const message = this.#buffer!.subarray(2, size)
      this.#buffer = null
      this.#held = 0
      onMessage(message)
    }
    return end
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const needed = this.#held + to - from
    if (this.#buffer === null || this.#buffer.length < needed) this.#grow(needed)
    chunk.copy(this.#buffer!, this.#held, from, to)
    this.#held = needed
  }

  /** By doubling: copying stays linear in what has come, one octet at a time included. */
  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(FIRST_HOLD, Math.min(2 * needed, 2 + MAX_MESSAGE)))
    this.#buffer?.copy(larger, 0, 0, this.#held)
    this.#buffer = larger
  }
}

function writeFrame(out: Buffer, at: number, message: Buffer): number {
  out[at] = message.length >>> 8
  out[at + 1] = message.length & 0xff
  message.copy(out, at + 2)
  return at + 2 + message.length
}

function lengthAt(octets: Buffer, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!
}
