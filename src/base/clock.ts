import { performance } from 'node:perf_hooks'

/** Handle of a pending timer; opaque to everyone but the clock that made it. */
export interface Timer {
  /** Lets the process exit while the timer is pending, where the clock knows about processes. */
  unref?(): unknown
  /** Takes {@link Timer.unref} back. */
  ref?(): unknown
}

/**
 * Where all time comes from. Shaped so that it can be passed to p-timeout as `customTimers` unchanged: the members are
 * properties, not methods, since p-timeout calls them without `this`.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale; never a wall-clock date. */
  readonly now: () => number
  /** `ms` is 0 to 2^31 - 1: longer ones would fire at once. */
  readonly setTimeout: (fn: () => void, ms: number) => Timer
  readonly clearTimeout: (timer: Timer) => void
  /** Runs `fn` once what has arrived at the sockets by now has been handed out. */
  readonly afterPoll: (fn: () => void) => void
  /** The date, in ms. It may be set to anything, so only spans are taken from it: how long the machine slept. */
  readonly wall?: () => number
}

/** The longest timer that Node takes, in ms; a longer one fires at once. */
export const MAX_TIMER = 2 ** 31 - 1

/** Real time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  afterPoll: (fn) => void setImmediate(fn),
  wall: () => Date.now(),
}

/**
 * Runs `fn` once what has arrived by now has been handed out, by those as well who do that at the end of the turn in which it
 * came, as QUIC does.
 */
export function afterArrivals(clock: Clock, fn: () => void): void {
  clock.afterPoll(() => clock.afterPoll(fn))
}

/** Uniform in [0, 1). For load balancing only: message IDs come from `node:crypto` (RFC 5452, section 9.2). */
export type Random = () => number

/** The runtime's own generator. */
export const systemRandom: Random = Math.random
