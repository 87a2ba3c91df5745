/** Queries that a hedge is paid from, as a token bucket: full at first, so that an early hedge needs no history. */
export class HedgeBudget {
  readonly #perQuery: number
  readonly #cap: number
  #tokens: number

  /**
   * @param perQuery what one query earns, in hedges
   * @param cap hedges that can be saved up
   */
  constructor(perQuery: number, cap: number) {
    this.#perQuery = perQuery
    this.#cap = cap
    this.#tokens = cap
  }

  /** A query began. */
  earn(): void {
    this.#tokens = Math.min(this.#cap, this.#tokens + this.#perQuery)
  }

  /** @returns whether there was enough for one hedge; it is spent then */
  spend(): boolean {
    // A sum of twentieths ends a hair below the whole number.
    if (this.#tokens < 1 - 1e-9) return false
    this.#tokens -= 1
    return true
  }
}
