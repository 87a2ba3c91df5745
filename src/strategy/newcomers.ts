import type { Candidate } from './strategy.js'

/**
 * Ranks members by round-trip time when some have never been measured: such a member goes first once, so that it is
 * measured soon, and last from then on, so that one that is dead and stays unmeasured never holds the front.
 */
export class Newcomers {
  readonly #tried = new WeakSet<Candidate>()

  /** Its srtt, in ms; -1 when it is yet to be tried, Infinity when it was tried and is still unmeasured. */
  rank(candidate: Candidate): number {
    const { srtt } = candidate
    if (!Number.isNaN(srtt)) return srtt
    return this.#tried.has(candidate) || !candidate.available ? Infinity : -1
  }

  /** It is about to be asked. */
  drawn(candidate: Candidate): void {
    if (Number.isNaN(candidate.srtt) && candidate.available) this.#tried.add(candidate)
  }

  /** The index of the one with the lowest {@link rank}, the first of equals. */
  fastest(left: readonly Candidate[]): number {
    let at = 0
    let least = Infinity
    for (let i = 0; i < left.length; i++) {
      const rank = this.rank(left[i]!)
      if (rank < least) {
        least = rank
        at = i
      }
    }
    return at
  }
}
