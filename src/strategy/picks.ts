import type { Query } from '../exchanger.js'
import type { Candidate } from './strategy.js'

/** Which of `left`, by its index, comes next in `order`; `left` is never empty. */
export type Pick = (left: readonly Candidate[], order: Picks<Candidate>) => number

/** The order that `pick` makes of `candidates`, worked out as it is drawn; of one there is nothing to work out. */
export function pickFrom<C extends Candidate>(candidates: readonly C[], query: Query, pick: Pick): Iterable<C> {
  return candidates.length === 1 ? candidates : new Picks(candidates, query, pick)
}

/**
 * An order that is worked out one member at a time. The first draw scans the candidates where they are; only a second
 * one, which a healthy pool seldom needs, copies them.
 */
export class Picks<C extends Candidate> implements IterableIterator<C> {
  /** All that may be drawn, drawn ones included. */
  readonly candidates: readonly C[]
  readonly query: Query
  readonly #pick: Pick
  #left: C[] | null = null
  #last = -1

  constructor(candidates: readonly C[], query: Query, pick: Pick) {
    this.candidates = candidates
    this.query = query
    this.#pick = pick
  }

  /** Whether nobody has been drawn yet. */
  get untouched(): boolean {
    return this.#last < 0
  }

  next(): IteratorResult<C> {
    const left = this.#last < 0 ? this.candidates : this.#rest()
    if (left.length === 0) return { done: true, value: undefined }
    const at = this.#pick(left, this)
    this.#last = at
    return { done: false, value: left[at]! }
  }

  [Symbol.iterator](): this {
    return this
  }

  #rest(): readonly C[] {
    const left = (this.#left ??= this.candidates.slice())
    left.splice(this.#last, 1)
    return left
  }
}
