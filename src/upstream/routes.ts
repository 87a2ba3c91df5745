import { promises as dns } from 'node:dns'
import pAny from 'p-any'
import { withTimeLimit } from '../base/time-limit.js'
import { type Address } from '../address/address.js'
import type { Source } from '../address/source.js'
import { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { LocalAddress } from './local-address.js'
import { closedFailure } from '../transport/failure.js'
import { isBuiltIn, loadTransport } from '../transport/transports.js'
import type { Transport, TransportFactory, TransportOptions } from '../transport/transport.js'

/** How long addresses that the system's resolver gave are used before it is asked again, in ms. */
const REFRESH = 60_000
/** The longest that the system's resolver may take, in ms. */
const LOOKUP_TIMEOUT = 5000

/** Finds the addresses of a host: the system's resolver, unless a test brings another. */
export type HostLookup = (host: string, family: 4 | 6) => Promise<readonly string[]>

/** What the transports of one upstream share. */
export type RouteOptions = Omit<TransportOptions, 'addresses' | 'port' | 'source'> & {
  readonly source: Source | null
  readonly lookup: HostLookup
}

/**
 * The ways to one upstream: its addresses, and a transport to each that is in use. Opens, loads and looks up nothing
 * before the first query.
 */
export class Routes {
  readonly #address: Address
  readonly #options: RouteOptions
  readonly #factories = new Map<TransportName, TransportFactory>()
  readonly #transports = new Map<string, Transport>()
  readonly #ready = new Map<TransportName, Transport>()
  /** Those that {@link prepare} is under way for. */
  readonly #waiting = new Set<(error: DnsError) => void>()
  #ips: readonly string[]
  #current = 0
  #refreshAt = Infinity
  #looking: Promise<void> | null = null
  #closed = false

  constructor(address: Address, options: RouteOptions) {
    this.#address = address
    this.#options = options
    this.#ips = address.family === null ? [] : [address.host]
  }

  /** The transport to use now, or null while {@link prepare} has to be awaited first. */
  get(kind: TransportName): Transport | null {
    if (this.#refreshAt !== Infinity && this.#options.clock.now() >= this.#refreshAt) this.#refresh()
    return this.#ready.get(kind) ?? null
  }

  /**
   * Loads the transport and finds the upstream's addresses, where that hasn't been done.
   *
   * @throws {DnsError} ERR_DNS_CONNECT: no address, no such interface; ERR_DNS_CLOSED
   */
  prepare(kind: TransportName): Promise<Transport> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      const done = (): boolean => this.#waiting.delete(reject)
      this.#prepare(kind).then(resolve, reject).finally(done)
    })
  }

  async #prepare(kind: TransportName): Promise<Transport> {
    let factory = this.#factories.get(kind)
    if (factory === undefined) this.#factories.set(kind, (factory = await loadTransport(kind)))
    if (this.#ips.length === 0) await this.#lookUp()
    if (this.#closed) throw closedFailure(this.#options)
    const transport = this.#open(kind, factory)
    this.#ready.set(kind, transport)
    return transport
  }

  /** The address in use failed: the next query goes to the host's next one, if it has several. */
  failed(): void {
    if (this.#ips.length < 2) return
    this.#current = (this.#current + 1) % this.#ips.length
    // Opened anew by prepare(), where it may fail: this is called in the midst of another query's end.
    this.#ready.clear()
  }

  /** Leaves the old connections behind and looks the host up again: the network is another one. */
  renew(): void {
    for (const transport of this.#transports.values()) transport.renew()
    if (this.#address.family === null) this.#refreshAt = -Infinity
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()))
  }

  destroy(): void {
    this.#closed = true
    for (const reject of this.#waiting) reject(closedFailure(this.#options))
    for (const transport of this.#transports.values()) transport.destroy()
  }

  #open(kind: TransportName, factory: TransportFactory): Transport {
    const ip = this.#ips[this.#current]!
    const key = `${kind} ${ip}`
    let transport = this.#transports.get(key)
    if (transport === undefined) {
      const { source, ...shared } = this.#options
      const local = source === null ? null : new LocalAddress(source, familyOf(ip), shared.clock)
      transport = factory({
        ...shared,
        addresses: [ip],
        port: this.#address.port,
        source: () => local?.current ?? null,
      })
      this.#transports.set(key, transport)
    }
    return transport
  }

  /** In the background: what was found before stays in use until there is something new. */
  #refresh(): void {
    this.#refreshAt = this.#options.clock.now() + REFRESH
    this.#lookUp().catch(() => undefined)
  }

  #lookUp(): Promise<void> {
    return (this.#looking ??= this.#findAddresses().finally(() => {
      this.#looking = null
    }))
  }

  /** Both families at once; the first to have an address is enough to begin with. */
  async #findAddresses(): Promise<void> {
    const { lookup, clock, name } = this.#options
    const { host } = this.#address
    const found: string[][] = [[], []]
    const families = ([4, 6] as const).map(async (family, at) => {
      found[at] = [...(await lookup(host, family))]
      this.#use(found.flat())
    })
    try {
      await withTimeLimit(pAny(families), LOOKUP_TIMEOUT, clock, new Error(`no answer within ${LOOKUP_TIMEOUT} ms`))
    } catch (cause) {
      throw new DnsError('ERR_DNS_CONNECT', `${name}: the system's resolver finds no address of ${host}`, {
        cause,
        upstream: name,
      })
    }
    this.#refreshAt = clock.now() + REFRESH
  }

  #use(found: readonly string[]): void {
    const family = this.#options.source?.family ?? null
    const ips = family === null ? found : found.filter((ip) => familyOf(ip) === family)
    if (ips.length === 0) throw new DnsError('ERR_DNS_CONNECT', `${this.#address.host} has no address of this family`)
    const using = this.#ips[this.#current]
    this.#ips = ips
    this.#current = Math.max(0, using === undefined ? 0 : ips.indexOf(using))
    if (using !== undefined && ips[this.#current] !== using) this.#ready.clear()
  }
}

function familyOf(ip: string): 4 | 6 {
  return ip.includes(':') ? 6 : 4
}

/** @throws {DnsError} ERR_DNS_CONNECT: `transport` is known by name only */
export function checkBuiltIn(name: string, transport: TransportName): void {
  if (isBuiltIn(transport)) return
  throw new DnsError('ERR_DNS_CONNECT', `${name}: the transport ${transport} is not built in yet`, {
    upstream: name,
  })
}

/** The system's resolver: hosts file and all. */
export const systemLookup: HostLookup = async (host, family) => {
  const found = await dns.lookup(host, { family, all: true })
  return found.map(({ address }) => address)
}
