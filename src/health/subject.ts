import type { HealthView } from '../events.js'
import type { Asked } from '../query/sink.js'
import type { HealthOptions } from './options.js'
import type { HealthState } from './state.js'

/** How an attempt of a query ended: any reply but SERVFAIL, SERVFAIL, or none. */
export type QueryOutcome = 'reply' | 'servfail' | 'failure'

/** What a subject tells of its queries, not of probes. Made for each query: in active mode the calls cost a few ns. */
export interface HealthObserver {
  /** Whether a member under suspicion is probed, so that no query has to try it. */
  readonly probesSuspects: boolean
  /** A query was asked, and is on its way: the first one of all has every member probed before this returns. */
  onQuery(): void
  /** An attempt ended and says something of the member: not one that was cancelled in time, or failed on our side. */
  onOutcome(outcome: QueryOutcome): void
  /** Three attempts in a row failed or were late. */
  onSuspicion(): void
}

/** A member that can be checked, as the health room sees it. */
export interface HealthSubject extends Asked {
  readonly name: string
  /** `suspected` says whether attempts of queries speak against it. */
  readonly health: HealthView
  /** Options of its own, over the monitor's; false: it is not checked; null: there are none. */
  readonly healthOptions: HealthOptions | false | null
  /** Whether it is probed where nobody has asked for that: it has an address. */
  readonly probedByDefault: boolean
  /** Takes what checks found. Must not throw. */
  setChecked(state: HealthState): void
  /** Tells `observer` of queries from now on, in the place of any other; null: nobody. */
  observe(observer: HealthObserver | null): void
}

/** Members that come and go, those that can't be checked among them: a pool, as the health room sees it. */
export interface HealthGroup {
  readonly members: readonly object[]
  /** Calls `listener` after members came or went. @returns how to stop that */
  watchMembers(listener: () => void): () => void
}
