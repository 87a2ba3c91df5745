import { Buffer } from 'node:buffer'
import type { DnsError } from '../errors.js'
import type { Loss } from '../http/request.js'
import type { QuicStream, StreamHandler } from '../quic/types.js'
import type { Channel, Pending } from './pending.js'
import type { SentRequest } from './request-connection.js'

/** Octets in front of a message: its length (RFC 9250, section 4.2). */
const PREFIX = 2
const NOTHING = Buffer.alloc(0)

/** The connection that a {@link DoqRequest} is on. */
export interface DoqOwner {
  /** Nobody wants the reply any more. */
  cancel(request: DoqRequest): void
  onMessage(request: DoqRequest, message: Buffer): void
  onLost(request: DoqRequest, error: DnsError, loss: Loss): void
}

/** What carries a {@link DoqRequest} there. */
export interface DoqCarrier {
  /** The whole message came, alone. */
  onMessage(request: DoqRequest, message: Buffer): void
  /** The server broke the protocol on the request's stream (RFC 9250, section 4.3.3). */
  onProtocolError(request: DoqRequest, what: string): void
  /** The stream ended without a message; `code` is what the server said. */
  onAbandoned(request: DoqRequest, code: number): void
}

/** One query as a stream of its own, and its channel as well; a retry is the same object on another connection. */
export class DoqRequest implements SentRequest, Channel, StreamHandler {
  readonly pending: Pending
  /** The query behind its length; its ID is 0 (RFC 9250, section 4.2.1). */
  readonly octets: Buffer
  sends = 0
  /** What its session finds it by. */
  place = 0
  /** Where it is now, or null. */
  owner: DoqOwner | null = null
  #carrier: DoqCarrier | null = null
  #stream: QuicStream | null = null
  #received: Buffer = NOTHING

  constructor(octets: Buffer, pending: Pending) {
    this.octets = octets
    this.pending = pending
    pending.id = 0
  }

  /** Sends the query on `stream`. */
  begin(stream: QuicStream, carrier: DoqCarrier): void {
    this.sends++
    this.#carrier = carrier
    this.#stream = stream
    this.#received = NOTHING
    stream.write(this.octets, true)
  }

  /** Forgets its stream, of which the server is told `code` unless it is null. */
  end(code: number | null): void {
    if (code !== null) this.#stream?.cancel(code)
    this.#stream = null
    this.#carrier = null
  }

  drop(pending: Pending): boolean {
    if (pending.channel !== this) return false
    pending.channel = null
    this.owner?.cancel(this)
    return true
  }

  onData(octets: Buffer, fin: boolean): void {
    const carrier = this.#carrier
    if (carrier === null) return
    const received = (this.#received = this.#received.length === 0 ? octets : Buffer.concat([this.#received, octets]))
    const end = received.length < PREFIX ? Infinity : PREFIX + ((received[0]! << 8) | received[1]!)
    if (received.length > end) return carrier.onProtocolError(this, 'more than one message on a stream')
    if (!fin) return
    if (received.length < end) return carrier.onProtocolError(this, 'a stream that ended within a message')
    carrier.onMessage(this, received.subarray(PREFIX))
  }

  onReset(code: number): void {
    this.#carrier?.onAbandoned(this, code)
  }

  /** All of it was sent: a server that reads no more has read it, or resets its own side as well. */
  onStopped(): void {}

  /** The session hears of it as well. */
  onLost(): void {}
}
