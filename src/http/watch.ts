import { afterArrivals, type Clock, type Timer } from '../base/clock.js'

/** What a {@link Watch} looks after. */
export interface Watched {
  /** Whether somebody waits for the peer. */
  readonly waiting: boolean
  /** Asks the peer for a sign of life. */
  ping(): void
  /** It gave none. */
  onSilence(): void
}

/** When a {@link Watch} asks, and for how long it waits, in ms. */
export interface WatchTimes {
  readonly pingAfter: number
  readonly pingTimeout: number
}

/**
 * Finds out that a peer is gone without having said so: when nothing came for `pingAfter` while somebody waits, it is
 * asked, and has `pingTimeout` to say anything at all.
 *
 * A timer that is set stays: it looks again when it fires, instead of being set and cleared with each request.
 */
export class Watch {
  readonly #clock: Clock
  readonly #times: WatchTimes
  readonly #watched: Watched
  #timer: Timer | null = null
  #heardAt = 0
  #asked = false

  constructor(clock: Clock, times: WatchTimes, watched: Watched) {
    this.#clock = clock
    this.#times = times
    this.#watched = watched
  }

  /** Whether the peer was asked for a sign of life and has given none yet. */
  get asked(): boolean {
    return this.#asked
  }

  /** Somebody waits, and nobody did before. */
  begin(): void {
    this.#heardAt = this.#clock.now()
    if (this.#timer === null) this.#set(this.#times.pingAfter)
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#clock.now()
    this.#asked = false
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
    // After a stall of the loop the sign may lie in the socket, unread.
    if (this.#asked) return afterArrivals(this.#clock, this.#judge)
    this.#timer = null
    if (!this.#watched.waiting) return
    const left = this.#heardAt + this.#times.pingAfter - this.#clock.now()
    if (left > 0) return this.#set(left)
    this.#asked = true
    this.#watched.ping()
    this.#set(this.#times.pingTimeout)
  }

  readonly #judge = (): void => {
    if (this.#timer === null) return
    this.#timer = null
    if (this.#asked) this.#watched.onSilence()
    else if (this.#watched.waiting) this.#set(this.#times.pingAfter)
  }
}
