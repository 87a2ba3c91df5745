import type { Query } from '../exchanger.js'

/**
 * What a strategy may know about a member of its pool. A type over the live member, not a copy: read what you need
 * when you need it, and write nothing.
 */
export interface Candidate {
  readonly name: string
  /** Relative share of the traffic, > 0. */
  readonly weight: number
  /** Position for strategies that go by a fixed order; lower first. */
  readonly order: number
  /** Queries sent and not yet answered. */
  readonly outstanding: number
  /** Smoothed round-trip time in ms, over attempts of this member alone; NaN until the first. */
  readonly srtt: number
  /** The round-trip time, in ms, that 95 % of its last 200 or so attempts stayed under; NaN until the first. */
  readonly p95: number
  /** After how many ms without a reply an attempt counts as late: clamp(srtt + 4 · rttvar, 100, timeout). */
  readonly rto: number
  /** Whether it is under its `qps` and `maxOutstanding` at this moment. */
  readonly available: boolean
}

/** How one attempt ended, for strategies that learn. */
export interface Outcome {
  readonly candidate: Candidate
  /** `reply`: any reply, whatever its RCODE. `cancelled`: another attempt was faster. */
  readonly result: 'reply' | 'failure' | 'cancelled'
  /** How long it took, in ms. */
  readonly elapsed: number
  /** Whether this attempt gave the query its reply. */
  readonly won: boolean
  /** Whether it was begun by {@link Strategy.stagger} while an earlier attempt was still out. */
  readonly hedge: boolean
  /** Clock time at the end, in ms. */
  readonly now: number
}

/** What is left of a query when {@link Strategy.stagger} is asked. */
export interface Left {
  /** Milliseconds to the deadline. */
  readonly remaining: number
  /** Clock time, in ms. */
  readonly now: number
  /** The other members that may still be asked, the next one first. */
  readonly candidates: readonly Candidate[]
}

/**
 * Whom to ask, in which order, and how eagerly. A pure decision: no I/O, no timers, no promises; one scheduler does
 * the asking for all strategies.
 *
 * Extend it with one method, {@link order}. One instance serves one pool: it may keep a counter of its own.
 */
export abstract class Strategy {
  /** The name that configuration, traces and statistics use. */
  abstract readonly name: string

  /**
   * The members in the order in which to try them. Drawn lazily: what is never reached need never be computed, so a
   * generator that picks one at a time is welcome. `candidates` are those that may be asked, never empty, and must not
   * be modified. At most as many as there are candidates are drawn; yielding none fails the query.
   */
  abstract order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C>

  /** How many attempts start at once, from 1 to `candidates`. */
  width(_candidates: number): number {
    return 1
  }

  /** How long, in ms, to wait on `candidate` before also starting the next one; Infinity is "until it fails or is late". */
  stagger(_candidate: Candidate, _left: Left): number {
    return Infinity
  }

  /**
   * Whether queries are spread over the members, so that one that is back from down gets its share bit by bit: a tenth
   * of it first, and all of it after 10 good replies.
   */
  get balances(): boolean {
    return false
  }

  /** Whether a hedge may go out now that {@link stagger} has passed; asked once for each, just before it does. */
  mayHedge?(now: number): boolean

  /** Told how each attempt ended, for strategies that learn. Must not throw. */
  settled?(outcome: Outcome): void
}
