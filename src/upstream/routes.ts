import type { Source } from '../address/source.js'
import type { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { closedFailure } from '../transport/failure.js'
import { loadTransport } from '../transport/transports.js'
import type { Transport, TransportFactory, TransportOptions } from '../transport/transport.js'
import { LocalAddress } from './local-address.js'
import type { Names } from './names.js'

/** What the transports of one upstream share. */
export type RouteOptions = Omit<TransportOptions, 'addresses' | 'source'> & { readonly source: Source | null }

/**
 * The ways to one server: a transport of each kind that is in use. UDP has one for each address, and goes to the next
 * when one fails; streams are given all addresses and race them. Opens, loads and looks up nothing before the first query.
 */
export class Routes {
  readonly #options: RouteOptions
  readonly #names: Names | null
  readonly #fixed: readonly string[]
  readonly #factories = new Map<TransportName, TransportFactory>()
  /** By IP address for udp, else by kind. */
  readonly #transports = new Map<string, Transport>()
  /** Those that are being closed, since the host has left their address. */
  readonly #leaving = new Set<Transport>()
  readonly #ready = new Map<TransportName, Transport>()
  /** Those that {@link prepare} is under way for. */
  readonly #waiting = new Set<(error: DnsError) => void>()
  readonly #locals = new Map<4 | 6, LocalAddress>()
  /** The address that UDP asks, and that streams try first. */
  #front: string | null = null
  #turnedAt = -Infinity
  #closed = false

  /** @param where IP addresses, or the name that has them */
  constructor(where: readonly string[] | Names, options: RouteOptions) {
    this.#options = options
    this.#names = isNames(where) ? where : null
    this.#fixed = isNames(where) ? [] : where
  }

  /** The IP addresses that are known, the one to try first at the front. */
  get addresses(): readonly string[] {
    const known = this.#names?.addresses ?? this.#fixed
    const at = this.#front === null ? 0 : known.indexOf(this.#front)
    return at <= 0 ? known : [...known.slice(at), ...known.slice(0, at)]
  }

  /** The transport to use now, or null while {@link prepare} has to be awaited first. */
  get(kind: TransportName): Transport | null {
    if (this.#names !== null) this.#names.refresh()
    return this.#ready.get(kind) ?? null
  }

  /**
   * Loads the transport and finds the server's addresses, where that hasn't been done.
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
    if (this.addresses.length === 0) await this.#names!.find()
    if (this.#closed) throw closedFailure(this.#options)
    const transport = kind === 'udp' ? this.#openUdp(factory) : this.#openStream(kind, factory)
    this.#ready.set(kind, transport)
    return transport
  }

  /**
   * An attempt that began at clock time `started` failed: the host's next address comes to the front, if it has
   * several. Once for all that were under way then, or as many turns would lead back to the bad one.
   */
  failed(started: number): void {
    const { addresses } = this
    if (addresses.length < 2 || started < this.#turnedAt) return
    this.#front = addresses[1]!
    this.#turnedAt = this.#options.clock.now()
    // Opened anew by prepare(), where it may fail: this is called in the midst of another query's end.
    this.#ready.delete('udp')
  }

  /** The host has other addresses: what asks one that it has left is closed. */
  moved(): void {
    const { addresses } = this
    for (const [key, transport] of this.#transports) {
      if (!isIp(key) || addresses.includes(key)) continue
      this.#transports.delete(key)
      this.#ready.delete('udp')
      this.#leaving.add(transport)
      void transport.close().then(() => this.#leaving.delete(transport))
    }
  }

  /** Leaves the old connections behind and looks the host up again: the network is another one. */
  renew(): void {
    for (const transport of this.#transports.values()) transport.renew()
    this.#names?.renew()
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map((transport) => transport.close()))
  }

  destroy(): void {
    this.#closed = true
    for (const reject of this.#waiting) reject(closedFailure(this.#options))
    for (const transport of this.#all) transport.destroy()
  }

  get #all(): Iterable<Transport> {
    return [...this.#transports.values(), ...this.#leaving]
  }

  #openUdp(factory: TransportFactory): Transport {
    const ip = this.addresses[0]!
    this.#front = ip
    return this.#transportFor(ip, () => {
      this.#local(ip)
      return factory({ ...this.#options, addresses: [ip], source: this.#local })
    })
  }

  #openStream(kind: TransportName, factory: TransportFactory): Transport {
    const addressesNow = (): readonly string[] => this.addresses
    return this.#transportFor(kind, () =>
      factory({
        ...this.#options,
        source: this.#local,
        get addresses() {
          return addressesNow()
        },
      }),
    )
  }

  #transportFor(key: string, make: () => Transport): Transport {
    let transport = this.#transports.get(key)
    if (transport === undefined) this.#transports.set(key, (transport = make()))
    return transport
  }

  /** @throws {DnsError} ERR_DNS_CONNECT: no such interface, or no address of this family on it */
  readonly #local = (ip: string): string | null => {
    const { source, clock } = this.#options
    if (source === null) return null
    const family = ip.includes(':') ? 6 : 4
    let local = this.#locals.get(family)
    if (local === undefined) this.#locals.set(family, (local = new LocalAddress(source, family, clock)))
    return local.current
  }
}

function isNames(where: readonly string[] | Names): where is Names {
  return 'find' in where && !Array.isArray(where)
}

function isIp(key: string): boolean {
  return /[.:]/.test(key)
}
