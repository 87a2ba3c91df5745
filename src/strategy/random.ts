import { systemRandom, type Random } from '../base/clock.js'
import { func, readOptions } from '../base/options.js'
import type { Query } from '../exchanger.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Options of a {@link RandomStrategy}. */
export interface RandomOptions {
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: Random
}

const OPTIONS = { random: func<Random>(systemRandom) }

/** A fresh shuffle for each query: every order is equally likely. */
export class RandomStrategy extends Strategy {
  readonly name = 'random'
  readonly #random: Random

  /** @throws {InvalidOptionError} */
  constructor(options: RandomOptions = {}) {
    super()
    this.#random = readOptions('RandomStrategy', OPTIONS, options).random
  }

  override get balances(): boolean {
    return true
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left) => Math.floor(this.#random() * left.length)
}
