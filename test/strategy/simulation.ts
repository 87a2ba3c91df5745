import type { Candidate, Outcome, Strategy } from '../../src/strategy/strategy.js'
import { RoundTrips } from '../../src/upstream/round-trips.js'
import { asking } from './candidates.js'

/** How a member behaves: ms until it replies, or null while it is dead. */
export type Behaviour = (now: number) => number | null

/** After this long, in ms, an attempt has failed. */
const TIMEOUT = 2000

/** One member with the very statistics that an Upstream keeps. */
export class SimulatedMember implements Candidate {
  readonly name: string
  readonly weight = 1
  readonly order = 0
  readonly outstanding = 0
  readonly available = true
  readonly trips = new RoundTrips()
  readonly behaviour: Behaviour
  /** Queries that it was the first to be asked. */
  firsts = 0

  constructor(name: string, behaviour: Behaviour) {
    this.name = name
    this.behaviour = behaviour
  }

  get srtt(): number {
    return this.trips.srtt
  }

  get p95(): number {
    return this.trips.p95
  }

  get rto(): number {
    return this.trips.rto
  }
}

/** One pool and one strategy in virtual time, a query at a time: the next member is asked when one is late. */
export class Simulation {
  readonly strategy: Strategy
  readonly members: readonly SimulatedMember[]
  now = 0
  /** Queries nobody answered. */
  lost = 0

  constructor(strategy: Strategy, behaviours: Record<string, Behaviour>) {
    this.strategy = strategy
    this.members = Object.entries(behaviours).map(([name, behaviour]) => new SimulatedMember(name, behaviour))
  }

  member(name: string): SimulatedMember {
    return this.members.find((member) => member.name === name)!
  }

  /** Starts counting anew, and asks `queries` times, `gap` ms apart. */
  run(queries: number, gap: number): void {
    for (const member of this.members) member.firsts = 0
    for (let i = 0; i < queries; i++, this.now += gap) this.ask()
  }

  /** The share of the last run's queries that went to `name` first. */
  share(name: string): number {
    return this.member(name).firsts / this.members.reduce((sum, { firsts }) => sum + firsts, 0)
  }

  private ask(): void {
    const tried: { member: SimulatedMember; began: number }[] = []
    let began = 0
    for (const member of this.strategy.order(this.members, asking())) {
      if (tried.length === 0) member.firsts++
      const took = member.behaviour(this.now)
      if (took !== null) {
        const end = began + took
        this.settle(member, 'reply', took, true)
        for (const loser of tried) this.settle(loser.member, 'cancelled', end - loser.began, false)
        return
      }
      tried.push({ member, began })
      began += Math.min(TIMEOUT, member.rto)
    }
    this.lost++
    for (const { member } of tried) this.settle(member, 'failure', TIMEOUT, false)
  }

  private settle(candidate: SimulatedMember, result: Outcome['result'], elapsed: number, won: boolean): void {
    const { trips } = candidate
    if (result === 'reply') trips.reply(elapsed, this.now)
    else if (result === 'failure') trips.failure(elapsed, this.now)
    else trips.censored(elapsed, this.now)
    this.strategy.settled?.({ candidate, result, elapsed, won, hedge: false, now: this.now })
  }
}
