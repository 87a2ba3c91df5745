import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { freshness } from '../wire/ttl.js'
import type { ReturnPath } from './answer.js'
import { BODY, MAX_MESSAGE, MEDIA_TYPE, readRequest, type Refusal } from './doh-request.js'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/** What an exchange needs from its connection. */
export interface ExchangeOwner {
  readonly deadlines: Deadlines
  /** How long a client may take to send its query, and then to take the reply, in ms. */
  readonly idleTimeout: number
  /** What HTTP is asked for. */
  readonly path: string
  /** Whether it takes no more queries. */
  readonly finishing: boolean
  now(): number
  /** Calls `fn` in a later turn of the loop. */
  later(fn: () => void): void
  /** Makes room for so many octets of a query that isn't complete, or gives it back when negative; false: there is none. */
  hold(size: number): boolean
  /** Asks what came in `exchange`; false when it is no DNS query or comes too late. */
  take(wire: Buffer, exchange: DohExchange): boolean
  /** A query is under way, until {@link leave}. */
  enter(): void
  leave(): void
  /** A request was refused. */
  onRefused(status: number): void
  /** The stream is gone; `rough`: it was reset. */
  onEnded(rough: boolean): void
}

/** One HTTP request and what is replied to it (RFC 8484, section 4). It ends with its stream's `close`, whatever came before. */
export class DohExchange extends Alarm implements ReturnPath {
  readonly stream = true
  readonly #stream: ServerHttp2Stream
  readonly #owner: ExchangeOwner
  readonly #body: Buffer[] = []
  #size = 0
  /** Whether more of the request is to come. */
  #isSending: boolean
  #answered = false

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, owner: ExchangeOwner) {
    super()
    this.#stream = stream
    this.#owner = owner
    this.#isSending = !stream.endAfterHeaders
    stream.on('error', () => undefined) // 'close' follows
    stream.on('close', () => this.#onClose())
    this.#start(readRequest(headers, owner.path))
  }

  deliver(octets: Buffer): boolean {
    if (this.#answered || this.#isGone) return false
    this.#answered = true
    this.#stream.respond({
      ':status': 200,
      'content-type': MEDIA_TYPE,
      'content-length': octets.length,
      'cache-control': `max-age=${freshness(octets)}`,
    })
    this.#stream.end(octets)
    this.#endRequest()
    return true
  }

  enter(): void {
    this.#owner.enter()
  }

  leave(): void {
    this.#owner.leave()
  }

  /** The client took too long: to send its query, or to take the reply. */
  override ring(): void {
    if (this.#answered) this.#stream.close(NGHTTP2_CANCEL)
    else this.#refuse(408)
  }

  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  #start(asked: ReturnType<typeof readRequest>): void {
    if (asked === BODY) {
      this.#setAlarm()
      this.#stream.on('data', (chunk: Buffer) => this.#onData(chunk))
      this.#stream.on('end', () => this.#onEnd())
      return
    }
    this.#stream.resume() // without that it would never close
    if (typeof asked === 'number') this.#refuse(asked)
    else this.#ask(asked)
  }

  #onData(chunk: Buffer): void {
    if (this.#answered) return
    if (this.#size + chunk.length > MAX_MESSAGE) return this.#refuse(413)
    if (!this.#owner.hold(chunk.length)) return this.#refuse(503)
    this.#size += chunk.length
    this.#body.push(chunk)
  }

  #onEnd(): void {
    this.#isSending = false
    if (this.#answered || this.#isGone) return
    this.#owner.deadlines.clear(this)
    const body = this.#body.length === 1 ? this.#body[0]! : Buffer.concat(this.#body, this.#size)
    this.#letGo()
    this.#ask(body)
  }

  #ask(wire: Buffer): void {
    if (!this.#owner.take(wire, this)) this.#reply(this.#owner.finishing ? 503 : 400)
  }

  #refuse(status: Refusal | 408 | 503): void {
    if (this.#isGone) return
    this.#letGo()
    this.#owner.onRefused(status)
    this.#reply(status)
  }

  #reply(status: number): void {
    if (this.#answered || this.#isGone) return
    this.#answered = true
    const headers = { ':status': status, 'content-length': 0 }
    this.#stream.respond(status === 405 ? { ...headers, allow: 'GET, POST' } : headers, { endStream: true })
    this.#endRequest()
  }

  /** What the client still sends is no longer wanted (RFC 9113, section 8.1); and it has a time to take the reply. */
  #endRequest(): void {
    // From Node 22 on a reset in the same turn overtakes the reply, and the client never sees it.
    if (this.#isSending) this.#owner.later(() => this.#stream.close(NGHTTP2_NO_ERROR))
    this.#setAlarm()
  }

  #setAlarm(): void {
    this.#owner.deadlines.set(this, this.#owner.now() + this.#owner.idleTimeout)
  }

  #letGo(): void {
    if (this.#size > 0) this.#owner.hold(-this.#size)
    this.#size = 0
    this.#body.length = 0
  }

  #onClose(): void {
    this.#letGo()
    this.#owner.deadlines.clear(this)
    this.#owner.onEnded(this.#stream.rstCode !== NGHTTP2_NO_ERROR)
  }
}
