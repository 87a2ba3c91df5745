import { Strategy, type Candidate } from './strategy.js'

/** Each query starts with the member after the one that the query before started with. */
export class BalancedStrategy extends Strategy {
  readonly name = 'balanced'
  #last: Candidate | null = null
  #at = -1

  override get balances(): boolean {
    return true
  }

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    this.#at = this.#following(candidates)
    this.#last = candidates[this.#at] ?? null
    return new Rotation(candidates, this.#at)
  }

  /** Goes by the member, not by a count: one that leaves or returns makes nobody else be skipped or asked twice. */
  #following(candidates: readonly Candidate[]): number {
    const { length } = candidates
    const last = this.#last
    const was = last === null || candidates[this.#at] === last ? this.#at : candidates.indexOf(last)
    // Those behind a member that left have moved up by one: the next one stands where it stood.
    const next = was >= 0 || last === null ? was + 1 : this.#at
    return next < length ? next : 0
  }
}

/** The list from `start` on, round to where it began. */
class Rotation<C> implements IterableIterator<C> {
  readonly #list: readonly C[]
  readonly #start: number
  #drawn = 0

  constructor(list: readonly C[], start: number) {
    this.#list = list
    this.#start = start
  }

  next(): IteratorResult<C> {
    const { length } = this.#list
    if (this.#drawn >= length) return { done: true, value: undefined }
    const at = this.#start + this.#drawn++
    return { done: false, value: this.#list[at < length ? at : at - length]! }
  }

  [Symbol.iterator](): this {
    return this
  }
}
