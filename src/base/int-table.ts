/** Places that a table begins with; a power of two. */
const FIRST_SIZE = 64

/**
 * Values, none of them undefined, by a whole number of 32 bits: for tables whose entries come and go all the time: what is deleted leaves
 * nothing behind.
 *
 * A `Map` would do, were it not that it moves into a new table with every so many deletions, and that the old one, dead
 * but not yet collected, leads to the new: each keeps alive what was in it, which is copied until it counts as old. With
 * one entry a query that made garbage collection a third of the work.
 */
export class IntTable<V> {
  /** Open addressing, the next free place; deletion moves entries back, so that no place is ever in between for nothing. */
  #keys = new Int32Array(FIRST_SIZE)
  #values: (V | undefined)[] = new Array<V | undefined>(FIRST_SIZE).fill(undefined)
  #mask = FIRST_SIZE - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  has(key: number): boolean {
    return this.#values[this.#find(key)] !== undefined
  }

  /** The value of `key`, or undefined. */
  get(key: number): V | undefined {
    return this.#values[this.#find(key)]
  }

  set(key: number, value: V): void {
    let at = this.#find(key)
    if (this.#values[at] === undefined) {
      if (2 * this.#size >= this.#mask) {
        this.#grow()
        at = this.#find(key)
      }
      this.#keys[at] = key
      this.#size++
    }
    this.#values[at] = value
  }

  /** @returns whether it was there */
  delete(key: number): boolean {
    let hole = this.#find(key)
    const keys = this.#keys
    const values = this.#values
    if (values[hole] === undefined) return false
    const mask = this.#mask
    for (let at = (hole + 1) & mask; values[at] !== undefined; at = (at + 1) & mask) {
      const wanted = keys[at]! & mask
      // It may not stand before the place that it wants.
      if (((at - wanted) & mask) < ((at - hole) & mask)) continue
      keys[hole] = keys[at]!
      values[hole] = values[at]
      hole = at
    }
    values[hole] = undefined
    this.#size--
    return true
  }

  clear(): void {
    this.#values.fill(undefined)
    this.#size = 0
  }

  /** In no order. The table must not change meanwhile. */
  *values(): IterableIterator<V> {
    for (const value of this.#values) if (value !== undefined) yield value
  }

  /** Where `key` is, or would be put. */
  #find(key: number): number {
    let at = key & this.#mask
    while (this.#keys[at] !== key && this.#values[at] !== undefined) at = (at + 1) & this.#mask
    return at
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    const size = 2 * keys.length
    this.#keys = new Int32Array(size)
    this.#values = new Array<V | undefined>(size).fill(undefined)
    this.#mask = size - 1
    for (let i = 0; i < keys.length; i++) {
      if (values[i] === undefined) continue
      const at = this.#find(keys[i]!)
      this.#keys[at] = keys[i]!
      this.#values[at] = values[i]
    }
  }
}
