import type { Clock } from '../base/clock.js'

/** The two clocks may differ by this much before it counts, in ms: the date has a coarser step, and is slewed. */
const SLACK = 1000

/**
 * Time as entries age by it, in ms: the monotonic clock, and whatever the machine slept meanwhile, as the date tells.
 * It never goes back: a date that is set back keeps no entry alive.
 */
export class Timeline {
  readonly #clock: Clock
  #start: number
  #wall: number
  #slept = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#start = clock.now()
    this.#wall = this.wall
  }

  get now(): number {
    const now = this.#clock.now()
    const { wall } = this
    const ahead = wall - this.#wall - (now - this.#start)
    if (ahead > SLACK || ahead < -SLACK) {
      this.#start = now
      this.#wall = wall
      if (ahead > 0) this.#slept += ahead
    }
    return now + this.#slept
  }

  /** The date, in ms; the monotonic clock where there is none. */
  get wall(): number {
    return this.#clock.wall?.() ?? this.#clock.now()
  }
}
