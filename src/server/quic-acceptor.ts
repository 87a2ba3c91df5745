import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import type { Clock } from '../base/clock.js'
import { InvalidOptionError } from '../errors.js'
import { IGNORED } from '../quic/h3-channels.js'
import { QuicServer, type QuicServerOptions } from '../quic/server.js'
import type { ConnectionHandler, QuicConnection } from '../quic/types.js'
import { SocketLine } from '../quic/udp-line.js'
import type { Client } from './answer.js'
import { asNode, type ServerCertificate } from './certificate.js'
import type { ListenAddress } from './listen-address.js'
import type { Connection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'

/** How much longer than ours the silence is that QUIC allows, in ms: a client is told why its connection ends. */
const IDLE_MARGIN = 5000
/** So many times what we allow is allowed below us, where connections that are being closed still count. */
const CLOSING = 2

/** A connection over QUIC, as soon as its handshake begins. */
export interface QuicServed extends Connection {
  /** Takes what comes on it. */
  readonly handler: ConnectionHandler
}

/** What is spoken over QUIC, and by whom. */
export interface QuicService {
  readonly transport: 'h3'
  /** What HTTP is asked for. */
  readonly path: string
  /** The ALPN protocol. A client that names none or others is turned away by an alert. */
  readonly protocol: string
  /** Streams that a client may have open at once. */
  readonly streams: number
  serve(connection: QuicConnection, client: Client): QuicServed
}

/** Limits of a server that concern QUIC; durations in ms. */
export interface QuicLimits {
  readonly maxConnections: number
  readonly maxConnectionsPerClient: number
  readonly handshakeTimeout: number
  readonly idleTimeout: number
  readonly clock: Clock
}

/**
 * Takes QUIC clients on, on any number of addresses: only those that may ask are heard at all, and connections count as all
 * others do from their first packet on.
 */
export class QuicAcceptor {
  readonly #connections: TcpConnections
  readonly #service: QuicService
  readonly #server: QuicServer

  private constructor(connections: TcpConnections, service: QuicService, server: QuicServer) {
    this.#connections = connections
    this.#service = service
    this.#server = server
  }

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
    const options: QuicServerOptions = {
      ...asPem(certificate),
      alpn: [service.protocol],
      streams: service.streams,
      idleTimeout: limits.idleTimeout + IDLE_MARGIN,
      handshakeTimeout: limits.handshakeTimeout,
      maxConnections: CLOSING * limits.maxConnections,
      maxConnectionsPerAddress: CLOSING * limits.maxConnectionsPerClient,
      clock: limits.clock,
      onConnection: (connection) => acceptor.#onConnection(connection),
    }
    const server = await QuicServer.create(options).catch((error: unknown) => Promise.reject(unusable(listener, error)))
    const acceptor = new QuicAcceptor(connections, service, server)
    return acceptor
  }

  get transport(): QuicService['transport'] {
    return this.#service.transport
  }

  /** What HTTP is asked for. */
  get path(): string {
    return this.#service.path
  }

  /** A socket for {@link listen}. */
  socket(family: 4 | 6, reusePort: boolean): QuicSocket {
    return new QuicSocket(family, reusePort)
  }

  /** Receives on `socket`, which is bound, from now on. */
  listen(socket: QuicSocket): QuicListener {
    this.#server.attachLine(
      (handler) =>
        new SocketLine(socket.socket, true, {
          onDatagram: (octets, address, port) => {
            // Nobody can be answered at port 0: only a forger sends from there.
            if (port !== 0 && this.#connections.hears(address, port, this.transport))
              handler.onDatagram(octets, address, port)
          },
          onError: (error) => handler.onError(error),
        }),
    )
    return new QuicListener(this, socket)
  }

  /**
   * Shows `certificate` to whoever connects from now on.
   *
   * @throws {InvalidOptionError} QUIC cannot use it, and what was there stays
   */
  setCertificate(certificate: ServerCertificate, listener: string): void {
    try {
      this.#server.setCertificate(asPem(certificate))
    } catch (error) {
      throw unusable(listener, error)
    }
  }

  /** Refuses new connections; its sockets close once those that there are have ended. */
  close(): void {
    void this.#server.close()
  }

  /** Ends all connections, and closes the sockets. */
  destroy(): void {
    this.#server.destroy()
  }

  #onConnection(connection: QuicConnection): ConnectionHandler {
    const { address, port } = connection.remote
    const client = this.#connections.admitFrom(address, port, this.#service.transport)
    if (client === null) {
      connection.close(0)
      return NOBODY
    }
    const served = this.#service.serve(connection, client)
    this.#connections.add(served)
    return served.handler
  }
}

/** A UDP socket that a listener is made of. */
export class QuicSocket {
  readonly socket: Socket
  /** Resolves when it is closed. */
  readonly closed: Promise<void>

  constructor(family: 4 | 6, reusePort: boolean) {
    this.socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numbers already.
      lookup: (address: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
        done(null, address, family),
      ...(reusePort ? { reusePort } : {}),
    } as SocketOptions)
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
  }

  get port(): number {
    return this.socket.address().port
  }

  /** Rejects with the system's error. */
  bind({ host, port }: ListenAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject)
      this.socket.bind({ address: host, port }, () => {
        this.socket.removeListener('error', reject)
        resolve()
      })
    })
  }

  close(): Promise<void> {
    this.socket.close()
    return this.closed
  }
}

/** Receives QUIC clients on one address. */
export class QuicListener {
  readonly transport: QuicService['transport']
  /** What HTTP is asked for. */
  readonly path: string
  readonly address: string
  readonly port: number
  readonly #acceptor: QuicAcceptor
  readonly #closed: Promise<void>

  /** @param socket bound, and the acceptor's from now on */
  constructor(acceptor: QuicAcceptor, { socket, closed }: QuicSocket) {
    const { address, port } = socket.address()
    this.transport = acceptor.transport
    this.path = acceptor.path
    this.address = address
    this.port = port
    this.#acceptor = acceptor
    this.#closed = closed
  }

  /** Refuses new connections; resolves when the last connection is gone as well. Idempotent. */
  close(): Promise<void> {
    this.#acceptor.close()
    return this.#closed
  }
}

const NOBODY: ConnectionHandler = { onConnected() {}, onStream: () => IGNORED, onCredit() {}, onClosed() {} }

function asPem({ cert, key }: ServerCertificate): { readonly cert: string | Buffer; readonly key: string | Buffer } {
  return { cert: asNode(cert), key: asNode(key) }
}

function unusable(listener: string, error: unknown): InvalidOptionError {
  const why = error instanceof Error ? error.message : String(error)
  return new InvalidOptionError('createServer', `${listener}.cert`, `cannot be used over QUIC: ${why}`)
}
