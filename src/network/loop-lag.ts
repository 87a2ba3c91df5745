import type { Clock, Timer } from '../base/clock.js'
import { Elapsed } from './elapsed.js'

/** How often the event loop is listened to, in ms; a stall is found too short by at most this much. */
const TICK = 50

/**
 * How long the event loop stood still, or the machine slept, while somebody waited for a reply (N07). It listens only
 * while somebody measures.
 */
export class LoopLag {
  static readonly #shared = new WeakMap<Clock, LoopLag>()

  readonly #clock: Clock
  readonly #elapsed: Elapsed
  #users = 0
  #timer: Timer | null = null
  #sum = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#elapsed = new Elapsed(clock)
  }

  /** The one that everybody on `clock` shares. */
  static of(clock: Clock): LoopLag {
    let lag = this.#shared.get(clock)
    if (lag === undefined) this.#shared.set(clock, (lag = new LoopLag(clock)))
    return lag
  }

  /** Begins to measure. @returns what {@link end} is to be given, once */
  begin(): number {
    if (this.#users++ === 0) this.#listen()
    return this.#sum + this.#overdue
  }

  /** Ends a measurement. @returns how long the loop lagged in all since `begun`, in ms */
  end(begun: number): number {
    const lag = this.#sum + this.#overdue - begun
    if (--this.#users === 0) this.#clock.clearTimeout(this.#timer!)
    return lag
  }

  get #overdue(): number {
    return Math.max(0, this.#elapsed.ms - TICK)
  }

  #listen(): void {
    this.#elapsed.restart()
    this.#timer = this.#clock.setTimeout(this.#onTick, TICK)
    this.#timer.unref?.()
  }

  readonly #onTick = (): void => {
    this.#sum += this.#overdue
    this.#listen()
  }
}
