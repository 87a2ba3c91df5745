import { Buffer } from 'node:buffer'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { Field } from '../http/field.js'
import type { RequestEnd } from '../http/received-request.js'
import { freshness } from '../wire/ttl.js'
import type { ReturnPath } from './answer.js'
import { BODY, MAX_MESSAGE, MEDIA_TYPE, readRequest, type Refusal, type RequestFields } from './doh-request.js'
import type { HttpExchange, HttpExchangeHandler } from './http-exchange.js'

/** What an exchange needs from its connection. */
export interface ExchangeOwner {
  readonly deadlines: Deadlines
  /** How long a client may take to send its query, and then to take the reply, in ms. */
  readonly idleTimeout: number
  /** What HTTP is asked for. */
  readonly path: string
  /** Whether it takes no more queries. */
  readonly finishing: boolean
  /** What replies say of other ways to ask here, as `Alt-Svc` does (RFC 7838, section 3); null: nothing. */
  readonly altSvc: string | null
  now(): number
  /** Makes room for so many octets of a query that isn't complete, or gives it back when negative; false: there is none. */
  hold(size: number): boolean
  /** Asks what came in `exchange`; false when it is no DNS query or comes too late. */
  take(wire: Buffer, exchange: DohExchange): boolean
  /** A query is under way, until {@link leave}. */
  enter(): void
  leave(): void
  /** A request was refused. */
  onRefused(status: number): void
  /** The stream is gone; `cancelled`: a query that had been asked was taken back. */
  onEnded(end: RequestEnd): void
}

/** One HTTP request and what is replied to it (RFC 8484, section 4). It is over when it is gone, whatever came before. */
export class DohExchange extends Alarm implements ReturnPath, HttpExchangeHandler {
  readonly stream = true
  readonly #http: HttpExchange
  readonly #owner: ExchangeOwner
  readonly #body: Buffer[] = []
  #size = 0
  /** Whether the message is to come as the body. */
  #isReading = false
  #answered = false
  #taken = false

  constructor(http: HttpExchange, fields: RequestFields, owner: ExchangeOwner) {
    super()
    this.#http = http
    this.#owner = owner
    this.#start(readRequest(fields, owner.path))
  }

  deliver(octets: Buffer): boolean {
    if (this.#answered || this.#http.gone) return false
    const length: Field = ['content-length', String(octets.length)]
    this.#respond(
      200,
      [['content-type', MEDIA_TYPE], length, ['cache-control', `max-age=${freshness(octets)}`]],
      octets,
    )
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
    if (this.#answered) this.#http.cancel()
    else this.#refuse(408)
  }

  onBody(octets: Buffer): void {
    if (!this.#isReading) return
    if (this.#size + octets.length > MAX_MESSAGE) return this.#refuse(413)
    if (!this.#owner.hold(octets.length)) return this.#refuse(503)
    this.#size += octets.length
    this.#body.push(octets)
  }

  onEnd(): void {
    if (!this.#isReading || this.#http.gone) return
    this.#isReading = false
    this.#owner.deadlines.clear(this)
    const body = this.#body.length === 1 ? this.#body[0]! : Buffer.concat(this.#body, this.#size)
    this.#letGo()
    this.#ask(body)
  }

  onGone(end: RequestEnd): void {
    this.#letGo()
    this.#owner.deadlines.clear(this)
    this.#owner.onEnded(end === 'cancelled' && !this.#taken ? 'rough' : end)
  }

  #start(asked: ReturnType<typeof readRequest>): void {
    if (asked === BODY) {
      this.#isReading = true
      this.#setAlarm()
    } else if (typeof asked === 'number') this.#refuse(asked)
    else this.#ask(asked)
  }

  #ask(wire: Buffer): void {
    this.#taken = this.#owner.take(wire, this)
    if (!this.#taken) this.#reply(this.#owner.finishing ? 503 : 400)
  }

  #refuse(status: Refusal | 408 | 503): void {
    if (this.#http.gone) return
    this.#letGo()
    this.#owner.onRefused(status)
    this.#reply(status)
  }

  #reply(status: number): void {
    if (this.#answered || this.#http.gone) return
    const fields: Field[] = [['content-length', '0']]
    if (status === 405) fields.push(['allow', 'GET, POST'])
    this.#respond(status, fields, null)
  }

  /** From now on the client has a time to take it. */
  #respond(status: number, fields: readonly Field[], body: Buffer | null): void {
    const { altSvc } = this.#owner
    this.#answered = true
    this.#isReading = false
    this.#setAlarm()
    this.#http.respond(status, altSvc === null ? fields : [...fields, ['alt-svc', altSvc]], body)
  }

  #setAlarm(): void {
    this.#owner.deadlines.set(this, this.#owner.now() + this.#owner.idleTimeout)
  }

  #letGo(): void {
    if (this.#size > 0) this.#owner.hold(-this.#size)
    this.#size = 0
    this.#body.length = 0
  }
}
