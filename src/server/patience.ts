/** Resets, pings and settings that a client may send at once, and how many more each second. */
const NUISANCES = 100
const NUISANCES_PER_SECOND = 10

/** How much trouble a client may make (CVE-2023-44487, CVE-2025-8671): each piece of it costs us more than it. */
export class Patience {
  #left = NUISANCES
  #at: number

  /** @param now clock time in ms, as for {@link spend} */
  constructor(now: number) {
    this.#at = now
  }

  /** The client made trouble. @returns whether that can still be borne */
  spend(now: number): boolean {
    const regained = ((now - this.#at) / 1000) * NUISANCES_PER_SECOND
    this.#left = Math.min(NUISANCES, this.#left + regained) - 1
    this.#at = now
    return this.#left >= 0
  }
}
