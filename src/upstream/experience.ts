import { isOurSide } from '../base/our-side.js'
import type { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { RCODE } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import type { Attempt } from './attempt.js'
import type { Ending } from './attempt-owner.js'
import { Counters, type UpstreamStats } from './counters.js'
import { RoundTrips } from './round-trips.js'
import { Standing, type StandingListener } from './standing.js'

/** What an upstream makes of what its attempts taught. */
export interface ExperienceOwner {
  /** What its queries go over unless a client wants it otherwise. */
  kind(): TransportName
  /** The attempt of a query failed, and not on our side. */
  failed(attempt: Attempt): void
  /** Three of those in a row: it is under suspicion. */
  suspected(): void
}

/** What attempts have taught of one upstream: counts, round trips, and how it stands. */
export class Experience {
  readonly counters = new Counters()
  readonly trips = new RoundTrips()
  readonly standing: Standing
  /** Clock time of the last change of network, in ms: what began before says nothing of the network that is. */
  epochAt = -Infinity
  readonly #owner: ExperienceOwner
  readonly #timeout: number

  /** @param timeout the longest one attempt, in ms */
  constructor(timeout: number, owner: ExperienceOwner, onStanding: StandingListener) {
    this.#timeout = timeout
    this.#owner = owner
    this.standing = new Standing(onStanding)
  }

  /** When an attempt is late, in ms. */
  get rto(): number {
    return Math.min(this.trips.rto, this.#timeout)
  }

  /** A copy as it is now. */
  get stats(): UpstreamStats {
    return { ...this.counters.snapshot(this.trips), rto: this.rto }
  }

  /** The network is another one, from clock time `now` on. */
  startEpoch(now: number): void {
    this.epochAt = now
    this.standing.forgive()
  }

  /** The RTO of `attempt` has passed without a reply. */
  late(attempt: Attempt, now: number): void {
    if (attempt.ctx.purpose !== 'query') return
    this.counters.late++
    if (this.#isCurrent(attempt)) this.#miss(now)
  }

  /** `attempt` is over. */
  ended(attempt: Attempt, ending: Ending, reply: Message | null, error: DnsError | null, now: number): void {
    if (attempt.ctx.purpose !== 'query') return this.#probed(attempt, reply, now)
    this.counters.end(ending, reply, error?.code)
    if (reply !== null) this.#replied(attempt, reply, now)
    else if (!this.#isCurrent(attempt)) return
    else if (ending === 'cancelled') this.#cancelled(attempt, now)
    else if (!isOurSide(error)) this.#failed(attempt, now)
  }

  #isCurrent({ started }: Attempt): boolean {
    return started >= this.epochAt
  }

  /** A probe that is late clears no suspicion: queries that are late raise one, and would at once again. */
  #probed({ late }: Attempt, reply: Message | null, now: number): void {
    if (late || reply === null || reply.rcode === RCODE.SERVFAIL) return
    this.trips.answered(now)
    this.standing.reply(true)
  }

  #replied(attempt: Attempt, reply: Message, now: number): void {
    const good = reply.rcode !== RCODE.SERVFAIL
    if (attempt.kind === this.#owner.kind() && this.#isCurrent(attempt)) this.#time(attempt, now)
    this.standing.outcome(good ? 'reply' : 'servfail')
    this.standing.reply(good)
  }

  #time({ started, detoured, resentAfter }: Attempt, now: number): void {
    const elapsed = now - started
    if (detoured) this.trips.detour(elapsed, now)
    else if (resentAfter > 0) this.trips.unclear(elapsed, elapsed - resentAfter, now)
    else this.trips.reply(elapsed, now)
  }

  /** One that was late would have been given up, had nobody else answered first. */
  #cancelled({ late, started }: Attempt, now: number): void {
    this.trips.censored(now - started, now)
    if (late) this.standing.outcome('failure')
  }

  #failed(attempt: Attempt, now: number): void {
    this.standing.outcome('failure')
    this.trips.failure(Math.max(now - attempt.started, this.rto), now)
    this.#owner.failed(attempt)
    if (!attempt.late) this.#miss(now)
  }

  #miss(now: number): void {
    if (this.standing.miss(now)) this.#owner.suspected()
  }
}
