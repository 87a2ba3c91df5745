import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { systemClock, type Clock } from '../../src/base/clock.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { Dial } from '../../src/transport/stream.js'
import type { TransportOptions } from '../../src/transport/transport.js'
import { Message } from '../../src/wire/message.js'
import { optionsFor } from './support.js'

/** Who issues all certificates of these tests, and one that covers loopback. */
export const AUTHORITY = new FakeAuthority()
const CERTIFICATE = AUTHORITY.issue()

/** What a {@link DohServer} was asked. */
export interface AskedOf {
  readonly headers: IncomingHttpHeaders
  readonly query: Message
}

/** Answers one request. */
export type Answer = (stream: ServerHttp2Stream, query: Message, server: DohServer) => void

/** Timers are virtual; what waits for sockets is not. */
export interface HalfFakeClock extends Clock {
  readonly fake: FakeClock
}

export function halfFake(): HalfFakeClock {
  const fake = new FakeClock()
  return {
    fake,
    now: fake.now,
    setTimeout: fake.setTimeout,
    clearTimeout: fake.clearTimeout,
    afterPoll: systemClock.afterPoll,
  }
}

/** Options of an https transport to `port` on loopback, which trusts {@link AUTHORITY}. */
export function httpsOptions(port: number, options: Partial<TransportOptions> = {}): TransportOptions {
  return optionsFor(port, {
    path: '/dns-query',
    tls: {
      ca: AUTHORITY.cert,
      servername: null,
      ciphers: null,
      ciphersuites: null,
      minVersion: 'TLSv1.2',
      cert: null,
      key: null,
      rejectUnauthorized: true,
      pins: [],
      earlyData: false,
      identity: '127.0.0.1',
      hashes: [],
    },
    ...options,
  })
}

/** Dials `port` in the clear, for peers that are made of frames. */
export function inClear(port: number): Dial {
  return async () => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }
}

/** One A record, its last octet the number that the name begins with. */
export function replyTo(query: Message): Buffer {
  const { name } = query.question!
  const number = Number.parseInt(name, 10) || 0
  return Message.reply(query, { answers: [{ name, type: 'A', ttl: 300, data: `192.0.2.${number % 256}` }] }).wire
}

/** Answers as it should. */
export const answer: Answer = (stream, query) => respond(stream, replyTo(query))

export function respond(stream: ServerHttp2Stream, body: Buffer, headers: IncomingHttpHeaders = {}): void {
  if (stream.closed || stream.destroyed || stream.session?.destroyed !== false) return
  stream.respond({ ':status': 200, 'content-type': 'application/dns-message', ...headers })
  stream.end(body)
}

/** A DoH server made of `node:http2`. */
export class DohServer implements AsyncDisposable {
  readonly sessions = new Set<ServerHttp2Session>()
  readonly asked: AskedOf[] = []
  /** Sessions that there have been. */
  accepted = 0
  /** Streams that are open now. */
  open = 0
  readonly #server: Http2SecureServer
  readonly #sockets = new Set<Socket>()
  #answer: Answer

  private constructor(onQuery: Answer, options: SecureServerOptions) {
    this.#answer = onQuery
    this.#server = createSecureServer({ cert: CERTIFICATE.cert, key: CERTIFICATE.key, ...options })
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('session', (session) => this.#onSession(session))
    this.#server.on('stream', (stream, headers) => this.#onStream(stream, headers))
    this.#server.on('sessionError', () => undefined)
  }

  static async listen(onQuery: Answer = answer, options: SecureServerOptions = {}): Promise<DohServer> {
    const server = new DohServer(onQuery, options)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Answers otherwise from now on. */
  set answer(onQuery: Answer) {
    this.#answer = onQuery
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #onSession(session: ServerHttp2Session): void {
    this.accepted++
    this.sessions.add(session)
    session.on('error', () => undefined)
    session.on('close', () => this.sessions.delete(session))
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const parts: Buffer[] = []
    this.open++
    stream.on('error', () => undefined)
    stream.on('close', () => this.open--)
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      if (stream.destroyed) return
      const inPath = new URL(headers[':path']!, 'https://x').searchParams.get('dns')
      const query = new Message(inPath === null ? Buffer.concat(parts) : Buffer.from(inPath, 'base64url'))
      this.asked.push({ headers, query })
      this.#answer(stream, query, this)
    })
  }
}
