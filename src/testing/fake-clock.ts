import type { Clock, Timer } from '../base/clock.js'

class FakeTimer implements Timer {
  readonly at: number
  readonly seq: number
  readonly fn: () => void
  holds = true

  constructor(at: number, seq: number, fn: () => void) {
    this.at = at
    this.seq = seq
    this.fn = fn
  }

  unref(): void {
    this.holds = false
  }

  ref(): void {
    this.holds = true
  }
}

/**
 * Virtual time: it moves only when told to, so that an hour of outage takes milliseconds and two runs are the same.
 * Timers that are due at the same instant fire in the order in which they were set.
 */
export class FakeClock implements Clock {
  #now: number
  #slept = 0
  #seq = 0
  readonly #timers = new Set<FakeTimer>()

  /** @param start the first value of `now()`, in ms */
  constructor(start = 0) {
    this.#now = start
  }

  readonly now = (): number => this.#now

  /** As {@link now}, and the time slept. */
  readonly wall = (): number => this.#now + this.#slept

  readonly setTimeout = (fn: () => void, ms: number): Timer => {
    const timer = new FakeTimer(this.#now + Math.max(0, ms), this.#seq++, fn)
    this.#timers.add(timer)
    return timer
  }

  readonly clearTimeout = (timer: Timer): void => {
    this.#timers.delete(timer as FakeTimer)
  }

  readonly afterPoll = (fn: () => void): void => {
    this.setTimeout(fn, 0)
  }

  /** Timers that are set and would hold the process, as those that were unref'd don't: a test that ends with any has leaked one. */
  get pending(): number {
    return [...this.#timers].filter(({ holds }) => holds).length
  }

  /**
   * Jumps from timer to timer until `promise` settles, and returns what it settled with.
   *
   * @throws {Error} nothing is left to wait for, and the promise is still pending
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = (): void => {
      settled = true
    }
    promise.then(mark, mark)
    for (;;) {
      await turn()
      if (settled) return promise
      if (!this.#fireNext(Infinity)) throw new Error('FakeClock: the promise is pending and no timer is set')
    }
  }

  /** Lets `ms` pass, firing every timer that falls due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    while (this.#fireNext(end)) await turn()
    this.#now = Math.max(this.#now, end)
  }

  /** Moves time by `ms` without firing anything, as a stalled event loop does; timers that fell due fire late. */
  stall(ms: number): void {
    this.#now += ms
  }

  /** Lets `ms` pass by the wall clock alone: the machine sleeps, as on Linux, where the monotonic clock stands still. */
  sleep(ms: number): void {
    this.#slept += ms
  }

  #fireNext(end: number): boolean {
    let next: FakeTimer | null = null
    for (const timer of this.#timers) {
      if (next === null || timer.at < next.at || (timer.at === next.at && timer.seq < next.seq)) next = timer
    }
    if (next === null || next.at > end) return false
    this.#timers.delete(next)
    this.#now = Math.max(this.#now, next.at)
    next.fn()
    return true
  }
}

/** One turn of the real event loop: every promise that can settle has settled. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
