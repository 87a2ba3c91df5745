import { AllUpstreamsFailedError, DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply, Trace } from '../exchanger.js'
import { defaultContext } from '../query/context.js'
import type { Asked, Asking } from '../query/sink.js'
import { Coalescer } from './coalesce.js'
import type { Flight } from './flights.js'
import { FLAG } from './key.js'
import type { Memory } from './memory.js'
import { isOver } from './recent.js'
import { sharedKey } from './shared-entry.js'
import { StaleOffer } from './stale.js'
import { Background, Unhurried } from './waiting.js'

/** How long a client waits for fresh data while there is stale data, in ms (RFC 8767, section 5). */
const CLIENT_TIMER = 1800
/** How long a fetch goes on that nobody need wait for, in ms (RFC 8767, section 5: 10 to 30 s). */
const BACKGROUND = 10_000
/** Replies younger than this aren't fetched anew, in seconds: those that live shorter would be all the time. */
const MIN_PREFETCH = 10
/** Deadlines are sums, so equal spans differ by rounding, in ms. */
const ROUNDING = 1

/** One exchanger with what is remembered of its replies, and of nobody else's (A10). */
export class Partition extends Coalescer {
  readonly id: number
  readonly name: string
  readonly #memory: Memory

  /**
   * @param id what tells its entries apart from those of the memory's other partitions
   * @param name the same for those who share a store
   */
  constructor(next: Exchanger | Asked, memory: Memory, id: number, name: string) {
    super(next, memory.options.clock, memory.seed)
    this.#memory = memory
    this.id = id
    this.name = name
  }

  override landed({ message, outdated }: Flight, reply: Reply): Reply {
    return outdated ? reply : this.#memory.keep(message, this.hashOf(message), this, reply)
  }

  override failed({ message, started, deadline, outdated }: Flight, error: DnsError): void {
    const isHurried = deadline - started < this.timeout - ROUNDING
    // That nobody replied to one who was in a hurry tells nothing about the upstreams.
    if (outdated || (isHurried && isTimeout(error))) return
    this.#memory.noteError(message, this.hashOf(message), this, error)
  }

  protected override get timeout(): number {
    return this.#memory.options.timeout
  }

  protected override consult(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const { message } = query
    const memory = this.#memory
    let known = memory.recall(message, hash, this)
    if (known === null) return this.#miss(query, hash, ctx, asking)
    const { now } = memory.timeline
    // What is for a larger network may be younger.
    if ((known.flags & FLAG.SUBNET) !== 0 && isOver(known, now))
      known = memory.recall(message, hash, this, now) ?? known
    const age = Math.max(0, Math.floor((now - known.stored) / 1000))
    const left = known.lifetime - age
    if (left > 0) {
      const isNearEnd = left <= known.lifetime / 10 && age >= MIN_PREFETCH
      if (isNearEnd && known.isPopular) this.#considerPrefetch(query, hash, age)
      memory.hit(message, age, ctx.trace)
      asking.onReply({ message: known.message, upstream: null, age })
    } else if (left > -memory.options.maxStale && message.recursionDesired) {
      const to = { asking, trace: ctx.trace }
      this.#refresh(query, hash, ctx, new StaleOffer(memory, message, known.message, age, to))
    } else this.#miss(query, hash, ctx, asking)
  }

  protected override send(flight: Flight, query: Query, ctx: ExchangeContext): void {
    const memory = this.#memory
    const { message } = flight
    // A store has one reply to a question, whatever the network.
    if (memory.second === null || this.subnetOf(message) !== null) return super.send(flight, query, ctx)
    memory.second.get(sharedKey(this.name, message), (value) => {
      if (flight.over) return
      const reply = memory.revive(value, message)
      if (reply === null) super.send(flight, query, ctx)
      else flight.land(memory.keep(message, this.hashOf(message), this, reply, false))
    })
  }

  protected override joined(trace: Trace | null): void {
    this.#memory.counts.joined++
    super.joined(trace)
  }

  #miss(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const { message } = query
    const failure = this.#memory.failureOf(message, this)
    this.#memory.tell(failure === null ? 'miss' : 'failure', message, 0, ctx.trace)
    if (failure === null) this.fetch(query, hash, ctx, asking)
    else failure.tell(message, asking)
  }

  /** Asks for what has run out, for as long as a client should wait; the fetch goes on longer. */
  #refresh(query: Query, hash: number, ctx: ExchangeContext, stale: StaleOffer): void {
    const { message } = query
    if (this.#memory.failureOf(message, this) !== null) return stale.give('remembered')
    const now = this.clock.now()
    const underWay = this.flights.find(message, hash)
    if (underWay === null ? this.flights.isCrowded(message, hash) : underWay.started + CLIENT_TIMER <= now)
      return stale.give('late')
    ctx.trace?.add({ step: 'cache', result: 'miss', age: 0 })
    if (underWay !== null) this.joined(ctx.trace)
    const flight = underWay ?? this.launch(message, hash, new Background(now, now + BACKGROUND))
    const until = Math.min(flight.started + CLIENT_TIMER, stale.asking.deadline)
    new Unhurried(flight, stale, this.deadlines).begin(until)
    // It outlives the client's own bounds.
    const { client, trace } = ctx
    if (underWay === null) this.send(flight, query, { ...defaultContext(now, BACKGROUND), client, trace })
  }

  /** Fetches anew what somebody asks for in the last tenth of its time. */
  #considerPrefetch(query: Query, hash: number, age: number): void {
    const { message } = query
    const memory = this.#memory
    if (!memory.options.prefetch || !message.recursionDesired) return
    if (this.flights.find(message, hash) !== null || this.flights.isCrowded(message, hash)) return
    if (memory.failureOf(message, this) !== null) return
    memory.tell('prefetch', message, age, null)
    const now = this.clock.now()
    const flight = this.launch(message, hash, new Background(now, now + BACKGROUND))
    // Not from the store, which has it as it was.
    super.send(flight, query, defaultContext(now, BACKGROUND))
  }
}

/** Whether somebody who was asked had no reply in time. */
function isTimeout(error: unknown): boolean {
  if (error instanceof AllUpstreamsFailedError) return error.causes.some(isTimeout)
  return error instanceof DnsError && error.code === 'ERR_DNS_TIMEOUT'
}
