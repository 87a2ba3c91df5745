import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { Emitter } from '../base/emitter.js'
import { readOptions, reject, type OptionValues } from '../base/options.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import type { PoolEvents } from '../events.js'
import type { ExchangeContext, Exchanger, Query, Reply, Trace } from '../exchanger.js'
import { HealthMonitor } from '../health/monitor.js'
import type { HealthGroup } from '../health/subject.js'
import { ask as askByName, type AskOptions, type QueryResult } from '../query/ask.js'
import { DEFAULT_TIMEOUT, defaultContext } from '../query/context.js'
import { exchangeWith, type Asked, type Asking } from '../query/sink.js'
import { LeastOutstandingStrategy } from '../strategy/least-outstanding.js'
import type { Candidate, Strategy } from '../strategy/strategy.js'
import { RoundTrips } from '../upstream/round-trips.js'
import { Upstream } from '../upstream/upstream.js'
import { search, type Plan, type AttemptReason } from './attempts.js'
import { LineUp } from './line-up.js'
import type { Member } from './member.js'
import { POOL_OPTIONS, readMember, type PoolMember, type PoolOptions } from './options.js'
import { PoolCounters, type PoolStats } from './stats.js'

/** Upstreams behind one strategy. Itself an exchanger, so pools nest. */
export class Pool extends Emitter<PoolEvents> implements Exchanger, Asked, Candidate, HealthGroup {
  readonly name: string
  readonly priority: number
  readonly weight: number
  readonly order: number
  readonly #options: OptionValues<typeof POOL_OPTIONS>
  readonly #clock: Clock
  readonly #strategy: Strategy
  readonly #trips = new RoundTrips()
  readonly #owned = new Set<Member>()
  readonly #unwatch = new Map<Member, () => void>()
  readonly #watchers = new Set<() => void>()
  readonly #memberWatchers = new Set<() => void>()
  readonly #monitor: HealthMonitor | null
  #plan: Plan
  readonly #counters = new PoolCounters()
  #onIdle: (() => void)[] = []
  #wasUp = true
  #ended: 'closed' | 'destroyed' | null = null

  /** @throws {DnsError} ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS */
  constructor(options: PoolOptions = {}) {
    super()
    this.#options = readOptions('Pool', POOL_OPTIONS, options)
    const { name, priority, weight, order, clock, strategy, upstreams } = this.#options
    this.name = name ?? 'default'
    this.priority = priority
    this.weight = weight
    this.order = order
    this.#clock = clock
    this.#strategy = strategy ?? new LeastOutstandingStrategy()
    this.#plan = this.#planFor([])
    for (const upstream of upstreams) this.add(upstream)
    this.#monitor = this.#makeMonitor()
  }

  /** The members, in the order given; those given as addresses are here as the upstreams made of them. */
  get members(): readonly (Upstream | Pool)[] {
    return this.#plan.lineUp.members as readonly (Upstream | Pool)[]
  }

  get strategy(): Strategy {
    return this.#strategy
  }

  get outstanding(): number {
    return this.#counters.outstanding
  }

  get srtt(): number {
    return this.#trips.srtt
  }

  get p95(): number {
    return this.#trips.p95
  }

  get rto(): number {
    return this.#trips.rto
  }

  /** Whether any member could take a query now. */
  get available(): boolean {
    return this.#plan.lineUp.members.some((member) => member.available)
  }

  /** Whether `maxOutstanding` leaves any member room for one more. */
  get hasRoom(): boolean {
    return this.#plan.lineUp.members.some((member) => member.hasRoom)
  }

  /** Whether any member is up. A pool without members is down. */
  get isUp(): boolean {
    return this.#plan.lineUp.anyUp
  }

  /** Never: its members may be, each by itself. */
  get suspected(): boolean {
    return false
  }

  /** A pool gets all of its share at once. */
  get share(): 1 {
    return 1
  }

  /** What checks its members by the option `health`; null without. */
  get monitor(): HealthMonitor | null {
    return this.#monitor
  }

  /** A copy of the counters as they are now. */
  get stats(): PoolStats {
    return this.#counters.snapshot()
  }

  /** Its members, and what checks them. */
  get parts(): readonly object[] {
    return this.#monitor === null ? this.members : [...this.members, this.#monitor]
  }

  /** How many members one query can reach: the first wave and `maxAttempts` more. */
  get reach(): number {
    const { length } = this.#plan.lineUp.members
    return Math.min(length, this.#strategy.width(length) + this.#options.maxAttempts)
  }

  /**
   * Adds a member; queries under way are not touched.
   *
   * @returns the member, an Upstream where an address or a function was given
   * @throws {DnsError} as the constructor does; ERR_DNS_INVALID_OPTION when the pool has a member of that name
   */
  add(upstream: PoolMember): Upstream | Pool {
    const member = this.#memberFrom(upstream)
    if (this.#plan.lineUp.members.some(({ name }) => name === member.name)) {
      throw new InvalidOptionError(
        'Pool',
        'upstreams',
        `has two members named "${member.name}"; names are unique in a pool (a tag, address|tag, tells them apart)`,
      )
    }
    if (member !== upstream) this.#owned.add(member)
    this.#plan = this.#planFor([...this.#plan.lineUp.members, member])
    this.#unwatch.set(
      member,
      member.watch(() => this.#memberChanged()),
    )
    this.#membersChanged()
    return member
  }

  /**
   * Takes a member out, by its name or tag. Queries that are with it go on; one that the pool made itself is closed
   * once they are done.
   *
   * @returns whether there was such a member
   */
  async remove(name: string): Promise<boolean> {
    const member = this.members.find((m) => m.name === name || ('tag' in m && m.tag === name))
    if (member === undefined) return false
    this.#plan = this.#planFor(this.#plan.lineUp.members.filter((m) => m !== member))
    this.#unwatch.get(member)?.()
    this.#unwatch.delete(member)
    this.#membersChanged()
    if (this.#owned.delete(member)) await member.close()
    return true
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const now = this.#clock.now()
    return exchangeWith(this, query, ctx ?? defaultContext(now), now)
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    if (this.#ended !== null)
      return asking.onFailure(new DnsError('ERR_DNS_CLOSED', `pool ${this.name} is ${this.#ended}`))
    if (this.#options.failFast && !this.isUp)
      return asking.onFailure(new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${this.name} has no member up`))
    if (ctx.trace !== null) this.#traceOrder(ctx.trace)
    if (this.#monitor !== null && this.#plan.lineUp.anyPassedBy) this.#monitor.passedBy()
    this.#counters.outstanding++
    search(this.#plan, query, ctx, asking)
  }

  /**
   * Asks for `name` and `type`, in presentation form.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return askByName(this, { clock: this.#clock, timeout: DEFAULT_TIMEOUT }, name, type, options)
  }

  /** Calls `listener` whenever {@link isUp} may have changed. @returns how to stop that */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener)
    return () => void this.#watchers.delete(listener)
  }

  /** Calls `listener` after members came or went. @returns how to stop that */
  watchMembers(listener: () => void): () => void {
    this.#memberWatchers.add(listener)
    return () => void this.#memberWatchers.delete(listener)
  }

  /** A query passed the whole pool by, as no member is up. @internal */
  passedBy(): void {
    this.#monitor?.passedBy()
  }

  /** The network is another one: connections are dropped, failures forgotten, members probed. `reason`: for events. */
  networkChanged(reason = 'networkChanged()'): void {
    for (const member of this.members) member.networkChanged(reason)
    this.#monitor?.networkChanged(reason)
  }

  /** Takes no more queries, and closes the members that it made itself once every query has settled. */
  async close(): Promise<void> {
    this.#ended ??= 'closed'
    await this.whenIdle()
    this.#leave()
    await Promise.all([...this.#owned].map((member) => member.close()))
  }

  /** Resolves when no query is under way. @internal */
  whenIdle(): Promise<void> {
    if (this.#counters.outstanding === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Ends everything now; queries with members that it made itself fail with ERR_DNS_ALL_FAILED, since each attempt ended with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#ended = 'destroyed'
    this.#leave()
    for (const member of this.#owned) member.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #answered(reply: Reply, started: number, attempts: number): void {
    this.#counters.replies++
    this.#settled()
    if (!this.#isWatched && !this.heard) return
    const now = this.#clock.now()
    const elapsed = now - started
    this.#trips.reply(elapsed, now)
    this.notify('reply', () => ({
      pool: this.name,
      upstream: reply.upstream,
      rcode: reply.message.rcode,
      elapsed,
      attempts,
    }))
  }

  #failed(error: DnsError, started: number, attempts: number): void {
    this.#counters.failed(error)
    this.#settled()
    const now = this.#clock.now()
    const elapsed = now - started
    if (error.code !== 'ERR_DNS_CANCELLED') this.#trips.failure(elapsed, now)
    this.notify('failure', () => ({ pool: this.name, error, elapsed, attempts }))
  }

  /** Whether it is a member itself, so that somebody goes by its round trips. */
  get #isWatched(): boolean {
    return this.#watchers.size > 0
  }

  /** Members that others made outlive it. */
  #leave(): void {
    this.#monitor?.stop()
    for (const unwatch of this.#unwatch.values()) unwatch()
    this.#unwatch.clear()
  }

  #settled(): void {
    if (--this.#counters.outstanding === 0 && this.#onIdle.length > 0) for (const idle of this.#onIdle.splice(0)) idle()
  }

  #makeMonitor(): HealthMonitor | null {
    const { health, clock, random } = this.#options
    if (health === false) return null
    return new HealthMonitor(this, { clock, random, ...health }, health === null)
  }

  #membersChanged(): void {
    this.#memberChanged()
    for (const listener of [...this.#memberWatchers]) listener()
  }

  #memberChanged(): void {
    this.#plan.lineUp.changed()
    const { isUp } = this
    if (isUp !== this.#wasUp) this.notify(isUp ? 'up' : 'down', () => ({ pool: this.name }))
    this.#wasUp = isUp
    for (const listener of this.#watchers) listener()
  }

  #traceOrder(trace: Trace): void {
    const { front, back } = this.#plan.lineUp
    const asked = [...front, ...back] as (Upstream | Pool)[]
    const candidates = asked.map((member) => {
      const { name, outstanding, srtt, suspected, share } = member
      return { name, outstanding, srtt, suspected, health: healthText(member), share }
    })
    trace.add({ step: 'order', pool: this.name, strategy: this.#strategy.name, candidates })
    for (const member of this.members.filter((m) => !asked.includes(m))) {
      trace.add({ step: 'skip', pool: this.name, upstream: member.name, why: healthText(member) })
    }
  }

  #planFor(members: readonly Member[]): Plan {
    const { clock, maxAttempts, timeout, rampUp, random } = this.#options
    return {
      pool: this.name,
      clock,
      deadlines: Deadlines.of(clock),
      strategy: this.#strategy,
      maxAttempts,
      timeout,
      lineUp: new LineUp(members),
      ramp: (rampUp ?? this.#strategy.balances) ? random : null,
      onAttempt: (upstream: string, why: AttemptReason) => {
        this.#counters.attempts[why]++
        if (this.heard) this.notify('attempt', () => ({ pool: this.name, upstream, why }))
      },
      onReply: (reply, started, attempts) => this.#answered(reply, started, attempts),
      onFailure: (error, started, attempts) => this.#failed(error, started, attempts),
    }
  }

  #memberFrom(given: PoolMember): Upstream | Pool {
    if (given instanceof Pool && given.#holds(this))
      throw new InvalidOptionError('Pool', 'upstreams', `would make pool "${this.name}" a member of itself`)
    if (given instanceof Upstream || given instanceof Pool) return given
    if (typeof given !== 'string' && (typeof given !== 'object' || given === null)) {
      reject('Pool', 'upstreams', given, 'an address, { addr, tag }, an Upstream, a Pool, or { name, exchange }')
    }
    const { target, options } = readMember(given)
    return new Upstream(target, { clock: this.#clock, ...this.#options.upstreamDefaults, ...options })
  }

  #holds(pool: Pool): boolean {
    return this === pool || this.members.some((member) => member instanceof Pool && member.#holds(pool))
  }
}

function healthText(member: Upstream | Pool): string {
  if (member instanceof Pool) return member.isUp ? 'up' : 'down'
  const { state, forced } = member.health
  return forced === null ? state : `forced ${forced}`
}
