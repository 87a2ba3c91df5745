import { systemRandom, type Random } from '../base/clock.js'
import { func, number, readOptions } from '../base/options.js'
import type { Query } from '../exchanger.js'
import { Newcomers } from './newcomers.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Options of a {@link FastestStrategy}. */
export interface FastestOptions {
  /**
   * The share of queries, from 0 to 1, that start with a member drawn at random, so that one that was slow or failed
   * is measured again. @default 0.05
   */
  readonly epsilon?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: Random
}

const OPTIONS = { epsilon: number(0.05, 0, 1), random: func<Random>(systemRandom) }

/** By smoothed round-trip time. An unmeasured member goes first once, and last from then on until it is measured. */
export class FastestStrategy extends Strategy {
  readonly name = 'fastest'
  readonly #epsilon: number
  readonly #random: Random
  readonly #newcomers = new Newcomers()

  /** @throws {InvalidOptionError} */
  constructor(options: FastestOptions = {}) {
    super()
    const { epsilon, random } = readOptions('FastestStrategy', OPTIONS, options)
    this.#epsilon = epsilon
    this.#random = random
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left, order) => {
    const explores = order.untouched && left.length > 1 && this.#random() < this.#epsilon
    const at = explores ? Math.floor(this.#random() * left.length) : this.#newcomers.fastest(left)
    this.#newcomers.drawn(left[at]!)
    return at
  }
}
