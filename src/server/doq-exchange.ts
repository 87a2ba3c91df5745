import { Buffer } from 'node:buffer'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { QuicStream, StreamHandler } from '../quic/types.js'
import { DOQ_CODES, hasKeepalive } from '../transport/doq-codes.js'
import { frame } from '../transport/framing.js'
import type { ReturnPath } from './answer.js'

/** Octets in front of a message: its length (RFC 9250, section 4.2). */
const PREFIX = 2

/** What an exchange needs from its connection. */
export interface DoqExchangeOwner {
  readonly deadlines: Deadlines
  /** How long a client may take to send its query, in ms. */
  readonly idleTimeout: number
  now(): number
  /** Makes room for so many octets of a query that isn't complete, or gives it back when negative; false: there is none. */
  hold(size: number): boolean
  /** Asks what came in `exchange`. */
  take(wire: Buffer, exchange: DoqExchange): void
  /** A query is under way, until {@link leave}. */
  enter(): void
  leave(): void
  /** The client broke the protocol: the connection ends (RFC 9250, section 4.3.3). */
  onProtocolError(what: string): void
  /** A stream was reset before a query had come. */
  onNuisance(): void
  /** A query that had come was taken back. */
  onTakenBack(): void
}

/** One query on a stream of its own, and its reply (RFC 9250, section 4.2). */
export class DoqExchange extends Alarm implements ReturnPath, StreamHandler {
  readonly stream = true
  readonly #stream: QuicStream
  readonly #owner: DoqExchangeOwner
  #received: Buffer | null = null
  #state: 'reading' | 'asked' | 'over' = 'reading'

  constructor(stream: QuicStream, owner: DoqExchangeOwner) {
    super()
    this.#stream = stream
    this.#owner = owner
    owner.deadlines.set(this, owner.now() + owner.idleTimeout)
  }

  deliver(octets: Buffer): boolean {
    if (this.#state !== 'asked') return false
    this.#state = 'over'
    this.#stream.write(frame(octets), true)
    return true
  }

  enter(): void {
    this.#owner.enter()
  }

  leave(): void {
    this.#owner.leave()
  }

  /** There will be no reply, and what still comes isn't read. */
  refuse(code: number): void {
    if (this.#state === 'over') return
    this.#end()
    this.#stream.cancel(code)
  }

  /** The client took too long to send its query. */
  override ring(): void {
    this.refuse(DOQ_CODES.UNSPECIFIED_ERROR)
  }

  onData(octets: Buffer, fin: boolean): void {
    if (this.#state !== 'reading') {
      if (octets.length > 0) this.#owner.onProtocolError('more than one message on a stream')
      return
    }
    const received = this.#gather(octets)
    if (received === null) return
    const end = received.length < PREFIX ? Infinity : PREFIX + received.readUInt16BE(0)
    if (received.length > end) return this.#owner.onProtocolError('more than one message on a stream')
    if (received.length === end) return this.#ask(received.subarray(PREFIX))
    if (fin) this.#owner.onProtocolError('a stream that ended within a message')
  }

  onReset(): void {
    if (this.#state !== 'over') this.#stream.cancel(DOQ_CODES.REQUEST_CANCELLED)
    this.onStopped()
  }

  /** RFC 9250, section 4.3.1: the client wants no reply any more. */
  onStopped(): void {
    const state = this.#state
    this.#end()
    if (state === 'reading') this.#owner.onNuisance()
    else if (state === 'asked') this.#owner.onTakenBack()
  }

  onLost(): void {
    this.#end()
  }

  /** All that has come; null where there is no room for more. */
  #gather(octets: Buffer): Buffer | null {
    if (!this.#owner.hold(octets.length)) {
      this.refuse(DOQ_CODES.EXCESSIVE_LOAD)
      return null
    }
    return (this.#received = this.#received === null ? octets : Buffer.concat([this.#received, octets]))
  }

  #ask(wire: Buffer): void {
    this.#letGo()
    this.#owner.deadlines.clear(this)
    this.#state = 'asked'
    // RFC 9250, sections 4.2.1 and 5.5.2.
    if (wire.length >= 2 && (wire[0]! | wire[1]!) !== 0) this.#owner.onProtocolError('a message ID other than 0')
    else if (hasKeepalive(wire)) this.#owner.onProtocolError('the edns-tcp-keepalive option')
    else this.#owner.take(wire, this)
  }

  #letGo(): void {
    if (this.#received !== null) this.#owner.hold(-this.#received.length)
    this.#received = null
  }

  #end(): void {
    if (this.#state === 'reading') this.#letGo()
    this.#owner.deadlines.clear(this)
    this.#state = 'over'
  }
}
