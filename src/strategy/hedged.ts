import { duration, number, readOptions } from '../base/options.js'
import type { Query } from '../exchanger.js'
import { HedgeBudget } from './hedge-budget.js'
import { HedgeRecord } from './hedge-record.js'
import { Newcomers } from './newcomers.js'
import { pickFrom, type Pick } from './picks.js'
import { Slowness } from './slowness.js'
import { Strategy, type Candidate, type Left, type Outcome } from './strategy.js'

/** One in so many second places goes to the members in turn, so that one that was slow once is measured again. */
const EXPLORE = 20
/** One in so many first places does: a hedge covers it. */
const EXPLORE_FIRST = 100

/** Options of a {@link HedgedStrategy}. */
export interface HedgedOptions {
  /** Hedges that one query earns, from 0 to 1: 0.05 allows 5 % more queries. @default 0.05 */
  readonly budget?: number
  /** Hedges that can be saved up, from 1. @default 10 */
  readonly cap?: number
  /** The shortest wait before a hedge, in ms. @default 15 */
  readonly floor?: number
}

const OPTIONS = { budget: number(0.05, 0, 1), cap: number(10, 1), floor: duration(15, 0) }

/**
 * The fastest member first; when its reply takes longer than 95 % of its replies do, the next one is asked as well and
 * the first good reply wins. Hedges are paid from a budget, and none goes out while nobody else is quick either, the
 * network looks down, or fewer than 5 % of the last 200 won (tried again after a minute).
 */
export class HedgedStrategy extends Strategy {
  readonly name = 'hedged'
  readonly #floor: number
  readonly #budget: HedgeBudget
  readonly #record = new HedgeRecord()
  readonly #slowness = new Slowness()
  readonly #newcomers = new Newcomers()
  #firsts = 0
  #seconds = 0

  /** @throws {InvalidOptionError} */
  constructor(options: HedgedOptions = {}) {
    super()
    const { budget, cap, floor } = readOptions('HedgedStrategy', OPTIONS, options)
    this.#floor = floor
    this.#budget = new HedgeBudget(budget, cap)
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    this.#budget.earn()
    return pickFrom(candidates, query, this.#pick)
  }

  /** clamp(p95 of `candidate`, floor, half of what is left), in ms; Infinity where a hedge would not help. */
  override stagger(candidate: Candidate, { remaining, now, candidates }: Left): number {
    const { p95 } = candidate
    if (Number.isNaN(p95) || !this.#mayHelp(now) || !this.#slowness.anyQuick(candidates, candidate, now))
      return Infinity
    return Math.min(Math.max(p95, this.#floor), remaining / 2)
  }

  override mayHedge(now: number): boolean {
    return this.#mayHelp(now) && this.#budget.spend()
  }

  override settled(outcome: Outcome): void {
    this.#slowness.learn(outcome)
    if (outcome.hedge) this.#record.add(outcome.won, outcome.now)
  }

  #mayHelp(now: number): boolean {
    return !this.#slowness.silence && this.#record.pays(now)
  }

  readonly #pick: Pick = (left, order) => {
    const at = this.#inTurn(left.length, order.candidates.length) ?? this.#newcomers.fastest(left)
    this.#newcomers.drawn(left[at]!)
    return at
  }

  #inTurn(left: number, all: number): number | null {
    if (left === all) return ++this.#firsts % EXPLORE_FIRST === 0 ? (this.#firsts / EXPLORE_FIRST) % left : null
    if (left !== all - 1) return null
    return ++this.#seconds % EXPLORE === 0 ? (this.#seconds / EXPLORE) % left : null
  }
}
