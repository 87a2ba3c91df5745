import { IntTable } from '../base/int-table.js'
import { Chatter, MAX_CHATTER } from '../http/chatter.js'
import { MAX_HEADER_LIST } from '../http/header-section.js'
import { Line } from '../http/line.js'
import type { HttpRequest } from '../http/request.js'
import { ResponseHead } from '../http/response-head.js'
import type { HttpOptions, HttpOwner, HttpSession } from '../http/session.js'
import { H3Channels, IGNORED, type ChannelsOwner } from './h3-channels.js'
import { H3_CODES, H3Error, H3Fault, h3Code, type H3Code } from './h3-error.js'
import { H3Response, type ResponseOwner } from './h3-response.js'
import { SectionDecoder } from './h3-sections.js'
import { Starvation } from './starvation.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from './types.js'
import { Vigil, type VigilOwner } from './vigil.js'

/** Requests that may wait for a stream. */
const MAX_WAITING = 10_000
const NOBODY: HttpOwner = { onRetired() {}, onDrained() {}, onClosed() {} }

/**
 * The client's side of one HTTP/3 connection (RFC 9114): the handler of a QUIC connection with ALPN `h3`, from the first on.
 * Only what small requests with small responses need: no push, no dynamic table (RFC 9204), no priorities, and a response is
 * told whole.
 *
 * Those beyond the peer's stream limit wait here. Where it grants no more although it has nothing left to do, they go
 * elsewhere.
 */
export class H3Session implements HttpSession, ConnectionHandler, ChannelsOwner, ResponseOwner, VigilOwner {
  readonly name: string
  readonly maxBody: number
  readonly decoder: SectionDecoder<ResponseHead>
  /** Told what becomes of it from now on. */
  owner: HttpOwner = NOBODY
  readonly #options: HttpOptions
  readonly #open = new IntTable<H3Response>()
  readonly #waiting = new Line()
  readonly #channels: H3Channels
  readonly #chatter: Chatter
  readonly #vigil: Vigil
  readonly #starvation: Starvation
  #connection: QuicConnection | null = null
  #closed = false
  #retired = false

  constructor(options: HttpOptions) {
    this.name = options.name
    this.maxBody = options.maxBody
    this.decoder = new SectionDecoder(() => new ResponseHead(options.wanted))
    this.#options = options
    this.#channels = new H3Channels('client', MAX_HEADER_LIST, this)
    this.#chatter = new Chatter(options.clock)
    this.#vigil = new Vigil(options, this)
    this.#starvation = new Starvation(options.clock, () => this.#onStarved())
  }

  get size(): number {
    return this.#open.size + this.#waiting.size
  }

  get usable(): boolean {
    return !this.#closed && !this.#retired && this.#waiting.size < MAX_WAITING
  }

  get full(): boolean {
    const limit = Math.min(this.#connection?.streamLimit ?? Infinity, this.#options.maxStreams)
    return this.#waiting.size > 0 && this.#connection !== null && this.size > limit
  }

  get silent(): boolean {
    return this.#vigil.silent
  }

  get closed(): boolean {
    return this.#closed
  }

  send(request: HttpRequest): boolean {
    if (!this.usable) return false
    if (this.size === 0) this.#vigil.begin()
    if (this.#waiting.size > 0 || !this.#begin(request)) {
      this.#waiting.add(request)
      this.#starve()
    }
    return true
  }

  cancel(request: HttpRequest): boolean {
    if (!this.#waiting.delete(request)) {
      const response = this.#open.get(request.stream / 4)
      if (response?.request !== request) return false
      response.cancel()
      this.remove(response)
    }
    this.#afterSettling()
    return true
  }

  retire(): void {
    this.#retired = true
    if (this.size === 0) this.#end(this.#closedHere(), 'H3_NO_ERROR')
  }

  destroy(): void {
    this.#end(this.#closedHere(), 'H3_NO_ERROR')
  }

  /** @internal The handshake is complete, and the server authenticated. */
  onConnected(connection: QuicConnection): void {
    if (this.#closed) return connection.close(H3_CODES.H3_NO_ERROR)
    this.#connection = this.#vigil.connection = connection
    this.onCredit(connection)
  }

  /** @internal */
  onStream(connection: QuicConnection, stream: QuicStream): StreamHandler {
    this.#connection ??= this.#vigil.connection = connection
    if (!stream.bidirectional) return this.#channels.accept(stream)
    this.onFault(new H3Fault('H3_STREAM_CREATION_ERROR', 'a request of a server'))
    return IGNORED
  }

  /** @internal */
  onCredit(connection: QuicConnection): void {
    this.#channels.open(connection)
    this.#beginWaiting()
  }

  /** @internal */
  onClosed(_connection: QuicConnection, end: ConnectionEnd): void {
    this.#end(this.#lost(end), null)
  }

  /** @internal RFC 9114, section 5.2. */
  onGoaway(id: number): void {
    const taken = [...this.#open.values()].filter((response) => response.id >= id).sort((a, b) => a.id - b.id)
    for (const response of taken) {
      response.cancel()
      this.remove(response)
    }
    const requests = taken.map(({ request }) => request)
    this.#handBack(requests, new H3Error(this.name, `${this.name} goes away`, 'H3_NO_ERROR'))
  }

  /** @internal What the peer rejects as it goes away overtakes the GOAWAY, which comes on another stream. */
  onRejected(error: H3Error): void {
    this.#handBack([], error)
  }

  /** @internal */
  onChatter(): void {
    if (this.#chatter.spend()) throw new H3Fault('H3_EXCESSIVE_LOAD', `${MAX_CHATTER} frames that bring nothing`)
  }

  /** @internal */
  onFault({ h3Code: code, message }: H3Fault): void {
    this.#end(new H3Error(this.name, `${this.name} broke HTTP/3: ${message}`, code), code, message)
  }

  /** @internal */
  remove(response: H3Response): void {
    this.#vigil.heard()
    this.#open.delete(response.id / 4)
  }

  /** @internal */
  onSettled(): void {
    this.#chatter.credit(1)
    this.#afterSettling()
  }

  /** @internal */
  onGone(message: string): void {
    this.#end(new H3Error(this.name, message, null), 'H3_NO_ERROR')
  }

  /** Sends `request`. @returns false where there is no stream for it now */
  #begin(request: HttpRequest): boolean {
    const connection = this.#connection
    if (connection === null || !connection.established || this.#open.size >= this.#options.maxStreams) return false
    const response = new H3Response(request, this)
    const stream = connection.open(response)
    if (stream === null) return false
    this.#open.set(stream.id / 4, response)
    response.begin(stream)
    return true
  }

  #beginWaiting(): void {
    for (let request = this.#waiting.first; request !== null; request = this.#waiting.first) {
      if (!this.#begin(request)) break
      this.#waiting.delete(request)
    }
    this.#starve()
  }

  #starve(): void {
    const isStarving = this.#open.size === 0 && this.#waiting.size > 0 && !this.#closed
    this.#starvation.look(isStarving ? this.#connection : null)
  }

  #onStarved(): void {
    this.#handBack([], new H3Error(this.name, `the connection to ${this.name} has no streams left`, null))
  }

  /** Takes no more requests, and gives back those that the peer will not act on. */
  #handBack(requests: readonly HttpRequest[], error: H3Error): void {
    const first = !this.#retired
    this.#retired = true
    const unsent = this.#waiting.takeAll()
    if (first) this.owner.onRetired()
    for (const request of requests) request.onFailure(error, 'unprocessed')
    for (const request of unsent) request.onFailure(error, 'unsent')
    this.#afterSettling()
  }

  #afterSettling(): void {
    if (this.#closed) return
    this.#beginWaiting()
    if (this.size > 0) return
    this.owner.onDrained()
    if (this.#retired && this.size === 0) this.#end(this.#closedHere(), 'H3_NO_ERROR')
  }

  /** The one way out, whatever happens first. `code`: what the peer is told; null when there is nobody to tell. */
  #end(error: H3Error, code: H3Code | null, reason = ''): void {
    if (this.#closed) return
    this.#closed = true
    this.#vigil.stop()
    this.#starvation.stop()
    if (code !== null) this.#connection?.close(H3_CODES[code], reason)
    const unsent = this.#waiting.takeAll()
    const sent = [...this.#open.values()].sort((a, b) => a.id - b.id)
    this.#open.clear()
    for (const response of sent) response.end()
    for (const request of unsent) request.onFailure(error, 'unsent')
    for (const { request } of sent) request.onFailure(error, 'lost')
    this.owner.onClosed(error)
  }

  #lost({ cause, code, reason, error }: ConnectionEnd): H3Error {
    const said = cause === 'application' ? h3Code(code) : null
    const why = cause === 'application' ? 'was closed by the peer' : 'broke'
    const more =
      said === 'H3_NO_ERROR' && reason === '' ? '' : `: ${said === null ? reason : `${said} ${reason}`.trimEnd()}`
    const message = `the connection to ${this.name} ${why}${more}`
    return new H3Error(this.name, message, said, error === undefined ? {} : { cause: error })
  }

  #closedHere(): H3Error {
    const message = `the connection to ${this.name} was closed here`
    return new H3Error(this.name, message, null, { code: 'ERR_DNS_CLOSED' })
  }
}
