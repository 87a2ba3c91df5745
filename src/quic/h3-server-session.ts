import type { Clock } from '../base/clock.js'
import { IntTable } from '../base/int-table.js'
import { Chatter, MAX_CHATTER } from '../http/chatter.js'
import { MAX_HEADER_LIST } from '../http/header-section.js'
import { ReceivedRequest } from '../http/received-request.js'
import { H3Channels, IGNORED, type ChannelsOwner } from './h3-channels.js'
import { H3_CODES, H3Fault, type H3Code } from './h3-error.js'
import { H3Request, type RequestHandler, type RequestOwner } from './h3-request.js'
import { SectionDecoder } from './h3-sections.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from './types.js'

/** Told what becomes of a server's session. None may throw. */
export interface H3ServerOwner {
  /** A request came, as far as its head. @returns who is told of the rest */
  onRequest(request: H3Request, head: ReceivedRequest): RequestHandler
  /** A request ended before anybody was told of it: its client reset it, or broke its form. */
  onUnheard(): void
  /** The client broke a rule, which ended the connection. */
  onFault(fault: H3Fault): void
  /** The connection is over; every request was told before. */
  onClosed(): void
}

/** How a server's session is made. */
export interface H3ServerOptions {
  /** Names, in lower case, of the fields of a request that somebody wants. */
  readonly wanted: readonly string[]
  readonly clock: Clock
}

/**
 * The server's side of one HTTP/3 connection (RFC 9114): the handler of a QUIC connection with ALPN `h3`, from the first on.
 * Only what small requests with small responses need: no push, no dynamic table (RFC 9204), no priorities.
 */
export class H3ServerSession implements ConnectionHandler, ChannelsOwner, RequestOwner {
  readonly decoder: SectionDecoder<ReceivedRequest>
  readonly #connection: QuicConnection
  readonly #owner: H3ServerOwner
  readonly #channels: H3Channels
  readonly #chatter: Chatter
  /** By the number of their streams. */
  readonly #requests = new IntTable<H3Request>()
  /** The first request that has not come yet. */
  #next = 0
  #goneFrom = Infinity

  constructor(connection: QuicConnection, options: H3ServerOptions, owner: H3ServerOwner) {
    const wanted = [...options.wanted, 'host']
    this.decoder = new SectionDecoder(() => new ReceivedRequest(wanted))
    this.#connection = connection
    this.#owner = owner
    this.#channels = new H3Channels('server', MAX_HEADER_LIST, this)
    this.#chatter = new Chatter(options.clock)
  }

  /** Requests that are not over. */
  get size(): number {
    return this.#requests.size
  }

  /** Takes no more requests, and says so (RFC 9114, section 5.2); those that came go on. */
  goaway(): void {
    if (this.#goneFrom !== Infinity) return
    this.#goneFrom = this.#next
    this.#channels.goaway(this.#next)
  }

  /** Ends the connection; what is not answered, or not sent yet, is lost. */
  close(code: H3Code): void {
    this.#connection.close(H3_CODES[code])
  }

  /** @internal */
  onConnected(connection: QuicConnection): void {
    this.#channels.open(connection)
  }

  /** @internal */
  onStream(_connection: QuicConnection, stream: QuicStream): StreamHandler {
    if (!stream.bidirectional) return this.#channels.accept(stream)
    if (stream.id >= this.#goneFrom) {
      stream.cancel(H3_CODES.H3_REQUEST_REJECTED)
      return IGNORED
    }
    this.#next = Math.max(this.#next, stream.id + 4)
    const request = new H3Request(stream, this)
    this.#requests.set(stream.id / 4, request)
    return request
  }

  /** @internal */
  onCredit(connection: QuicConnection): void {
    this.#channels.open(connection)
  }

  /** @internal */
  onClosed(_connection: QuicConnection, _end: ConnectionEnd): void {
    for (const request of [...this.#requests.values()]) request.onLost()
    this.#owner.onClosed()
  }

  /** @internal A client says it of pushes, of which there are none (RFC 9114, section 5.2). */
  onGoaway(): void {}

  /** @internal */
  onChatter(): void {
    if (this.#chatter.spend()) throw new H3Fault('H3_EXCESSIVE_LOAD', `${MAX_CHATTER} frames that bring nothing`)
  }

  /** @internal */
  onFault(fault: H3Fault): void {
    if (this.#connection.closed) return
    this.#connection.close(H3_CODES[fault.h3Code], fault.message)
    this.#owner.onFault(fault)
  }

  /** @internal */
  onRequest(request: H3Request, head: ReceivedRequest): RequestHandler {
    return this.#owner.onRequest(request, head)
  }

  /** @internal */
  onAnswered(): void {
    this.#chatter.credit(1)
  }

  /** @internal */
  remove(request: H3Request, unheard: boolean): void {
    this.#requests.delete(request.id / 4)
    if (unheard) this.#owner.onUnheard()
  }
}
