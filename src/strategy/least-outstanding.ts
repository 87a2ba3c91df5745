import type { Query } from '../exchanger.js'
import { Newcomers } from './newcomers.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** One query in so many goes to those that are equal but for their srtt in turn: one that was slow once is measured again. */
const EXPLORE = 100

/** Fewest queries outstanding first; equals by `order`, then by smoothed round-trip time. The default. */
export class LeastOutstandingStrategy extends Strategy {
  readonly name = 'least-outstanding'
  readonly #newcomers = new Newcomers()
  #queries = 0

  override get balances(): boolean {
    return true
  }

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left, order) => {
    const explores = order.untouched && ++this.#queries % EXPLORE === 0
    return explores ? leastInTurn(left, this.#queries / EXPLORE) : leastOutstanding(left, this.#newcomers)
  }
}

/** The index of one of those with the least to do and the lowest order, another one each `turn`. */
function leastInTurn(left: readonly Candidate[], turn: number): number {
  const first = left[leastOutstanding(left, new Newcomers())]!
  const equals = left.filter((one) => one.outstanding === first.outstanding && one.order === first.order)
  return left.indexOf(equals[turn % equals.length]!)
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
