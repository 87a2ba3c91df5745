import type { DnsError } from '../errors.js'
import type { AttemptReason } from './attempts.js'

/** What a pool has done since it was made; all are counts. */
export interface PoolStats {
  /** Queries begun. */
  readonly queries: number
  /** Queries that got a reply, whatever its RCODE. */
  readonly replies: number
  /** Queries that no member had a reply to. */
  readonly failures: number
  /** Queries that nobody wanted a reply to any more. */
  readonly cancelled: number
  /** Queries under way. */
  readonly outstanding: number
  /** Attempts begun, by why; `hedge` counts the hedges. */
  readonly attempts: Readonly<Record<AttemptReason, number>>
}

/** The live numbers behind {@link PoolStats}. */
export class PoolCounters {
  outstanding = 0
  replies = 0
  failures = 0
  cancelled = 0
  readonly attempts: Record<AttemptReason, number> = { first: 0, parallel: 0, failed: 0, late: 0, hedge: 0 }

  failed({ code }: DnsError): void {
    if (code === 'ERR_DNS_CANCELLED') this.cancelled++
    else this.failures++
  }

  snapshot(): PoolStats {
    const { outstanding, replies, failures, cancelled } = this
    const queries = outstanding + replies + failures + cancelled
    return { queries, replies, failures, cancelled, outstanding, attempts: { ...this.attempts } }
  }
}
