import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import type { Timer } from '../base/clock.js'
import { ConnectionFault, Http2Error, type Http2Code } from './error.js'
import { FrameWriter } from './frame-writer.js'
import { DEFAULT_WINDOW, FLAG, FRAME, type Frame, PREFACE, SETTING } from './frames.js'
import { HeadDecoder } from './head-decoder.js'
import { MAX_HEADER_LIST } from '../http/header-section.js'
import { Outbox } from './outbox.js'
import { PeerSettings } from './peer-settings.js'
import { Receiver, type ReceiverOwner } from './receiver.js'
import { AbandonedRequest } from './abandoned-request.js'
import type { HttpRequest } from '../http/request.js'
import type { HttpOptions, HttpOwner, HttpSession } from '../http/session.js'
import { SESSION_WINDOW, STREAM_WINDOW, Streams, type StreamsOwner } from './streams.js'
import { Watch, type Watched } from '../http/watch.js'

/** Requests that may wait for a stream. */
const MAX_WAITING = 10_000
/** How long the peer has to read why it is left, in ms. */
const LINGER = 1000
const PING_PAYLOAD = Buffer.from('headrace')

/**
 * The client's side of one HTTP/2 connection (RFC 9113), over a socket that is connected already and is the session's
 * from now on. Only what small requests with small responses need: no push, no dynamic table of our own (RFC 7541), no
 * priorities, and a response is told whole.
 *
 * Requests of one turn of the loop share one write. Those beyond the peer's stream limit wait here.
 */
export class Http2Session implements HttpSession, ReceiverOwner, StreamsOwner, Watched {
  readonly name: string
  readonly maxBody: number
  readonly #socket: Duplex
  readonly #options: HttpOptions
  readonly #owner: HttpOwner
  readonly #out = new FrameWriter()
  readonly #peer = new PeerSettings()
  readonly #outbox = new Outbox(this.#out, this.#peer)
  readonly #streams: Streams
  readonly #receiver: Receiver
  readonly #watch: Watch
  #flushing = false
  #closed = false
  #retired = false
  #acknowledged = false
  #goneAbove = Infinity
  /** The stream that came next when the peer's settings came. */
  #toldAt = 0
  #linger: Timer | null = null

  constructor(socket: Duplex, options: HttpOptions, owner: HttpOwner) {
    this.name = options.name
    this.maxBody = options.maxBody
    this.#socket = socket
    this.#options = options
    this.#owner = owner
    this.#streams = new Streams(this.#out, this.#outbox, new HeadDecoder(options.wanted), this)
    this.#receiver = new Receiver(options.clock, this.#streams, this)
    this.#watch = new Watch(options.clock, options, this)
    this.#greet()
    socket.on('data', this.#onRead)
    socket.on('drain', () => this.#schedule())
    socket.on('error', (cause) => this.#end(this.#broken(`broke: ${cause.message}`, cause), null))
    socket.on('end', () => this.#end(this.#broken('was closed by the peer'), null))
    socket.on('close', () => {
      this.#end(this.#broken('was closed by the peer'), null)
      if (this.#linger !== null) options.clock.clearTimeout(this.#linger)
    })
  }

  /** Requests that somebody waits for. */
  get size(): number {
    return this.#streams.awaited + this.#outbox.waiting.size
  }

  /** Whether it takes another request. */
  get usable(): boolean {
    return !this.#closed && !this.#retired && this.#outbox.waiting.size < MAX_WAITING
  }

  /** Whether another request would wait for a stream; before the peer has said how many it allows nobody knows. */
  get full(): boolean {
    return this.#peer.known && this.size >= this.#limit
  }

  /** Whether the peer was asked for a sign of life and has given none yet. */
  get silent(): boolean {
    return this.#watch.asked
  }

  /** Takes `request` until it is settled. @returns false, and takes nothing, when it isn't {@link usable} */
  send(request: HttpRequest): boolean {
    if (!this.usable) return false
    if (this.size === 0) this.#watch.begin()
    request.stream = 0
    this.#outbox.waiting.add(request)
    this.#schedule()
    return true
  }

  /** Nobody wants the response any more. @returns false when the request isn't here: it is settled */
  cancel(request: HttpRequest): boolean {
    if (!this.#outbox.waiting.delete(request)) {
      if (this.#streams.open.get(request.stream) !== request) return false
      this.#streams.abandon(request)
    }
    this.#afterSettling()
    return true
  }

  /** Takes no more requests; closes once those that are here have settled. */
  retire(): void {
    this.#retired = true
    if (this.size === 0) this.#end(this.#closedHere(), 'NO_ERROR')
  }

  /** Closes now; what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#end(this.#closedHere(), null)
    this.#socket.destroy()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** @internal */
  get greeted(): boolean {
    return this.#peer.known
  }

  /** @internal */
  get waiting(): boolean {
    return this.size > 0
  }

  /** @internal RFC 9113, section 6.5.3. */
  onSettings(frame: Frame): void {
    const before = this.#peer.initialWindow
    if (!this.#peer.known) this.#toldAt = this.#outbox.nextStream
    this.#peer.apply(frame)
    this.#outbox.shift(this.#peer.initialWindow - before, this.#streams.open.values())
    this.#out.settingsAck()
  }

  /** @internal */
  onSettingsAck(): void {
    if (this.#acknowledged) throw new ConnectionFault('PROTOCOL_ERROR', 'an acknowledgement of nothing')
    this.#acknowledged = true
  }

  /** @internal RFC 9113, section 6.7. */
  onPing(payload: Buffer, ack: boolean): void {
    if (!ack) this.#out.frame(FRAME.PING, FLAG.ACK, 0, payload)
  }

  /** @internal RFC 9113, section 6.8. */
  onGoaway(last: number, code: Http2Code): void {
    if (last > this.#goneAbove) throw new ConnectionFault('PROTOCOL_ERROR', 'GOAWAY that takes a stream back')
    this.#goneAbove = last
    this.#handBack(this.#streams.takeAbove(last), new Http2Error(this.name, `${this.name} goes away: ${code}`, code))
  }

  /** @internal */
  onWindowUpdate(increment: number): void {
    this.#outbox.widen(increment)
  }

  /** @internal */
  onChatter(): void {
    this.#receiver.spend()
  }

  /**
   * @internal Those that were opened before the peer said how many it allows and were too many: it is no fault of theirs
   * (RFC 9113, section 5.1.2). Once: a peer that keeps its settings back on each connection is no reason to go on.
   */
  sendAgain(request: HttpRequest): boolean {
    if (request.stream >= this.#toldAt || request.sends > 1 || this.#retired) return false
    if (request instanceof AbandonedRequest) return false
    this.#outbox.waiting.add(request)
    return true
  }

  /** @internal */
  onSettled(): void {
    this.#receiver.credit(1)
    this.#afterSettling()
  }

  /** @internal */
  ping(): void {
    this.#out.frame(FRAME.PING, 0, 0, PING_PAYLOAD)
    this.#schedule()
  }

  /** @internal */
  onSilence(): void {
    this.#end(this.#broken(`gave no sign of life within ${this.#options.pingTimeout} ms`), null)
  }

  get #limit(): number {
    return Math.min(this.#options.maxStreams, this.#peer.maxStreams)
  }

  #greet(): void {
    this.#out.octets(Buffer.from(PREFACE, 'latin1'))
    this.#out.settings([
      [SETTING.HEADER_TABLE_SIZE, 0],
      [SETTING.ENABLE_PUSH, 0],
      [SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
      [SETTING.MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST],
    ])
    this.#out.windowUpdate(0, SESSION_WINDOW - DEFAULT_WINDOW)
    this.#schedule()
  }

  readonly #onRead = (chunk: Buffer): void => {
    if (this.#closed) return
    this.#watch.heard()
    try {
      this.#receiver.push(chunk)
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error
      const { http2Code, message } = error
      return this.#end(new Http2Error(this.name, `${this.name} broke HTTP/2: ${message}`, http2Code), http2Code)
    }
    if (!this.#out.empty || this.#outbox.pending) this.#schedule()
  }

  #schedule(): void {
    if (this.#flushing || this.#closed) return
    this.#flushing = true
    this.#options.clock.afterPoll(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushing = false
    if (this.#closed) return
    const before = this.#outbox.dataFrames
    this.#outbox.resume()
    this.#open()
    this.#receiver.credit(this.#outbox.dataFrames - before)
    const octets = this.#out.take()
    if (octets !== null) this.#socket.write(octets)
    if (this.#outbox.exhausted) this.#handBack([], this.#broken('has no streams left'))
  }

  /** Opens as many streams as the peer and the socket take. */
  #open(): void {
    const { open } = this.#streams
    while (this.#outbox.waiting.size > 0 && !this.#socket.writableNeedDrain) {
      if (open.size >= this.#limit && !this.#streams.evict()) return
      if (open.size >= this.#limit) continue
      const request = this.#outbox.open()
      if (request === null) return
      open.set(request.stream, request)
    }
  }

  /** Takes no more requests, and gives back those that the peer will not act on. */
  #handBack(requests: readonly HttpRequest[], error: Http2Error): void {
    const first = !this.#retired
    this.#retired = true
    const unsent = this.#outbox.waiting.takeAll()
    if (first) this.#owner.onRetired()
    for (const request of requests) request.onFailure(error, 'unprocessed')
    for (const request of unsent) request.onFailure(error, 'unsent')
    this.#afterSettling()
  }

  #afterSettling(): void {
    if (this.#closed) return
    if (this.#outbox.waiting.size > 0) this.#schedule()
    if (this.size > 0) return
    this.#owner.onDrained()
    if (this.#retired && this.size === 0) this.#end(this.#closedHere(), 'NO_ERROR')
  }

  /** The one way out, whatever happens first. `code`: what the peer is told; null when there is nobody to tell. */
  #end(error: Http2Error, code: Http2Code | null): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.stop()
    this.#leave(code)
    const unsent = this.#outbox.waiting.takeAll()
    const sent = this.#streams.takeAll()
    for (const request of unsent) request.onFailure(error, 'unsent')
    for (const request of sent) request.onFailure(error, 'lost')
    this.#owner.onClosed(error)
  }

  #leave(code: Http2Code | null): void {
    if (code === null) return void this.#socket.destroy()
    const gone = (): void => void this.#socket.destroy()
    this.#out.goaway(code)
    // A peer that did nothing wrong need not read it.
    this.#socket.end(this.#out.take(), code === 'NO_ERROR' ? gone : undefined)
    this.#linger = this.#options.clock.setTimeout(gone, LINGER)
    this.#linger.unref?.()
  }

  #broken(what: string, cause?: unknown): Http2Error {
    return new Http2Error(this.name, `the connection to ${this.name} ${what}`, null, { cause })
  }

  #closedHere(): Http2Error {
    const message = `the connection to ${this.name} was closed here`
    return new Http2Error(this.name, message, null, { code: 'ERR_DNS_CLOSED' })
  }
}
