import { parseAddress, type Address, type AddressInput } from '../address/address.js'
import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { Emitter } from '../base/emitter.js'
import { readOptions, reject } from '../base/options.js'
import { isOurSide } from '../base/our-side.js'
import { isTraced, TRACING } from '../base/tracing.js'
import { DnsError } from '../errors.js'
import type { HealthView, UpstreamEvents } from '../events.js'
import type { ExchangeContext, Exchanger, Query, Reply, TransportName } from '../exchanger.js'
import { ask as askByName, type AskOptions, type QueryResult } from '../query/ask.js'
import { defaultContext } from '../query/context.js'
import { exchangeWith, type Asking } from '../query/sink.js'
import { Traced } from '../query/traced.js'
import type { Candidate } from '../strategy/strategy.js'
import { rcodeName } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import type { SubnetLimits } from '../wire/subnet.js'
import type { HealthOptions } from '../health/options.js'
import type { HealthState } from '../health/state.js'
import type { HealthObserver, HealthSubject } from '../health/subject.js'
import { checkTlsSettings } from '../transport/tls-context.js'
import { Attempt } from './attempt.js'
import type { Ending, Owner } from './attempt-owner.js'
import { Bootstrap } from './bootstrap.js'
import type { UpstreamStats } from './counters.js'
import { Discovery } from './discovery.js'
import { Experience, type ExperienceOwner } from './experience.js'
import { checkFunction, FunctionTransport, isFunctionUpstream, type FunctionUpstream } from './function-transport.js'
import { UPSTREAM_OPTIONS, type ReadUpstreamOptions, type UpstreamOptions } from './options.js'
import { Rate } from './rate.js'
import { SubnetPolicy } from './subnet-policy.js'
import { routesTo, type ConnectionListeners } from './route-options.js'
import type { Routes } from './routes.js'
import { TcpPlaces } from './tcp-places.js'

/** How long a server that refused EDNS is asked without it, in ms; unbound's time to live for what it knows of servers. */
const EDNS_MEMORY = 900_000

/** A server that queries are forwarded to, with what has been learned of it. */
export class Upstream extends Emitter<UpstreamEvents> implements Exchanger, Candidate, HealthSubject {
  readonly name: string
  /** The tag that the address carried, or null. */
  readonly tag: string | null
  /** Null for an upstream that is a function. */
  readonly address: Address | null
  /** Null for an upstream that is a function. */
  readonly transport: TransportName | null
  /** Who is asked for the addresses of its name; null where there is no need, or the system's resolver is. @internal */
  readonly bootstrap: Bootstrap | null
  /** What it asks in the place of a server: the function that it was made of. */
  readonly parts: readonly object[]
  readonly weight: number
  readonly order: number
  readonly #options: ReadUpstreamOptions
  readonly #clock: Clock
  readonly #routes: Routes | null
  readonly #function: FunctionTransport | null
  readonly #discovery: Discovery | null
  readonly #owner: Owner
  readonly #rate: Rate | null
  readonly #experience: Experience
  readonly #tcpPlaces = new TcpPlaces()
  readonly #listeners: ConnectionListeners = {
    onConnect: (event) => {
      this.#experience.counters.connectionsOpened++
      this.notify('connect', () => ({ upstream: this.name, ...event }))
    },
    onDisconnect: (event) => {
      this.#experience.counters.connectionsClosed++
      this.notify('disconnect', () => ({ upstream: this.name, ...event }))
    },
  }
  #ednsRefusedUntil = -Infinity
  /** Attempts that haven't settled, probes among them. */
  #unsettled = 0
  #idle: Promise<void> | null = null
  #onIdle: (() => void) | null = null
  #ended: 'closed' | 'destroyed' | null = null

  /**
   * @param target an address in any form that `parseAddress` reads, `{ addr, tag }`, or `{ name, exchange }`
   * @throws {DnsError} ERR_DNS_INVALID_ADDRESS, ERR_DNS_INVALID_OPTION
   */
  constructor(target: AddressInput | FunctionUpstream, options: UpstreamOptions = {}) {
    super()
    this.#options = readOptions('Upstream', UPSTREAM_OPTIONS, options)
    this.#clock = this.#options.clock
    this.weight = this.#options.weight
    this.order = this.#options.order
    this.parts = isFunctionUpstream(target) ? [target] : []
    if (isFunctionUpstream(target)) {
      checkFunction(target, this.#options.name)
      this.name = this.#options.name ?? target.name
      this.address = this.tag = this.transport = this.#routes = this.bootstrap = null
      this.#function = new FunctionTransport(this.name, target)
      checkTlsSettings(this.#options.tls, 'Upstream')
    } else {
      const address = parseAddress(target)
      checkTlsSettings(this.#options.tls, 'Upstream', address.transport === 'doq' || address.transport === 'h3')
      this.name = this.#options.name ?? address.tag ?? address.text
      this.address = address
      this.tag = address.tag
      this.transport = address.transport
      this.#function = null
      this.bootstrap = Bootstrap.for(address, this.#options, (bootstrap, own) => new Upstream(bootstrap, own))
      this.#routes = routesTo(this.name, address, this.bootstrap, this.#options, this.#listeners)
    }
    this.#rate = this.#options.qps === 0 ? null : new Rate(this.#options.qps, this.#clock.now())
    this.#experience = this.#makeExperience()
    this.#owner = this.#makeOwner()
    this.#discovery = this.#makeDiscovery()
  }

  get outstanding(): number {
    return this.#experience.counters.outstanding
  }

  get srtt(): number {
    return this.#experience.trips.srtt
  }

  get p95(): number {
    return this.#experience.trips.p95
  }

  get rto(): number {
    return this.#experience.rto
  }

  get available(): boolean {
    if (this.#experience.counters.outstanding >= this.#options.maxOutstanding) return false
    return this.#rate === null || this.#rate.available(this.#clock.now())
  }

  /** Whether `maxOutstanding` leaves room for one more, which not even an emergency overrides. */
  get hasRoom(): boolean {
    return this.#experience.counters.outstanding < this.#options.maxOutstanding
  }

  /** Whether it counts as up: forced up, or not known to be down. */
  get isUp(): boolean {
    return this.#experience.standing.isUp
  }

  /** What part of its share it is to get, above 0 to 1: less for a while after it was down. */
  get share(): number {
    return this.#experience.standing.share
  }

  /** Whether it should be asked last just now. */
  get suspected(): boolean {
    return this.#experience.standing.suspected(this.#clock.now())
  }

  get health(): HealthView {
    return this.#experience.standing.view
  }

  /** @internal */
  get healthOptions(): HealthOptions | false | null {
    return this.#options.health
  }

  /** @internal */
  get probedByDefault(): boolean {
    return this.#function === null
  }

  /** @internal */
  setChecked(state: HealthState): void {
    if (state === 'up' && this.health.state === 'down') this.#experience.trips.recovered(this.#clock.now())
    this.#experience.standing.setChecked(state)
  }

  /** @internal */
  observe(observer: HealthObserver | null): void {
    this.#experience.standing.observe(observer)
  }

  /** The encrypted resolver that is asked in its place (RFC 9462), with the option `discovery`; else null. */
  get designated(): Address | null {
    return this.#discovery?.address ?? null
  }

  /** How many bits of a client's subnet (RFC 7871) its replies may depend on; null where it is never told of one. */
  get subnetLimits(): SubnetLimits | null {
    return this.#owner.subnets?.limits ?? null
  }

  /** A copy of the counters and times as they are now. */
  get stats(): UpstreamStats {
    return this.#experience.stats
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const now = this.#clock.now()
    return exchangeWith(this, query, ctx ?? defaultContext(now), now)
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    if (this.#ended !== null)
      return asking.onFailure(new DnsError('ERR_DNS_CLOSED', `${this.name} is ${this.#ended}`, { upstream: this.name }))
    if (!this.hasRoom) return asking.onFailure(this.#overloaded())
    if (isTraced(TRACING.attempt))
      asking = new Traced(TRACING.attempt, asking, this.#clock, { query, upstream: this.name }, ctx)
    this.#discovery?.touch()
    this.#begin(new Attempt(this.#owner, this.#kindFor(ctx), query, ctx, asking))
  }

  /**
   * Asks for `name` and `type`, in presentation form.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return askByName(this, { clock: this.#clock, timeout: this.#options.timeout }, name, type, options)
  }

  /** Overrides what checks and evidence say; null goes back to them. dnsdist's setUp, setDown and setAuto. */
  force(state: 'up' | 'down' | null): void {
    if (state !== 'up' && state !== 'down' && state !== null)
      reject('Upstream.force', 'state', state, '"up", "down" or null')
    this.#experience.standing.force(state)
  }

  /** Calls `listener` whenever {@link isUp} or {@link suspected} may have changed. @returns how to stop that */
  watch(listener: () => void): () => void {
    return this.#experience.standing.watch(listener)
  }

  /** The network is another one: connections are opened anew, or go along over QUIC, what is in flight is not lost, and failures are forgotten. */
  networkChanged(_reason?: string): void {
    this.#experience.startEpoch(this.#clock.now())
    this.#routes?.renew()
    this.bootstrap?.renew()
    this.#discovery?.renew()
  }

  /** Takes no more queries, and resolves when those in flight have settled and every socket is closed. */
  async close(): Promise<void> {
    this.#ended ??= 'closed'
    this.#discovery?.stop()
    // One that is under way may still need a lookup, or TCP for a truncated reply.
    if (this.#unsettled > 0) await (this.#idle ??= new Promise((resolve) => (this.#onIdle = resolve)))
    await (this.#routes ?? this.#function)?.close()
    await this.bootstrap?.close()
    await this.#discovery?.close()
  }

  /** Ends everything now; queries in flight fail with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#ended = 'destroyed'
    ;(this.#routes ?? this.#function)?.destroy()
    this.bootstrap?.destroy()
    this.#discovery?.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #begin(attempt: Attempt): void {
    this.#unsettled++
    if (attempt.ctx.purpose === 'query') {
      this.#experience.counters.begin()
      this.#rate?.take()
      this.#experience.standing.begin(attempt.started)
    }
    attempt.begin()
    if (attempt.ctx.purpose === 'query') this.#experience.standing.begun()
  }

  /** What its queries go over unless a client wants it otherwise. */
  get #kind(): TransportName {
    return this.#discovery?.address?.transport ?? this.transport ?? 'tcp'
  }

  /** A query that came over TCP goes to a plain upstream over TCP (RFC 5625, section 4.4.1). */
  #kindFor(ctx: ExchangeContext): TransportName {
    const kind = this.#kind
    return kind === 'udp' && ctx.client?.transport === 'tcp' ? 'tcp' : kind
  }

  #onEnded(attempt: Attempt, ending: Ending, reply: Message | null, error: DnsError | null): void {
    if (--this.#unsettled === 0) this.#onIdle?.()
    const now = this.#clock.now()
    const elapsed = now - attempt.started
    this.#experience.ended(attempt, ending, reply, error, now)
    const { trace, purpose } = attempt.ctx
    if (trace !== null) {
      const result = reply === null ? resultOf(ending, error) : rcodeName(reply.rcode)
      trace.add({ step: 'outcome', upstream: this.name, result, elapsed })
    }
    if (purpose !== 'query' || !this.heard) return
    if (reply !== null)
      this.notify('reply', () => ({ upstream: this.name, rcode: reply.rcode, elapsed, transport: attempt.kind }))
    else if (ending === 'failure')
      this.notify('failure', () => ({ upstream: this.name, error: error!, elapsed, transport: attempt.kind }))
  }

  #overloaded(): DnsError {
    const { maxOutstanding } = this.#options
    return new DnsError(
      'ERR_DNS_OVERLOADED',
      `${this.name} has ${maxOutstanding} queries outstanding, its maxOutstanding`,
      { upstream: this.name },
    )
  }

  /** The ways that are of this kind; null: the resolver that they led to is designated no more. */
  #routesFor(kind: TransportName): Routes | null {
    return this.#discovery === null || kind === 'udp' || kind === 'tcp' ? this.#routes : this.#discovery.routes
  }

  #undesignated(): DnsError {
    return new DnsError('ERR_DNS_CONNECT', `${this.name} has lost its designated resolver`, { upstream: this.name })
  }

  /** Called for a kind that isn't the upstream's own: TCP for a client's sake, or what was discovered. */
  #fallback(kind: TransportName, error: DnsError): TransportName | null {
    if (kind === 'tcp') return error.code === 'ERR_DNS_CONNECT' ? this.transport : null
    if ((error.code !== 'ERR_DNS_CONNECT' && error.code !== 'ERR_DNS_TLS') || isOurSide(error)) return null
    this.#discovery?.failed(error.code)
    return this.transport
  }

  #makeExperience(): Experience {
    const owner: ExperienceOwner = {
      kind: () => this.#kind,
      failed: ({ kind, started }) => this.#routesFor(kind)?.failed(started),
      suspected: () => this.#discovery?.failed('ERR_DNS_TIMEOUT'),
    }
    return new Experience(this.#options.timeout, owner, (what, cause) =>
      this.notify(what, () => ({ upstream: this.name, cause, health: this.health })),
    )
  }

  #makeDiscovery(): Discovery | null {
    if (this.address === null) return null
    return Discovery.for(this.address, this.#options, {
      attempts: this.#owner,
      listeners: this.#listeners,
      // Nobody asked for it: it counts nowhere.
      exchange: (query, ctx) => this.exchange(query, { ...ctx, purpose: 'probe' }),
      begin: (attempt) => this.#begin(attempt),
      redesignated: (address, reason) =>
        this.notify('designation', () => ({ upstream: this.name, designated: address?.text ?? null, reason })),
    })
  }

  /** What attempts see of this class: not its public face. */
  #makeOwner(): Owner {
    return {
      name: this.name,
      transport: this.transport,
      deadlines: Deadlines.of(this.#clock),
      timeout: this.#options.timeout,
      subnets: SubnetPolicy.of(this.#options.ecs, this.#options.ecsPrefix),
      now: this.#clock.now,
      epochAt: () => this.#experience.epochAt,
      route: (kind) => this.#function ?? this.#routesFor(kind)?.get(kind) ?? null,
      prepare: (kind) => this.#routesFor(kind)?.prepare(kind) ?? Promise.reject(this.#undesignated()),
      rto: () => this.rto,
      spread: () => this.#experience.trips.spread,
      ednsOk: () => this.#ednsRefusedUntil === -Infinity || this.#clock.now() >= this.#ednsRefusedUntil,
      takeTcp: (mustHave) => this.#tcpPlaces.take(mustHave, this.#clock.now()),
      giveTcp: (failed) => this.#tcpPlaces.give(failed, this.#clock.now()),
      fallback: (kind, error) => this.#fallback(kind, error),
      refusesEdns: () => {
        this.#ednsRefusedUntil = this.#clock.now() + EDNS_MEMORY
      },
      late: (attempt) => this.#experience.late(attempt, this.#clock.now()),
      ended: (attempt, ending, reply, error) => this.#onEnded(attempt, ending, reply, error),
    }
  }
}

function resultOf(ending: Ending, error: DnsError | null): string {
  return error?.code ?? ending
}
