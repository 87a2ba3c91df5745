import type { Clock } from '../base/clock.js'
import type { ReceivedRequest } from '../http/received-request.js'
import type { H3Fault } from '../quic/h3-error.js'
import type { H3Request, RequestHandler } from '../quic/h3-request.js'
import { H3ServerSession, type H3ServerOwner } from '../quic/h3-server-session.js'
import type { ConnectionHandler, QuicConnection } from '../quic/types.js'
import type { Client } from './answer.js'
import { DohConnection, type DohOwner } from './doh-connection.js'
import { DohExchange } from './doh-exchange.js'

/** Fields of a request that are looked at. */
const WANTED = ['content-type', 'content-length']

/** How HTTP/3 is served. */
export interface H3ServiceOptions {
  /** What it is asked for. */
  readonly path: string
  /** Those that a client may have open. */
  readonly streams: number
  readonly clock: Clock
}

/** One client's HTTP/3 connection, its handshake among it. */
export class H3Connection extends DohConnection implements H3ServerOwner {
  readonly #connection: QuicConnection
  readonly #session: H3ServerSession

  constructor(connection: QuicConnection, client: Client, owner: DohOwner, { path, streams, clock }: H3ServiceOptions) {
    super(client, owner, path, streams)
    this.#connection = connection
    this.#session = new H3ServerSession(connection, { wanted: WANTED, clock }, this)
  }

  /** Takes what comes on the connection. */
  get handler(): ConnectionHandler {
    return this.#session
  }

  /** @internal The session's. */
  onRequest(request: H3Request, head: ReceivedRequest): RequestHandler {
    this.begin()
    const fields = {
      ':method': head.method,
      ':path': head.path,
      'content-type': head.get('content-type') ?? undefined,
      'content-length': head.get('content-length') ?? undefined,
    }
    return new DohExchange(request, fields, this)
  }

  /** @internal The session's. */
  onUnheard(): void {
    this.nuisance()
  }

  /** @internal The session's. */
  onFault({ h3Code }: H3Fault): void {
    if (h3Code === 'H3_EXCESSIVE_LOAD') this.giveUp()
  }

  /** @internal The session's. */
  onClosed(): void {
    this.ended()
  }

  protected override grant(streams: number): void {
    this.#connection.grant(streams)
  }

  protected override goaway(): void {
    this.#session.goaway()
  }

  protected override cut(why: 'done' | 'nuisance'): void {
    this.#session.close(why === 'done' ? 'H3_NO_ERROR' : 'H3_EXCESSIVE_LOAD')
  }
}
