import type { Clock, Timer } from '../base/clock.js'

/**
 * Tells when a connection had nothing in flight for a while. A timer that is set stays: it looks again when it fires,
 * instead of being set and cleared with each query. It never holds the process.
 */
export class IdleTimer {
  readonly #clock: Clock
  readonly #isIdle: () => boolean
  readonly #onIdle: () => void
  readonly #timeout: number
  #since = 0
  #timer: Timer | null = null

  /**
   * @param timeout for how long, in ms
   * @param isIdle whether nothing is in flight; where something is, {@link begin} follows once it isn't
   */
  constructor(clock: Clock, timeout: number, isIdle: () => boolean, onIdle: () => void) {
    this.#clock = clock
    this.#timeout = timeout
    this.#isIdle = isIdle
    this.#onIdle = onIdle
  }

  /** For how long nothing has been in flight, in ms, where nothing is. */
  get elapsed(): number {
    return this.#clock.now() - this.#since
  }

  /** Nothing is in flight from now on. */
  begin(): void {
    this.#since = this.#clock.now()
    if (this.#timer === null) this.#set(this.#timeout)
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }

  #set(ms: number): void {
    this.#timer = this.#clock.setTimeout(this.#onTimer, ms)
    this.#timer.unref?.()
  }

  readonly #onTimer = (): void => {
    this.#timer = null
    if (!this.#isIdle()) return
    const left = this.#since + this.#timeout - this.#clock.now()
    if (left > 0) this.#set(left)
    else this.#onIdle()
  }
}
