import type { DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { defaultContext } from '../query/context.js'
import type { Asked, Asking } from '../query/sink.js'
import { Coalescer } from './coalesce.js'
import type { Flight } from './flights.js'
import type { Memory } from './memory.js'
import { sharedKey } from './shared-entry.js'
import { StaleOffer } from './stale.js'
import { Background, Unhurried } from './waiting.js'

/** How long a client waits for fresh data while there is stale data, in ms (RFC 8767, section 5). */
const CLIENT_TIMER = 1800
/** How long a fetch goes on that nobody need wait for, in ms (RFC 8767, section 5: 10 to 30 s). */
const BACKGROUND = 10_000
/** Replies younger than this aren't fetched anew, in seconds: those that live shorter would be all the time. */
const MIN_PREFETCH = 10
/** Uses that make a reply popular. */
const POPULAR = 3
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

  override landed({ query, hash, flags }: Flight, reply: Reply): Reply {
    return flags < 0 ? reply : this.#memory.keep(query, hash, this, reply)
  }

  override failed({ query, hash, started, deadline }: Flight, error: DnsError): void {
    // One who was in a hurry tells nothing about the upstreams.
    if (deadline - started >= this.timeout - ROUNDING) this.#memory.noteError(query, hash, this, error)
  }

  protected override get timeout(): number {
    return this.#memory.options.timeout
  }

  protected override consult(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const memory = this.#memory
    const location = memory.find(query, hash, this)
    if (location === 0) return this.#miss(query, hash, ctx, asking)
    const slab = memory.store.slabOf(location)
    const at = memory.store.offsetOf(location)
    const age = Math.max(0, Math.floor((memory.timeline.now - slab.stored(at)) / 1000))
    const left = slab.lifetime(at) - age
    if (left > 0) {
      slab.use(at)
      const reply = { message: memory.read(slab, at, query.message.questionEnd), upstream: null, age }
      const isPopular = slab.uses(at) === POPULAR
      if (isPopular && left <= slab.lifetime(at) / 10 && age >= MIN_PREFETCH) this.#considerPrefetch(query, hash, age)
      memory.tell('hit', query, age, ctx.trace)
      asking.onReply(reply)
    } else if (left > -memory.options.maxStale && query.message.recursionDesired) {
      slab.use(at)
      const message = memory.read(slab, at, query.message.questionEnd)
      this.#refresh(query, hash, ctx, new StaleOffer(memory, query, message, age, { asking, trace: ctx.trace }))
    } else this.#miss(query, hash, ctx, asking)
  }

  protected override send(flight: Flight, ctx: ExchangeContext): void {
    const { second } = this.#memory
    if (second === null) return super.send(flight, ctx)
    second.get(sharedKey(this.name, flight.query), (value) => {
      if (flight.over) return
      const reply = this.#memory.revive(value, flight.query)
      if (reply === null) super.send(flight, ctx)
      else flight.land(this.#memory.keep(flight.query, flight.hash, this, reply, false))
    })
  }

  protected override joined(): void {
    this.#memory.counts.joined++
  }

  #miss(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const failure = this.#memory.failureOf(query, this)
    if (failure === null) {
      this.#memory.tell('miss', query, 0, ctx.trace)
      return this.fetch(query, hash, ctx, asking)
    }
    this.#memory.tell('failure', query, 0, ctx.trace)
    if ('error' in failure.outcome) asking.onFailure(failure.outcome.error)
    else asking.onReply(failure.replyTo(query.message)!)
  }

  /** Asks for what has run out, for as long as a client should wait; the fetch goes on longer. */
  #refresh(query: Query, hash: number, ctx: ExchangeContext, stale: StaleOffer): void {
    if (this.#memory.failureOf(query, this) !== null) return stale.give('remembered')
    const now = this.clock.now()
    const underWay = this.flights.find(query, hash)
    const isLate = underWay === null ? this.flights.crowd(query, hash) !== null : underWay.started + CLIENT_TIMER <= now
    if (isLate) return stale.give('late')
    const flight = underWay ?? this.launch(query, hash, new Background(now, now + BACKGROUND))
    const until = Math.min(flight.started + CLIENT_TIMER, stale.asking.deadline)
    new Unhurried(flight, stale, this.deadlines).begin(until)
    // It outlives the client's own bounds.
    const { client, trace } = ctx
    if (underWay === null) this.send(flight, { ...defaultContext(now, BACKGROUND), client, trace })
  }

  /** Fetches anew what somebody asks for in the last tenth of its time. */
  #considerPrefetch(query: Query, hash: number, age: number): void {
    const memory = this.#memory
    if (!memory.options.prefetch || !query.message.recursionDesired) return
    if (this.flights.find(query, hash) !== null || this.flights.crowd(query, hash) !== null) return
    if (memory.failureOf(query, this) !== null) return
    memory.tell('prefetch', query, age, null)
    const now = this.clock.now()
    // Not from the store, which has it as it was.
    super.send(this.launch(query, hash, new Background(now, now + BACKGROUND)), defaultContext(now, BACKGROUND))
  }
}
