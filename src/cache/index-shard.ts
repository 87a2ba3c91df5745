const FEWEST = 16
/** How full it may be before it grows; probes stay short up to here. */
const LOAD = 0.75

/**
 * One part of a hash table from 32-bit hashes to locations, open addressed, in one typed array. It is one of many so that
 * growing one takes well under a millisecond, where a Map of a million stops for 34.
 */
export class IndexShard {
  /** Pairs of hash and location; location 0 is an empty slot. */
  #slots = new Uint32Array(2 * FEWEST)
  #mask = FEWEST - 1
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Octets that it takes. */
  get size(): number {
    return this.#slots.byteLength
  }

  /** The first slot with `hash`, or -1. */
  first(hash: number): number {
    return this.#seek(hash & this.#mask, hash)
  }

  /** The next slot with `hash` after `slot`, or -1. */
  next(slot: number, hash: number): number {
    return this.#seek((slot + 1) & this.#mask, hash)
  }

  /** What is in `slot`. */
  location(slot: number): number {
    return this.#slots[2 * slot + 1]!
  }

  /** Whether `location` is in it under `hash`. */
  has(hash: number, location: number): boolean {
    return this.#slotOf(hash, location) >= 0
  }

  add(hash: number, location: number): void {
    if (this.#count >= LOAD * (this.#mask + 1)) this.#grow()
    this.#insert(hash, location)
    this.#count++
  }

  /** Puts `to` where `from` is. */
  move(hash: number, from: number, to: number): void {
    this.#slots[2 * this.#slotOf(hash, from) + 1] = to
  }

  remove(hash: number, location: number): void {
    const slots = this.#slots
    const mask = this.#mask
    let hole = this.#slotOf(hash, location)
    // What was pushed past the hole moves up, so that no probe ends too early.
    for (let slot = (hole + 1) & mask; slots[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      const home = slots[2 * slot]! & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots[2 * hole] = slots[2 * slot]!
      slots[2 * hole + 1] = slots[2 * slot + 1]!
      hole = slot
    }
    slots[2 * hole + 1] = 0
    this.#count--
  }

  #seek(start: number, hash: number): number {
    const slots = this.#slots
    const mask = this.#mask
    const wanted = hash >>> 0
    for (let slot = start; slots[2 * slot + 1] !== 0; slot = (slot + 1) & mask)
      if (slots[2 * slot] === wanted) return slot
    return -1
  }

  #slotOf(hash: number, location: number): number {
    let slot = this.first(hash)
    while (slot >= 0 && this.#slots[2 * slot + 1] !== location) slot = this.next(slot, hash)
    return slot
  }

  #insert(hash: number, location: number): void {
    const slots = this.#slots
    let slot = hash & this.#mask
    while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask
    slots[2 * slot] = hash
    slots[2 * slot + 1] = location
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    this.#mask = old.length - 1
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) this.#insert(old[i]!, old[i + 1]!)
  }
}
