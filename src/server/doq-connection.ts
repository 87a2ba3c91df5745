import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import { DOQ_CODES } from '../transport/doq-codes.js'
import type { Client } from './answer.js'
import type { DohOwner } from './doh-connection.js'
import { DoqExchange, type DoqExchangeOwner } from './doq-exchange.js'
import { Patience } from './patience.js'
import { Quota } from './quota.js'
import type { QuicServed } from './quic-acceptor.js'

/** Octets of queries that aren't complete, of all streams of a connection. */
const MAX_HELD = 2 ** 18
/** How long the last replies may take to reach their client before the connection is closed, and how often it is looked, in ms. */
const LINGER = 500
const LOOK = 5

/** What connections need from the server. */
export type DoqOwner = Omit<DohOwner, 'later' | 'maxPipelined' | 'onRefused'>

/**
 * One client's connection for DNS over QUIC (RFC 9250). Like one over TCP nothing but a complete query keeps it open; and it is cut when
 * its client resets streams more often than it can have reason to.
 */
export class DoqConnection extends Alarm implements QuicServed, ConnectionHandler, DoqExchangeOwner {
  readonly client: Client
  active: number
  readonly #connection: QuicConnection
  readonly #owner: DoqOwner
  readonly #patience: Patience
  readonly #quota: Quota
  #underWay = 0
  #held = 0
  #state: 'open' | 'finishing' | 'closed' = 'open'
  /** When it is closed, whatever has reached its client. */
  #end = 0

  constructor(connection: QuicConnection, client: Client, owner: DoqOwner, streams: number) {
    super()
    this.#connection = connection
    this.client = client
    this.#owner = owner
    this.active = owner.now()
    this.#patience = new Patience(streams, this.active)
    this.#quota = new Quota(streams, owner.maxQueries)
    owner.deadlines.set(this, this.active + owner.idleTimeout)
  }

  get handler(): ConnectionHandler {
    return this
  }

  get deadlines(): Deadlines {
    return this.#owner.deadlines
  }

  get idleTimeout(): number {
    return this.#owner.idleTimeout
  }

  get spare(): boolean {
    return this.#state === 'open' && this.#underWay === 0
  }

  now(): number {
    return this.#owner.now()
  }

  /** @internal */
  onConnected(): void {}

  /** @internal */
  onCredit(): void {}

  /** @internal RFC 9250, section 4.2: queries come on bidirectional streams. */
  onStream(_connection: QuicConnection, stream: QuicStream): StreamHandler {
    if (!stream.bidirectional) {
      this.onProtocolError('a unidirectional stream')
      return UNHEARD
    }
    const exchange = new DoqExchange(stream, this)
    if (this.#state !== 'open') exchange.refuse(DOQ_CODES.EXCESSIVE_LOAD)
    return exchange
  }

  /** @internal */
  onClosed(_connection: QuicConnection, _end: ConnectionEnd): void {
    this.#leave()
  }

  hold(size: number): boolean {
    if (this.#held + size > MAX_HELD) return false
    this.#held += size
    return true
  }

  take(wire: Buffer, exchange: DoqExchange): void {
    if (this.#state !== 'open') return exchange.refuse(DOQ_CODES.EXCESSIVE_LOAD)
    if (!this.#owner.onMessage(wire, this.client, exchange)) return exchange.refuse(DOQ_CODES.PROTOCOL_ERROR)
    this.active = this.#owner.now()
    // DNS over QUIC has no other word for it: who is granted no more streams asks on another connection.
    if (this.#quota.take(this.#owner.maxQueries, this.#grant)) this.finish()
  }

  enter(): void {
    this.#underWay++
  }

  leave(): void {
    this.#underWay--
    if (this.#state === 'finishing' && this.#underWay === 0) this.#linger()
  }

  onProtocolError(what: string): void {
    this.#cut(DOQ_CODES.PROTOCOL_ERROR, what)
  }

  onNuisance(): void {
    if (this.#state !== 'closed' && !this.#patience.bearsNuisance(this.#owner.now())) this.#giveUp()
  }

  onTakenBack(): void {
    if (this.#state !== 'closed' && !this.#patience.bearsTakeBack(this.#owner.now())) this.#giveUp()
  }

  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'finishing'
    if (this.#underWay > 0) this.#setAlarm(this.#owner.idleTimeout)
    else if (this.#connection.delivered) this.destroy()
    else this.#linger()
  }

  destroy(): void {
    this.#cut(DOQ_CODES.NO_ERROR, '')
  }

  override ring(now: number): void {
    const { deadlines, idleTimeout } = this.#owner
    if (this.#underWay > 0) return deadlines.set(this, now + idleTimeout)
    if (this.#state === 'finishing') {
      if (now >= this.#end || this.#connection.delivered) this.destroy()
      else this.#setAlarm(LOOK)
      return
    }
    const end = this.active + idleTimeout
    if (now < end) deadlines.set(this, end)
    else this.destroy()
  }

  /** What was replied is still on its way, and would be lost with the connection. */
  #linger(): void {
    this.#end = this.#owner.now() + LINGER
    this.#setAlarm(LOOK)
  }

  readonly #grant = (streams: number): void => this.#connection.grant(streams)

  #giveUp(): void {
    this.#owner.onNuisance(this.client)
    this.#cut(DOQ_CODES.EXCESSIVE_LOAD, 'too many streams were reset')
  }

  #cut(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#connection.close(code, reason)
    this.#leave()
  }

  #setAlarm(delay: number): void {
    this.#owner.deadlines.set(this, this.#owner.now() + delay)
  }

  #leave(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#owner.deadlines.clear(this)
    this.#owner.onClosed(this)
  }
}

const UNHEARD: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
