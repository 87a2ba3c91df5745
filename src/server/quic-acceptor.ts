import { createHmac } from 'node:crypto'
import { InvalidOptionError } from '../errors.js'
import { QuicServer, type QuicServerOptions } from '../quic/server.js'
import type { ConnectionHandler, QuicConnection, StreamHandler } from '../quic/types.js'
import type { Client } from './answer.js'
import { asNode, type ServerCertificate } from './certificate.js'
import { QuicListener, type QuicSocket } from './quic-listener.js'
import type { Connection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'

/** How much longer than ours the silence is that QUIC allows, in ms: a client is told why its connection ends. */
const IDLE_MARGIN = 5000
/** Handshakes under way from which on a client must prove its address (RFC 9000, section 8.1.2). */
const RETRY_ABOVE = 100
/** The server counts connections itself, whatever they come over. */
const NO_LIMIT = 2 ** 31 - 1

/** A connection over QUIC, as soon as its handshake begins. */
export interface QuicServed extends Connection {
  /** Takes what comes on it. */
  readonly handler: ConnectionHandler
}

/** What is spoken over QUIC, and by whom. */
export interface QuicService {
  /** Also the ALPN protocol: a client that names none or others is turned away by an alert. */
  readonly transport: 'doq' | 'h3'
  /** What HTTP is asked for; '' where there is no HTTP. */
  readonly path: string
  /** Streams that a client may have open at once. */
  readonly streams: number
  /** The code that ends a connection for which there is no place. */
  readonly refusal: number
  serve(connection: QuicConnection, client: Client): QuicServed
}

/**
 * Takes QUIC clients on, on any number of addresses: only those that may ask are heard at all, and connections count as all
 * others do from their first packet on.
 */
export class QuicAcceptor {
  readonly service: QuicService
  readonly connections: TcpConnections
  readonly #handshakeTimeout: number
  readonly #listeners = new Set<QuicListener>()
  #certificate: ServerCertificate

  /**
   * @param handshakeTimeout the longest that a handshake may take, in ms
   * @param listener name of the option that `certificate` comes from
   * @throws {InvalidOptionError} as a rejection: QUIC cannot use the certificate
   */
  static async create(
    connections: TcpConnections,
    service: QuicService,
    certificate: ServerCertificate,
    handshakeTimeout: number,
    listener: string,
  ): Promise<QuicAcceptor> {
    const acceptor = new QuicAcceptor(connections, service, certificate, handshakeTimeout)
    try {
      const trial = await QuicServer.create(acceptor.optionsFor(() => NOBODY))
      trial.destroy()
      return acceptor
    } catch (error) {
      throw unusable(listener, error)
    }
  }

  private constructor(
    connections: TcpConnections,
    service: QuicService,
    certificate: ServerCertificate,
    handshakeTimeout: number,
  ) {
    this.connections = connections
    this.service = service
    this.#certificate = certificate
    this.#handshakeTimeout = handshakeTimeout
  }

  /** Options of a server that hands its connections to `onConnection`. */
  optionsFor(onConnection: QuicServerOptions['onConnection']): QuicServerOptions {
    const { service, connections } = this
    return {
      ...asPem(this.#certificate),
      alpn: [service.transport],
      streams: service.streams,
      idleTimeout: connections.idleTimeout + IDLE_MARGIN,
      handshakeTimeout: this.#handshakeTimeout,
      maxConnections: NO_LIMIT,
      maxConnectionsPerAddress: NO_LIMIT,
      retryAbove: RETRY_ABOVE,
      // The same for every start with the same key, so that clients of the last one can be told that it is gone (RFC 9000, section 10.3.2).
      resetKey: createHmac('sha256', asNode(this.#certificate.key)).update('stateless reset').digest(),
      onConnection,
      clock: connections.clock,
    }
  }

  /** Receives on `socket`, which is bound, from now on. */
  async listen(socket: QuicSocket): Promise<QuicListener> {
    const listener = await QuicListener.open(socket, this)
    this.#listeners.add(listener)
    return listener
  }

  /**
   * Shows `certificate` to whoever connects from now on.
   *
   * @throws {InvalidOptionError} QUIC cannot use it, and what was there stays
   */
  setCertificate(certificate: ServerCertificate, option: string): void {
    try {
      for (const listener of this.#listeners) listener.setCertificate(asPem(certificate))
      this.#certificate = certificate
    } catch (error) {
      throw unusable(option, error)
    }
  }

  /** `listener` hands its clients to this one from now on. */
  adopt(listener: QuicListener): void {
    this.#listeners.add(listener)
    listener.setCertificate(asPem(this.#certificate))
  }

  /** `listener` is another's, or closed. */
  release(listener: QuicListener): void {
    this.#listeners.delete(listener)
  }

  /** Ends all connections, and closes the sockets. */
  destroy(): void {
    for (const listener of this.#listeners) listener.destroy()
  }

  /** Who handles `connection`, which has just begun. */
  accept(connection: QuicConnection): ConnectionHandler {
    const { address, port } = connection.remote
    const client = this.connections.admitFrom(address, port, this.service.transport)
    if (client === null) {
      connection.close(this.service.refusal)
      return NOBODY
    }
    const served = this.service.serve(connection, client)
    this.connections.add(served)
    return served.handler
  }
}

const UNHEARD: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
const NOBODY: ConnectionHandler = { onConnected() {}, onStream: () => UNHEARD, onCredit() {}, onClosed() {} }

function asPem({ cert, key }: ServerCertificate): { readonly cert: string | Buffer; readonly key: string | Buffer } {
  return { cert: asNode(cert), key: asNode(key) }
}

function unusable(option: string, error: unknown): InvalidOptionError {
  const why = error instanceof Error ? error.message : String(error)
  return new InvalidOptionError('createServer', `${option}.cert`, `cannot be used over QUIC: ${why}`)
}
