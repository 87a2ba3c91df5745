import type { Clock, Random } from 'headrace'
import type { Latency } from './latency.js'

/** What is wrong with a server for a while, clock times in ms. `silent`: it drops queries; `closed`: its port is. */
export interface Fault {
  readonly kind: 'silent' | 'closed' | 'servfail' | 'slow'
  readonly from: number
  readonly to: number
}

/** A server to simulate. */
export interface ServerPlan {
  readonly name: string
  readonly latency: Latency
  /** Share of the queries, or of their replies, that are lost. @default 0 */
  readonly loss?: number
  readonly faults?: readonly Fault[]
}

/** What comes back, if anything does. */
export type Outcome = 'reply' | 'servfail' | 'refused'

/** A slow server takes this many times as long. */
const SLOW = 20
/** An ICMP error or RST comes back after this long, in ms. */
const REFUSAL = 1
/** Width of the buckets that {@link Server.askedIn} counts by, in ms. */
const BUCKET = 100

/** One server in virtual time. */
export class Server {
  readonly name: string
  /** Queries that came, health checks not counted. */
  asked = 0
  readonly #plan: ServerPlan
  readonly #clock: Clock
  readonly #random: Random
  readonly #buckets: number[] = []

  constructor(plan: ServerPlan, clock: Clock, random: Random) {
    this.name = plan.name
    this.#plan = plan
    this.#clock = clock
    this.#random = random
  }

  /** Asks it; `done` is called at most once. @returns how to stop that */
  send(done: (outcome: Outcome) => void): () => void {
    this.asked++
    const bucket = Math.floor(this.#clock.now() / BUCKET)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    return this.#answer(done)
  }

  /** Asks it for health alone: not counted among the queries. */
  probe(done: (outcome: Outcome) => void): () => void {
    return this.#answer(done)
  }

  /** Queries that came from clock time `from` on and before `to`, in ms, both rounded to 100 ms. */
  askedIn(from: number, to: number): number {
    let sum = 0
    for (let i = Math.round(from / BUCKET); i < Math.round(to / BUCKET); i++) sum += this.#buckets[i] ?? 0
    return sum
  }

  #answer(done: (outcome: Outcome) => void): () => void {
    const { latency, loss = 0 } = this.#plan
    const now = this.#clock.now()
    const fault = this.#faultAt(now)
    const lost = loss > 0 && this.#random() < loss
    if (lost || fault === 'silent') return () => {}
    const wait = fault === 'closed' ? REFUSAL : latency(now, this.#random) * (fault === 'slow' ? SLOW : 1)
    const outcome = fault === 'closed' ? 'refused' : fault === 'servfail' ? 'servfail' : 'reply'
    const timer = this.#clock.setTimeout(() => done(outcome), wait)
    return () => this.#clock.clearTimeout(timer)
  }

  #faultAt(now: number): Fault['kind'] | null {
    return this.#plan.faults?.find(({ from, to }) => now >= from && now < to)?.kind ?? null
  }
}
