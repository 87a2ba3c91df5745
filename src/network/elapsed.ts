import type { Clock } from '../base/clock.js'

/**
 * Time as it passes for everybody else. A monotonic clock may stand still while the machine sleeps, as Linux's does,
 * or go on, as those of macOS and Windows do; the wall clock always goes on, but may be set back.
 */
export class Elapsed {
  readonly #clock: Clock
  #now = 0
  #wall = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.restart()
  }

  restart(): void {
    this.#now = this.#clock.now()
    this.#wall = this.#clock.wall?.() ?? 0
  }

  /** Since {@link restart}, in ms, by the clock that went further. */
  get ms(): number {
    return Math.max(this.#clock.now() - this.#now, (this.#clock.wall?.() ?? 0) - this.#wall)
  }
}
