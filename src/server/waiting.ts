import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { Answer, WaitingLine } from './answer.js'

/**
 * Answers that all wait equally long, oldest first, with one alarm for the oldest: 5 ns a query, where an alarm for
 * each costs 20.
 */
export class Waiting extends Alarm implements WaitingLine {
  readonly #deadlines: Deadlines
  readonly #delay: number
  readonly #expired: (answer: Answer) => void
  #oldest: Answer | null = null
  #newest: Answer | null = null
  #armed = false

  /**
   * @param delay how long an answer waits, in ms
   * @param expired told of each that waited that long, after it was taken out of the line; must not throw
   */
  constructor(deadlines: Deadlines, delay: number, expired: (answer: Answer) => void) {
    super()
    this.#deadlines = deadlines
    this.#delay = delay
    this.#expired = expired
  }

  /** Puts in `answer`, which must not be older than those that wait already. */
  add(answer: Answer): void {
    const newest = this.#newest
    answer.line = this
    answer.older = newest
    if (newest === null) this.#oldest = answer
    else newest.newer = answer
    this.#newest = answer
    if (!this.#armed) this.#arm(answer)
  }

  /** Takes `answer` out; does nothing when it isn't in. */
  remove(answer: Answer): void {
    if (answer.line === null) return
    const { older, newer } = answer
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    answer.line = answer.older = answer.newer = null
  }

  /** Calls `visit` with each, oldest first; it may take out the one that it is called with. */
  each(visit: (answer: Answer) => void): void {
    for (let at = this.#oldest; at !== null;) {
      const { newer } = at
      visit(at)
      at = newer
    }
  }

  /** Turns the alarm off while nobody waits, so that it doesn't hold the process. */
  rest(): void {
    if (this.#oldest !== null) return
    this.#armed = false
    this.#deadlines.clear(this)
  }

  override ring(now: number): void {
    this.#armed = false
    for (let oldest = this.#oldest; oldest !== null && oldest.started + this.#delay <= now; oldest = this.#oldest) {
      this.remove(oldest)
      this.#expired(oldest)
    }
    if (this.#oldest !== null && !this.#armed) this.#arm(this.#oldest)
  }

  #arm(answer: Answer): void {
    this.#armed = true
    this.#deadlines.set(this, answer.started + this.#delay)
  }
}
