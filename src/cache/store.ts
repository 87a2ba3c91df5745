import { sameOctets } from '../wire/name.js'
import { HEADER } from '../wire/walk.js'
import { Ghosts } from './ghosts.js'
import { IndexShard } from './index-shard.js'
import { entrySize, MOST_USES, Slab, UNIT, type Entry } from './slab.js'

const MAX_SLAB = 2 ** 20
/** The longest message fits, octets. */
const MIN_SLAB = 2 ** 17
const SHARDS = 64
const SHARD_SHIFT = 26
/** One remembered hash for so many octets of the cache. */
const OCTETS_PER_GHOST = 1024

/** Called with each entry: its slab and its offset there. */
export type Visit = (slab: Slab, at: number) => void

/** Told of entries that were used often, by their hashes, that their uses count less from now on, or that they are gone. */
export type OnReview = (hash: number) => void

/**
 * Replies as octets, bounded by the octets of memory that it takes in all, with the eviction of S3-FIFO (Yang et al.,
 * SOSP 2023): a new entry is on probation in a tenth of the memory and moves on only if it is wanted again in time, so
 * that a flood of names that nobody asks for twice leaves the others alone (A15).
 *
 * Both queues are slabs, filled one after the other. To make room the oldest slab is gone through, and what was used
 * since is written anew: space never fragments, and no step takes longer than one slab. At most half of a slab is
 * kept, so that each step frees memory.
 */
export class Store {
  readonly #maxSize: number
  readonly #onReview: OnReview
  readonly #slabSize: number
  /** Bits of a location below the slab's number. */
  readonly #shift: number
  readonly #ghosts: Ghosts
  readonly #shards: IndexShard[] = []
  readonly #slabs: (Slab | null)[] = []
  readonly #free: Slab[] = []
  /** Oldest first; the last one is being filled. */
  readonly #probation: Slab[] = []
  readonly #main: Slab[] = []
  #slabCount = 0
  #indexSize = 0
  #count = 0
  #evicted = 0

  /** @param maxSize octets, index and all; at least 2^20 */
  constructor(maxSize: number, onReview: OnReview = () => undefined) {
    this.#maxSize = maxSize
    this.#onReview = onReview
    this.#slabSize = Math.min(MAX_SLAB, Math.max(MIN_SLAB, 2 ** Math.floor(Math.log2(maxSize / 16))))
    this.#shift = Math.log2(this.#slabSize / UNIT)
    this.#ghosts = new Ghosts(2 ** Math.floor(Math.log2(maxSize / OCTETS_PER_GHOST)))
    for (let i = 0; i < SHARDS; i++) this.#shards.push(new IndexShard())
    for (const shard of this.#shards) this.#indexSize += shard.size
  }

  /** Entries. */
  get count(): number {
    return this.#count
  }

  /** Octets of memory that it takes. */
  get size(): number {
    return this.#slabCount * this.#slabSize + this.#indexSize + this.#ghosts.size
  }

  /** Entries that were dropped to make room. */
  get evicted(): number {
    return this.#evicted
  }

  /** The location of the reply to the question of `query`, which ends at `end`; 0 when there is none. */
  find(hash: number, flags: number, partition: number, query: Buffer, end: number): number {
    const shard = this.#shards[hash >>> SHARD_SHIFT]!
    for (let slot = shard.first(hash); slot >= 0; slot = shard.next(slot, hash)) {
      const location = shard.location(slot)
      const slab = this.slabOf(location)
      const at = this.offsetOf(location)
      if (slab.flags(at) !== flags || slab.partition(at) !== partition) continue
      if (isQuestion(slab.bytes, slab.message(at), query, end)) return location
    }
    return 0
  }

  slabOf(location: number): Slab {
    return this.#slabs[location >>> this.#shift]!
  }

  offsetOf(location: number): number {
    return (location & ((1 << this.#shift) - 1)) * UNIT
  }

  /**
   * Puts `message` in, in place of the entry at `old` if that isn't 0. `message` is copied.
   *
   * @param wanted whether it need not prove that it is
   */
  put(entry: Entry, message: Buffer, old: number, wanted = this.#ghosts.take(entry.hash)): void {
    let isMain = wanted
    let uses = 0
    if (old !== 0) {
      const slab = this.slabOf(old)
      const at = this.offsetOf(old)
      const size = slab.size(at)
      if (entrySize(entry.length) <= size) return slab.write(at, size, entry, message)
      isMain ||= slab.isMain
      uses = slab.uses(at)
      this.remove(old)
    }
    const size = entrySize(entry.length)
    const slab = this.#slabWithRoom(isMain, size)
    const at = slab.end
    slab.write(at, size, entry, message)
    slab.setUses(at, uses)
    slab.end += size
    this.#addToIndex(entry.hash, this.#locationOf(slab, at))
  }

  remove(location: number): void {
    const hash = this.slabOf(location).hash(this.offsetOf(location))
    this.#shards[hash >>> SHARD_SHIFT]!.remove(hash, location)
    this.#count--
  }

  /** Visits every entry, the oldest of each queue first. `visit` may remove the entry that it is called with. */
  each(visit: Visit): void {
    for (const slab of [...this.#main, ...this.#probation]) {
      for (let at = UNIT; at < slab.end; at += slab.size(at)) if (this.#isLive(slab, at)) visit(slab, at)
    }
  }

  /** Removes the entry at `at` of `slab`. */
  removeAt(slab: Slab, at: number): void {
    this.remove(this.#locationOf(slab, at))
  }

  /** Gives all memory back but that of the empty index. */
  clear(): void {
    this.#slabs.length = this.#free.length = this.#probation.length = this.#main.length = 0
    this.#slabCount = this.#count = this.#indexSize = 0
    for (let i = 0; i < SHARDS; i++) this.#indexSize += (this.#shards[i] = new IndexShard()).size
    this.#ghosts.clear()
  }

  #isLive(slab: Slab, at: number): boolean {
    const hash = slab.hash(at)
    return this.#shards[hash >>> SHARD_SHIFT]!.has(hash, this.#locationOf(slab, at))
  }

  #locationOf(slab: Slab, at: number): number {
    return ((slab.id << this.#shift) | (at / UNIT)) >>> 0
  }

  #addToIndex(hash: number, location: number): void {
    const shard = this.#shards[hash >>> SHARD_SHIFT]!
    const before = shard.size
    shard.add(hash, location)
    this.#count++
    if (shard.size === before) return
    this.#indexSize += shard.size - before
    while (this.size > this.#maxSize) this.#release()
  }

  #slabWithRoom(isMain: boolean, size: number): Slab {
    for (;;) {
      const queue = isMain ? this.#main : this.#probation
      const last = queue[queue.length - 1]
      if (last?.hasRoom(size) === true) return last
      const slab = this.#emptySlab()
      if (slab === null) this.#reclaim()
      else this.#append(slab, isMain)
    }
  }

  #append(slab: Slab, isMain: boolean): void {
    slab.isMain = isMain
    if (isMain) this.#main.push(slab)
    else this.#probation.push(slab)
  }

  #emptySlab(): Slab | null {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.size + this.#slabSize > this.#maxSize) return null
    let id = this.#slabs.indexOf(null)
    if (id < 0) id = this.#slabs.length
    this.#slabCount++
    return (this.#slabs[id] = new Slab(id, this.#slabSize))
  }

  /** Gives the memory of one slab back. */
  #release(): void {
    while (this.#free.length === 0) this.#reclaim()
    this.#slabs[this.#free.pop()!.id] = null
    this.#slabCount--
  }

  /** Goes through the oldest slab of the queue that has more than its share. */
  #reclaim(): void {
    const share = Math.max(1, Math.floor(this.#slabCount / 10))
    const queue = this.#probation.length > share || this.#main.length === 0 ? this.#probation : this.#main
    const victim = queue.shift()!
    const { end } = victim
    victim.end = UNIT
    let kept = 0
    for (let at = UNIT, size = 0; at < end; at += size) {
      size = victim.size(at)
      if (!this.#isLive(victim, at)) continue
      // Copies of it are given without it: whoever still asks has to be seen here before the next time.
      if (victim.uses(at) === MOST_USES) this.#onReview(victim.hash(at))
      if (victim.uses(at) > 0 && kept + size <= this.#slabSize / 2) {
        kept += size
        this.#keep(victim, at, size)
      } else this.#evict(victim, at)
    }
    if (victim.end === UNIT) this.#free.push(victim)
    else this.#append(victim, true)
  }

  /** Moves an entry of `victim` to the end of the main queue, or to where `victim` begins anew. */
  #keep(victim: Slab, at: number, size: number): void {
    const last = this.#main[this.#main.length - 1]
    const target = last?.hasRoom(size) === true ? last : victim
    const uses = victim.isMain ? victim.uses(at) - 1 : 0
    const hash = victim.hash(at)
    const to = target.end
    victim.bytes.copy(target.bytes, to, at, at + size)
    target.setUses(to, uses)
    target.end += size
    this.#shards[hash >>> SHARD_SHIFT]!.move(hash, this.#locationOf(victim, at), this.#locationOf(target, to))
  }

  #evict(slab: Slab, at: number): void {
    this.#ghosts.add(slab.hash(at))
    this.removeAt(slab, at)
    this.#evicted++
  }
}

/** Whether the message at `at` asks what `query` asks, up to `end`. */
function isQuestion(bytes: Buffer, at: number, query: Buffer, end: number): boolean {
  if (!sameOctets(bytes, at + HEADER, query, HEADER, end - HEADER - 4)) return false
  for (let i = end - 4; i < end; i++) if (bytes[at + i] !== query[i]) return false
  return true
}
