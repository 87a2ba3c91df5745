import type { Cancellable } from '../base/cancel.js'
import { CANCELLED, type DnsError } from '../errors.js'
import type { Query, Reply } from '../exchanger.js'
import { Inner, type Asking } from '../query/sink.js'
import { flagsOf } from './key.js'

/** So many variants of one question (DO, CD, …) are asked at once: each is another chance to forge a reply (A07). */
const MAX_VARIANTS = 8
const FEWEST = 16

/** Somebody beside the one who began it who waits for a flight to end. */
export interface Waiter {
  /** Whoever waits next; the list is the flight's. */
  later: Waiter | null
  landed(reply: Reply): void
  failed(error: DnsError): void
}

/** Told of the end of each flight first. Neither may throw. */
export interface FlightOwner {
  /** @returns the reply as everybody gets it */
  landed(flight: Flight, reply: Reply): Reply
  failed(flight: Flight, error: DnsError): void
}

/**
 * One question under way, asked once for everybody who asks it meanwhile. Its bounds are those of the one who began
 * it; it ends early only when nobody is left who wants the reply.
 */
export class Flight extends Inner implements Cancellable {
  readonly query: Query
  readonly hash: number
  /** As {@link flagsOf}; -1 once what it brings is of no use to those who ask from now on. */
  flags: number
  /** @internal */ next: Flight | null = null
  readonly #flights: Flights
  #waiters: Waiter | null = null
  #target: Cancellable | null = null
  #interested = 1
  #isCancellable = false
  #left = false
  #over = false

  /** @param hash of its question */
  constructor(flights: Flights, query: Query, hash: number, asking: Asking) {
    super(asking)
    this.#flights = flights
    this.query = query
    this.hash = hash
    this.flags = flagsOf(query.message)
  }

  get over(): boolean {
    return this.#over
  }

  /** Listens for the loss of interest of the one who began it. */
  begin(): void {
    this.#isCancellable = this.outer.attach(this)
  }

  override attach(target: Cancellable): boolean {
    this.#target = target
    return this.#isCancellable
  }

  join(waiter: Waiter): void {
    waiter.later = this.#waiters
    this.#waiters = waiter
    this.#interested++
  }

  /** One who waits no longer does; it is left in the list and must not mind being told of the end. */
  leave(): void {
    if (--this.#interested > 0 || this.#over) return
    this.#end()
    this.#target?.cancel()
  }

  /** The one who began it has lost interest. */
  cancel(): void {
    if (this.#over || this.#left) return
    this.#left = true
    this.outer.onFailure(CANCELLED)
    this.leave()
  }

  onReply(reply: Reply): void {
    if (!this.#over) this.land(this.#flights.owner.landed(this, reply))
  }

  /** Gives `reply` to everybody as it is. */
  land(reply: Reply): void {
    if (this.#over) return
    this.#end()
    if (!this.#left) this.outer.onReply(reply)
    for (let waiter = this.#waiters; waiter !== null; waiter = waiter.later) waiter.landed(reply)
  }

  onFailure(error: DnsError): void {
    if (this.#over) return
    this.#end()
    this.#flights.owner.failed(this, error)
    if (!this.#left) this.outer.onFailure(error)
    for (let waiter = this.#waiters; waiter !== null; waiter = waiter.later) waiter.failed(error)
  }

  #end(): void {
    this.#over = true
    this.#flights.remove(this)
  }
}

/** The questions that are under way, by question and flags: a hash table whose chains run through the flights. */
export class Flights {
  readonly owner: FlightOwner
  #heads: (Flight | null)[] = Array.from({ length: FEWEST }, () => null)
  #count = 0
  readonly #onIdle: (() => void)[] = []

  constructor(owner: FlightOwner) {
    this.owner = owner
  }

  get count(): number {
    return this.#count
  }

  /** The flight that asks this; null when there is none. */
  find(query: Query, hash: number): Flight | null {
    const flags = flagsOf(query.message)
    for (let flight = this.#headOf(hash); flight !== null; flight = flight.next) {
      if (flight.hash === hash && flight.flags === flags && flight.query.message.sameQuestion(query.message))
        return flight
    }
    return null
  }

  /** A flight that must land before this question may be asked, since so many variants of it are; else null. */
  crowd(query: Query, hash: number): Flight | null {
    let variants = 0
    for (let flight = this.#headOf(hash); flight !== null; flight = flight.next) {
      if (flight.hash !== hash || !flight.query.message.sameQuestion(query.message)) continue
      if (++variants === MAX_VARIANTS) return flight
    }
    return null
  }

  add(flight: Flight): void {
    if (this.#count++ >= this.#heads.length) this.#grow()
    this.#insert(flight)
  }

  remove(flight: Flight): void {
    const place = flight.hash & (this.#heads.length - 1)
    let before: Flight | null = null
    for (let at = this.#headOf(flight.hash); at !== null && at !== flight; at = at.next) before = at
    if (before === null) this.#heads[place] = flight.next
    else before.next = flight.next
    if (--this.#count === 0 && this.#onIdle.length > 0) for (const idle of this.#onIdle.splice(0)) idle()
  }

  /** Lets nobody join the flights under way any more, nor what they bring be kept. */
  disown(): void {
    for (const flight of this.#all()) flight.flags = -1
  }

  /** Ends every flight. */
  destroy(error: DnsError): void {
    for (const flight of this.#all()) flight.onFailure(error)
  }

  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  #all(): readonly Flight[] {
    const all: Flight[] = []
    for (const head of this.#heads) for (let flight = head; flight !== null; flight = flight.next) all.push(flight)
    return all
  }

  #headOf(hash: number): Flight | null {
    return this.#heads[hash & (this.#heads.length - 1)]!
  }

  #insert(flight: Flight): void {
    const place = flight.hash & (this.#heads.length - 1)
    flight.next = this.#headOf(flight.hash)
    this.#heads[place] = flight
  }

  #grow(): void {
    const old = this.#heads
    this.#heads = Array.from({ length: 2 * old.length }, () => null)
    for (const head of old) {
      for (let flight = head, next = head; flight !== null; flight = next) {
        next = flight.next
        this.#insert(flight)
      }
    }
  }
}
