import { createHmac } from 'node:crypto'
import { InvalidOptionError } from '../errors.js'
import type { Verdict } from '../quic/core.js'
import { QuicServer, type QuicServerOptions, type QuicServing } from '../quic/server.js'
import type { ConnectionHandler, QuicConnection } from '../quic/types.js'
import type { Client } from './answer.js'
import { asNode, type ServerCertificate } from './certificate.js'
import { QuicListener, type QuicSocket } from './quic-listener.js'
import type { Connection } from './tcp-connection.js'
import { clientFrom, type TcpConnections } from './tcp-connections.js'

/** How much longer than ours the silence is that QUIC allows, in ms: a client is told why its connection ends. */
const IDLE_MARGIN = 5000
/** Handshakes under way from which on a client must prove its address (RFC 9000, section 8.1.2). */
const RETRY_ABOVE = 100

/** A connection over QUIC, as soon as its handshake begins. */
export interface QuicServed extends Connection {
  /** Takes what comes on it. */
  readonly handler: ConnectionHandler
}

/** What a client is granted. */
export interface QuicLimits {
  /** How long a handshake may take, in ms. */
  readonly handshakeTimeout: number
  /** How long a connection may be without a query, in ms. */
  readonly idleTimeout: number
  /** 0: any number. */
  readonly maxQueriesPerConnection: number
}

/** What is spoken over QUIC, and by whom. */
export interface QuicService {
  /** Also the ALPN protocol: a client that names none or others is turned away by an alert. */
  readonly transport: 'doq' | 'h3'
  /** What HTTP is asked for; '' where there is no HTTP. */
  readonly path: string
  /** Streams that a client may have open at once. */
  readonly streams: number
  serve(connection: QuicConnection, client: Client): QuicServed
}

/**
 * Takes QUIC clients on, on any number of addresses: only those that may ask are heard at all, and connections count as all
 * others do from their first packet on.
 */
export class QuicAcceptor {
  readonly service: QuicService
  readonly connections: TcpConnections
  readonly #limits: QuicLimits
  readonly #listeners = new Set<QuicListener>()
  #certificate: ServerCertificate

  /**
   * @param listener name of the option that `certificate` comes from
   * @throws {InvalidOptionError} as a rejection: QUIC cannot use the certificate
   */
  static async create(
    connections: TcpConnections,
    service: QuicService,
    certificate: ServerCertificate,
    limits: QuicLimits,
    listener: string,
  ): Promise<QuicAcceptor> {
    const acceptor = new QuicAcceptor(connections, service, certificate, limits)
    try {
      const trial = await QuicServer.create(acceptor.optionsFor(acceptor))
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
    limits: QuicLimits,
  ) {
    this.connections = connections
    this.service = service
    this.#certificate = certificate
    this.#limits = limits
  }

  /** How its connections are served. */
  get serving(): QuicServing {
    const { handshakeTimeout, idleTimeout, maxQueriesPerConnection } = this.#limits
    return {
      ...asPem(this.#certificate),
      alpn: [this.service.transport],
      streams: Math.min(this.service.streams, maxQueriesPerConnection || Infinity),
      idleTimeout: idleTimeout + IDLE_MARGIN,
      handshakeTimeout,
    }
  }

  /** Options of a server that leaves its clients to `host`. */
  optionsFor(host: Pick<QuicAcceptor, 'admit' | 'accept'>): QuicServerOptions {
    return {
      ...this.serving,
      retryAbove: RETRY_ABOVE,
      // The same for every start with the same key, so that clients of the last one can be told that it is gone (RFC 9000, section 10.3.2).
      resetKey: createHmac('sha256', asNode(this.#certificate.key)).update('stateless reset').digest(),
      admit: (remote, proven) => host.admit(remote, proven),
      onConnection: (connection) => host.accept(connection),
      clock: this.connections.clock,
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
      const serving = { ...this.serving, ...asPem(certificate) }
      for (const listener of this.#listeners) listener.serveBy(serving)
      this.#certificate = certificate
    } catch (error) {
      throw unusable(option, error)
    }
  }

  /** `listener` hands its clients to this one from now on. */
  adopt(listener: QuicListener): void {
    this.#listeners.add(listener)
    listener.serveBy(this.serving)
  }

  /** `listener` is another's, or closed. */
  release(listener: QuicListener): void {
    this.#listeners.delete(listener)
  }

  /** Ends all connections, and closes the sockets. */
  destroy(): void {
    for (const listener of this.#listeners) listener.destroy()
  }

  /**
   * Whether a client may connect. Where there is no place for it, one that may be there under a false name is to show that it
   * isn't, before anybody else's connection goes for it.
   */
  admit({ address, port }: QuicConnection['remote'], proven: boolean): Verdict {
    const client = clientFrom(address, port, this.service.transport)
    if (!proven && this.connections.isFull(client.address)) return 'prove'
    return this.connections.admits(client) ? 'accept' : 'refuse'
  }

  /** Who handles `connection`, which was admitted. */
  accept(connection: QuicConnection): ConnectionHandler {
    const { address, port } = connection.remote
    const served = this.service.serve(connection, clientFrom(address, port, this.service.transport))
    this.connections.add(served)
    return served.handler
  }
}

function asPem({ cert, key }: ServerCertificate): { readonly cert: string | Buffer; readonly key: string | Buffer } {
  return { cert: asNode(cert), key: asNode(key) }
}

function unusable(option: string, error: unknown): InvalidOptionError {
  const why = error instanceof Error ? error.message : String(error)
  return new InvalidOptionError('createServer', `${option}.cert`, `cannot be used over QUIC: ${why}`)
}
