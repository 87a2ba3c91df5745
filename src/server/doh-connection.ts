import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { Client, ReturnPath } from './answer.js'
import { DohExchange, type ExchangeOwner } from './doh-exchange.js'
import { Patience } from './patience.js'
import type { Connection } from './tcp-connection.js'

/** The most streams that a client may have open (A18). */
const MAX_STREAMS = 100
/** The most that the fields of one request may take, octets: a query of 12,000 octets by GET, any by POST. */
const MAX_HEADERS = 16_384
/** The most fields of one request. */
const MAX_FIELDS = 64
/** Octets of queries that aren't complete, of all streams of a connection. */
const MAX_HELD = 2 ** 18
/** How long a client may take to close its side after we closed ours, in ms; then the connection is cut. */
const LINGER = 500

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
 * One client's HTTP/2 connection. Like one over TCP nothing but a complete query keeps it open; and it is cut when its
 * client resets streams, pings or changes settings more often than it can have reason to: each costs us more than it
 * (CVE-2023-44487, CVE-2025-8671).
 */
export class DohConnection extends Alarm implements Connection, ExchangeOwner {
  readonly client: Client
  readonly path: string
  active: number
  readonly #socket: TLSSocket
  readonly #owner: DohOwner
  readonly #session: ServerHttp2Session
  #streams = 0
  #underWay = 0
  #queries = 0
  #held = 0
  readonly #patience: Patience
  #state: 'open' | 'finishing' | 'closed' = 'open'

  constructor(socket: TLSSocket, client: Client, owner: DohOwner, path: string) {
    super()
    this.#socket = socket
    this.client = client
    this.#owner = owner
    this.path = path
    this.active = owner.now()
    this.#patience = new Patience(this.active)
    const session = performServerHandshake(socket, {
      maxHeaderListPairs: MAX_FIELDS,
      settings: {
        maxConcurrentStreams: Math.min(MAX_STREAMS, owner.maxPipelined),
        maxHeaderListSize: MAX_HEADERS,
      },
    })
    this.#session = session
    session.on('error', () => undefined) // 'close' follows
    session.on('close', () => this.#onClose())
    session.on('stream', (stream, headers) => this.#onStream(stream, headers))
    session.on('ping', () => this.#onNuisance())
    session.on('remoteSettings', () => this.#onNuisance())
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

  later(fn: () => void): void {
    this.#owner.later(fn)
  }

  hold(size: number): boolean {
    if (this.#held + size > MAX_HELD) return false
    this.#held += size
    return true
  }

  take(wire: Buffer, exchange: DohExchange): boolean {
    if (!this.#owner.onMessage(wire, this.client, exchange)) return false
    this.active = this.#owner.now()
    if (++this.#queries >= this.#owner.maxQueries) this.finish()
    return true
  }

  enter(): void {
    this.#underWay++
  }

  leave(): void {
    this.#underWay--
    if (this.#state === 'finishing') this.#setAlarm(this.#owner.idleTimeout)
  }

  onRefused(status: number): void {
    this.#owner.onRefused(this.client, status)
  }

  onEnded(rough: boolean): void {
    this.#streams--
    if (rough) this.#onNuisance()
    if (this.#state === 'finishing' && this.#streams === 0) this.#setAlarm(LINGER)
  }

  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'finishing'
    // Says GOAWAY; streams that are open go on.
    this.#owner.later(() => this.#session.close())
    this.#setAlarm(this.#streams === 0 ? LINGER : this.#owner.idleTimeout)
  }

  destroy(): void {
    this.#cut(constants.NGHTTP2_NO_ERROR)
  }

  override ring(now: number): void {
    const { deadlines, idleTimeout } = this.#owner
    if (this.#underWay > 0) return deadlines.set(this, now + idleTimeout)
    if (this.#state === 'finishing') return this.destroy()
    const end = this.active + idleTimeout
    if (now < end) deadlines.set(this, end)
    else this.finish()
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (stream.closed || this.#state === 'closed') {
      stream.on('error', () => undefined)
      return this.#onNuisance()
    }
    this.#streams++
    new DohExchange(stream, headers, this)
  }

  #onNuisance(): void {
    if (this.#state === 'closed' || this.#patience.spend(this.#owner.now())) return
    this.#owner.onNuisance(this.client)
    this.#cut(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #cut(code: number): void {
    // Node 20 corrupts its heap when a session is destroyed from within an event of one of its streams.
    this.#owner.later(() => {
      this.#session.destroy(undefined, code)
      this.#socket.destroy()
    })
    this.#onClose()
  }

  #setAlarm(delay: number): void {
    this.#owner.deadlines.set(this, this.#owner.now() + delay)
  }

  #onClose(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#owner.deadlines.clear(this)
    this.#owner.onClosed(this)
  }
}
