import { systemRandom, type Random } from '../base/clock.js'
import { func, readOptions } from '../base/options.js'
import type { Query } from '../exchanger.js'
import { balancingFactor, boundedLoad, isOverloaded } from './bounded-load.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Options of a {@link WeightedStrategy}. */
export interface WeightedOptions {
  /**
   * Bounded load: a member with more outstanding than this many times its fair share is passed over. 1.1 to 2 are
   * usual; 0: no bound. @default 0
   */
  readonly balancingFactor?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: Random
}

const OPTIONS = { balancingFactor: balancingFactor(), random: func<Random>(systemRandom) }

/** Drawn at random in proportion to weight, without replacement. */
export class WeightedStrategy extends Strategy {
  readonly name = 'weighted'
  readonly #factor: number
  readonly #random: Random

  /** @throws {InvalidOptionError} */
  constructor(options: WeightedOptions = {}) {
    super()
    const { balancingFactor, random } = readOptions('WeightedStrategy', OPTIONS, options)
    this.#factor = balancingFactor
    this.#random = random
  }

  override get balances(): boolean {
    return true
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left, { candidates }) => {
    let bound = boundedLoad(candidates, this.#factor)
    let total = weightWithin(left, bound)
    if (total === 0) total = weightWithin(left, (bound = Infinity))
    return drawn(left, bound, this.#random() * total)
  }
}

function weightWithin(left: readonly Candidate[], bound: number): number {
  let total = 0
  for (let i = 0; i < left.length; i++) if (!isOverloaded(left[i]!, bound)) total += left[i]!.weight
  return total
}

/** The index of the member that `point`, from 0 to the weight within `bound`, falls on. */
function drawn(left: readonly Candidate[], bound: number, point: number): number {
  let last = 0
  for (let i = 0; i < left.length; i++) {
    if (isOverloaded(left[i]!, bound)) continue
    point -= left[i]!.weight
    if (point < 0) return i
    last = i
  }
  // Rounding can leave a hair of the total over: it belongs to the last one.
  return last
}
