import { randomInt } from 'node:crypto'
import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply, Trace } from '../exchanger.js'
import { DEFAULT_TIMEOUT, defaultContext } from '../query/context.js'
import { askAny } from '../query/foreign.js'
import { exchangeWith, type Asked, type Asking } from '../query/sink.js'
import { subnetLimitsOf } from '../query/subnet-limits.js'
import { OPCODE, TYPE } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import { NO_SUBNET, type Subnet } from '../wire/subnet.js'
import { HEADER } from '../wire/walk.js'
import { Flight, Flights, type FlightOwner } from './flights.js'
import { hashQuestion } from './key.js'
import { Joined, Patient, Queued } from './waiting.js'

/** Deadlines are sums, so equal spans differ by rounding, in ms. */
const ROUNDING = 1

/** Asks an exchanger, and equal questions under way only once. */
export class Coalescer implements Exchanger, Asked, FlightOwner {
  protected readonly clock: Clock
  protected readonly deadlines: Deadlines
  protected readonly flights = new Flights(this)
  readonly #next: Exchanger | Asked
  readonly #seed: number
  #ended: 'closed' | 'destroyed' | null = null

  /** @param seed of the hashes of questions */
  constructor(next: Exchanger | Asked, clock: Clock, seed = randomInt(2 ** 32)) {
    this.#next = next
    this.#seed = seed
    this.clock = clock
    this.deadlines = Deadlines.of(clock)
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const now = this.clock.now()
    return exchangeWith(this, query, ctx ?? defaultContext(now, this.timeout), now)
  }

  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    if (this.#ended !== null) return asking.onFailure(this.#refusal())
    const { message } = query
    if (ctx.purpose === 'probe' || !isShared(message)) return askAny(this.#next, query, ctx, asking, this.deadlines)
    this.consult(query, this.hashOf(message), ctx, asking)
  }

  /** What is under way is of no use to those who ask from now on. */
  disown(): void {
    this.flights.disown()
  }

  /** Takes no more queries; resolves when nothing is under way. */
  close(): Promise<void> {
    this.#ended ??= 'closed'
    return this.flights.whenIdle()
  }

  /** Ends what is under way with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#ended = 'destroyed'
    this.flights.destroy(new DnsError('ERR_DNS_CLOSED', 'the cache is destroyed'))
  }

  /** The client's own (RFC 7871), as much of it as anybody is told. Pools change, so that this is asked anew each time. */
  subnetOf(query: Message): Subnet | null {
    const own = query.subnet
    const limits = own === null ? null : subnetLimitsOf(this.#next)
    if (own === null || limits === null) return null
    if (own.source === 0) return NO_SUBNET
    const told = own.shortened(limits)
    return told.source === 0 ? null : told
  }

  landed(_flight: Flight, reply: Reply): Reply {
    return reply
  }

  failed(_flight: Flight, _error: DnsError): void {
    // Nothing is remembered here.
  }

  /** The longest one query without bounds of its own, in ms. */
  protected get timeout(): number {
    return DEFAULT_TIMEOUT
  }

  protected hashOf({ wire, questionEnd }: Message): number {
    return hashQuestion(wire, questionEnd, this.#seed)
  }

  protected consult(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    this.fetch(query, hash, ctx, asking)
  }

  /** Joins the flight that asks this, or begins one. */
  protected fetch(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const { message } = query
    const flight = this.flights.find(message, hash)
    if (flight !== null) return this.#join(flight, query, hash, ctx, asking)
    if (this.flights.isCrowded(message, hash)) return this.#queue(query, hash, ctx, asking)
    const own = this.launch(message, hash, asking)
    if (!own.over) this.send(own, query, ctx)
  }

  /** A flight within the bounds of `asking`, which is told its end; whoever launches it sends it. */
  protected launch(message: Message, hash: number, asking: Asking): Flight {
    const flight = new Flight(this.flights, message, hash, asking)
    this.flights.add(flight)
    flight.begin()
    return flight
  }

  protected send(flight: Flight, query: Query, ctx: ExchangeContext): void {
    askAny(this.#next, query, ctx, flight, this.deadlines)
  }

  protected joined(trace: Trace | null): void {
    trace?.add({ step: 'cache', result: 'joined', age: 0 })
  }

  #join(flight: Flight, query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    this.joined(ctx.trace)
    const isShort = flight.deadline - flight.started < asking.deadline - asking.started - ROUNDING
    // The flight may end for want of time that this one has.
    const waiter = isShort
      ? new Patient(flight, asking, this.deadlines, () => this.#again(query, hash, ctx, asking))
      : new Joined(flight, asking, this.deadlines)
    waiter.begin(asking.deadline)
  }

  #queue(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    const queued = new Queued(asking, this.deadlines, () => this.#again(query, hash, ctx, asking))
    this.flights.queue(query.message, queued)
    queued.begin()
  }

  /** Asks for one that was taken before, also while it closes. */
  #again(query: Query, hash: number, ctx: ExchangeContext, asking: Asking): void {
    if (this.#ended === 'destroyed') asking.onFailure(this.#refusal())
    else this.consult(query, hash, ctx, asking)
  }

  #refusal(): DnsError {
    return new DnsError('ERR_DNS_CLOSED', `the cache is ${this.#ended}`)
  }
}

/** Whether what is answered may be of use to others who ask the same; else it passes untouched. */
function isShared(query: Message): boolean {
  const { qtype } = query
  if (query.questionEnd === HEADER || query.opcode !== OPCODE.QUERY || query.isReply) return false
  return qtype !== TYPE.AXFR && qtype !== TYPE.IXFR && !query.signed
}
