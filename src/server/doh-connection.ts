import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { RequestEnd } from '../http/received-request.js'
import type { Client, ReturnPath } from './answer.js'
import type { DohExchange, ExchangeOwner } from './doh-exchange.js'
import { Patience } from './patience.js'
import { Quota } from './quota.js'
import type { Connection } from './tcp-connection.js'

/** Octets of queries that aren't complete, of all streams of a connection. */
const MAX_HELD = 2 ** 18
/** How long a client may take to close its side after we closed ours, in ms; then the connection is cut. */
const LINGER = 500
/** The most streams that a client may have open (A18). */
export const MAX_STREAMS = 100

/** What HTTP connections need from the server. */
export interface DohOwner {
  readonly deadlines: Deadlines
  /** How long a connection may be without a complete query, in ms. */
  readonly idleTimeout: number
  /** Queries under way on one connection at most. */
  readonly maxPipelined: number
  /** Queries after which a connection is closed. */
  readonly maxQueries: number
  now(): number
  /** Calls `fn` in a later turn of the loop. */
  later(fn: () => void): void
  /** A message came; returns whether it was a DNS query, good or bad. */
  onMessage(wire: Buffer, client: Client, path: ReturnPath): boolean
  /** A request isn't one for DNS; `status` is what its client is told. */
  onRefused(client: Client, status: number): void
  /** The client makes more trouble than queries. */
  onNuisance(client: Client): void
  onClosed(connection: Connection): void
}

/**
 * One client's HTTP connection. Like one over TCP nothing but a complete query keeps it open; and it is cut when its
 * client resets streams, pings or changes settings more often than it can have reason to.
 */
export abstract class DohConnection extends Alarm implements Connection, ExchangeOwner {
  readonly client: Client
  readonly path: string
  readonly altSvc: string | null
  active: number
  readonly #owner: DohOwner
  #streams = 0
  #underWay = 0
  #held = 0
  readonly #patience: Patience
  readonly #quota: Quota
  #state: 'open' | 'finishing' | 'closed' = 'open'

  /** @param streams those that the client may have open */
  constructor(client: Client, owner: DohOwner, path: string, streams: number, altSvc: string | null = null) {
    super()
    this.client = client
    this.#owner = owner
    this.path = path
    this.altSvc = altSvc
    this.active = owner.now()
    this.#patience = new Patience(streams, this.active)
    this.#quota = new Quota(streams, owner.maxQueries)
    owner.deadlines.set(this, this.active + owner.idleTimeout)
  }

  get deadlines(): Deadlines {
    return this.#owner.deadlines
  }

  get idleTimeout(): number {
    return this.#owner.idleTimeout
  }

  get finishing(): boolean {
    return this.#state !== 'open'
  }

  get spare(): boolean {
    return this.#state === 'open' && this.#underWay === 0
  }

  now(): number {
    return this.#owner.now()
  }

  hold(size: number): boolean {
    if (this.#held + size > MAX_HELD) return false
    this.#held += size
    return true
  }

  take(wire: Buffer, exchange: DohExchange): boolean {
    if (!this.#owner.onMessage(wire, this.client, exchange)) return false
    this.active = this.#owner.now()
    if (this.#quota.take(this.#owner.maxQueries, this.#grant)) this.finish()
    return true
  }

  enter(): void {
    this.#underWay++
  }

  leave(): void {
    this.#underWay--
    if (this.#state === 'finishing') this.#awaitEnd()
  }

  onRefused(status: number): void {
    this.#owner.onRefused(this.client, status)
  }

  onEnded(end: RequestEnd): void {
    this.#streams--
    if (end === 'rough') this.nuisance()
    else if (end === 'cancelled') this.#takenBack()
    if (this.#state === 'finishing' && this.#streams === 0) this.#awaitEnd()
  }

  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'finishing'
    this.goaway()
    this.#awaitEnd()
  }

  destroy(): void {
    this.#cut('done')
  }

  override ring(now: number): void {
    const { deadlines, idleTimeout } = this.#owner
    if (this.#underWay > 0) return deadlines.set(this, now + idleTimeout)
    if (this.#state === 'finishing') return this.destroy()
    const end = this.active + idleTimeout
    if (now < end) deadlines.set(this, end)
    else this.finish()
  }

  /** The client may have so many streams open from now on, so that none is refused that it opens. */
  protected grant(_streams: number): void {}
  /** Says that no more requests are taken; those that are here go on. */
  protected abstract goaway(): void
  /** Ends the connection at once; its client is told why. */
  protected abstract cut(why: 'done' | 'nuisance'): void

  /** Calls `fn` in a later turn of the loop. */
  protected later(fn: () => void): void {
    this.#owner.later(fn)
  }

  /** A request came, of which {@link onEnded} is told. @returns false: there are no more to be taken */
  protected begin(): boolean {
    if (this.#state === 'closed') return false
    this.#streams++
    return true
  }

  /** The client did what it rarely has reason to do. */
  protected nuisance(): void {
    if (this.#state !== 'closed' && !this.#patience.bearsNuisance(this.#owner.now())) this.giveUp()
  }

  /** The client makes more trouble than queries. */
  protected giveUp(): void {
    if (this.#state === 'closed') return
    this.#owner.onNuisance(this.client)
    this.#cut('nuisance')
  }

  /** It is gone. */
  protected ended(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#owner.deadlines.clear(this)
    this.#owner.onClosed(this)
  }

  #takenBack(): void {
    if (this.#state !== 'closed' && !this.#patience.bearsTakeBack(this.#owner.now())) this.giveUp()
  }

  readonly #grant = (streams: number): void => this.grant(streams)

  #cut(why: 'done' | 'nuisance'): void {
    this.cut(why)
    this.ended()
  }

  #awaitEnd(): void {
    const { deadlines, idleTimeout } = this.#owner
    deadlines.set(this, this.#owner.now() + (this.#streams === 0 ? LINGER : idleTimeout))
  }
}
