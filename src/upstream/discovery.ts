import type { Address } from '../address/address.js'
import { CancelScope } from '../base/cancel.js'
import { CANCELLED, DnsError, type ErrorCode } from '../errors.js'
import type { ExchangeContext, Query, Reply, TransportName } from '../exchanger.js'
import { RCODE, rcodeName } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import { exchangeWith, type Asked } from '../query/sink.js'
import { askForAddresses } from './address-lookup.js'
import { Attempt } from './attempt.js'
import type { Owner } from './attempt-owner.js'
import { readDesignations, type Designation, type Designations } from './designations.js'
import type { ReadUpstreamOptions } from './options.js'
import { routesToDesignated, type ConnectionListeners } from './route-options.js'
import type { Routes } from './routes.js'

/** Where a resolver is asked about itself (RFC 9462, section 4). */
const NAME = '_dns.resolver.arpa'
/** Aliases that are followed; unbound and BIND stop there as well. */
const MAX_ALIASES = 8
/** Designated resolvers that are tried, since a reply has room for a thousand and each may be anybody. */
const MAX_TRIED = 8
/** TTLs within this are heeded, in s. */
const MIN_TTL = 60
const MAX_TTL = 86_400
/** How long a resolver that designates nobody is left alone, in s. */
const NONE = 3600
/** How long a server that can't be reached over QUIC isn't tried over it again, in s (RFC 9250, section 5.2). */
const WITHOUT_QUIC = 3600
/** How long plain goes on after the designated resolver, or the question for it, failed, in s. */
const HOLD_DOWN = 60

/** What discovery needs of its upstream. */
export interface DiscoveryOwner {
  readonly attempts: Owner
  readonly listeners: ConnectionListeners
  /** Asks the upstream as anybody does. */
  exchange(query: Query, ctx: ExchangeContext): Promise<Reply>
  begin(attempt: Attempt): void
  /** Another one is asked from now on; null: nobody, plain it is, since `reason`. */
  redesignated(address: Address | null, reason: ErrorCode | null): void
}

/**
 * Finds the encrypted resolver that a plain one designates, in the background, and says which one to ask (RFC 9462,
 * Verified Discovery). Queries never wait for it.
 */
export class Discovery {
  readonly #original: Address
  readonly #owner: DiscoveryOwner
  readonly #options: ReadUpstreamOptions
  /** Those that were left and still have queries in flight. */
  readonly #leaving = new Set<Routes>()
  /** Until when, by the clock, addresses over QUIC are left alone. */
  readonly #without = new Map<string, number>()
  #dueAt = -Infinity
  #scope = new CancelScope()
  #address: Address | null = null
  #routes: Routes | null = null

  /** The discovery of an upstream with `options`; null where that is off, not needed, or there is no IP address to prove. */
  static for(address: Address, options: ReadUpstreamOptions, owner: DiscoveryOwner): Discovery | null {
    const { transport, family } = address
    const fits = options.discovery && family !== null && (transport === 'udp' || transport === 'tcp')
    return fits ? new Discovery(address, options, owner) : null
  }

  private constructor(original: Address, options: ReadUpstreamOptions, owner: DiscoveryOwner) {
    this.#original = original
    this.#options = options
    this.#owner = owner
  }

  /** The designated resolver that is asked, or null. */
  get address(): Address | null {
    return this.#address
  }

  /** The ways to it, or null. */
  get routes(): Routes | null {
    return this.#routes
  }

  /** Called with each query: looks for a designated resolver where that is due. */
  touch(): void {
    if (this.#options.clock.now() < this.#dueAt) return
    this.#dueAt = Infinity
    void this.#discover(this.#scope)
  }

  /** It can't be reached, or doesn't prove who it is: plain goes on for a while. */
  failed(reason: ErrorCode): void {
    if (this.#routes === null) return
    this.#leaveAlone(this.#address!)
    this.#restart()
    this.#dueAt = this.#options.clock.now() + 1000 * HOLD_DOWN
    this.#use(null, null, reason)
  }

  /** The network is another one: asks again with the next query (RFC 9462, section 4.1). */
  renew(): void {
    this.#restart()
    this.#without.clear()
    this.#dueAt = -Infinity
    this.#routes?.renew()
  }

  /** Looks no further. */
  stop(): void {
    this.#dueAt = Infinity
    this.#scope.cancel()
  }

  async close(): Promise<void> {
    this.stop()
    await Promise.all([...this.#all].map((routes) => routes.close()))
  }

  destroy(): void {
    this.stop()
    for (const routes of this.#all) routes.destroy()
  }

  get #all(): readonly Routes[] {
    return this.#routes === null ? [...this.#leaving] : [...this.#leaving, this.#routes]
  }

  #restart(): void {
    this.#scope.cancel()
    this.#scope = new CancelScope()
  }

  async #discover(scope: CancelScope): Promise<void> {
    let wait = HOLD_DOWN
    try {
      const { resolvers, ttl } = await this.#ask(NAME, scope, MAX_ALIASES)
      wait = ttl === Infinity ? NONE : Math.min(MAX_TTL, Math.max(MIN_TTL, ttl))
      if (await this.#useFirst(resolvers, scope)) wait = HOLD_DOWN
    } catch {
      // Whatever went wrong, plain was asked for and goes on; so does the designated resolver that proved itself before.
    }
    if (scope !== this.#scope || scope.cancelled) return
    this.#dueAt = this.#options.clock.now() + 1000 * wait
  }

  async #ask(name: string, scope: CancelScope, aliases: number): Promise<Designations> {
    const { message } = await this.#owner.exchange({ message: Message.query(name, 'SVCB') }, this.#context(scope))
    if (message.truncated || (message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN))
      throw new DnsError('ERR_DNS_CONNECT', `the reply about ${NAME} is ${rcodeName(message.rcode)}`)
    const found = readDesignations(message.scrubbed(), this.#options.random)
    if (found.alias === null || aliases === 0) return found
    const further = await this.#ask(found.alias, scope, aliases - 1)
    return { ...further, ttl: Math.min(found.ttl, further.ttl) }
  }

  /** @returns whether there is none to use, and one that couldn't be reached may be another time */
  async #useFirst(resolvers: readonly Designation[], scope: CancelScope): Promise<boolean> {
    let unreachable = false
    for (const designation of resolvers.slice(0, MAX_TRIED)) {
      const outcome = await this.#try(designation, scope)
      if (outcome === 'used') return false
      if (outcome === 'unreachable') unreachable = true
    }
    return unreachable
  }

  /** Used is what replies and has a certificate that covers the upstream's IP address. */
  async #try({ address, hints }: Designation, scope: CancelScope): Promise<'used' | 'refused' | 'unreachable'> {
    if (address.text === this.#address?.text) return 'used'
    if ((this.#without.get(address.text) ?? -Infinity) > this.#options.clock.now()) return 'refused'
    const addresses = hints.length > 0 ? hints : await this.#lookUp(address.host)
    if (addresses.length === 0 || scope.cancelled) return 'unreachable'
    const { attempts, listeners } = this.#owner
    const routes = routesToDesignated(attempts.name, this.#original, { address, addresses }, this.#options, listeners)
    this.#leaving.add(routes)
    try {
      await this.#verify(address.transport, routes, scope)
      if (scope.cancelled) throw CANCELLED
    } catch (error) {
      this.#leave(routes)
      if (!scope.cancelled) this.#leaveAlone(address)
      return error instanceof DnsError && error.code === 'ERR_DNS_TLS' ? 'refused' : 'unreachable'
    }
    this.#leaving.delete(routes)
    this.#use(address, routes, null)
    return 'used'
  }

  #leaveAlone({ transport, text }: Address): void {
    if (transport === 'doq' || transport === 'h3')
      this.#without.set(text, this.#options.clock.now() + 1000 * WITHOUT_QUIC)
  }

  /** Asks it over `routes`, whatever is used otherwise, and with nothing to fall back on. */
  #verify(kind: TransportName, routes: Routes, scope: CancelScope): Promise<Reply> {
    const attempts: Owner = {
      ...this.#owner.attempts,
      transport: kind,
      route: (of) => routes.get(of),
      prepare: (of) => routes.prepare(of),
    }
    const asked: Asked = {
      ask: (query, ctx, asking) => this.#owner.begin(new Attempt(attempts, kind, query, ctx, asking)),
    }
    const query = { message: Message.query(NAME, 'SVCB') }
    return exchangeWith(asked, query, this.#context(scope), this.#options.clock.now())
  }

  async #lookUp(host: string): Promise<readonly string[]> {
    const { clock, timeout } = this.#options
    const families = ([4, 6] as const).map((family) => askForAddresses([this.#owner], host, family, clock, timeout))
    const found = await Promise.allSettled(families)
    return found.flatMap((family) => (family.status === 'fulfilled' ? family.value.addresses : []))
  }

  #use(address: Address | null, routes: Routes | null, reason: ErrorCode | null): void {
    if (this.#routes !== null) this.#leave(this.#routes)
    this.#address = address
    this.#routes = routes
    this.#owner.redesignated(address, reason)
  }

  /** Queries that are in flight there may end. */
  #leave(routes: Routes): void {
    this.#leaving.add(routes)
    void routes.close().then(() => this.#leaving.delete(routes))
  }

  #context(scope: CancelScope): ExchangeContext {
    const { clock, timeout } = this.#options
    return { deadline: clock.now() + timeout, scope, client: null, purpose: 'probe', trace: null }
  }
}
