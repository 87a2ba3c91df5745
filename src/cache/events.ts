import type { Message } from '../wire/message.js'

/** A query was answered from memory. */
export interface CacheHitEvent {
  readonly query: Message
  /** Seconds since the reply was received. */
  readonly age: number
}

/** Nothing was known that may be served: somebody is asked. */
export interface CacheMissEvent {
  readonly query: Message
}

/** A query was answered with a reply whose time is over (RFC 8767). */
export interface CacheStaleEvent extends CacheHitEvent {
  /** `late`: nobody answered in time; `failed`: whoever was asked failed; `remembered`: it failed a moment ago. */
  readonly why: StaleReason
}

/** Why a stale reply was served. */
export type StaleReason = 'late' | 'failed' | 'remembered'

/** Events of a `Cache`. A payload is built only if somebody listens. */
export interface CacheEvents {
  hit: [event: CacheHitEvent]
  miss: [event: CacheMissEvent]
  stale: [event: CacheStaleEvent]
  /** A failure is remembered, and answered with (RFC 9520). */
  failure: [event: CacheMissEvent]
  /** A popular reply is fetched anew before its time is over. */
  prefetch: [event: CacheHitEvent]
}

/** How the parts of a cache report what they do. */
export interface Reporter {
  report<K extends keyof CacheEvents>(event: K, describe: () => CacheEvents[K][0]): void
  /** Whether anybody ever listened. */
  readonly hears: boolean
}
