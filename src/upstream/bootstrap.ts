import { parseAddress, parseAddressList, type Address, type AddressInput } from '../address/address.js'
import type { Clock } from '../base/clock.js'
import { reject } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import type { Exchanger } from '../exchanger.js'
import { isAsked, isExchanger } from '../query/sink.js'
import type { FunctionUpstream } from './function-transport.js'
import type { ReadUpstreamOptions, UpstreamOptions } from './options.js'
import { askForAddresses } from './address-lookup.js'
import type { Finder } from './names.js'

/** Who is asked for the addresses of upstreams: an address in any form, or anything with `exchange()`. */
export type BootstrapInput = AddressInput | Exchanger

/** The same, read. */
export type BootstrapEntry = Address | Exchanger

/** An upstream, as far as a bootstrap needs one. */
interface Resolver extends Exchanger {
  readonly name: string
  readonly address: Address | null
  networkChanged(): void
  close(): Promise<void>
  destroy(): void
}

/** Makes an upstream. */
type Make = (target: Address | FunctionUpstream, options: UpstreamOptions) => Resolver

/** The resolvers that know where an upstream is. It owns those that it was given as addresses. */
export class Bootstrap {
  readonly entries: readonly BootstrapEntry[]
  /** Who is asked, as far as it can be seen. */
  readonly upstreams: readonly { readonly name: string; readonly address: Address | null }[]
  readonly #host: string
  readonly #clock: Clock
  readonly #timeout: number
  readonly #resolvers: readonly Exchanger[]
  readonly #owned: Resolver[] = []

  /**
   * The bootstrap of an upstream with `options`, or null where it needs none or the system's resolver does.
   *
   * @throws {InvalidOptionError} `host` of the address would have to be known before somebody can be asked
   */
  static for(address: Address, options: ReadUpstreamOptions, make: Make): Bootstrap | null {
    if (!needsLookup(address)) return null
    const entries = options.bootstrap ?? address.stamp?.bootstrap.map((text) => parseAddress(text)) ?? []
    return entries.length === 0 ? null : new Bootstrap(address.host, entries, options, make)
  }

  /** @throws {InvalidOptionError} `host` would have to be known before one of `entries` can be asked */
  constructor(host: string, entries: readonly BootstrapEntry[], options: ReadUpstreamOptions, make: Make) {
    refuseLoop(host, entries)
    const { clock, timeout, lookup, source } = options
    const own = { clock, timeout, lookup, ...(source !== null && { source: source.text }) }
    this.#host = host
    this.entries = entries
    this.#clock = clock
    this.#timeout = timeout
    this.#resolvers = entries.map((entry) => this.#resolverFrom(entry, (target) => make(target, own)))
    this.upstreams = this.#resolvers.filter((resolver): resolver is Resolver => 'address' in resolver)
  }

  /** Asks all of them. @throws {InvalidOptionError} as a rejection: a pool among them has got a member that asks back */
  readonly find: Finder = async (host, family) => {
    refuseLoop(this.#host, this.entries)
    return askForAddresses(this.#resolvers, host, family, this.#clock, this.#timeout)
  }

  renew(): void {
    for (const resolver of this.#owned) resolver.networkChanged()
  }

  async close(): Promise<void> {
    await Promise.all(this.#owned.map((resolver) => resolver.close()))
  }

  destroy(): void {
    for (const resolver of this.#owned) resolver.destroy()
  }

  /** What a user wrote may break its contract; as an upstream it is judged like anybody. */
  #resolverFrom(entry: BootstrapEntry, make: (target: Address | FunctionUpstream) => Resolver): Exchanger {
    if ('exchange' in entry && isAsked(entry)) return entry
    const exchange = 'exchange' in entry ? { name: 'bootstrap', exchange: entry.exchange.bind(entry) } : entry
    const resolver = make(exchange)
    this.#owned.push(resolver)
    return resolver
  }
}

/** The option `bootstrap` of an upstream: one entry or several, text with commas between addresses included. */
export function readBootstrap(given: unknown, owner: string, name: string): readonly BootstrapEntry[] {
  const entries = (Array.isArray(given) ? given : [given]).flatMap((entry: unknown): readonly BootstrapEntry[] => {
    if (typeof entry === 'string') return parseAddressList(entry)
    return isExchanger(entry) ? [entry] : [parseAddress(entry as AddressInput)]
  })
  if (entries.length === 0) reject(owner, name, given, 'at least one resolver, such as "9.9.9.9"')
  return entries
}

/** Whether the host of `address` has to be looked up before it can be asked. */
export function needsLookup({ family, stamp }: Address): boolean {
  return family === null && (stamp === null || stamp.address === null)
}

/**
 * Refuses to look up `host` by asking somebody who would have to look up `host` first (RFC 8484, section 10).
 *
 * @throws {InvalidOptionError} saying who
 */
export function refuseLoop(host: string, entries: readonly BootstrapEntry[]): void {
  if (!entries.some((entry) => leadsTo(host, entry as Visible | Address, new Set()))) return
  throw new InvalidOptionError(
    'Upstream',
    'bootstrap',
    `would look up ${host} by asking ${host}: give the IP address of a resolver, or of ${host} itself`,
  )
}

/** What may be seen of an exchanger and of whom it asks in turn. */
interface Visible {
  readonly address?: Address | null
  readonly bootstrap?: { readonly entries: readonly object[] } | null
  readonly members?: readonly object[]
  readonly upstreams?: readonly object[]
}

/** Whether asking `entry` takes looking `host` up, as far as its members and their own bootstraps can be seen. */
function leadsTo(host: string, entry: Visible | Address, seen: Set<object>): boolean {
  if (seen.has(entry)) return false
  seen.add(entry)
  if ('host' in entry) return needsLookup(entry) && entry.host === host
  const { address, bootstrap, members, upstreams } = entry
  const within = [...(bootstrap?.entries ?? []), ...(members ?? []), ...(upstreams ?? [])]
  return [...(address ? [address] : []), ...within].some((inner) => leadsTo(host, inner, seen))
}
