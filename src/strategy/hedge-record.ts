/** Hedges that the record looks back on. */
const WINDOW = 200
/** Below this share of wins hedging isn't worth its traffic. */
const WORTHWHILE = 0.05
/** How long hedging then pauses, in ms, before it is tried on a fresh record. */
const PAUSE = 60_000

/** Whether hedging pays: the last 200 hedges, and how many of them won. */
export class HedgeRecord {
  readonly #won = new Uint8Array(WINDOW)
  #count = 0
  #wins = 0
  #pausedUntil = -Infinity

  /** Whether hedges should go out at clock time `now`, in ms. */
  pays(now: number): boolean {
    return now >= this.#pausedUntil
  }

  /** A hedge ended at clock time `now`. */
  add(won: boolean, now: number): void {
    const at = this.#count++ % WINDOW
    this.#wins += Number(won) - this.#won[at]!
    this.#won[at] = Number(won)
    if (this.#count < WINDOW || this.#wins >= WINDOW * WORTHWHILE) return
    this.#pausedUntil = now + PAUSE
    this.#count = this.#wins = 0
    this.#won.fill(0)
  }
}
