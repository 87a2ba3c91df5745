import type { Message } from '../wire/message.js'

/** What became of a query. */
export interface CacheEvent {
  readonly query: Message
  /** Seconds since the reply was received; 0 where there is none. */
  readonly age: number
}

/** A query was answered with a reply whose time is over (RFC 8767). */
export interface CacheStaleEvent extends CacheEvent {
  readonly why: StaleReason
}

/**
 * Why a stale reply was served. `late`: nobody answered in time; `failed`: whoever was asked failed; `remembered`: it failed
 * a moment ago.
 */
export type StaleReason = 'late' | 'failed' | 'remembered'

/** Events of a `Cache`. A payload is built only if somebody listens. */
export interface CacheEvents {
  /** Answered from memory. */
  hit: [event: CacheEvent]
  /** Nothing was known that may be served: somebody is asked. Of what has run out: once something better has come. */
  miss: [event: CacheEvent]
  stale: [event: CacheStaleEvent]
  /** A failure is remembered, and answered with (RFC 9520). */
  failure: [event: CacheEvent]
  /** A popular reply is fetched anew before its time is over. */
  prefetch: [event: CacheEvent]
}

/** How the parts of a cache report what they do. */
export interface Reporter {
  /** Whether anybody ever listened. */
  readonly hears: boolean
  report<K extends keyof CacheEvents>(event: K, describe: () => CacheEvents[K][0]): void
}
