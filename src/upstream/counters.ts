import type { ErrorCode } from '../errors.js'
import type { Message } from '../wire/message.js'
import type { Ending } from './attempt-owner.js'
import type { RoundTrips } from './round-trips.js'

/** What an upstream has done so far. Counts are since construction, times in ms. */
export interface UpstreamStats {
  /** Attempts begun. */
  readonly queries: number
  /** Attempts that brought a reply, whatever its RCODE. */
  readonly replies: number
  /** Attempts that failed: no reply in time, no connection. */
  readonly failures: number
  /** Attempts that another upstream beat, or that nobody wanted any more. */
  readonly cancelled: number
  /** Attempts without a reply when the RTO had passed. */
  readonly late: number
  /** Attempts under way. */
  readonly outstanding: number
  /** Replies by RCODE number. */
  readonly rcodes: Readonly<Record<number, number>>
  /** Failures by what the attempt failed with. */
  readonly failureCodes: Readonly<Partial<Record<ErrorCode, number>>>
  /** Connections, or UDP sockets, that came up. */
  readonly connectionsOpened: number
  /** Those of them that are gone. */
  readonly connectionsClosed: number
  /** Smoothed round-trip time; NaN until the first sample. */
  readonly srtt: number
  /** How much round trips vary (RFC 6298, section 2); NaN until the first sample. */
  readonly rttvar: number
  /** 95 of 100 of the latest round trips took at most this long; NaN until the first sample. */
  readonly p95: number
  /** How long after a query without a reply it is late. */
  readonly rto: number
}

/** The live numbers behind {@link UpstreamStats}. */
export class Counters {
  queries = 0
  replies = 0
  failures = 0
  cancelled = 0
  late = 0
  outstanding = 0
  connectionsOpened = 0
  connectionsClosed = 0
  /** By RCODE, of which 4,096 can be written and a handful is. */
  readonly #rcodes: number[] = [0, 0, 0, 0, 0, 0]
  readonly #failureCodes: Partial<Record<ErrorCode, number>> = {}

  begin(): void {
    this.queries++
    this.outstanding++
  }

  /** `code`: what a failure failed with. */
  end(ending: Ending, reply: Message | null, code: ErrorCode | undefined): void {
    this.outstanding--
    if (reply !== null) {
      const { rcode } = reply
      this.replies++
      this.#rcodes[rcode] = (this.#rcodes[rcode] ?? 0) + 1
    } else if (ending === 'cancelled') this.cancelled++
    else {
      this.failures++
      if (code !== undefined) this.#failureCodes[code] = (this.#failureCodes[code] ?? 0) + 1
    }
  }

  snapshot(trips: RoundTrips): UpstreamStats {
    const { queries, replies, failures, cancelled, late, outstanding, connectionsOpened, connectionsClosed } = this
    const { srtt, rttvar, p95, rto } = trips
    return {
      queries,
      replies,
      failures,
      cancelled,
      late,
      outstanding,
      rcodes: Object.fromEntries(Object.entries(this.#rcodes).filter(([, count]) => count > 0)),
      failureCodes: { ...this.#failureCodes },
      connectionsOpened,
      connectionsClosed,
      srtt,
      rttvar,
      p95,
      rto,
    }
  }
}
