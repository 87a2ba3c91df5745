import dns from 'node:dns'
import { isIPv4, isIPv6 } from 'node:net'
import type { Clock } from '../base/clock.js'
import { readOptions } from '../base/options.js'
import type { AddressInput } from '../address/address.js'
import { ask, type AskOptions, type QueryResult } from '../query/ask.js'
import type { Answer, ResolvableType, ResolveOptions } from './answers.js'
import { callbacksOf, type CallbackResolver } from './callbacks.js'
import { Desk } from './desk.js'
import { Hosts } from './hosts.js'
import { Installation } from './install.js'
import { KINDS, REVERSE, type Kind } from './kinds.js'
import { Lookups, type Lookup } from './lookup.js'
import { nodeThrows } from './node-throws.js'
import { checkSignal, RESOLVER_OPTIONS, type ResolverOptions } from './options.js'
import { candidates, reverseName } from './question.js'
import { Resolution, type Wanted } from './resolution.js'
import { invalidAddress } from './resolver-error.js'
import { Servers, type ResolverInput } from './servers.js'

export type * from './answers.js'
export type * from './callbacks.js'
export type { CallbackLookup, Lookup, LookupCallback } from './lookup.js'
export type { LookupOptions, LookupOrder } from './lookup-options.js'
export type { ResolverInput } from './servers.js'
export type { ResolverOptions } from './options.js'
export type { ServiceParams } from './service-params.js'
export { ResolverError } from './resolver-error.js'

/**
 * The face of `node:dns` over any exchanger: the methods of `dns.promises.Resolver` with the same results and errors.
 *
 * Arguments of the wrong type throw at once what `node:dns` throws. What was given as addresses is closed with it; an
 * exchanger that was given is not.
 */
export class Resolver {
  /**
   * `dns.lookup` and, without a callback, `dns.promises.lookup`. It needs no `this`: hand it to `net.connect`, agents and
   * whatever else takes a `lookup`.
   */
  readonly lookup: Lookup
  readonly #servers: Servers
  readonly #desk: Desk
  readonly #hosts: Hosts
  readonly #installation: Installation
  readonly #clock: Clock
  #callbacks: CallbackResolver | null = null

  /** @throws {DnsError} ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS */
  constructor(upstreams: ResolverInput, options: ResolverOptions = {}) {
    const read = readOptions('Resolver', RESOLVER_OPTIONS, options)
    this.#clock = read.clock
    this.#servers = new Servers(upstreams, read.clock, read.timeout)
    this.#desk = new Desk(this.#servers, read)
    this.#hosts = new Hosts(read.hosts)
    this.lookup = new Lookups(this.#desk, this.#hosts).lookup
    this.#installation = new Installation(this.lookup)
  }

  /** Whom it asks. */
  get parts(): readonly object[] {
    return [this.#servers.exchanger]
  }

  /** The same methods with callbacks, as `dns.Resolver` has them. */
  get callbacks(): CallbackResolver {
    return (this.#callbacks ??= callbacksOf(this))
  }

  /** Records of `rrtype`, any that has a method here. @default rrtype 'A' */
  resolve<T extends ResolvableType = 'A', O extends ResolveOptions = ResolveOptions>(
    hostname: string,
    rrtype?: T,
    options?: O,
  ): Promise<Answer<T, O>> {
    return this.#resolve(rrtype === undefined ? KINDS.A : kindOf(hostname, rrtype), hostname, options)
  }

  /** IPv4 addresses; empty where an alias leads nowhere. */
  resolve4<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'A', O>> {
    return this.#resolve(KINDS.A, hostname, options)
  }

  /** IPv6 addresses; empty where an alias leads nowhere. */
  resolve6<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'AAAA', O>> {
    return this.#resolve(KINDS.AAAA, hostname, options)
  }

  /** Records of all types that the server cares to tell, in the order of their types that `node:dns` has. */
  resolveAny<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'ANY', O>> {
    return this.#resolve(KINDS.ANY, hostname, options)
  }

  /** Who may issue certificates (RFC 8659). */
  resolveCaa<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'CAA', O>> {
    return this.#resolve(KINDS.CAA, hostname, options)
  }

  /** What the name is an alias of. */
  resolveCname<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'CNAME', O>> {
    return this.#resolve(KINDS.CNAME, hostname, options)
  }

  /** Service bindings for HTTPS (RFC 9460). */
  resolveHttps<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'HTTPS', O>> {
    return this.#resolve(KINDS.HTTPS, hostname, options)
  }

  /** Mail exchangers. */
  resolveMx<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'MX', O>> {
    return this.#resolve(KINDS.MX, hostname, options)
  }

  /** NAPTR records (RFC 3403). */
  resolveNaptr<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'NAPTR', O>> {
    return this.#resolve(KINDS.NAPTR, hostname, options)
  }

  /** Name servers. */
  resolveNs<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'NS', O>> {
    return this.#resolve(KINDS.NS, hostname, options)
  }

  /** PTR records. */
  resolvePtr<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'PTR', O>> {
    return this.#resolve(KINDS.PTR, hostname, options)
  }

  /** The start of authority. */
  resolveSoa<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'SOA', O>> {
    return this.#resolve(KINDS.SOA, hostname, options)
  }

  /** Services (RFC 2782). */
  resolveSrv<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'SRV', O>> {
    return this.#resolve(KINDS.SRV, hostname, options)
  }

  /** Service bindings (RFC 9460). */
  resolveSvcb<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'SVCB', O>> {
    return this.#resolve(KINDS.SVCB, hostname, options)
  }

  /** Certificate associations (RFC 6698). */
  resolveTlsa<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'TLSA', O>> {
    return this.#resolve(KINDS.TLSA, hostname, options)
  }

  /** Text: the character strings of each record, one character an octet. */
  resolveTxt<O extends ResolveOptions = ResolveOptions>(hostname: string, options?: O): Promise<Answer<'TXT', O>> {
    return this.#resolve(KINDS.TXT, hostname, options)
  }

  /** Names of an IP address, by the hosts file, else by its PTR records. */
  reverse(ip: string, options?: Pick<ResolveOptions, 'signal'>): Promise<string[]> {
    if (typeof ip !== 'string') nodeThrows((node) => node.reverse(ip, ignore))
    const name = reverseName(ip)
    if (name === null) return Promise.reject(invalidAddress(ip))
    const listed = this.#hosts.names(ip, this.#clock.now())
    if (listed.length > 0) return Promise.resolve([...listed])
    return this.#ask({ kind: REVERSE, names: [name], hostname: ip, withTtl: false }, options?.signal)
  }

  /**
   * Asks for `name` and any type, in presentation form, as every Exchanger class does.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return ask(this.#desk, { clock: this.#clock, timeout: this.#servers.timeout }, name, type, options)
  }

  /** Ends all that is under way, but `query()`, with `ECANCELLED`. */
  cancel(): void {
    this.#desk.cancel()
  }

  /** The servers that are asked: `192.0.2.1`, `192.0.2.1:5353`, or an address in any of its other forms. */
  getServers(): string[] {
    return this.#servers.list
  }

  /**
   * Asks these servers from now on, in place of those before or of the exchanger that was given.
   *
   * @throws {DnsError} ERR_DNS_INVALID_ADDRESS, ERR_DNS_CLOSED
   */
  setServers(servers: readonly AddressInput[]): void {
    if (!Array.isArray(servers)) nodeThrows((node) => node.setServers(servers as never))
    this.#desk.refuseIfEnded()
    this.#servers.set(servers)
  }

  /**
   * Asks from these local addresses from now on, one of each family.
   *
   * @throws {DnsError} ERR_DNS_INVALID_OPTION: an exchanger was given, which has its own; ERR_DNS_CLOSED
   */
  setLocalAddress(ipv4?: string, ipv6?: string): void {
    // It knows which two go together, and takes them in either order.
    new dns.Resolver().setLocalAddress(ipv4, ipv6)
    this.#desk.refuseIfEnded()
    const given = [ipv4, ipv6].filter((ip) => ip !== undefined)
    this.#servers.bind(given.find(isIPv4) ?? '', given.find(isIPv6) ?? '')
  }

  /**
   * Puts {@link lookup} in place of `dns.lookup` and `dns.promises.lookup`, for code that can't be told of it, until
   * {@link uninstall}. An upstream's own name is still looked up by the system.
   */
  install(): void {
    this.#installation.install()
  }

  /** Takes {@link install} back, and so does closing. */
  uninstall(): void {
    this.#installation.uninstall()
  }

  /** Takes no more calls, and closes what it made itself once that is idle. */
  async close(): Promise<void> {
    this.uninstall()
    await this.#desk.close()
    await this.#servers.close()
  }

  /** Ends everything now, what is under way with `EDESTRUCTION`. */
  destroy(): void {
    this.uninstall()
    this.#desk.destroy()
    this.#servers.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #resolve(kind: Kind, hostname: string, options: ResolveOptions | undefined): Promise<never> {
    if (typeof hostname !== 'string') nodeThrows((node) => node.resolve4(hostname, ignore))
    const { search, ndots } = this.#desk
    const names = candidates(hostname, search, ndots)
    return this.#ask({ kind, names, hostname, withTtl: options?.ttl === true }, options?.signal)
  }

  #ask(wanted: Wanted, signal: AbortSignal | undefined): Promise<never> {
    checkSignal(signal)
    return new Promise((resolve, reject) => {
      this.#desk.begin(new Resolution(this.#desk, wanted, resolve, reject), signal)
    })
  }
}

/** @throws {TypeError} what `node:dns` throws */
function kindOf(hostname: string, rrtype: unknown): Kind {
  if (typeof rrtype === 'string' && Object.hasOwn(KINDS, rrtype)) return KINDS[rrtype as ResolvableType]
  return nodeThrows((node) => node.resolve(hostname, rrtype as string, ignore))
}

function ignore(): void {}
