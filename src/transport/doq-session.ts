import { IntTable } from '../base/int-table.js'
import { DnsError } from '../errors.js'
import { Starvation } from '../quic/starvation.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import { Vigil, type VigilOwner } from '../quic/vigil.js'
import { DOQ_CODES, doqCodeName, hasKeepalive } from './doq-codes.js'
import type { DoqCarrier, DoqRequest } from './doq-request.js'
import { closedFailure } from './failure.js'
import { MAX_IN_FLIGHT } from './in-flight.js'
import { PING_AFTER, PING_TIMEOUT, type Session, type SessionOwner } from './request-connection.js'
import type { TransportOptions } from './transport.js'
import { OPCODE } from '../wire/constants.js'

/** Queries that may wait for a stream. */
const MAX_WAITING = 10_000
const NOBODY: SessionOwner = { onRetired() {}, onDrained() {}, onClosed() {} }

/**
 * One connection of DNS over QUIC, the client's side (RFC 9250): the handler of a QUIC connection with ALPN `doq`. Queries
 * beyond the server's stream limit wait here; where it grants no more although it has nothing left to do, they go elsewhere.
 */
export class DoqSession implements Session<DoqRequest>, ConnectionHandler, DoqCarrier, VigilOwner {
  /** Told what becomes of it from now on. */
  owner: SessionOwner = NOBODY
  readonly #options: Pick<TransportOptions, 'name' | 'clock'>
  /** By their places. */
  readonly #open = new IntTable<DoqRequest>()
  readonly #waiting = new Set<DoqRequest>()
  readonly #vigil: Vigil
  readonly #starvation: Starvation
  #begun = 0
  #connection: QuicConnection | null = null
  #closed = false
  #retired = false
  #answered = false

  constructor(options: Pick<TransportOptions, 'name' | 'clock'>) {
    this.#options = options
    this.#vigil = new Vigil({ ...options, pingAfter: PING_AFTER, pingTimeout: PING_TIMEOUT }, this)
    this.#starvation = new Starvation(options.clock, () =>
      this.#handBack(this.#failure(`the connection to ${options.name} has no streams left`)),
    )
  }

  get size(): number {
    return this.#open.size + this.#waiting.size
  }

  get full(): boolean {
    const limit = Math.min(this.#connection?.streamLimit ?? Infinity, MAX_IN_FLIGHT)
    return this.#waiting.size > 0 && this.#connection !== null && this.size > limit
  }

  get silent(): boolean {
    return this.#vigil.silent
  }

  get closed(): boolean {
    return this.#closed
  }

  send(request: DoqRequest): boolean {
    if (this.#closed || this.#retired || this.#waiting.size >= MAX_WAITING) return false
    if (this.size === 0) this.#vigil.begin()
    if (this.#waiting.size > 0 || !this.#begin(request)) this.#wait(request)
    return true
  }

  cancel(request: DoqRequest): boolean {
    if (!this.#waiting.delete(request)) {
      if (!this.#take(request)) return false
      request.end(DOQ_CODES.REQUEST_CANCELLED)
    }
    this.#afterSettling()
    return true
  }

  retire(): void {
    this.#retired = true
    if (this.size === 0) this.destroy()
  }

  destroy(): void {
    this.#end(closedFailure(this.#options), DOQ_CODES.NO_ERROR)
  }

  /** @internal Queries may go out before the handshake is complete (RFC 9250, section 4.5). */
  onEarly(connection: QuicConnection): void {
    this.#connection = this.#vigil.connection = connection
  }

  /** @internal */
  onConnected(connection: QuicConnection): void {
    if (this.#closed) return connection.close(DOQ_CODES.NO_ERROR)
    this.#connection = this.#vigil.connection = connection
    this.onCredit()
  }

  /** @internal RFC 9250, section 4.2: the client alone opens streams, and bidirectional ones. */
  onStream(_connection: QuicConnection, stream: QuicStream): StreamHandler {
    this.#fault(`a stream of the server's own, ${stream.id}`)
    return IGNORED
  }

  /** @internal */
  onCredit(): void {
    for (const request of this.#waiting) {
      if (!this.#begin(request)) break
      this.#waiting.delete(request)
    }
    this.#starve()
  }

  /** @internal */
  onClosed(_connection: QuicConnection, end: ConnectionEnd): void {
    this.#end(this.#broken(end), null)
  }

  /** @internal */
  onMessage(request: DoqRequest, message: Buffer): void {
    if (!this.#take(request)) return
    request.end(null)
    this.#vigil.heard()
    this.#answered = true
    // RFC 9250, sections 4.2.1 and 5.5.2: both are fatal, and the query goes elsewhere.
    if (((message[0] ?? 0) | (message[1] ?? 0)) !== 0) return this.#faultOf(request, 'a message ID other than 0')
    if (hasKeepalive(message)) return this.#faultOf(request, 'the edns-tcp-keepalive option')
    request.owner?.onMessage(request, message)
    this.#afterSettling()
  }

  /** @internal */
  onProtocolError(request: DoqRequest, what: string): void {
    if (this.#take(request)) this.#faultOf(request, what)
  }

  /** @internal */
  onAbandoned(request: DoqRequest, code: number): void {
    if (!this.#take(request)) return
    request.end(DOQ_CODES.NO_ERROR)
    this.#vigil.heard()
    const error = this.#failure(`${this.#options.name} abandoned the query: ${doqCodeName(code)}`)
    const isRefused = code === DOQ_CODES.EXCESSIVE_LOAD
    // A server that takes no more queries on a connection has no other way to say so (RFC 9250, section 4.3).
    if (isRefused && (this.#answered || this.#open.size > 0)) return this.#handBack(error, request)
    request.owner?.onLost(request, error, isRefused ? 'malformed' : 'lost')
    this.#afterSettling()
  }

  /** @internal */
  onGone(message: string): void {
    this.#end(this.#failure(message), DOQ_CODES.NO_ERROR)
  }

  #begin(request: DoqRequest): boolean {
    const connection = this.#connection
    if (connection === null || this.#open.size >= MAX_IN_FLIGHT) return false
    // Whatever else may not be done twice.
    if (!connection.established && request.pending.query.opcode !== OPCODE.QUERY) return false
    const stream = connection.open(request)
    if (stream === null) return false
    request.place = this.#begun = (this.#begun + 1) | 0
    this.#open.set(request.place, request)
    request.begin(stream, this)
    return true
  }

  /** Takes `request` out; false: it isn't here any more. */
  #take(request: DoqRequest): boolean {
    return this.#open.get(request.place) === request && this.#open.delete(request.place)
  }

  #wait(request: DoqRequest): void {
    this.#waiting.add(request)
    this.#starve()
  }

  #starve(): void {
    const isStarving = this.#open.size === 0 && this.#waiting.size > 0 && !this.#closed
    this.#starvation.look(isStarving && this.#connection?.established === true ? this.#connection : null)
  }

  /** The connection is used up: what the server has refused goes elsewhere, and so does what waits. */
  #handBack(error: DnsError, refused: DoqRequest | null = null): void {
    this.#retired = true
    const unsent = [...this.#waiting]
    this.#waiting.clear()
    this.owner.onRetired()
    refused?.owner?.onLost(refused, error, 'unprocessed')
    for (const request of unsent) request.owner?.onLost(request, error, 'unsent')
    this.#afterSettling()
  }

  #afterSettling(): void {
    if (this.#closed) return
    if (this.#waiting.size > 0) this.onCredit()
    if (this.size > 0) return
    this.owner.onDrained()
    if (this.#retired && this.size === 0) this.destroy()
  }

  #faultOf(request: DoqRequest, what: string): void {
    this.#open.set(request.place, request)
    this.#fault(what)
  }

  #fault(what: string): void {
    const { name } = this.#options
    this.#end(this.#failure(`${name} broke DNS over QUIC: ${what}`), DOQ_CODES.PROTOCOL_ERROR, what)
  }

  /** The one way out, whatever happens first. `code`: what the server is told; null when there is nobody to tell. */
  #end(error: DnsError, code: number | null, reason = ''): void {
    if (this.#closed) return
    this.#closed = true
    this.#vigil.stop()
    this.#starvation.stop()
    if (code !== null) this.#connection?.close(code, reason)
    const unsent = [...this.#waiting]
    const sent = [...this.#open.values()].sort((a, b) => a.place - b.place)
    this.#waiting.clear()
    this.#open.clear()
    for (const request of sent) request.end(null)
    for (const request of unsent) request.owner?.onLost(request, error, 'unsent')
    for (const request of sent) request.owner?.onLost(request, error, 'lost')
    this.owner.onClosed(error)
  }

  #broken({ cause, code, reason, error }: ConnectionEnd): DnsError {
    const said =
      cause === 'application' ? `was closed by the server: ${doqCodeName(code)} ${reason}` : `broke: ${reason}`
    return this.#failure(`the connection to ${this.#options.name} ${said}`.trimEnd(), error)
  }

  #failure(message: string, cause?: Error): DnsError {
    const { name } = this.#options
    return new DnsError('ERR_DNS_CONNECT', message, { upstream: name, ...(cause !== undefined && { cause }) })
  }
}

const IGNORED: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
