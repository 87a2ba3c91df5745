import type { Cancellable } from '../../src/base/cancel.js'
import { CANCELLED, DnsError, TimeoutError } from '../../src/errors.js'
import type { HealthView } from '../../src/events.js'
import type { ExchangeContext, Query } from '../../src/exchanger.js'
import { HealthMonitor } from '../../src/health/monitor.js'
import type { HealthOptions } from '../../src/health/options.js'
import type { HealthState } from '../../src/health/state.js'
import type { HealthGroup, HealthObserver, HealthSubject, QueryOutcome } from '../../src/health/subject.js'
import type { Asking } from '../../src/query/sink.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { Rcode } from '../../src/wire/constants.js'
import { Message } from '../../src/wire/message.js'

/** What a member does with a probe; a reply takes `after` ms, 10 unless said. */
export type Behaviour =
  'good' | 'silent' | { readonly rcode: Rcode } | { readonly error: DnsError; readonly after?: number }

/** A member that follows a script and writes down what happens to it. */
export class FakeMember implements HealthSubject {
  readonly name: string
  healthOptions: HealthOptions | false | null = null
  probedByDefault = true
  behaviour: Behaviour = 'good'
  /** Clock times of the probes. */
  readonly probes: number[] = []
  readonly queries: Message[] = []
  /** What it was told, as `state at ms`. */
  readonly told: string[] = []
  state: HealthState = 'unknown'
  suspected = false
  observer: HealthObserver | null = null
  outstanding = 0
  cancelled = 0
  readonly #clock: FakeClock

  constructor(name: string, clock: FakeClock) {
    this.name = name
    this.#clock = clock
  }

  get health(): HealthView {
    return { state: this.state, suspected: this.suspected, forced: null }
  }

  setChecked(state: HealthState): void {
    this.state = state
    this.told.push(`${state} at ${Math.round(this.#clock.now())}`)
  }

  observe(observer: HealthObserver | null): void {
    this.observer = observer
  }

  /** As an upstream tells of a query: it begins, and ends as `outcomes` say. */
  traffic(...outcomes: readonly QueryOutcome[]): void {
    for (const outcome of outcomes) {
      this.observer?.onQuery()
      this.observer?.onOutcome(outcome)
    }
  }

  /** Three attempts in a row failed. */
  suspect(): void {
    this.suspected = true
    this.observer?.onSuspicion()
  }

  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    if (ctx.purpose !== 'probe') throw new Error(`${this.name} was not asked by a probe`)
    if (++this.outstanding > 1) throw new Error(`${this.name} is probed twice at once`)
    this.probes.push(Math.round(this.#clock.now()))
    this.queries.push(query.message)
    const { behaviour } = this
    const after = behaviour === 'silent' ? asking.deadline - this.#clock.now() : 10
    const error = typeof behaviour === 'object' && 'error' in behaviour ? behaviour : null
    if (error?.after === 0) return this.#end(query, behaviour, asking)
    const timer = this.#clock.setTimeout(() => this.#end(query, behaviour, asking), error?.after ?? after)
    timer.unref?.()
    const stop: Cancellable = {
      cancel: () => {
        this.#clock.clearTimeout(timer)
        this.outstanding--
        this.cancelled++
        asking.onFailure(CANCELLED)
      },
    }
    asking.attach(stop)
  }

  #end(query: Query, behaviour: Behaviour, asking: Asking): void {
    this.outstanding--
    if (behaviour === 'silent') return asking.onFailure(new TimeoutError(this.name, this.#clock.now() - asking.started))
    if (typeof behaviour === 'object' && 'error' in behaviour) return asking.onFailure(behaviour.error)
    const rcode = behaviour === 'good' ? 'NOERROR' : behaviour.rcode
    // As with real members, a good reply clears the mark.
    if (rcode !== 'SERVFAIL') this.suspected = false
    asking.onReply({ message: Message.reply(query, { rcode }), upstream: this.name, age: 0 })
  }
}

/** Members that come and go. */
export class FakeGroup implements HealthGroup {
  #members: readonly object[]
  readonly #listeners = new Set<() => void>()

  constructor(members: readonly object[]) {
    this.#members = members
  }

  get members(): readonly object[] {
    return this.#members
  }

  set members(members: readonly object[]) {
    this.#members = members
    for (const listener of this.#listeners) listener()
  }

  get watchers(): number {
    return this.#listeners.size
  }

  watchMembers(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** A monitor of members `a`, `b`, … in virtual time, without jitter. Events are written down as text. */
export function stage(options: HealthOptions = {}, names: readonly string[] = ['a']) {
  const clock = new FakeClock()
  const members = names.map((name) => new FakeMember(name, clock))
  const group = new FakeGroup(members)
  const monitor = new HealthMonitor(group, { clock, random: () => 0.5, ...options })
  return { clock, group, monitor, a: members[0]!, b: members[1]!, members }
}

/** A broken connection, `code` being the system's. */
export function connectError(code: string): DnsError {
  return new DnsError('ERR_DNS_CONNECT', 'broken', { cause: Object.assign(new Error(code), { code }) })
}
