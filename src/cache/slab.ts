import { Buffer } from 'node:buffer'

/** Locations count in this many octets, so that 32 bits reach 32 GiB. */
export const UNIT = 8
/** Octets of an entry before its message. */
const HEAD = 26
/** Uses that are counted; more make no difference, and make a reply popular. */
export const MOST_USES = 3

/** What an entry is beside its octets. */
export interface Entry {
  readonly hash: number
  /** Bits of `FLAG`. */
  readonly flags: number
  readonly partition: number
  /** On the {@link Timeline}, in ms. */
  readonly stored: number
  /** Seconds. */
  readonly lifetime: number
  /** How many of the message's octets are kept. */
  readonly length: number
  /** Records of its additional section that are. */
  readonly additional: number
}

/** Octets that an entry with a message of `length` octets takes. */
export function entrySize(length: number): number {
  return Math.ceil((HEAD + length) / UNIT) * UNIT
}

/**
 * A block of memory that entries are appended to, one after the other, and that is cleared as a whole. An entry is hash,
 * size, time stored, lifetime, length of the message, partition, flags and uses, and the message itself; offsets are in octets.
 */
export class Slab {
  readonly id: number
  readonly bytes: Buffer
  readonly #words: Uint32Array
  readonly #halves: Uint16Array
  readonly #times: Float64Array
  /** Whether its entries have proved to be wanted. */
  isMain = false
  /** Where the next entry goes. Nothing is at offset 0, which is no location. */
  end = UNIT

  constructor(id: number, size: number) {
    this.id = id
    this.bytes = Buffer.alloc(size)
    const { buffer } = this.bytes
    this.#words = new Uint32Array(buffer)
    this.#halves = new Uint16Array(buffer)
    this.#times = new Float64Array(buffer)
  }

  hasRoom(size: number): boolean {
    return this.end + size <= this.bytes.length
  }

  hash(at: number): number {
    return this.#words[at >> 2]! | 0
  }

  /** Octets that the entry takes: the next one follows. */
  size(at: number): number {
    return this.#words[(at >> 2) + 1]!
  }

  stored(at: number): number {
    return this.#times[(at >> 3) + 1]!
  }

  lifetime(at: number): number {
    return this.#words[(at >> 2) + 4]!
  }

  /** Octets of the message. */
  length(at: number): number {
    return this.#halves[(at >> 1) + 10]!
  }

  partition(at: number): number {
    return this.#halves[(at >> 1) + 11]!
  }

  flags(at: number): number {
    return this.bytes[at + 24]!
  }

  /** How often it was used since it was last looked through, 3 at most. */
  uses(at: number): number {
    return this.bytes[at + 25]!
  }

  setUses(at: number, uses: number): void {
    this.bytes[at + 25] = uses
  }

  use(at: number): void {
    if (this.bytes[at + 25]! < MOST_USES) this.bytes[at + 25]!++
  }

  /** Where the message is. */
  message(at: number): number {
    return at + HEAD
  }

  /** Writes an entry whose place takes `size` octets. Its message has no ID, and isn't authoritative any more. */
  write(at: number, size: number, entry: Entry, message: Buffer): void {
    const word = at >> 2
    this.#words[word] = entry.hash
    this.#words[word + 1] = size
    this.#times[(at >> 3) + 1] = entry.stored
    this.#words[word + 4] = entry.lifetime
    this.#halves[(at >> 1) + 10] = entry.length
    this.#halves[(at >> 1) + 11] = entry.partition
    this.bytes[at + 24] = entry.flags
    const to = at + HEAD
    message.copy(this.bytes, to, 0, entry.length)
    this.bytes[to] = this.bytes[to + 1] = 0
    this.bytes[to + 2]! &= ~4
    this.bytes[to + 10] = entry.additional >> 8
    this.bytes[to + 11] = entry.additional
  }
}
