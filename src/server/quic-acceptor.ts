import { createHmac } from 'node:crypto'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import type { Client } from './answer.js'
import { asNode, type ServerCertificate } from './certificate.js'
import type { ListenAddress } from './listen-address.js'
import { QuicListener } from './quic-listener.js'
import type { Connection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'

/** What is spoken over QUIC, and by whom. */
export interface QuicService {
  readonly transport: 'doq' | 'h3'
  /** Streams that a client may have open at once. */
  readonly streams: number
  /** The code that ends a connection for which there is no place. */
  readonly refusal: number
  /** Speaks with `client` from now on: the handler of `connection`. */
  serve(connection: QuicConnection, client: Client): Connection & ConnectionHandler
}

/** How much longer a connection lasts for QUIC than for us, who close it in good order; in ms. */
const IDLE_MARGIN = 5000

/** Takes QUIC connections on, on any number of addresses: only those of clients that may ask, and as many as there is room for. */
export class QuicAcceptor {
  readonly service: QuicService
  readonly connections: TcpConnections
  readonly handshakeTimeout: number
  readonly #listeners = new Set<QuicListener>()
  #certificate: ServerCertificate

  /** @param handshakeTimeout the longest that a handshake may take, in ms */
  constructor(
    connections: TcpConnections,
    service: QuicService,
    certificate: ServerCertificate,
    handshakeTimeout: number,
  ) {
    this.connections = connections
    this.service = service
    this.handshakeTimeout = handshakeTimeout
    this.#certificate = certificate
  }

  get certificate(): ServerCertificate {
    return this.#certificate
  }

  get idleTimeout(): number {
    return this.connections.idleTimeout + IDLE_MARGIN
  }

  /** The same for every start with the same key, so that clients of the last one can be told that it is gone (RFC 9000, section 10.3.2). */
  get resetKey(): Buffer {
    return createHmac('sha256', asNode(this.#certificate.key)).update('stateless reset').digest()
  }

  /** Listens on `address`; rejects with the system's error. */
  async open(address: ListenAddress): Promise<QuicListener> {
    const listener = await QuicListener.open(address, this)
    this.#listeners.add(listener)
    return listener
  }

  /** Shows `certificate` to whoever connects from now on. */
  setCertificate(certificate: ServerCertificate): void {
    this.#certificate = certificate
    for (const listener of this.#listeners) listener.setCertificate(certificate)
  }

  /** `listener` hands its clients to this one from now on. */
  adopt(listener: QuicListener): void {
    this.#listeners.add(listener)
    listener.setCertificate(this.#certificate)
  }

  /** `listener` is another's, or closed. */
  release(listener: QuicListener): void {
    this.#listeners.delete(listener)
  }

  /** Who handles `connection`, which has just begun. */
  accept(connection: QuicConnection): ConnectionHandler {
    const { transport, refusal } = this.service
    const { address, port } = connection.remote
    const client = this.connections.admitFrom(address, port, transport)
    if (client === null) {
      connection.close(refusal)
      return REFUSED
    }
    const served = this.service.serve(connection, client)
    this.connections.add(served)
    return served
  }
}

const UNHEARD: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
const REFUSED: ConnectionHandler = {
  onConnected() {},
  onStream: (_connection: QuicConnection, _stream: QuicStream) => UNHEARD,
  onCredit() {},
  onClosed(_connection: QuicConnection, _end: ConnectionEnd) {},
}
