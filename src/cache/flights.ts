import type { Cancellable } from '../base/cancel.js'
import { CANCELLED, type DnsError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import type { Message } from '../wire/message.js'
import type { Subnet } from '../wire/subnet.js'
import { FLAG, flagsOf } from './key.js'

/** So many variants of one question (DO, CD, subnet, …) are asked at once: each is another chance to forge a reply (A07). */
const MAX_VARIANTS = 8
const FEWEST = 16
/** Flights for each place of the table. */
const LOAD = 4
/** Bits of a flight beside its flags, which are the lowest five, and its hash, which are the highest 24. */
const OUTDATED = 32
const OVER = 64
const HASH_SHIFT = 8

/** Somebody beside the one who began it who waits for a flight to end. */
export interface Waiter {
  /** Whoever waits next; the list is the flight's. */
  later: Waiter | null
  landed(reply: Reply): void
  failed(error: DnsError): void
}

/** Somebody whose question waits until fewer variants of it are under way. */
export interface Queuer {
  /** Lets it ask anew; does nothing once it waits no longer. Must not throw. */
  admit(): void
}

/** Told of the end of each flight first. None may throw. */
export interface FlightOwner {
  /** The network that the reply to `query` may depend on; null where it depends on none. */
  subnetOf(query: Message): Subnet | null
  /** @returns the reply as everybody gets it */
  landed(flight: Flight, reply: Reply): Reply
  failed(flight: Flight, error: DnsError): void
}

/**
 * One question under way, asked once for everybody who asks it meanwhile. Its bounds are those of the one who began
 * it; it ends early only when nobody is left who wants the reply.
 *
 * There is one for every query in flight, so it holds no more than one that nobody joins needs: 64 octets.
 */
export class Flight implements Asking, Cancellable {
  readonly message: Message
  /** @internal */ next: Flight | null = null
  /** @internal Its hash, flags and state; those of another one are the same if both ask for the same thing. */
  bits: number
  readonly #flights: Flights
  /** Who began it, or that and everybody else. */
  #to: Asking

  /** @param hash of its question */
  constructor(flights: Flights, message: Message, hash: number, asking: Asking) {
    this.#flights = flights
    this.#to = asking
    this.message = message
    this.bits = bitsOf(message, hash, flights.owner.subnetOf(message))
  }

  get started(): number {
    return this.#to.started
  }

  get deadline(): number {
    return this.#to.deadline
  }

  get timeout(): number | undefined {
    return this.#to.timeout
  }

  get over(): boolean {
    return (this.bits & OVER) !== 0
  }

  /** Whether what it brings is of no use to those who ask from now on. */
  get outdated(): boolean {
    return (this.bits & OUTDATED) !== 0
  }

  set outdated(outdated: true) {
    if (outdated) this.bits |= OUTDATED
  }

  /** Listens for the loss of interest of the one who began it. */
  begin(): void {
    if (this.#to.attach(this) && !this.over) this.company()
  }

  attach(target: Cancellable): boolean {
    if (!(this.#to instanceof Company)) return false
    this.#to.target = target
    return true
  }

  join(waiter: Waiter): void {
    this.company().join(waiter)
  }

  /** One who waits no longer does; it is left in the list and must not mind being told of the end. */
  leave(): void {
    const company = this.company()
    if (--company.interested > 0 || this.over) return
    this.end()
    company.target?.cancel()
  }

  /** The one who began it has lost interest. */
  cancel(): void {
    if (this.over) return
    const leader = this.company().dismiss()
    if (leader === null) return
    leader.onFailure(CANCELLED)
    this.leave()
  }

  onReply(reply: Reply): void {
    if (!this.over) this.land(this.#flights.owner.landed(this, reply))
  }

  /** Gives `reply` to everybody as it is. */
  land(reply: Reply): void {
    if (this.over) return
    this.end()
    this.#to.onReply(reply)
  }

  onFailure(error: DnsError): void {
    if (this.over) return
    this.#flights.owner.failed(this, error)
    this.end()
    this.#to.onFailure(error)
  }

  /** @internal Not private, since a private method takes 8 octets of each flight. */
  company(): Company {
    return this.#to instanceof Company ? this.#to : (this.#to = new Company(this.#to))
  }

  /** @internal As above. */
  end(): void {
    this.bits |= OVER
    this.#flights.remove(this)
  }
}

/** Everybody who waits for a flight that one may lose interest in, or that more than one waits for. */
class Company implements Asking {
  readonly started: number
  readonly deadline: number
  readonly timeout: number | undefined
  /** What is cancelled once nobody is interested. */
  target: Cancellable | null = null
  interested = 1
  #leader: Asking | null
  #waiters: Waiter | null = null

  constructor(leader: Asking) {
    this.#leader = leader
    this.started = leader.started
    this.deadline = leader.deadline
    this.timeout = leader.timeout
  }

  attach(): false {
    return false
  }

  join(waiter: Waiter): void {
    waiter.later = this.#waiters
    this.#waiters = waiter
    this.interested++
  }

  /** @returns the one who began it, who is told nothing any more; null when that is so already */
  dismiss(): Asking | null {
    const leader = this.#leader
    this.#leader = null
    return leader
  }

  onReply(reply: Reply): void {
    this.#leader?.onReply(reply)
    for (let waiter = this.#waiters; waiter !== null; waiter = waiter.later) waiter.landed(reply)
  }

  onFailure(error: DnsError): void {
    this.#leader?.onFailure(error)
    for (let waiter = this.#waiters; waiter !== null; waiter = waiter.later) waiter.failed(error)
  }
}

/** Who waits for one question, longest first. */
interface Line {
  readonly queuers: Queuer[]
  isMoving: boolean
}

/** The questions that are under way, by question and flags: a hash table whose chains run through the flights. */
export class Flights {
  readonly owner: FlightOwner
  #heads: (Flight | null)[] = Array.from({ length: FEWEST }, () => null)
  #count = 0
  /** By question; only those that somebody waits in. */
  readonly #lines = new Map<string, Line>()
  readonly #onIdle: (() => void)[] = []

  constructor(owner: FlightOwner) {
    this.owner = owner
  }

  /** The flight that asks this; null when there is none. */
  find(message: Message, hash: number): Flight | null {
    const subnet = this.owner.subnetOf(message)
    const bits = bitsOf(message, hash, subnet)
    for (let flight = this.#headOf(bits); flight !== null; flight = flight.next) {
      if (flight.bits !== bits || !flight.message.sameQuestion(message)) continue
      if (subnet === null || this.owner.subnetOf(flight.message)?.equals(subnet) === true) return flight
    }
    return null
  }

  /** Whether so many variants of this question are under way that one has to end before it may be asked. */
  isCrowded(message: Message, hash: number): boolean {
    const bits = hash << HASH_SHIFT
    let variants = 0
    for (let flight = this.#headOf(bits); flight !== null; flight = flight.next) {
      if ((flight.bits ^ bits) >>> HASH_SHIFT !== 0 || !flight.message.sameQuestion(message)) continue
      if (++variants === MAX_VARIANTS) return true
    }
    return false
  }

  /** Has `queuer` wait, after those who do already, until this question may be asked or is answered. */
  queue(message: Message, queuer: Queuer): void {
    const line = this.#lines.get(message.questionKey)
    if (line === undefined) this.#lines.set(message.questionKey, { queuers: [queuer], isMoving: false })
    else line.queuers.push(queuer)
  }

  add(flight: Flight): void {
    if (this.#count++ >= LOAD * this.#heads.length) this.#grow()
    this.#insert(flight)
  }

  remove(flight: Flight): void {
    const place = this.#placeOf(flight.bits)
    let before: Flight | null = null
    for (let at = this.#headOf(flight.bits); at !== null && at !== flight; at = at.next) before = at
    if (before === null) this.#heads[place] = flight.next
    else before.next = flight.next
    this.#count--
    if (this.#lines.size > 0) this.#admit(flight)
    if (this.#count === 0 && this.#onIdle.length > 0) for (const idle of this.#onIdle.splice(0)) idle()
  }

  /** Lets nobody join the flights under way any more, nor what they bring be kept. */
  disown(): void {
    for (const flight of this.#all()) flight.outdated = true
  }

  /** Ends every flight. */
  destroy(error: DnsError): void {
    for (const flight of this.#all()) flight.onFailure(error)
  }

  /** Resolves when nothing is under way: the end of one may be the beginning of another. */
  async whenIdle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  /** Gives the place of a flight that is over to who is first in line, and on until somebody needs it. */
  #admit({ message, bits }: Flight): void {
    const line = this.#lines.get(message.questionKey)
    // One who is admitted may be answered at once, which ends a flight within this loop.
    if (line === undefined || line.isMoving) return
    line.isMoving = true
    const { queuers } = line
    while (queuers.length > 0 && !this.isCrowded(message, bits >> HASH_SHIFT)) queuers.shift()!.admit()
    line.isMoving = false
    if (queuers.length === 0) this.#lines.delete(message.questionKey)
  }

  #all(): readonly Flight[] {
    const all: Flight[] = []
    for (const head of this.#heads) for (let flight = head; flight !== null; flight = flight.next) all.push(flight)
    return all
  }

  #headOf(bits: number): Flight | null {
    return this.#heads[this.#placeOf(bits)]!
  }

  #placeOf(bits: number): number {
    return (bits >>> HASH_SHIFT) & (this.#heads.length - 1)
  }

  #insert(flight: Flight): void {
    const place = this.#placeOf(flight.bits)
    flight.next = this.#headOf(flight.bits)
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

function bitsOf(message: Message, hash: number, subnet: Subnet | null): number {
  return (hash << HASH_SHIFT) | (subnet === null ? 0 : FLAG.SUBNET) | flagsOf(message)
}
