import type { Query } from '../exchanger.js'
import { Newcomers } from './newcomers.js'
import { Picks, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Fewest queries outstanding first; equals by `order`, then by smoothed round-trip time. The default. */
export class LeastOutstandingStrategy extends Strategy {
  readonly name = 'least-outstanding'
  readonly #newcomers = new Newcomers()

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return new Picks(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left) => leastOutstanding(left, this.#newcomers)
}

/** The index of the member with the least to do, the first of equals. */
export function leastOutstanding(left: readonly Candidate[], newcomers: Newcomers): number {
  let at = 0
  let best = left[0]!
  let least = best.outstanding
  for (let i = 1; i < left.length; i++) {
    const candidate = left[i]!
    const { outstanding } = candidate
    if (outstanding > least || (outstanding === least && !isBefore(candidate, best, newcomers))) continue
    at = i
    best = candidate
    least = outstanding
  }
  newcomers.drawn(best)
  return at
}

function isBefore(a: Candidate, b: Candidate, newcomers: Newcomers): boolean {
  return a.order < b.order || (a.order === b.order && newcomers.rank(a) < newcomers.rank(b))
}
