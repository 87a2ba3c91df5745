/** How much of something a client may do. */
interface Allowance {
  readonly atOnce: number
  readonly perSecond: number
}

/** Resets before a query has come, pings, settings and the like: each costs us more than the client (CVE-2023-44487, CVE-2025-8671). */
const NUISANCES: Allowance = { atOnce: 100, perSecond: 10 }
/** Queries a second that are taken back, which who asks several servers at once does with most (RFC 9250, section 4.3.1). */
const TAKE_BACKS = 1000

/** How much trouble a client may make. Times are the clock's, in ms. */
export class Patience {
  readonly #nuisances: Bucket
  readonly #takeBacks: Bucket

  /** @param streams those that the client may have open: all of them may be taken back at once */
  constructor(streams: number, now: number) {
    this.#nuisances = new Bucket(NUISANCES, now)
    this.#takeBacks = new Bucket({ atOnce: Math.max(NUISANCES.atOnce, streams), perSecond: TAKE_BACKS }, now)
  }

  /** The client did what it rarely has reason to do. @returns whether that can still be borne */
  bearsNuisance(now: number): boolean {
    return this.#nuisances.spend(now)
  }

  /** The client took a query back. @returns the same */
  bearsTakeBack(now: number): boolean {
    return this.#takeBacks.spend(now)
  }
}

class Bucket {
  readonly #allowance: Allowance
  #left: number
  #at: number

  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance
    this.#left = allowance.atOnce
    this.#at = now
  }

  /** @returns false when there is nothing left */
  spend(now: number): boolean {
    const { atOnce, perSecond } = this.#allowance
    const regained = ((now - this.#at) / 1000) * perSecond
    this.#left = Math.min(atOnce, this.#left + regained) - 1
    this.#at = now
    return this.#left >= 0
  }
}
