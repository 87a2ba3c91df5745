import type { TransportName } from '../exchanger.js'
import type { DeniedEvent } from './events.js'

/** What a server has done since it was created; all are counts. */
export interface ServerStats {
  /** Queries taken on. */
  readonly queries: number
  /** Replies sent, SERVFAILs of our own included. */
  readonly replies: number
  /** Queries to which no reply could be had, or none that can be sent. */
  readonly failures: number
  /** Queries that got nothing, since `maxReplyDelay` had passed or the client was gone. */
  readonly dropped: number
  /** UDP queries that came again while they were under way; each is answered once. */
  readonly duplicates: number
  /** Packets and connections turned away: not allowed, over a limit, or a loop. */
  readonly denied: number
  /** Packets that are no query that we take. */
  readonly malformed: number
  /** Queries under way. */
  readonly outstanding: number
  /** TCP connections that are open, those of TLS and HTTPS among them. */
  readonly connections: number
  /** The same by transport; without those that nothing ever came over. */
  readonly transports: Readonly<Partial<Record<TransportName, TransportStats>>>
}

/** What a server has done over one transport since it was created; all are counts. */
export interface TransportStats {
  /** Queries taken on. */
  readonly queries: number
  /** Replies sent. */
  readonly replies: number
  readonly failures: number
  readonly dropped: number
  readonly malformed: number
  /** Packets and connections turned away, by why. */
  readonly denied: Readonly<Record<DeniedEvent['why'], number>>
  /** Connections that came. */
  readonly connectionsOpened: number
  /** Connections that are open. */
  readonly connections: number
}

/** The live numbers behind {@link TransportStats}. */
export class TransportCounters {
  queries = 0
  replies = 0
  failures = 0
  dropped = 0
  malformed = 0
  readonly denied: Record<DeniedEvent['why'], number> = { address: 0, 'client-limit': 0, overload: 0, loop: 0 }
  connectionsOpened = 0
  connections = 0

  snapshot(): TransportStats {
    return Object.freeze({ ...this, denied: Object.freeze({ ...this.denied }) })
  }
}

/** The same of a whole server, as its parts count it. */
export class Counters {
  duplicates = 0
  outstanding = 0
  readonly #transports: Partial<Record<TransportName, TransportCounters>> = {}

  /** What is counted over `transport`. */
  of(transport: TransportName): TransportCounters {
    return (this.#transports[transport] ??= new TransportCounters())
  }

  snapshot(): ServerStats {
    const { duplicates, outstanding } = this
    const counted = Object.entries(this.#transports).map(([name, counters]) => [name, counters.snapshot()] as const)
    const sum = (of: (stats: TransportStats) => number): number =>
      counted.reduce((total, [, stats]) => total + of(stats), 0)
    return Object.freeze({
      queries: sum((stats) => stats.queries),
      replies: sum((stats) => stats.replies),
      failures: sum((stats) => stats.failures),
      dropped: sum((stats) => stats.dropped),
      duplicates,
      denied: sum(({ denied }) => Object.values(denied).reduce((total, count) => total + count, 0)),
      malformed: sum((stats) => stats.malformed),
      outstanding,
      connections: sum((stats) => stats.connections),
      transports: Object.freeze(Object.fromEntries(counted)),
    })
  }
}
