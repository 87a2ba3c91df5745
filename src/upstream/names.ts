import { promises as dns } from 'node:dns'
import pAny from 'p-any'
import type { Clock } from '../base/clock.js'
import { withTimeLimit } from '../base/time-limit.js'
import { DnsError } from '../errors.js'

/** How long addresses without a TTL, those that the system's resolver gave, are used before it is asked again, in s. */
const REFRESH = 60
/** TTLs within this are heeded, in s. A server need not be looked up more often, and should be each day (RFC 2181, section 8). */
const MIN_TTL = 10
const MAX_TTL = 86_400
/** How long after a lookup in the background failed the next one waits, in ms; doubled each time (RFC 9520, section 3.2). */
const FIRST_RETRY = 1000
const LAST_RETRY = 30_000
/** The longest that a lookup may take, in ms. */
const LOOKUP_TIMEOUT = 5000

/** Finds the addresses of a host: the system's resolver, unless a test brings another. */
export type HostLookup = (host: string, family: 4 | 6) => Promise<readonly string[]>

/** What a host has in one family. */
export interface Found {
  /** Empty: the host has none (NODATA). */
  readonly addresses: readonly string[]
  /** How long they may be used, in seconds. */
  readonly ttl: number
}

/** Finds what a host has in one family; rejects where it can't tell. */
export type Finder = (host: string, family: 4 | 6) => Promise<Found>

/** What {@link Names} is made from. */
export interface NamesOptions {
  /** Name of the upstream, for errors. */
  readonly name: string
  readonly host: string
  /** The only family that is of use, or null for both. */
  readonly family: 4 | 6 | null
  readonly find: Finder
  /** Who looks up, for errors. */
  readonly finder: string
  readonly clock: Clock
  /** Called when {@link Names.addresses} has changed. */
  readonly onChange: () => void
}

/**
 * The addresses of an upstream's host. What was found is used until its TTL has passed and looked up again in the
 * background by the next use; it stays until there is something new, for ever if need be.
 */
export class Names {
  readonly #options: NamesOptions
  readonly #families: readonly (4 | 6)[]
  readonly #found: Record<4 | 6, readonly string[]> = { 4: [], 6: [] }
  #addresses: readonly string[] = []
  #dueAt = Infinity
  #failures = 0
  /** Why nothing was found, and until when that is believed. */
  #failure: DnsError | null = null
  #failedUntil = -Infinity
  #looking: Promise<void> | null = null

  constructor(options: NamesOptions) {
    this.#options = options
    this.#families = options.family === null ? [4, 6] : [options.family]
  }

  /** Those that are known, IPv4 first; empty before {@link find} has resolved. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /**
   * Looks the host up; everybody who waits shares one lookup. The first family with an address is enough (RFC 8305, section 3).
   * That there is none to be found is believed for a second (RFC 9520, section 3.2).
   *
   * @throws {DnsError} ERR_DNS_CONNECT: no address was found
   */
  find(): Promise<void> {
    if (this.#looking !== null) return this.#looking
    if (this.#failure !== null && this.#options.clock.now() < this.#failedUntil) return Promise.reject(this.#failure)
    const looking = this.#lookUp().finally(() => {
      if (this.#looking === looking) this.#looking = null
    })
    return (this.#looking = looking)
  }

  /** Looks the host up in the background if that is due. */
  refresh(): void {
    if (this.#options.clock.now() < this.#dueAt) return
    this.#dueAt = Infinity
    this.find().catch(() => undefined)
  }

  /** The network is another one: the next use looks up again, whatever is under way. */
  renew(): void {
    this.#failures = 0
    this.#failure = null
    this.#looking = null
    if (this.#addresses.length > 0) this.#dueAt = -Infinity
  }

  async #lookUp(): Promise<void> {
    const { name, host, finder, clock } = this.#options
    let dueAt = Infinity
    const families = this.#families.map(async (family) => {
      const { addresses, ttl } = await this.#options.find(host, family)
      this.#use(family, addresses)
      dueAt = Math.min(dueAt, clock.now() + 1000 * Math.min(MAX_TTL, Math.max(MIN_TTL, ttl)))
      this.#dueAt = dueAt
    })
    try {
      await withTimeLimit(pAny(families), LOOKUP_TIMEOUT, clock, new Error(`no answer within ${LOOKUP_TIMEOUT} ms`))
      this.#failures = 0
    } catch (cause) {
      const why = `${name}: ${finder} finds no address of ${host}`
      const failure = new DnsError('ERR_DNS_CONNECT', why, { cause, upstream: name })
      this.#retryLater(failure)
      throw failure
    }
  }

  /** Longer and longer only where there are addresses to go on with: without any no more is lost than has to be. */
  #retryLater(failure: DnsError): void {
    const now = this.#options.clock.now()
    if (this.#addresses.length > 0) this.#dueAt = now + Math.min(LAST_RETRY, FIRST_RETRY * 2 ** this.#failures++)
    else {
      this.#failure = failure
      this.#failedUntil = now + FIRST_RETRY
    }
  }

  /** An answer without addresses counts where the other family has some; it takes none away from a host that has no others. */
  #use(family: 4 | 6, addresses: readonly string[]): void {
    const others = this.#families.length === 1 ? [] : this.#found[family === 4 ? 6 : 4]
    if (addresses.length === 0) {
      if (others.length > 0) this.#set(family, addresses)
      throw new Error(`no IPv${family} address`)
    }
    this.#set(family, addresses)
  }

  #set(family: 4 | 6, addresses: readonly string[]): void {
    const before = this.#found[family]
    if (before.length === addresses.length && before.every((address) => addresses.includes(address))) return
    this.#found[family] = addresses
    this.#addresses = [...this.#found[4], ...this.#found[6]]
    this.#options.onChange()
  }
}

/** Before a resolver of ours is put in its place, which would ask itself. */
const { lookup } = dns

/** The system's resolver: hosts file and all. */
export const systemLookup: HostLookup = async (host, family) => {
  const found = await lookup(host, { family, all: true })
  return found.map(({ address }) => address)
}

/** `lookup`, which knows no TTLs, as a {@link Finder}. */
export function finderFrom(lookup: HostLookup): Finder {
  return async (host, family) => ({ addresses: await lookup(host, family), ttl: REFRESH })
}
