import { randomInt } from 'node:crypto'
import type { DnsError, ErrorCode } from '../errors.js'
import type { Query, Reply, Trace } from '../exchanger.js'
import { Message } from '../wire/message.js'
import { sameOctets } from '../wire/name.js'
import { HEADER } from '../wire/walk.js'
import type { Reporter } from './events.js'
import { Failures, type Failure, type FailureOutcome } from './failures.js'
import { FLAG, flagsOf } from './key.js'
import { clampTtls, isAnswer, isNegative, lifetime } from './lifetime.js'
import { octetsToKeep } from './octets.js'
import type { ReadCacheOptions } from './options.js'
import type { Slab } from './slab.js'
import { Store } from './store.js'
import { Timeline } from './timeline.js'

/** Up to here a loop is faster than Buffer.copy, octets. */
const SMALL = 96
/** After stale data was served nobody is asked again for this long, in ms (RFC 8767, section 5). */
const RECHECK = 30_000
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
  readonly reporter: Reporter
  readonly store: Store
  readonly timeline: Timeline
  readonly failures = new Failures()
  /** What {@link hashQuestion} starts with. */
  readonly seed = randomInt(2 ** 32)
  readonly counts = { hit: 0, miss: 0, stale: 0, failure: 0, prefetch: 0, joined: 0 }

  constructor(options: ReadCacheOptions, reporter: Reporter) {
    this.options = options
    this.reporter = reporter
    this.store = new Store(options.maxSize)
    this.timeline = new Timeline(options.clock)
  }

  /** Counts and reports what became of `query`; `age` in seconds. */
  tell(what: 'hit' | 'miss' | 'failure' | 'prefetch', query: Query, age: number, trace: Trace | null): void {
    this.counts[what]++
    if (trace !== null && what !== 'prefetch') trace.add({ step: 'cache', result: what, age })
    if (this.reporter.hears) this.reporter.report(what, () => ({ query: query.message, age }))
  }

  /** The location of the reply to `query`, stale or not; 0 when there is none. */
  find({ message }: Query, hash: number, partition: number): number {
    return this.store.find(hash, flagsOf(message) & KEPT_FLAGS, partition, message.wire, message.questionEnd)
  }

  /** The entry's message; `questionEnd` as in the query that it was found for. */
  read(slab: Slab, at: number, questionEnd: number): Message {
    const { bytes } = slab
    const length = slab.length(at)
    const octets = Buffer.allocUnsafe(length)
    const from = slab.message(at)
    if (length > SMALL) bytes.copy(octets, 0, from, from + length)
    else for (let i = 0; i < length; i++) octets[i] = bytes[from + i]!
    return Message.read(octets, questionEnd)!
  }

  /** The failure that stands for `query`, or null. */
  failureOf(query: Query, partition: number): Failure | null {
    return this.failures.count === 0 ? null : this.failures.find(failureKey(query, partition), this.timeline.now)
  }

  /**
   * Keeps what came in reply to `query`, or remembers that it was none.
   *
   * @returns the reply with its TTLs as they are kept, so that they don't jump between the first time and the next
   */
  keep(query: Query, hash: number, partition: number, reply: Reply): Reply {
    const { message } = reply
    if (!message.isReply || !message.sameQuestion(query.message) || message.truncated) return reply
    if (!isAnswer(message)) {
      this.#noteFailure(query, hash, partition, { rcode: message.rcode, ede: message.ede.map(({ code }) => code) })
      return reply
    }
    if (this.failures.count > 0) this.failures.forget(failureKey(query, partition))
    return query.message.recursionDesired ? this.#store(query, hash, partition, reply) : reply
  }

  /** Remembers that nobody replied to `query`, if `error` says so. */
  noteError(query: Query, hash: number, partition: number, error: DnsError): void {
    if (FAILING.has(error.code)) this.#noteFailure(query, hash, partition, { error })
  }

  /** Forgets the name in wire form and every name below it, in all partitions; and all failures. */
  flush(name: Buffer): void {
    this.failures.clear()
    if (name.length === 1) return this.store.clear()
    this.store.each((slab, at) => {
      if (isBelow(slab.bytes, slab.message(at) + HEADER, name)) this.store.removeAt(slab, at)
    })
  }

  #noteFailure(query: Query, hash: number, partition: number, outcome: FailureOutcome): void {
    const least = this.find(query, hash, partition) === 0 ? 0 : RECHECK
    this.failures.note(failureKey(query, partition), outcome, this.timeline.now, least)
  }

  #store(query: Query, hash: number, partition: number, reply: Reply): Reply {
    const message = reply.message.scrubbed()
    const { minTtl, maxTtl } = this.options
    const seconds = lifetime(message, this.options)
    const age = reply.age > 0 ? reply.age : 0
    const old = this.find(query, hash, partition)
    if (seconds <= age) {
      // What it says is true for now, so that what was kept before no longer is.
      if (old !== 0 && (message.hasData || message.hasSoa)) this.store.remove(old)
      return reply
    }
    const octets = octetsToKeep(message, query.message)
    const kept = Message.read(octets)
    if (kept === null || kept.truncated) return reply
    const isClamped = clampTtls(octets, kept.layout, minTtl, isNegative(kept) ? seconds : maxTtl)
    const stored = this.timeline.now - age * 1000
    this.store.put({ hash, flags: flagsOf(query.message), partition, stored, lifetime: seconds }, octets, old)
    return isClamped ? { message: Message.read(octets)!, upstream: reply.upstream, age: reply.age } : reply
  }
}

/** Where a question's failure is remembered. */
function failureKey({ message }: Query, partition: number): string {
  return String.fromCharCode(partition, flagsOf(message)) + message.questionKey
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
