import type { Incident } from '../metrics/incidents.js'

/** How an upstream stands, as people are shown it. `partly`: some processes see it up, others don't. */
export type ShownState = 'up' | 'suspect' | 'partly' | 'down' | 'unknown'

/** What `/status.json` says. Plain data; names and texts in it may come from elsewhere. */
export interface StatusReport {
  readonly version: string
  /** How upstreams stand, in a few words. */
  readonly summary: string
  /** The date, in ms. */
  readonly at: number
  /** From one sample to the next, in ms. */
  readonly interval: number
  /** How long the process has run, in seconds; null where that isn't told. */
  readonly uptime: number | null
  /** Why the numbers could not be read the last time; null if they could. */
  readonly problem: string | null
  /** Whether upstreams can be forced and caches flushed by whoever has the token. */
  readonly actions: boolean
  /** Whether the series begin at their beginning, or where `since` said. */
  readonly full: boolean
  /** Dates of the samples, in ms; each series has a value for each. */
  readonly times: readonly number[]
  /** Queries a second. */
  readonly rate: readonly number[]
  readonly upstreams: readonly UpstreamReport[]
  readonly pools: readonly PoolReport[]
  readonly cache: CacheReport | null
  readonly servers: readonly ServerReport[]
  readonly incidents: readonly Incident[]
}

/** An upstream, now and over the last samples. */
export interface UpstreamReport {
  readonly name: string
  readonly transport: string
  readonly address: string
  readonly state: ShownState
  readonly forced: 'up' | 'down' | null
  readonly suspected: boolean
  /** Smoothed round-trip time in ms; null while it isn't measured. */
  readonly srtt: number | null
  readonly outstanding: number
  readonly connections: number
  /** Attempts that ended, by status. */
  readonly counts: Readonly<Record<string, number>>
  /** Probes by result. */
  readonly probes: Readonly<Record<string, number>>
  /** When its state changed, and to what, within the last hour. */
  readonly health: readonly { readonly at: number; readonly state: ShownState }[]
  readonly series: UpstreamSeries
}

/** For each sample what happened since the one before. */
export interface UpstreamSeries {
  /** Mean time to a reply in ms; null where there was none. */
  readonly mean: readonly (number | null)[]
  /** What 95 % of the replies stayed under, in ms, as nearly as the buckets tell. */
  readonly p95: readonly (number | null)[]
  /** Its part of all attempts, 0 to 1; null where there was none. */
  readonly share: readonly (number | null)[]
  /** Failures. */
  readonly failures: readonly number[]
}

/** A pool; its numbers are counts since it was made. */
export interface PoolReport {
  readonly name: string
  readonly strategy: string
  readonly priority: number
  readonly up: boolean
  readonly members: readonly string[]
  readonly answered: number
  readonly failed: number
  readonly hedges: number
  readonly outstanding: number
}

/** The cache of a forwarder, all partitions together; counts since it was made. */
export interface CacheReport {
  readonly hits: number
  readonly misses: number
  readonly stale: number
  readonly failures: number
  readonly coalesced: number
  readonly prefetches: number
  readonly evictions: number
  readonly entries: number
  /** Octets. */
  readonly size: number
}

/** What a server did over one transport; counts since it was made, `connections` the open ones. */
export interface ServerReport {
  readonly transport: string
  readonly queries: number
  readonly replies: number
  readonly failures: number
  readonly dropped: number
  readonly denied: number
  readonly malformed: number
  readonly connections: number
}
