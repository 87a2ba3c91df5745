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
}

/** The same, as the parts of a server count it. */
export class Counters {
  queries = 0
  replies = 0
  failures = 0
  dropped = 0
  duplicates = 0
  denied = 0
  malformed = 0
  outstanding = 0
  connections = 0

  snapshot(): ServerStats {
    return Object.freeze({ ...this })
  }
}
