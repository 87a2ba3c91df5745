/**
 * Hashes of entries that were dropped before anybody wanted them again: who comes back soon is wanted after all. Each
 * place of the table holds the last hash that fell on it.
 */
export class Ghosts {
  readonly #hashes: Int32Array

  /** @param count how many it remembers at most, a power of two */
  constructor(count: number) {
    this.#hashes = new Int32Array(count)
  }

  /** Octets that it takes. */
  get size(): number {
    return this.#hashes.byteLength
  }

  add(hash: number): void {
    this.#hashes[hash & (this.#hashes.length - 1)] = hash
  }

  /** Whether `hash` is remembered; then it no longer is. */
  take(hash: number): boolean {
    const place = hash & (this.#hashes.length - 1)
    if (this.#hashes[place] !== hash) return false
    this.#hashes[place] = 0
    return true
  }

  clear(): void {
    this.#hashes.fill(0)
  }
}
