import { Buffer } from 'node:buffer'
import { readVarint, varintLength } from './varint.js'

/** Type and length of a frame, octets at most. */
const MAX_HEAD = 16
const NOTHING = Buffer.alloc(0)

/** Takes the frames of one stream. What it throws, it throws through {@link H3FrameReader.push}. */
export interface FrameSink {
  /** A frame begins. @returns how its payload is wanted: in one piece, as it comes, or not at all */
  onFrame(type: number, length: number): 'whole' | 'parts' | 'none'
  /** The payload of a frame that was wanted whole; a view on what was read, where it could be. */
  onPayload(type: number, payload: Buffer): void
  /** Octets of a payload that was wanted as it comes; a view. */
  onPart(octets: Buffer): void
}

/** Cuts a stream into frames, however it is split (RFC 9114, section 7.1). Holds no more than its sink wants whole. */
export class H3FrameReader {
  readonly #sink: FrameSink
  #head: Buffer | null = null
  #headSize = 0
  #type = 0
  #wanted: 'whole' | 'parts' | 'none' = 'none'
  #left = 0
  #held: Buffer = NOTHING
  #heldSize = 0
  #stopped = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Whether what came so far ends within a frame. */
  get midway(): boolean {
    return this.#headSize > 0 || this.#left > 0
  }

  /** Tells nothing more. */
  stop(): void {
    this.#stopped = true
    this.#letGo()
  }

  /** Takes the next octets of the stream. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#stopped;) {
      at = this.#left > 0 ? this.#payload(chunk, at) : this.#begin(chunk, at)
    }
  }

  /** Reads type and length. @returns where in `chunk` they end */
  #begin(chunk: Buffer, at: number): number {
    if (this.#headSize === 0) {
      const end = headEnd(chunk, at, chunk.length)
      if (end > 0) {
        this.#frame(chunk, at)
        return end
      }
      this.#head ??= Buffer.allocUnsafe(MAX_HEAD)
    }
    const head = this.#head!
    for (let next = at; next < chunk.length;) {
      head[this.#headSize++] = chunk[next++]!
      if (headEnd(head, 0, this.#headSize) === 0) continue
      this.#headSize = 0
      this.#frame(head, 0)
      return next
    }
    return chunk.length
  }

  /** Type and length are at `at` of `octets`. */
  #frame(octets: Buffer, at: number): void {
    this.#type = readVarint(octets, at)
    const length = readVarint(octets, at + varintLength(octets[at]!))
    this.#wanted = this.#sink.onFrame(this.#type, length)
    this.#left = length
    if (length === 0 && this.#wanted === 'whole' && !this.#stopped) this.#sink.onPayload(this.#type, NOTHING)
  }

  /** @returns where in `chunk` it ends, or goes on in the next one */
  #payload(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    if (this.#wanted === 'none') return end
    const octets = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
    if (this.#wanted === 'parts') this.#sink.onPart(octets)
    else this.#gather(octets)
    return end
  }

  #gather(octets: Buffer): void {
    if (this.#left === 0 && this.#heldSize === 0) return this.#sink.onPayload(this.#type, octets)
    const size = this.#heldSize + octets.length
    if (size > this.#held.length) {
      // By doubling: a length without a payload costs its sender more than us. Copied: a view may keep much more alive.
      const larger = Buffer.allocUnsafe(Math.min(2 * size, size + this.#left))
      this.#held.copy(larger, 0, 0, this.#heldSize)
      this.#held = larger
    }
    octets.copy(this.#held, this.#heldSize)
    this.#heldSize = size
    if (this.#left > 0) return
    const payload = this.#held.subarray(0, size)
    this.#letGo()
    this.#sink.onPayload(this.#type, payload)
  }

  #letGo(): void {
    this.#held = NOTHING
    this.#heldSize = 0
  }
}

/** Where type and length that begin at `at` end; 0 while they go on past `end`. */
function headEnd(octets: Buffer, at: number, end: number): number {
  const length = at + varintLength(octets[at]!)
  if (length >= end) return 0
  const payload = length + varintLength(octets[length]!)
  return payload > end ? 0 : payload
}
