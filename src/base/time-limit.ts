import pTimeout from 'p-timeout'
import type { Clock, Timer } from './clock.js'

/**
 * `promise`, unless it takes longer than `limit` ms on `clock`: then `late` is thrown. For what happens seldom, such
 * as connecting and closing; it costs about 13 µs. The process is not held for it.
 */
export function withTimeLimit<T>(promise: Promise<T>, limit: number, clock: Clock, late: Error): Promise<T> {
  const setTimeout = (fn: () => void, ms: number): Timer => {
    const timer = clock.setTimeout(fn, ms)
    timer.unref?.()
    return timer
  }
  // p-timeout is typed for Node's own timers and passes what it was given back unseen.
  const customTimers = { setTimeout, clearTimeout: clock.clearTimeout } as never
  return pTimeout(promise, { milliseconds: limit, message: late, customTimers })
}
