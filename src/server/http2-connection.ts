import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Client } from './answer.js'
import { DohConnection, MAX_STREAMS, type DohOwner } from './doh-connection.js'
import { DohExchange } from './doh-exchange.js'
import { Http2Exchange } from './http2-exchange.js'

/** The most that the fields of one request may take, octets: a query of 12,000 octets by GET, any by POST. */
const MAX_HEADERS = 16_384
/** The most fields of one request. */
const MAX_FIELDS = 64

/** One client's HTTP/2 connection. */
export class Http2Connection extends DohConnection {
  readonly #socket: TLSSocket
  readonly #session: ServerHttp2Session

  constructor(socket: TLSSocket, client: Client, owner: DohOwner, path: string, altSvc: string | null) {
    const streams = Math.min(MAX_STREAMS, owner.maxPipelined)
    super(client, owner, path, streams, altSvc)
    this.#socket = socket
    const session = performServerHandshake(socket, {
      maxHeaderListPairs: MAX_FIELDS,
      settings: {
        maxConcurrentStreams: streams,
        maxHeaderListSize: MAX_HEADERS,
      },
    })
    this.#session = session
    session.on('error', () => undefined) // 'close' follows
    session.on('close', () => this.ended())
    session.on('stream', (stream, headers) => this.#onStream(stream, headers))
    session.on('ping', () => this.nuisance())
    session.on('remoteSettings', () => this.nuisance())
  }

  protected override goaway(): void {
    this.later(() => this.#session.close())
  }

  protected override cut(why: 'done' | 'nuisance'): void {
    const code = why === 'done' ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_ENHANCE_YOUR_CALM
    // Node 20 corrupts its heap when a session is destroyed from within an event of one of its streams.
    this.later(() => {
      this.#session.destroy(undefined, code)
      this.#socket.destroy()
    })
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (stream.closed || !this.begin()) {
      stream.on('error', () => undefined)
      return this.nuisance()
    }
    const http = new Http2Exchange(stream, (fn) => this.later(fn))
    http.tell(new DohExchange(http, headers, this))
  }
}
