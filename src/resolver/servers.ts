import { formatAddress, parseAddressList, type Address, type AddressInput } from '../address/address.js'
import type { Clock } from '../base/clock.js'
import { show } from '../base/options.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import type { Exchanger } from '../exchanger.js'
import { Forwarder } from '../forwarder/forwarder.js'
import { DEFAULT_TIMEOUT } from '../query/context.js'
import { isExchanger } from '../query/sink.js'

/** What a resolver asks: an exchanger, or addresses, which it makes a forwarder of its own for. */
export type ResolverInput = Exchanger | AddressInput | readonly AddressInput[]

/** Local addresses that the kernel picks from. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::', '::0'])

/** Whom a resolver asks: what it was given, or a forwarder of its own over addresses, asked in their order. */
export class Servers {
  readonly #clock: Clock
  /** The longest that one call may take, in ms. */
  readonly timeout: number
  #exchanger: Exchanger
  #owned: Forwarder | null = null
  /** That one, and those before it until queries there have ended. */
  readonly #open = new Set<Forwarder>()
  #addresses: readonly Address[] = []
  #sources: Readonly<Record<4 | 6, string>> = { 4: '', 6: '' }

  /** @throws {DnsError} ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS */
  constructor(given: ResolverInput, clock: Clock, timeout: number | null) {
    this.#clock = clock
    this.timeout = timeout ?? timeoutOf(given)
    this.#exchanger = isExchanger(given) ? given : this.#own(toAddresses(given))
  }

  get exchanger(): Exchanger {
    return this.#exchanger
  }

  /** As `getServers()` of `node:dns` lists them where they are plain, in the form of an address where they aren't. */
  get list(): string[] {
    const exchanger = this.#exchanger
    if (exchanger instanceof Forwarder) return exchanger.upstreams.map(serverText)
    // A pool finds those behind what it holds; nobody knows of any behind an exchanger without a name.
    if (!('name' in exchanger)) return []
    return new Forwarder({ upstreams: [exchanger as never], health: false }).upstreams.map(serverText)
  }

  /** Asks these from now on; what was made for those before is closed once it is idle. */
  set(given: readonly AddressInput[]): void {
    this.#replace(toAddresses(given))
  }

  /** Asks from these local addresses from now on; the kernel picks where one is empty or unspecified. */
  bind(ipv4: string, ipv6: string): void {
    if (this.#owned === null)
      throw new InvalidOptionError(
        'Resolver',
        'setLocalAddress',
        'goes with addresses; an exchanger has its own source',
      )
    this.#sources = { 4: ipv4, 6: ipv6 }
    this.#replace(this.#addresses)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((forwarder) => forwarder.close()))
  }

  destroy(): void {
    for (const forwarder of this.#open) forwarder.destroy()
  }

  #replace(addresses: readonly Address[]): void {
    const before = this.#owned
    this.#exchanger = this.#own(addresses)
    if (before !== null) void before.close().then(() => this.#open.delete(before))
  }

  #own(addresses: readonly Address[]): Forwarder {
    const groups = new Map<string, Address[]>()
    for (const address of addresses) {
      const source = this.#sourceFor(address)
      groups.set(source, [...(groups.get(source) ?? []), address])
    }
    const pools = [...groups].map(([source, upstreams], i) => ({
      name: source === '' ? 'default' : source,
      priority: i,
      strategy: 'failover' as const,
      upstreams,
      ...(source !== '' && { upstreamDefaults: { source } }),
    }))
    // Asked by themselves alone, as node:dns asks: nobody expects a resolver to send queries of its own.
    this.#owned = new Forwarder({ pools, timeout: this.timeout, clock: this.#clock, health: false })
    this.#open.add(this.#owned)
    this.#addresses = addresses
    return this.#owned
  }

  #sourceFor({ family }: Address): string {
    const source = this.#sources[family ?? 4]
    return ANY_ADDRESS.has(source) ? '' : source
  }
}

/** Each once: `node:dns` takes the same server twice, too. */
function toAddresses(given: unknown): readonly Address[] {
  if (typeof given !== 'string' && (typeof given !== 'object' || given === null))
    throw new InvalidOptionError(
      'Resolver',
      'upstreams',
      `must be a Forwarder, Pool, Upstream or something else with exchange(query, ctx), or addresses; got ${show(given)}`,
    )
  const all = parseAddressList(Array.isArray(given) || typeof given === 'string' ? given : [given as AddressInput])
  if (all.length === 0) throw new DnsError('ERR_DNS_NO_UPSTREAM', 'Resolver: there must be a server at least')
  return [...new Map(all.map((address) => [formatAddress(address), address])).values()]
}

function timeoutOf(given: ResolverInput): number {
  const own = isExchanger(given) && 'timeout' in given ? given.timeout : null
  return typeof own === 'number' ? own : DEFAULT_TIMEOUT
}

function serverText({ name, address }: Forwarder['upstreams'][number]): string {
  if (address === null) return name
  return address.transport === 'udp' && address.port === 53 ? address.host : formatAddress(address)
}
