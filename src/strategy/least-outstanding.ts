import type { Query } from '../exchanger.js'
import { Newcomers } from './newcomers.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** Fewest queries outstanding first; equals by `order`, then by smoothed round-trip time. The default. */
export class LeastOutstandingStrategy extends Strategy {
  readonly name = 'least-outstanding'
  readonly #newcomers = new Newcomers()

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left) => leastOutstanding(left, this.#newcomers)
}

/** The index of the member with the least to do, the first of equals. */
export function leastOutstanding(left: readonly Candidate[], newcomers: Newcomers): number {
  let at = 0
  let { outstanding: least, order: lowest } = left[0]!
  let fastest = newcomers.rank(left[0]!)
  for (let i = 1; i < left.length; i++) {
    const candidate = left[i]!
    const { outstanding } = candidate
    if (outstanding > least) continue
    const { order } = candidate
    if (outstanding === least && order > lowest) continue
    const rank = newcomers.rank(candidate)
    if (outstanding === least && order === lowest && rank >= fastest) continue
    at = i
    least = outstanding
    lowest = order
    fastest = rank
  }
  newcomers.drawn(left[at]!)
  return at
}
