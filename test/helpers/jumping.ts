import { systemClock, type Clock } from '../../src/base/clock.js'

/** Real time that can be moved on. */
export class Jumping implements Clock {
  #ahead = 0
  readonly setTimeout = systemClock.setTimeout
  readonly clearTimeout = systemClock.clearTimeout
  readonly afterPoll = systemClock.afterPoll
  readonly now = (): number => systemClock.now() + this.#ahead

  jump(seconds: number): void {
    this.#ahead += 1000 * seconds
  }
}
