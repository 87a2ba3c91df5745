import { Buffer } from 'node:buffer'
import { randomInt } from 'node:crypto'
import type { DnsError, ErrorCode } from '../errors.js'
import type { Reply, Trace } from '../exchanger.js'
import { Message } from '../wire/message.js'
import type { Subnet } from '../wire/subnet.js'
import { sameOctets } from '../wire/name.js'
import { HEADER, type Layout } from '../wire/walk.js'
import type { Reporter } from './events.js'
import { Failures, type Failure, type FailureOutcome } from './failures.js'
import { FLAG, flagsOf } from './key.js'
import { clampTtls, hasTtlsBeyond, isAnswer, isNegative, lifetime, lifetimeOf } from './lifetime.js'
import { hashesFor, hashFor, isFor, networkOf } from './networks.js'
import { lengthToKeep, octetsToKeep } from './octets.js'
import type { ReadCacheOptions } from './options.js'
import { MOST_USES, type Entry, type Slab } from './slab.js'
import { SecondLevel } from './second-level.js'
import { isOver, RecentReplies, type KnownReply } from './recent.js'
import { readShared, sharedKey, sharedValue } from './shared-entry.js'
import { Store } from './store.js'
import { Timeline } from './timeline.js'

/** Up to here a loop is faster than Buffer.copy, octets. */
const SMALL = 96
/** After stale data was served nobody is asked again for this long, in ms (RFC 8767, section 5). */
const RECHECK = 30_000
/** Clocks of processes that share a store may differ by this much, in ms. */
const AHEAD = 5000
/** Flags that tell entries apart; who asks without RD may have what others asked for. */
const KEPT_FLAGS = ~FLAG.NOT_RECURSIVE
/** Errors that say that a question could not be resolved; the others are about us, or about one caller. */
const FAILING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_DNS_TIMEOUT',
  'ERR_DNS_ALL_FAILED',
  'ERR_DNS_CONNECT',
  'ERR_DNS_TLS',
  'ERR_DNS_MALFORMED',
])

/** What a cache remembers: replies and failures, shared by its partitions. */
export class Memory {
  readonly options: ReadCacheOptions
  reporter: Reporter
  readonly store: Store
  readonly recent: RecentReplies
  readonly timeline: Timeline
  /** What is shared with other processes; null without. */
  readonly second: SecondLevel | null
  readonly failures = new Failures()
  /** Names of partitions by their numbers, those that are there no more among them. */
  readonly names: string[] = []
  /** What {@link hashQuestion} starts with. */
  readonly seed = randomInt(2 ** 32)
  readonly counts = { hit: 0, miss: 0, stale: 0, failure: 0, prefetch: 0, joined: 0 }

  /** The date, in ms, up to which what the second level has may be from before the last flush. */
  #flushed = -Infinity

  constructor(options: ReadCacheOptions, reporter: Reporter) {
    this.options = options
    this.reporter = reporter
    this.recent = new RecentReplies(options.maxSize)
    this.store = new Store(options.maxSize - this.recent.maxSize, (hash) => this.recent.drop(hash))
    this.timeline = new Timeline(options.clock)
    this.second = options.store === null ? null : new SecondLevel(options.store, options.clock)
  }

  /** The number of the partition `name`: the same whenever there is one of that name. */
  idOf(name: string): number {
    const id = this.names.indexOf(name)
    return id >= 0 ? id : this.names.push(name) - 1
  }

  /** Counts and reports a reply that is given; `age` in seconds. Apart from {@link tell}, since it is what happens most. */
  hit(query: Message, age: number, trace: Trace | null): void {
    this.counts.hit++
    this.#report('hit', query, age, trace)
  }

  /** Counts and reports what became of `query`; `age` in seconds. */
  tell(what: 'miss' | 'failure' | 'prefetch', query: Message, age: number, trace: Trace | null): void {
    this.counts[what]++
    this.#report(what, query, age, trace)
  }

  /**
   * The reply to `query`, stale or not; null when there is none. Of several for networks that it is in: the one for the smallest
   * of those that aren't over at `now`, else the one that came last, since an authority may have changed its scopes.
   */
  recall(query: Message, hash: number, owner: Owner, now = -Infinity): KnownReply | null {
    const flags = flagsOf(query) & KEPT_FLAGS
    const subnet = owner.subnetOf(query)
    if (subnet === null) return this.#find(query, hash, flags, owner.id)
    let last: KnownReply | null = null
    for (const [place, bits] of hashesFor(subnet, hash)) {
      const known = this.#find(query, place, flags | FLAG.SUBNET, owner.id)
      if (known === null || !isFor(known.message, subnet, bits)) continue
      if (!isOver(known, now)) return known
      if (last === null || last.stored < known.stored) last = known
    }
    return last
  }

  #report(what: 'hit' | 'miss' | 'failure' | 'prefetch', query: Message, age: number, trace: Trace | null): void {
    if (trace !== null && what !== 'prefetch') trace.add({ step: 'cache', result: what, age })
    if (this.reporter.hears) this.reporter.report(what, () => ({ query, age }))
  }

  #find(query: Message, hash: number, flags: number, id: number): KnownReply | null {
    const recent = this.recent.find(query, hash, flags, id)
    if (recent !== null) return recent
    const location = this.store.find(hash, flags, id, query.wire, query.questionEnd)
    if (location === 0) return null
    const slab = this.store.slabOf(location)
    const at = this.store.offsetOf(location)
    slab.use(at)
    const isPopular = slab.uses(at) === MOST_USES
    const message = readMessage(slab, at, query.questionEnd)
    const known = {
      hash,
      flags,
      partition: id,
      message,
      stored: slab.stored(at),
      lifetime: slab.lifetime(at),
      isPopular,
    }
    if (isPopular) this.recent.add(known)
    return known
  }

  /** Forgets all replies, and gives their memory back. */
  clear(): void {
    this.recent.clear()
    this.store.clear()
  }

  /** The failure that stands for `query`, or null. */
  failureOf(query: Message, partition: Owner): Failure | null {
    return this.failures.count === 0 ? null : this.failures.find(failureKey(query, partition), this.timeline.now)
  }

  /**
   * Keeps what came in reply to `query`, or remembers that it was none.
   *
   * @returns the reply with its TTLs as they are kept, so that they don't jump between the first time and the next
   */
  keep(query: Message, hash: number, partition: Owner, reply: Reply, isNew = true): Reply {
    const { message } = reply
    if (!isWellFormed(message)) return reply
    if (!message.isReply || !message.sameQuestion(query) || message.truncated) return reply
    if (!isAnswer(message)) {
      this.#noteFailure(query, hash, partition, { rcode: message.rcode, ede: message.ede.map(({ code }) => code) })
      return reply
    }
    if (this.failures.count > 0) this.failures.forget(failureKey(query, partition))
    return query.recursionDesired ? this.#store(query, hash, partition, reply, isNew) : reply
  }

  /** Remembers that nobody replied to `query`, if `error` says so. */
  noteError(query: Message, hash: number, partition: Owner, error: DnsError): void {
    if (FAILING.has(error.code)) this.#noteFailure(query, hash, partition, { error })
  }

  /** Forgets the name in wire form and every name below it, in all partitions; and all failures. */
  flush(name: Buffer): void {
    this.failures.clear()
    this.recent.clear()
    this.#flushed = this.timeline.wall + AHEAD
    if (name.length === 1) return this.clear()
    this.store.each((slab, at) => {
      if (isBelow(slab.bytes, slab.message(at) + HEADER, name)) this.store.removeAt(slab, at)
    })
  }

  #noteFailure(query: Message, hash: number, partition: Owner, outcome: FailureOutcome): void {
    const least = this.recall(query, hash, partition) === null ? 0 : RECHECK
    this.failures.note(failureKey(query, partition), outcome, this.timeline.now, least)
  }

  #store(query: Message, hash: number, partition: Owner, reply: Reply, isNew: boolean): Reply {
    const age = reply.age > 0 ? reply.age : 0
    const subnet = partition.subnetOf(query)
    const message = subnet === null ? reply.message.scrubbed() : forNetwork(subnet, reply.message.scrubbed())
    const place = placeOf(query, hash, partition, subnet === null ? null : message.subnet)
    const kept = this.put(place, message, age)
    if (kept === 'older') return reply
    if (kept === 'refused') {
      // What it says is true for now, so that what was kept before no longer is.
      if (message.hasData || message.hasSoa) this.#remove(query, place)
      return reply
    }
    if (isNew && this.second !== null && subnet === null) this.#share(this.second, partition, query, kept, age)
    return kept === reply.message ? reply : { message: kept, upstream: reply.upstream, age: reply.age }
  }

  /** What `value` of the second level is as a reply to `query`; null for one that can't be used or that is too old. */
  revive(value: unknown, query: Message): Reply | null {
    const found = readShared(value, query)
    if (found === null) return null
    const { wall } = this.timeline
    // Whoever flushes wants nothing back that was there before; of what is from the future nobody knows the age.
    if (found.received <= this.#flushed || found.received > wall + AHEAD) return null
    const age = Math.floor(Math.max(0, wall - found.received) / 1000)
    return age < lifetime(found.message, this.options) ? { message: found.message, upstream: null, age } : null
  }

  #share(second: SecondLevel, { name }: Owner, query: Message, kept: Message, age: number): void {
    const left = lifetime(kept, this.options) - age
    const value = sharedValue(octetsToKeep(kept, null), this.timeline.wall - age * 1000)
    if (left > 0) second.set(sharedKey(name, query), value, left * 1000)
  }

  #remove(query: Message, { hash, flags, partition }: Place): void {
    const location = this.store.find(hash, flags, partition, query.wire, query.questionEnd)
    this.recent.drop(hash)
    if (location !== 0) this.store.remove(location)
  }

  /**
   * Keeps `message`, received `age` seconds ago, if that may be kept and nothing younger is.
   *
   * @returns the message with its TTLs as they are kept, itself if they are as they were; or why it isn't kept
   */
  put({ hash, flags, partition }: Place, message: Message, age: number, wanted?: true): Message | 'refused' | 'older' {
    const { layout } = message
    const negative = isNegative(message, layout)
    const seconds = lifetimeOf(message, layout, negative, this.options)
    if (seconds === 0 || age >= seconds + this.options.maxStale) return 'refused'
    const stored = this.timeline.now - age * 1000
    const old = this.store.find(hash, flags, partition, message.wire, layout.questionEnd)
    if (old !== 0 && this.store.slabOf(old).stored(this.store.offsetOf(old)) > stored) return 'older'
    const subnet = (flags & FLAG.SUBNET) === 0 ? null : message.subnet
    const kept = this.#settled(message, layout, subnet, negative ? seconds : this.options.maxTtl)
    this.recent.drop(hash)
    this.#write({ hash, flags, partition, stored, lifetime: seconds }, kept, subnet, old, wanted)
    return kept
  }

  /** `message` with TTLs of at least `minTtl` and at most `most` seconds: itself if they are. */
  #settled(message: Message, layout: Layout, subnet: Subnet | null, most: number): Message {
    const { minTtl } = this.options
    if (!hasTtlsBeyond(message.wire, layout, minTtl, most)) return message
    const octets = octetsToKeep(message, subnet)
    clampTtls(octets, new Message(octets).layout, minTtl, most)
    return Message.read(octets)!
  }

  #write(
    entry: Omit<Entry, 'length' | 'additional'>,
    kept: Message,
    subnet: Subnet | null,
    old: number,
    wanted?: true,
  ): void {
    const { layout } = kept
    const short = subnet === null ? lengthToKeep(kept, layout) : 0
    const octets = short === 0 ? octetsToKeep(kept, subnet) : kept.wire
    const length = short === 0 ? octets.length : short
    const additional = octets.readUInt16BE(10) - (short !== 0 && short === layout.opt ? 1 : 0)
    const { hash, flags, partition, stored, lifetime: seconds } = entry
    this.store.put({ hash, flags, partition, stored, lifetime: seconds, length, additional }, octets, old, wanted)
  }
}

/** What an entry is kept under beside its question. */
export interface Place {
  readonly hash: number
  readonly flags: number
  readonly partition: number
}

/** A partition, as its entries know it: by number here, by name in a store that others share. */
export interface Owner {
  readonly id: number
  readonly name: string
  /** The network that the reply to `query` may depend on; null where it depends on none. */
  subnetOf(query: Message): Subnet | null
}

/** Where the reply to `query` is kept, which is for `network` if that isn't null. */
function placeOf(query: Message, hash: number, { id }: Owner, network: Subnet | null): Place {
  const flags = flagsOf(query)
  if (network === null) return { hash, flags, partition: id }
  return { hash: hashFor(network, hash), flags: flags | FLAG.SUBNET, partition: id }
}

/** `reply` to a query for `asked`, which says what network it is kept for; itself if it did. */
function forNetwork(asked: Subnet, reply: Message): Message {
  const network = networkOf(asked, reply)
  return network === reply.subnet ? reply : (Message.read(octetsToKeep(reply, network)) ?? reply)
}

/** A message of the store; `questionEnd` as in the query that it was found for. */
function readMessage(slab: Slab, at: number, questionEnd: number): Message {
  const { bytes } = slab
  const length = slab.length(at)
  const octets = Buffer.allocUnsafe(length)
  const from = slab.message(at)
  if (length > SMALL) bytes.copy(octets, 0, from, from + length)
  else for (let i = 0; i < length; i++) octets[i] = bytes[from + i]!
  return Message.read(octets, questionEnd)!
}

/** What a user's own exchanger brings may be anything. */
function isWellFormed(message: Message): boolean {
  try {
    message.guard()
    return true
  } catch {
    return false
  }
}

/** Where a question's failure is remembered. */
function failureKey(message: Message, owner: Owner): string {
  const key = String.fromCharCode(owner.id, flagsOf(message)) + message.questionKey
  const subnet = owner.subnetOf(message)
  return subnet === null ? key : key + subnet.octets.toString('latin1')
}

/** Whether the name at `at`, which is not compressed, is `name` or ends in it by whole labels. */
function isBelow(bytes: Buffer, at: number, name: Buffer): boolean {
  let end = at
  while (bytes[end] !== 0) end += bytes[end]! + 1
  const start = end + 1 - name.length
  let label = at
  while (label < start) label += bytes[label]! + 1
  return label === start && sameOctets(bytes, start, name, 0, name.length)
}
