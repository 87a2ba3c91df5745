import { Buffer } from 'node:buffer'
import { Emitter } from '../base/emitter.js'
import { reject } from '../base/options.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { ask as askByName, type AskOptions, type QueryResult } from '../query/ask.js'
import { defaultContext } from '../query/context.js'
import { canBeAsked, exchangeWith, type Asked, type Asking } from '../query/sink.js'
import { nameToWire } from '../wire/name.js'
import { readDump, writeDump } from './dump.js'
import type { CacheEvents, Reporter } from './events.js'
import { Memory } from './memory.js'
import { readCacheOptions, type CacheOptions, type ReadCacheOptions } from './options.js'
import { Partition } from './partition.js'

/** What a {@link Cache} has done and holds. */
export interface CacheStats {
  /** Queries answered with a reply whose time was not over. */
  readonly hits: number
  /** Queries that nothing was known for, or something better came for in time than what had run out. */
  readonly misses: number
  /** Queries answered with a reply whose time was over (RFC 8767). */
  readonly stale: number
  /** Queries answered with a remembered failure (RFC 9520). */
  readonly failures: number
  /** Queries that waited for an equal one under way. */
  readonly coalesced: number
  readonly prefetches: number
  /** Replies that were dropped to make room. */
  readonly evicted: number
  /** Replies that it holds. */
  readonly entries: number
  /** Octets of memory that it takes. */
  readonly size: number
}

/** Remembers the replies of an exchanger for as long as their TTLs allow, and asks equal questions under way once. */
export class Cache extends Emitter<CacheEvents> implements Exchanger, Asked {
  readonly #memory: Memory
  readonly #partitions = new Map<string, Partition>()
  readonly #own: Partition
  readonly #exchanger: Exchanger | Asked
  /** Whether its memory is another cache's by now. */
  #bequeathed = false

  /**
   * @param predecessor whose replies it has from the start; what is under way there goes on, and it is closed by whoever made it
   * @throws {DnsError} ERR_DNS_INVALID_OPTION
   */
  constructor(exchanger: Exchanger | Asked, options: CacheOptions = {}, predecessor: Cache | null = null) {
    super()
    if (!canBeAsked(exchanger)) reject('Cache', 'exchanger', exchanger, 'an object with an exchange() method')
    if (predecessor !== null && !(predecessor instanceof Cache)) reject('Cache', 'predecessor', predecessor, 'a Cache')
    const read = readCacheOptions(options)
    const inherited = predecessor === null ? null : predecessor.#bequeath(read, this.#reporter())
    this.#memory = inherited ?? new Memory(read, this.#reporter())
    this.#exchanger = exchanger
    this.#own = this.partition('', exchanger)
    if (predecessor === null || inherited !== null) return
    for (const name of predecessor.#memory.names) this.#memory.idOf(name)
    this.load(predecessor.dump())
  }

  /** The longest one query, in ms. */
  get timeout(): number {
    return this.#memory.options.timeout
  }

  /** Whom it asks. */
  get parts(): readonly object[] {
    return [this.#exchanger]
  }

  get stats(): CacheStats {
    const { counts, store, recent } = this.#memory
    return {
      hits: counts.hit,
      misses: counts.miss,
      stale: counts.stale,
      failures: counts.failure,
      coalesced: counts.joined,
      prefetches: counts.prefetch,
      evicted: store.evicted,
      entries: store.count,
      size: store.size + recent.size,
    }
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const { clock, timeout } = this.#memory.options
    const now = clock.now()
    return exchangeWith(this.#own, query, ctx ?? defaultContext(now, timeout), now)
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    this.#own.ask(query, ctx, asking)
  }

  /**
   * Asks for `name` and `type`, in presentation form.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return askByName(this, this.#memory.options, name, type, options)
  }

  /**
   * What asks `exchanger`, with a memory of its own within this one's size. `name` tells it apart from the others, also in a
   * dump; that of the cache's own exchanger is empty.
   *
   * @internal
   */
  partition(name: string, exchanger: Exchanger | Asked): Partition {
    const partition = new Partition(exchanger, this.#memory, this.#memory.idOf(name), name)
    this.#partitions.set(name, partition)
    return partition
  }

  /**
   * Forgets `name` and every name below it, or everything; also the failures.
   *
   * @throws {MalformedMessageError} it is no name
   * @throws {InvalidOptionError} it is no string
   */
  flush(name = '.'): void {
    if (typeof name !== 'string') reject('Cache.flush', 'name', name, 'a domain name in presentation form')
    this.#memory.flush(nameToWire(name))
    for (const partition of this.#partitions.values()) partition.disown()
  }

  /** The replies that it holds as octets, for {@link Cache.load} in this process or another. Failures are left out. */
  dump(): Buffer {
    return writeDump(this.#memory, this.#memory.names)
  }

  /**
   * Takes in what {@link Cache.dump} wrote; entries age while they lie on the disk. Those of routes that aren't there any more
   * are left out, and what the cache knows better stays.
   *
   * @returns how many entries were taken
   * @throws {MalformedMessageError} it is no dump, or a damaged one: then nothing has changed
   * @throws {InvalidOptionError} it isn't octets
   */
  load(octets: Uint8Array | ArrayBuffer): number {
    return readDump(this.#memory, this.#memory.names, bufferOf(octets))
  }

  /** The network is another one: what failed may work now. */
  networkChanged(): void {
    this.#memory.failures.clear()
  }

  /** Takes no more queries, and forgets everything once those under way have settled. The exchanger is its owner's to close. */
  async close(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map((partition) => partition.close()))
    this.#clear()
  }

  /** Forgets everything now; queries under way fail with ERR_DNS_CLOSED. */
  destroy(): void {
    for (const partition of this.#partitions.values()) partition.destroy()
    this.#clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #clear(): void {
    if (!this.#bequeathed) this.#memory.clear()
  }

  /** Its memory, for a successor; null: it is of another kind, by these options. */
  #bequeath(options: ReadCacheOptions, reporter: Reporter): Memory | null {
    const own = this.#memory.options
    const isSame = (Object.keys(own) as (keyof ReadCacheOptions)[]).every((name) => own[name] === options[name])
    if (!isSame) return null
    this.#bequeathed = true
    this.#memory.reporter = reporter
    // Others may be asked now, who know.
    this.#memory.failures.clear()
    return this.#memory
  }

  #reporter(): Reporter {
    const isHeard = (): boolean => this.heard
    return {
      report: (event, describe) => this.notify(event, describe),
      get hears() {
        return isHeard()
      },
    }
  }
}

function bufferOf(octets: unknown): Buffer {
  if (octets instanceof ArrayBuffer) return Buffer.from(octets)
  if (octets instanceof Uint8Array) return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  return reject('Cache.load', 'octets', octets, 'a Uint8Array or an ArrayBuffer')
}
