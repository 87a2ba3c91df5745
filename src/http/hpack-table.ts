/** The size that a peer may take for granted until it has heard otherwise, in octets (RFC 9113, section 6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096
/** What an entry counts beside its octets (RFC 7541, section 4.1). */
const ENTRY_OVERHEAD = 32

/** A name and its value. */
type Entry = readonly [name: string, value: string]

/**
 * What a peer's header blocks have put aside for those to come (RFC 7541, section 2.3.2).
 *
 * We allow no such table, and yet keep one: some servers never heed the setting, h2o as it is in dnsdist 1.7 among them.
 */
export class HpackTable {
  readonly #limit: number
  /** The oldest first. */
  readonly #entries: Entry[] = []
  #capacity: number
  #size = 0
  #version = 0

  /** @param limit the largest size that the peer may choose, and the one that it begins with; in octets */
  constructor(limit: number = DEFAULT_TABLE_SIZE) {
    this.#limit = limit
    this.#capacity = limit
  }

  /** Grows with each change: while it stays, the same block means the same. */
  get version(): number {
    return this.#version
  }

  /** Entry number `index`, 0 being the youngest; undefined when there is none. */
  get(index: number): Entry | undefined {
    return this.#entries[this.#entries.length - 1 - index]
  }

  /** Adds an entry, at the cost of the oldest; one that is too large empties the table (RFC 7541, section 4.4). */
  add(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD
    if (this.#capacity === 0) return
    this.#version++
    this.#evict(this.#capacity - size)
    if (size > this.#capacity) return
    this.#entries.push([name, value])
    this.#size += size
  }

  /** Takes another size (RFC 7541, section 4.3). @returns false when it is over the limit */
  resize(capacity: number): boolean {
    if (capacity > this.#limit) return false
    this.#version++
    this.#capacity = capacity
    this.#evict(capacity)
    return true
  }

  #evict(size: number): void {
    while (this.#size > Math.max(0, size)) {
      const [name, value] = this.#entries.shift()!
      this.#size -= name.length + value.length + ENTRY_OVERHEAD
    }
  }
}
