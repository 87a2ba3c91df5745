import type { Query } from '../exchanger.js'
import { leastOutstanding } from './least-outstanding.js'
import { Newcomers } from './newcomers.js'
import { pickFrom, type Pick } from './picks.js'
import { Strategy, type Candidate } from './strategy.js'

/** By `order`, passing over members that are over their `qps`; when all are, whoever has the least outstanding. */
export class FirstAvailableStrategy extends Strategy {
  readonly name = 'first-available'
  readonly #newcomers = new Newcomers()

  order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    return pickFrom(candidates, query, this.#pick)
  }

  readonly #pick: Pick = (left) => {
    const at = firstAvailable(left)
    return at === -1 ? leastOutstanding(left, this.#newcomers) : at
  }
}

/** The index of the available member with the lowest `order`, the first of equals; -1 when none is available. */
function firstAvailable(left: readonly Candidate[]): number {
  let at = -1
  let lowest = Infinity
  for (let i = 0; i < left.length; i++) {
    const { order } = left[i]!
    if ((order < lowest || at === -1) && left[i]!.available) {
      lowest = order
      at = i
    }
  }
  return at
}
