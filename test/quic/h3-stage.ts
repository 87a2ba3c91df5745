import { Buffer } from 'node:buffer'
import type { Field } from '../../src/http/field.js'
import { encodeQpack, QPACK } from '../../src/http/qpack.js'
import { RequestHead } from '../../src/http/request-head.js'
import { HttpRequest, type Loss } from '../../src/http/request.js'
import type { ResponseHead } from '../../src/http/response-head.js'
import type { HttpOptions } from '../../src/http/session.js'
import { h3Code, type H3Error } from '../../src/quic/h3-error.js'
import { FRAME, frameOf, STREAM, varints } from '../../src/quic/h3-frames.js'
import { H3Session } from '../../src/quic/h3-session.js'
import type { ConnectionEnd, QuicConnection, QuicStream, StreamHandler } from '../../src/quic/types.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

const NOBODY: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }

/** A stream whose other end is the test. */
export class FakeStream implements QuicStream {
  readonly id: number
  handler: StreamHandler
  readonly written: Buffer[] = []
  finished = false
  /** The code that it was cancelled with. */
  cancelled: string | null = null
  /** The same as a number. */
  cancelCode: number | null = null
  readonly #connection: FakeQuic | null
  /** Whether the peer's side has. */
  #ended = false

  constructor(id: number, handler: StreamHandler, connection: FakeQuic | null = null) {
    this.id = id
    this.handler = handler
    this.#connection = connection
  }

  get bidirectional(): boolean {
    return (this.id & 2) === 0
  }

  get octets(): Buffer {
    return Buffer.concat(this.written)
  }

  write(octets: Buffer, fin: boolean): void {
    if (this.finished || this.cancelled !== null) throw new Error('written after its end')
    this.written.push(Buffer.from(octets))
    this.finished = fin
  }

  cancel(code: number): void {
    this.cancelled ??= h3Code(code)
    this.cancelCode ??= code
    this.handler = NOBODY
    this.#connection?.onStreamEnd()
  }

  /** The peer's octets arrive; nothing does any more once stream or connection have ended. */
  data(octets: Buffer, fin = false): void {
    this.#deliver(fin, () => this.handler.onData(octets, fin))
  }

  /** The peer's octets arrive one by one. */
  trickle(octets: Buffer, fin = false): void {
    if (octets.length === 0) return this.data(octets, fin)
    octets.forEach((_, at) => this.data(octets.subarray(at, at + 1), fin && at === octets.length - 1))
  }

  reset(code: number): void {
    this.#deliver(true, () => this.handler.onReset(code))
  }

  #deliver(last: boolean, tell: () => void): void {
    if (this.#ended || this.#connection?.closed === true) return
    this.#ended = last
    tell()
    if (last) this.#connection?.onStreamEnd()
  }
}

/** A connection whose other end is the test. */
export class FakeQuic implements QuicConnection {
  readonly remote = { address: '192.0.2.1', port: 443 }
  readonly localPort = 40_000
  readonly alpn = 'h3'
  readonly earlyDataAccepted = false
  readonly peerCertificates: readonly Buffer[] = []
  established = true
  closed = false
  rtt = 10
  delivered = false
  timeLeft = Infinity
  streamLimit = Infinity
  early = false
  heard = 0
  pings = 0
  /** Request streams that may be opened yet. */
  credit = Infinity
  /** Whether the streams that end make room for others. */
  renews = false
  readonly streams: FakeStream[] = []
  readonly ours: FakeStream[] = []
  /** What we closed it with. */
  end: string | null = null
  /** The same as a number. */
  endCode: number | null = null

  open(handler: StreamHandler, bidirectional = true): FakeStream | null {
    if (this.closed) return null
    if (bidirectional && this.credit <= 0) {
      this.streamLimit = Math.min(this.streamLimit, this.streams.length)
      return null
    }
    if (bidirectional) this.credit--
    const list = bidirectional ? this.streams : this.ours
    const stream = new FakeStream(4 * list.length + (bidirectional ? 0 : 2), handler, this)
    list.push(stream)
    return stream
  }

  grant(): void {}

  ping(): void {
    this.pings++
  }

  close(code: number): void {
    this.closed = true
    this.end ??= h3Code(code)
    this.endCode ??= code
  }

  onStreamEnd(): void {
    if (this.renews) this.credit++
  }
}

export const HEAD = new RequestHead(
  {
    method: 'POST',
    scheme: 'https',
    authority: 'dns.test',
    path: '/dns-query',
    headers: [
      ['content-type', 'application/dns-message'],
      ['accept', 'application/dns-message'],
    ],
  },
  QPACK,
)

/** A request that writes down how it ended. */
export class Asked extends HttpRequest {
  /** `200 text`, or the code of the failure and how it was lost; null before it is settled. */
  ended: string | null = null
  error: H3Error | null = null

  override onResponse(status: number, _headers: ResponseHead, body: Buffer): void {
    this.#end(`${status} ${body.toString('latin1')}`)
  }

  override onFailure(error: H3Error, loss: Loss): void {
    this.error = error
    this.#end(`${error.h3Code ?? error.code}, ${loss}`)
  }

  #end(how: string): void {
    if (this.ended !== null) throw new Error(`settled twice: ${this.ended}, then ${how}`)
    this.ended = how
  }
}

export const octets = (...parts: readonly (number | string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as Buffer))))
export const OK: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/dns-message'],
]
export const section = (fields: readonly Field[]): Buffer => Buffer.concat([QPACK.prefix, encodeQpack(fields)])
export const headers = (fields: readonly Field[] = OK): Buffer => frameOf(FRAME.HEADERS, section(fields))
export const data = (body: Buffer | string): Buffer => frameOf(FRAME.DATA, Buffer.from(body as string, 'latin1'))
export const settings = (...pairs: readonly number[]): Buffer => frameOf(FRAME.SETTINGS, varints(...pairs))
export const goaway = (id: number): Buffer => frameOf(FRAME.GOAWAY, varints(id))
export const response = (body: string, fields: readonly Field[] = OK): Buffer => octets(headers(fields), data(body))
/** What a control stream begins with. */
export const GREETING = octets(STREAM.CONTROL, settings())

/** A client's session on a connection whose other end the test plays, in virtual time. */
export class Stage {
  readonly clock = new FakeClock()
  readonly quic = new FakeQuic()
  readonly events: string[] = []
  readonly session: H3Session
  #theirs = 0

  constructor(options: Partial<HttpOptions> = {}) {
    const defaults = { maxBody: 1000, maxStreams: 1000, pingAfter: 1000, pingTimeout: 2000 }
    const wanted = ['content-type', 'age']
    this.session = new H3Session({ name: 'peer', clock: this.clock, wanted, ...defaults, ...options })
    this.session.owner = {
      onRetired: () => this.events.push('retired'),
      onDrained: () => this.events.push('drained'),
      onClosed: (error) => this.events.push(`closed: ${(error as H3Error).h3Code ?? error.code}`),
    }
  }

  connect(): this {
    this.session.onConnected(this.quic)
    return this
  }

  ask(count = 1, body: string | null = 'query'): Asked[] {
    const requests = Array.from({ length: count }, () => new Asked(HEAD, body === null ? null : Buffer.from(body)))
    for (const request of requests) this.session.send(request)
    return requests
  }

  /** The stream of the request of that number. */
  stream(number = 0): FakeStream {
    return this.quic.streams[number]!
  }

  /** The peer opens a unidirectional stream, which begins with `head`. */
  peerOpens(head: Buffer = Buffer.alloc(0)): FakeStream {
    const stream = new FakeStream(4 * this.#theirs++ + 3, NOBODY, this.quic)
    stream.handler = this.session.onStream(this.quic, stream)
    if (head.length > 0) stream.data(head)
    return stream
  }

  /** The peer's QUIC says that the connection is over. */
  lose(end: Partial<ConnectionEnd> = {}): void {
    this.quic.closed = true
    this.session.onClosed(this.quic, { cause: 'idle', code: 0, reason: '', established: true, ...end })
  }
}
