import dns, { type LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import type { Desk } from './desk.js'
import { Families } from './families.js'
import { HostLookup, notFound, select, type WantedHost } from './host-lookup.js'
import type { Hosts } from './hosts.js'
import { readLookupOptions, type LookupOptions, type ReadLookupOptions } from './lookup-options.js'
import { nodeLookupThrows } from './node-throws.js'
import { asciiOf, candidates } from './question.js'
import type { ResolverError } from './resolver-error.js'

/** Told the end of a lookup, never before the call has returned: the first address and its family, or with `all` every one. */
export type LookupCallback<A extends string | LookupAddress[] = string | LookupAddress[]> = (
  error: ResolverError | null,
  address: A,
  family?: number,
) => void

/** `dns.lookup`. */
export interface CallbackLookup {
  (hostname: string, callback: LookupCallback<string>): void
  (hostname: string, options: number, callback: LookupCallback<string>): void
  (hostname: string, options: LookupOptions & { readonly all: true }, callback: LookupCallback<LookupAddress[]>): void
  (
    hostname: string,
    options: LookupOptions & { readonly all?: false | undefined },
    callback: LookupCallback<string>,
  ): void
  (hostname: string, options: LookupOptions, callback: LookupCallback): void
}

/** `dns.lookup` and, without a callback, `dns.promises.lookup`. */
export interface Lookup extends CallbackLookup {
  (hostname: string, options: LookupOptions & { readonly all: true }): Promise<LookupAddress[]>
  (hostname: string, options?: number | (LookupOptions & { readonly all?: false | undefined })): Promise<LookupAddress>
  (hostname: string, options: LookupOptions): Promise<LookupAddress | LookupAddress[]>
}

/** Both families, and each alone. */
const BOTH = [4, 6] as const
const ONLY = { 4: [4], 6: [6] } as const
/**
 * A name in lower case and ASCII that is no IP address, since it has no colon and doesn't end in a digit. Most are; on
 * others `isIP` alone costs as much as the cache.
 */
const PLAIN = /^[a-z\d_.-]*[a-z_.-]$/
/** Where names of this machine lead that no hosts file has (RFC 6761, section 6.3). */
const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/** Looks hosts up, by their names in ASCII (RFC 5891): IP addresses as they are, then the hosts file, then names of this machine, then whom the desk asks. */
export class Lookups {
  readonly #desk: Desk
  readonly #hosts: Hosts
  readonly #families = new Families()

  constructor(desk: Desk, hosts: Hosts) {
    this.#desk = desk
    this.#hosts = hosts
  }

  /** A function of its own, which needs no `this`. */
  get lookup(): Lookup {
    const lookup = (hostname: unknown, given?: unknown, last?: unknown): Promise<unknown> | undefined => {
      const [options, callback] = typeof given === 'function' ? [undefined, given] : [given, last]
      if (callback === undefined) return this.#promised(hostname, options)
      if (typeof callback !== 'function') nodeLookupThrows(hostname, options, callback)
      this.#start(hostnameOf(hostname), readLookupOptions(options), callback as LookupCallback)
      return undefined
    }
    // What promisify makes of dns.lookup: an object, whatever the callback is told.
    return Object.assign(lookup, { [promisify.custom]: this.#promised.bind(this) }) as unknown as Lookup
  }

  #promised(hostname: unknown, given: unknown): Promise<unknown> {
    const name = hostnameOf(hostname)
    const options = readLookupOptions(given)
    return new Promise((resolve, reject) => {
      this.#start(name, options, (error, address, family) => {
        if (error !== null) reject(error)
        else resolve(options.all ? address : { address, family })
      })
    })
  }

  #start(hostname: string, options: ReadLookupOptions, callback: LookupCallback): void {
    if (PLAIN.test(hostname)) return this.#find(hostname, hostname, options, callback)
    const name = asciiOf(hostname)
    const literal = isIP(name)
    if (literal !== 0) return deliver([{ address: name, family: literal }], options, callback)
    if (name === '') return void process.nextTick(callback, notFound(hostname))
    this.#find(hostname, name.toLowerCase(), options, callback)
  }

  /** @param name of the host, in lower case and ASCII */
  #find(hostname: string, name: string, options: ReadLookupOptions, callback: LookupCallback): void {
    const started = this.#desk.clock.now()
    const known = this.#known(name, options, started)
    if (known.length > 0) return deliver([...known], options, callback)
    const families = this.#familiesFor(options, started)
    if (families.length === 0) return void process.nextTick(callback, notFound(hostname))
    const { search, ndots } = this.#desk
    this.#ask({ hostname, names: candidates(name, search, ndots), families, started }, options, callback)
  }

  /** What is known of a name without asking anybody. */
  #known(name: string, options: ReadLookupOptions, now: number): readonly LookupAddress[] {
    const bare = name.endsWith('.') ? name.slice(0, -1) : name
    const listed = this.#select(this.#hosts.addresses(bare, now), options)
    if (listed.length > 0 || !(bare === 'localhost' || bare.endsWith('.localhost'))) return listed
    return this.#select(LOOPBACK, options)
  }

  #select(known: readonly LookupAddress[], options: ReadLookupOptions): readonly LookupAddress[] {
    if (known.length === 0) return known
    if (options.family === 0 && options.order === 'verbatim') return known
    const of = (family: 4 | 6): string[] => known.flatMap((one) => (one.family === family ? [one.address] : []))
    return select(of(4), of(6), options, false)
  }

  #ask(wanted: WantedHost, options: ReadLookupOptions, callback: LookupCallback): void {
    const task = new HostLookup(this.#desk, wanted, (error, found4, found6) => {
      if (error !== null) process.nextTick(callback, error)
      else deliver(select(found4, found6, options, this.#families.prefers6(wanted.started)), options, callback)
    })
    this.#desk.begin(task, options.signal)
  }

  /** Those to ask for; none where only one is wanted that this machine doesn't have. */
  #familiesFor({ family, hints }: ReadLookupOptions, now: number): readonly (4 | 6)[] {
    const wanted = family === 0 || (family === 6 && (hints & dns.V4MAPPED) !== 0) ? BOTH : ONLY[family]
    if ((hints & dns.ADDRCONFIG) === 0) return wanted
    return wanted.filter((one) => this.#families.isConfigured(one, now))
  }
}

/** @throws {TypeError} what `dns.lookup` throws for what is no text; what is falsy is an empty name to it */
function hostnameOf(given: unknown): string {
  if (typeof given === 'string') return given
  return given ? nodeLookupThrows(given, undefined, () => undefined) : ''
}

/** What a callback throws is nobody's rejection, and it is never called before its call has returned. `found` is its own from then on. */
function deliver(found: LookupAddress[], { all }: ReadLookupOptions, callback: LookupCallback): void {
  if (all) process.nextTick(callback, null, found)
  else process.nextTick(callback, null, found[0]!.address, found[0]!.family)
}
