/** At most so many queries a second, as a token bucket that holds one second's worth. */
export class Rate {
  readonly #perSecond: number
  #tokens: number
  #at: number

  /** @param perSecond queries a second, > 0 */
  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#at = now
  }

  /** Whether a query may go out at clock time `now`, in ms. */
  available(now: number): boolean {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000)
    this.#at = now
    return this.#tokens >= 1
  }

  /** One went out. May go below zero: a query that had to go counts all the same. */
  take(): void {
    this.#tokens -= 1
  }
}
