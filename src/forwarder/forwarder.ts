import { isPrivateAddress } from '../address/ip.js'
import { type Address, type AddressInput } from '../address/address.js'
import type { Clock } from '../base/clock.js'
import { Emitter } from '../base/emitter.js'
import { withTimeLimit } from '../base/time-limit.js'
import { readOptions, reject, type OptionValues } from '../base/options.js'
import { isTraced, TRACING } from '../base/tracing.js'
import { Cache } from '../cache/cache.js'
import { Coalescer } from '../cache/coalesce.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import type { ForwarderEvents } from '../events.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { Epoch } from '../network/epoch.js'
import type { PoolMember, PoolOptions } from '../pool/options.js'
import { Pool } from '../pool/pool.js'
import { ask as askByName, type AskOptions, type QueryResult } from '../query/ask.js'
import { defaultContext } from '../query/context.js'
import { exchangeWith, Inner, type Asked, type Asking } from '../query/sink.js'
import { Traced } from '../query/traced.js'
import { Router, type Route } from '../router/router.js'
import { Upstream } from '../upstream/upstream.js'
import type { Message } from '../wire/message.js'
import { DnssecFront } from './dnssec-front.js'
import { FORWARDER_OPTIONS, type ForwarderOptions, type ForwarderRoute } from './options.js'
import { PoolChain } from './pool-chain.js'

/** Routes, pools by priority and a global fallback, put together: what an application asks. */
export class Forwarder extends Emitter<ForwarderEvents> implements Exchanger, Asked {
  readonly #options: OptionValues<typeof FORWARDER_OPTIONS>
  readonly #clock: Clock
  readonly #owned: Pool[] = []
  readonly #pools: readonly Pool[]
  readonly #routed: readonly Exchanger[]
  readonly #cache: Cache | null
  readonly #router: Router | null
  readonly #next: Asked
  /** How to stop watching for another network; null before the first query. */
  #unwatch: (() => void) | null = null
  #ended: 'closed' | 'destroyed' | null = null

  /**
   * @param options or just the upstreams of one pool
   * @param predecessor whose cache's replies it has from the start; whoever made it closes it
   * @throws {DnsError} ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS
   */
  constructor(options: ForwarderOptions | readonly PoolMember[], predecessor: Forwarder | null = null) {
    super()
    this.#options = readOptions(
      'Forwarder',
      FORWARDER_OPTIONS,
      Array.isArray(options) ? { upstreams: options as readonly PoolMember[] } : options,
    )
    this.#clock = this.#options.clock
    this.#pools = this.#makePools()
    const chain = new PoolChain(this.#pools, this.#clock, this.#options.failFast)
    const { cache, timeout } = this.#options
    if (cache !== false && cache.timeout !== undefined && cache.timeout > timeout)
      throw new InvalidOptionError('Forwarder', 'cache.timeout', 'must not be over timeout')
    const inherited = predecessor?.cache ?? null
    this.#cache = cache === false ? null : new Cache(chain, { clock: this.#clock, timeout, ...cache }, inherited)
    const first = this.#cache ?? new Coalescer(chain, this.#clock)
    const routes = this.#makeRoutes()
    this.#routed = routes.flatMap(([, route]) => ('to' in route ? [route.to] : []))
    this.#router = routes.length === 0 ? null : this.#makeRouter(routes, first)
    const next = this.#router ?? first
    this.#next = this.#options.dnssec === null ? next : new DnssecFront(next)
    if (this.#options.requireEncryption) this.#refusePlain()
  }

  /** The pools by priority, the global fallback last. */
  get pools(): readonly Pool[] {
    return this.#pools
  }

  /** Every upstream that it may ask, those of routes included, each once. */
  get upstreams(): readonly Upstream[] {
    return [...new Set([...this.#pools, ...this.#routed].flatMap(upstreamsOf))]
  }

  /** Its pools, whatever its routes ask, and its cache. */
  get parts(): readonly object[] {
    const asked = [...this.#pools, ...this.#routed]
    return this.#cache === null ? asked : [...asked, this.#cache]
  }

  /** Its cache; null without. */
  get cache(): Cache | null {
    return this.#cache
  }

  /** The longest one query, in ms. */
  get timeout(): number {
    return this.#options.timeout
  }

  /** What a server needs to know before it answers a special-use name itself. */
  get hints(): {
    covers(query: Message): boolean
    readonly hasPrivateUpstream: boolean
    readonly upstreams: readonly { readonly name: string; readonly address: Address | null }[]
  } {
    const { upstreams } = this
    return {
      covers: (query) => this.#router !== null && this.#router.covers(query),
      hasPrivateUpstream: upstreams.some(
        ({ address }) => address !== null && address.family !== null && isPrivateAddress(address.host),
      ),
      // Whoever is asked for their names is asked as well.
      upstreams: [...upstreams, ...upstreams.flatMap(({ bootstrap }) => bootstrap?.upstreams ?? [])],
    }
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const now = this.#clock.now()
    return exchangeWith(this, query, ctx ?? defaultContext(now, this.#options.timeout), now)
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    if (this.#ended !== null) return asking.onFailure(new DnsError('ERR_DNS_CLOSED', `the forwarder is ${this.#ended}`))
    this.#unwatch ??= Epoch.of(this.#clock).watch(this.#onEpoch)
    if (isTraced(TRACING.query)) asking = new Traced(TRACING.query, asking, this.#clock, { query, upstream: null }, ctx)
    const isHeard = this.heard
    const end = asking.started + this.#options.timeout
    this.#next.ask(
      query,
      ctx,
      isHeard || end < asking.deadline ? new Bounded(asking, end, isHeard ? this.#report : null) : asking,
    )
  }

  /**
   * Asks for `name` and `type`, in presentation form.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return askByName(this, { clock: this.#clock, timeout: this.#options.timeout }, name, type, options)
  }

  /**
   * The network is another one, or the machine slept, as far as the application knows: connections are dropped, failures
   * forgotten, members probed, and what fails on an old connection is asked once more. It also notices by itself.
   * `reason` is for events.
   */
  networkChanged(reason = 'networkChanged()'): void {
    if (this.#unwatch === null) this.#onEpoch(reason)
    else Epoch.of(this.#clock).changed(reason)
  }

  /** Takes no more queries, and closes what it made itself once queries under way have settled. */
  async close(): Promise<void> {
    this.#ended ??= 'closed'
    const { clock, timeout } = this.#options
    // No query of ours lasts longer, though others may keep a pool busy that was given.
    await withTimeLimit(this.#idle(), timeout + 1, clock, new Error('others are busy')).catch(() => undefined)
    this.#unwatch?.()
    this.#cache?.destroy()
    await Promise.all(this.#owned.map((pool) => pool.close()))
  }

  /** Ends everything that it made itself now; queries there fail with ERR_DNS_ALL_FAILED, since each attempt ended with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#ended = 'destroyed'
    this.#unwatch?.()
    this.#cache?.destroy()
    for (const pool of this.#owned) pool.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  readonly #onEpoch = (reason: string): void => {
    this.#cache?.networkChanged()
    const told = new Set<object>()
    for (const pool of [...this.#pools, ...this.#routed]) {
      if (!(pool instanceof Pool || pool instanceof Upstream || pool instanceof Forwarder)) continue
      if (told.has(pool)) continue
      told.add(pool)
      pool.networkChanged(reason)
    }
  }

  readonly #report = (started: number, reply: Reply | null, error: DnsError | null): void => {
    const elapsed = this.#clock.now() - started
    if (reply === null) this.notify('failure', () => ({ error: error!, elapsed }))
    else this.notify('reply', () => ({ upstream: reply.upstream, rcode: reply.message.rcode, elapsed }))
  }

  /** A query may go from one pool to another, so all have to be idle at the same time. */
  async #idle(): Promise<void> {
    const pools = [...this.#pools, ...this.#owned]
    while (pools.some(({ outstanding }) => outstanding > 0)) await Promise.all(pools.map((pool) => pool.whenIdle()))
  }

  #makePools(): readonly Pool[] {
    const { pools, upstreams, strategy, fallback, fallbackStrategy } = this.#options
    if (pools !== null && upstreams !== null)
      throw new InvalidOptionError(
        'Forwarder',
        'upstreams',
        'and "pools" exclude each other: put the upstreams into a pool',
      )
    if (strategy !== null && upstreams === null)
      throw new InvalidOptionError('Forwarder', 'strategy', 'goes with "upstreams"; each pool has its own')
    const given = pools ?? (upstreams === null ? [] : [{ upstreams, ...(strategy === null ? {} : { strategy }) }])
    const made = given.map((pool) => (pool instanceof Pool ? pool : this.#own(pool)))
    made.sort((a, b) => a.priority - b.priority)
    if (fallback !== null) made.push(this.#own({ name: 'fallback', upstreams: fallback, strategy: fallbackStrategy }))
    if (!made.some((pool) => pool.members.length > 0)) {
      throw new InvalidOptionError(
        'Forwarder',
        'pools',
        'must hold at least one upstream: give upstreams, pools or fallback',
      )
    }
    return made
  }

  #makeRoutes(): readonly (readonly [string, Route])[] {
    const given = Object.entries(this.#options.routes ?? {})
    return given.map(([suffix, route]) => [suffix, this.#routeFrom(suffix, route)])
  }

  #makeRouter(routes: readonly (readonly [string, Route])[], first: Asked): Router {
    const fronted = routes.map(([suffix, route]): [string, Route] =>
      'to' in route ? [suffix, { ...route, to: this.#front(suffix, route.to) }] : [suffix, route],
    )
    // Assigning to a suffix such as __proto__ would lose the route (A22).
    return new Router({ routes: Object.fromEntries(fronted), default: first, clock: this.#clock })
  }

  /** What asks a route's own: its upstreams' word counts for nobody else (A10). */
  #front(suffix: string, to: Exchanger): Exchanger {
    if (this.#cache === null) return new Coalescer(to, this.#clock)
    const name = suffix.length > 1 && suffix.endsWith('.') ? suffix.slice(0, -1) : suffix
    return this.#cache.partition(name.toLowerCase(), to)
  }

  #routeFrom(suffix: string, route: ForwarderRoute): Route {
    if (typeof route === 'object' && route !== null && !Array.isArray(route)) {
      if ('action' in route) return route
      // The router refuses what else may be in it.
      if ('to' in route) return { ...route, to: this.#targetFrom(suffix, route.to) }
    }
    return { to: this.#targetFrom(suffix, route as readonly PoolMember[] | AddressInput | Exchanger) }
  }

  #targetFrom(suffix: string, to: readonly PoolMember[] | AddressInput | Exchanger): Exchanger {
    if (typeof to === 'object' && to !== null && 'exchange' in to) return to
    const upstreams = (Array.isArray(to) ? to : [to]) as readonly PoolMember[]
    if (upstreams.length === 0)
      throw new InvalidOptionError('Forwarder', `routes["${suffix}"]`, 'must hold at least one upstream')
    return this.#own({ name: suffix, upstreams })
  }

  #own(options: PoolOptions): Pool {
    if (typeof options !== 'object' || options === null || Array.isArray(options) || 'exchange' in options)
      reject('Forwarder', 'pools', options, 'an array of pools or of pool options such as { upstreams: ["1.1.1.1"] }')
    const { upstreamDefaults, clock, failFast, health } = this.#options
    const { upstreamDefaults: own, ...rest } = options
    const defaults = { clock, failFast, ...(health !== undefined && { health }) }
    const pool = new Pool({ ...defaults, ...rest, upstreamDefaults: { ...upstreamDefaults, ...own } })
    this.#owned.push(pool)
    return pool
  }

  #refusePlain(): void {
    const plain = this.upstreams.find(({ transport }) => transport === 'udp' || transport === 'tcp')
    if (plain === undefined) return
    throw new InvalidOptionError(
      'Forwarder',
      'requireEncryption',
      `is set, and ${plain.name} is asked in the clear over ${plain.transport}; allowed are tls, https, doq and h3`,
    )
  }
}

/** A query with the forwarder's own end, whose outcome somebody wants to hear of. */
class Bounded extends Inner {
  readonly #end: number
  readonly #report: ((started: number, reply: Reply | null, error: DnsError | null) => void) | null

  constructor(
    asking: Asking,
    end: number,
    report: ((started: number, reply: Reply | null, error: DnsError | null) => void) | null,
  ) {
    super(asking)
    this.#end = end
    this.#report = report
  }

  override get deadline(): number {
    return Math.min(this.outer.deadline, this.#end)
  }

  onReply(reply: Reply): void {
    this.#report?.(this.started, reply, null)
    this.outer.onReply(reply)
  }

  onFailure(error: DnsError): void {
    this.#report?.(this.started, null, error)
    this.outer.onFailure(error)
  }
}

/** The upstreams behind `exchanger`, as far as they can be seen. */
function upstreamsOf(exchanger: Exchanger): readonly Upstream[] {
  if (exchanger instanceof Upstream) return [exchanger]
  if (exchanger instanceof Pool) return exchanger.members.flatMap(upstreamsOf)
  return exchanger instanceof Forwarder ? exchanger.upstreams : []
}

export type { ForwarderOptions, ForwarderRoute } from './options.js'
