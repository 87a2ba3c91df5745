import { Buffer } from 'node:buffer'
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { FakeConnection, FakeOwner } from './fake-connection.js'
import type { Delivery } from './fake-delivery.js'

/** Where queries are taken (RFC 8484, section 4.1). */
export const DNS_PATH = '/dns-query'
const MEDIA_TYPE = 'application/dns-message'
/** Type of a frame (RFC 9113, section 6.8). */
const GOAWAY = 7
const BASE64URL = /^[A-Za-z0-9_-]+$/

/** Answers what comes on `connection` as DNS over HTTP/2 (RFC 8484). */
export function serveHttps(connection: FakeConnection, owner: FakeOwner): void {
  new FakeHttp(connection, owner)
}

class FakeHttp {
  readonly #connection: FakeConnection
  readonly #owner: FakeOwner
  /** Streams that have begun and aren't closed. */
  readonly #open = new Set<number>()
  /** Those of them that a reply is going out on. */
  readonly #answering = new Set<number>()
  /** Milliseconds between octets of what goes out. */
  #pace = 0
  /** What GOAWAY said: nothing above is answered. */
  #lastStream = Infinity
  #finishing = false
  /** Responses that follow each other in an order of their own. */
  readonly #inTurn: (() => void)[] = []

  constructor(connection: FakeConnection, owner: FakeOwner) {
    this.#connection = connection
    this.#owner = owner
    const session = performServerHandshake(this.#below())
    session.on('error', () => undefined)
    session.on('stream', (stream, headers) => this.#onStream(stream, headers))
  }

  /** What node:http2 takes for its socket, so that frames of our own can go out between its frames. */
  #below(): Duplex {
    const below = new Duplex({
      read: () => undefined,
      write: (octets: Buffer, _encoding, done) => {
        if (!this.#isLateGoAway(octets)) this.#connection.write(octets, this.#pace)
        done()
      },
      destroy: (_error, done) => {
        this.#connection.end()
        done(null)
      },
    })
    this.#connection.read(
      (chunk) => below.push(chunk),
      () => below.destroy(),
    )
    return below
  }

  /** Node answers a GOAWAY with one of its own, which knows nothing of ours and would take it back. */
  #isLateGoAway(frame: Buffer): boolean {
    return this.#lastStream < Infinity && frame.length >= 17 && frame[3] === GOAWAY && frame.readUInt32BE(5) === 0
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const body: Buffer[] = []
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => body.push(chunk))
    this.#open.add(stream.id!)
    // A connection that ends while nghttp2 is reading from it corrupts the heap (Node 20.20.2).
    stream.once('end', () => setImmediate(() => this.#onRequest(stream, headers, Buffer.concat(body))))
    stream.once('close', () => this.#onClosed(stream.id!))
  }

  #onRequest(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer): void {
    if (stream.id! > this.#lastStream) return
    const { remoteAddress, remotePort } = this.#connection
    const method = headers[':method'] === 'GET' ? 'GET' : 'POST'
    const wire = readQuery(headers, body)
    if (typeof wire === 'number') return refuse(stream, wire)
    const arrival = { wire, transport: 'https', method, remoteAddress, remotePort } as const
    if (!this.#owner.ask(arrival, (delivery) => this.#deliver(stream, delivery))) refuse(stream, 400)
  }

  #deliver(stream: ServerHttp2Stream, delivery: Delivery): void {
    if (delivery.rstStream !== null) return stream.close(delivery.rstStream)
    if (delivery.goaway !== null) this.#goAway(delivery.goaway.lastStream ?? stream.id!, delivery.goaway.code)
    const send = (wire: Buffer): void => {
      const respond = (): void => this.#respond(stream, wire, delivery)
      if (delivery.gather === 0) return respond()
      this.#answering.add(stream.id!)
      if (this.#inTurn.push(respond) === 1) this.#nextTurn()
    }
    this.#connection.deliver(delivery, send, () => {
      this.#finishing = true
      this.#endIfDone()
    })
  }

  /** nghttp2 sorts the responses of one turn by their streams (1.69; 1.61 did not). */
  #nextTurn(): void {
    this.#inTurn[0]?.()
    setImmediate(() => {
      this.#inTurn.shift()
      if (this.#inTurn.length > 0) this.#nextTurn()
    })
  }

  #respond(stream: ServerHttp2Stream, wire: Buffer, { status, headers, slow, midway }: Delivery): void {
    if (stream.destroyed || stream.headersSent || stream.id! > this.#lastStream) return
    this.#answering.add(stream.id!)
    this.#pace = Math.max(this.#pace, slow)
    stream.respond({ ':status': status, 'content-type': MEDIA_TYPE, 'content-length': wire.length, ...headers })
    if (midway) stream.write(wire.subarray(0, wire.length / 2), () => this.#connection.reset())
    else stream.end(wire)
  }

  /** node:http2 can't say that not even the first stream was dealt with. */
  #goAway(lastStream: number, code: number): void {
    // It may be lowered only (RFC 9113, section 6.8).
    this.#lastStream = Math.min(this.#lastStream, lastStream)
    const frame = Buffer.from([0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    frame.writeUInt32BE(this.#lastStream, 9)
    frame.writeUInt32BE(code, 13)
    this.#connection.write(frame)
    this.#endIfDone()
  }

  #onClosed(stream: number): void {
    this.#open.delete(stream)
    this.#answering.delete(stream)
    if (this.#answering.size === 0) this.#pace = 0
    this.#endIfDone()
  }

  #endIfDone(): void {
    const done = this.#finishing
      ? this.#answering.size === 0
      : this.#lastStream < Infinity && [...this.#open].every((stream) => stream > this.#lastStream)
    if (done) this.#connection.end()
  }
}

/** The query in a request, or the status that refuses it. */
export function readQuery(headers: IncomingHttpHeaders, body: Buffer): Buffer | number {
  const [path, query] = (headers[':path'] ?? '').split('?', 2)
  if (path !== DNS_PATH) return 404
  if (headers[':method'] === 'POST') return headers['content-type'] === MEDIA_TYPE ? body : 415
  if (headers[':method'] !== 'GET') return 405
  const dns = new URLSearchParams(query).get('dns') ?? ''
  return BASE64URL.test(dns) ? Buffer.from(dns, 'base64url') : 400
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  if (!stream.destroyed) stream.respond({ ':status': status }, { endStream: true })
}
