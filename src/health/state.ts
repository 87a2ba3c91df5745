import type { HealthView } from '../events.js'

/** What checks found; `unknown` and `suspect` count as up. */
export type HealthState = HealthView['state']

/** What one member's checks have come to. */
export interface Health {
  readonly state: HealthState
  /** Good probes in a row. */
  readonly good: number
  /** Bad probes in a row. */
  readonly bad: number
  /** Probes without a good one, those that count for nothing among them: how far the schedule has backed off. */
  readonly tries: number
  /** Whether no probe has counted since the start. */
  readonly first: boolean
}

/** Before the first probe. */
export const UNCHECKED: Health = Object.freeze({ state: 'unknown', good: 0, bad: 0, tries: 0, first: true })

/**
 * What a member's health goes by: a `good` or a `bad` probe; one that says nothing of the member (`void`); the window
 * of real outcomes has `tripped`; or the network is another one (`epoch`).
 */
export type HealthSignal = 'good' | 'bad' | 'void' | 'tripped' | 'epoch'

/** The options that health goes by. Durations are in ms. */
export interface HealthPolicy {
  readonly mode: 'active' | 'lazy' | 'off'
  readonly interval: number
  readonly failureThreshold: number
  readonly successThreshold: number
  /** The first wait while a member is not known to be up, doubled up to `interval`; 0: always `interval`. */
  readonly recoveryInterval: number
  /** Whether the first probe decides alone. */
  readonly initialDecides: boolean
  readonly lazy: {
    readonly failedInterval: number
    readonly exponentialBackoff: boolean
    readonly maxBackoff: number
  }
}

/** A member's health after `signal`. */
export function nextHealth(health: Health, signal: HealthSignal, policy: HealthPolicy): Health {
  switch (signal) {
    case 'good':
      return afterGood(health, policy)
    case 'bad':
      return afterBad(health, policy)
    case 'void':
      return { ...health, tries: health.tries + 1 }
    case 'tripped':
      return health.state === 'up' ? { state: 'suspect', good: 0, bad: 0, tries: 0, first: false } : health
    case 'epoch':
      return { ...UNCHECKED, first: false }
    default:
      return signal satisfies never
  }
}

/**
 * How long to wait for the next probe, in ms; Infinity while none is needed. `suspected`: three attempts of queries in
 * a row failed or were late.
 */
export function probeWait({ state, tries }: Health, suspected: boolean, policy: HealthPolicy): number {
  const { interval, recoveryInterval, lazy } = policy
  if (policy.mode === 'lazy') {
    if (state === 'up') return Infinity
    if (state !== 'down') return interval
    return lazy.exponentialBackoff ? Math.min(lazy.maxBackoff, lazy.failedInterval * 2 ** tries) : lazy.failedInterval
  }
  if (recoveryInterval === 0 || (state === 'up' && !suspected)) return interval
  return Math.min(interval, recoveryInterval * 2 ** Math.max(0, tries - 1))
}

function afterGood(health: Health, { mode, successThreshold, initialDecides }: HealthPolicy): Health {
  const good = health.good + 1
  // In lazy mode only a member that was down has to prove itself.
  const decides = mode === 'lazy' ? health.state !== 'down' : health.first && initialDecides
  const up = decides || good >= successThreshold
  return { state: up ? 'up' : health.state, good, bad: 0, tries: 0, first: false }
}

function afterBad(health: Health, { mode, failureThreshold, initialDecides }: HealthPolicy): Health {
  const bad = health.bad + 1
  const lazy = mode === 'lazy'
  const decides = health.first && (lazy || initialDecides)
  const falls = health.state !== 'down' && (decides || bad >= failureThreshold)
  return {
    state: falls ? 'down' : health.state,
    good: 0,
    bad,
    tries: lazy && falls ? 0 : health.tries + 1,
    first: false,
  }
}
