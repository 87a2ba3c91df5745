import { readOptions } from '../base/options.js'
import type { Query } from '../exchanger.js'
import { balancingFactor, boundedLoad, isOverloaded } from './bounded-load.js'
import { fnv1a, unitHash } from './hash.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Options of a {@link ConsistentHashStrategy}. */
export interface ConsistentHashOptions {
  /**
   * Bounded load: a member with more outstanding than this many times its fair share is passed over. 1.1 to 2 are
   * usual; 0: no bound. @default 0
   */
  readonly balancingFactor?: number
}

const OPTIONS = { balancingFactor: balancingFactor() }

/**
 * The same question goes to the same member, in proportion to weight, so that the members' caches hold different
 * names; a member that leaves moves only the names that were its own.
 *
 * Weighted rendezvous hashing: the highest weight / -ln(hash) is first.
 */
export class ConsistentHashStrategy extends Strategy {
  readonly name = 'consistent-hash'
  readonly #factor: number
  readonly #names = new NameHashes()

  /** @throws {InvalidOptionError} */
  constructor(options: ConsistentHashOptions = {}) {
    super()
    this.#factor = readOptions('ConsistentHashStrategy', OPTIONS, options).balancingFactor
  }

  override get balances(): boolean {
    return true
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left, { candidates, query }) => {
    const key = fnv1a(query.message.questionKey)
    const names = left === candidates ? this.#names.of(left) : left.map(nameHash)
    const bound = boundedLoad(candidates, this.#factor)
    const at = nearest(left, names, key, bound)
    return at === -1 ? nearest(left, names, key, Infinity) : at
  }
}

/** The index of the member within `bound` with the least -ln(hash) / weight; -1 when all are over it. */
function nearest(left: readonly Candidate[], names: readonly number[], key: number, bound: number): number {
  let at = -1
  let least = Infinity
  for (let i = 0; i < left.length; i++) {
    const hash = unitHash(key, names[i]!)
    const { weight } = left[i]!
    // -ln(x) is never less than 1 - x: that settles all but a few members without the logarithm.
    if (1 - hash >= least * weight || isOverloaded(left[i]!, bound)) continue
    const distance = -Math.log(hash) / weight
    if (distance < least) {
      least = distance
      at = i
    }
  }
  return at
}

/** Hashes of the members' names, worked out anew only when the members are others. */
class NameHashes {
  #members: readonly Candidate[] = []
  #hashes: readonly number[] = []

  of(members: readonly Candidate[]): readonly number[] {
    if (!isSame(members, this.#members)) {
      this.#members = members.slice()
      this.#hashes = members.map(nameHash)
    }
    return this.#hashes
  }
}

function nameHash({ name }: Candidate): number {
  return fnv1a(name)
}

function isSame(a: readonly Candidate[], b: readonly Candidate[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
