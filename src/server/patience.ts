/** How much of something a client may do. */
interface Allowance {
  readonly atOnce: number
  readonly perSecond: number
}

/** Resets before a query has come, pings, settings and the like: each costs us more than the client (CVE-2023-44487, CVE-2025-8671). */
export const NUISANCES: Allowance = { atOnce: 100, perSecond: 10 }

/** Queries that may be taken back, which who asks several servers at once does with most (RFC 9250, section 4.3.1). */
export function takeBacks(streams: number): Allowance {
  return { atOnce: streams, perSecond: 1000 }
}

/** How much trouble a client may make. */
export class Patience {
  readonly #allowance: Allowance
  #left: number
  #at: number

  /** @param now clock time in ms, as for {@link spend} */
  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance
    this.#left = allowance.atOnce
    this.#at = now
  }

  /** The client made trouble. @returns whether that can still be borne */
  spend(now: number): boolean {
    const { atOnce, perSecond } = this.#allowance
    const regained = ((now - this.#at) / 1000) * perSecond
    this.#left = Math.min(atOnce, this.#left + regained) - 1
    this.#at = now
    return this.#left >= 0
  }
}
