import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { systemClock, type Clock } from '../base/clock.js'
import { Connection } from './connection.js'
import type { Core } from './core.js'
import { Endpoint, type CoreEvent } from './endpoint.js'
import type { Line, LineHandler } from './line.js'
import { certificatesOf, privateKeyOf, type Pem } from './pem.js'
import { Record } from './record.js'
import type { ConnectionHandler, QuicConnection } from './types.js'
import { bindUdp, SocketLine } from './udp-line.js'
import { loadCore, type CoreModule } from './wasm.js'

/** Who a server is. */
export interface QuicCertificate {
  /** The chain, in PEM, the server's own certificate first. */
  readonly cert: Pem
  /** The key of the first one, in PEM: RSA, EC (P-256, P-384) or Ed25519. */
  readonly key: Pem
}

/** How a {@link QuicServer} is made. */
export interface QuicServerOptions extends QuicCertificate {
  /** Application protocols that are spoken, best first (RFC 7301); a client that offers none of them is refused. */
  readonly alpn: readonly string[]
  /** After how much silence a connection is over, in ms; 0: never. @default 30000 */
  readonly idleTimeout?: number
  /** How long a handshake may take, in ms. @default 10000 */
  readonly handshakeTimeout?: number
  /** Streams that a client may have open at once. @default 100 */
  readonly streams?: number
  /** Connections at once; further ones are refused. @default 1000 */
  readonly maxConnections?: number
  /** Connections at once of one IP address. @default 1000 */
  readonly maxConnectionsPerAddress?: number
  /** Handshakes under way from which on a client must prove its address (RFC 9000, section 8.1.2); 0: always. @default 100 */
  readonly retryAbove?: number
  /** Whether 0-RTT is taken: its streams come before `onConnected`, and may be replays. @default false */
  readonly earlyData?: boolean
  /**
   * Signs stateless resets (RFC 9000, section 10.3), 32 octets: a server that is started anew with the key of the last one
   * can tell that one's clients at once that it knows nothing of them. @default a random one
   */
  readonly resetKey?: Uint8Array
  /** A client is about to connect: who is told what happens to it. */
  readonly onConnection: (connection: QuicConnection) => ConnectionHandler
  readonly clock?: Clock
}

/** A QUIC server on any number of sockets. It holds the process as long as its sockets do. */
export class QuicServer extends Endpoint {
  readonly #options: QuicServerOptions
  #certificate: QuicCertificate
  readonly #resetKey: Uint8Array
  #refusing = false
  #onEmpty: (() => void) | null = null

  private constructor(module: CoreModule, options: QuicServerOptions) {
    super(module, options.clock ?? systemClock)
    this.#options = options
    this.#certificate = options
    this.#resetKey = options.resetKey ?? randomBytes(32)
  }

  /**
   * Loads the core where that has not been done.
   *
   * @throws where certificate and key cannot be read or used
   */
  static async create(options: QuicServerOptions): Promise<QuicServer> {
    const server = new QuicServer(await loadCore(), options)
    void server.core
    return server
  }

  /** Connections that are not over. */
  get size(): number {
    let count = 0
    for (const connection of this.connections.values()) if (!connection.closed) count++
    return count
  }

  /**
   * Binds a socket and listens on it; the port that it got.
   *
   * @throws the system's error, such as EADDRINUSE
   */
  async bind(address: string, port: number): Promise<number> {
    const socket = await bindUdp(address, port)
    if (this.destroyed) {
      socket.close()
      throw new Error('the QUIC server is destroyed')
    }
    return this.addLine((handler) => new SocketLine(socket, true, handler)).localPort
  }

  /**
   * Listens on a bound socket, whose owner closes it after this. Those of {@link bind} cost less: Node looks even an IP
   * address up, with each datagram, unless the socket was made not to.
   */
  attach(socket: Socket): void {
    this.addLine((handler) => new SocketLine(socket, false, handler))
  }

  /** Listens on a line of another kind. */
  attachLine(make: (handler: LineHandler) => Line): void {
    this.addLine(make)
  }

  /**
   * What later connections are shown.
   *
   * @throws where certificate and key cannot be read or used; the former ones stay
   */
  setCertificate(certificate: QuicCertificate): void {
    this.core.setServer(this.#describe(certificate))
    this.#certificate = certificate
  }

  /** Refuses new connections; fulfilled once those that there are have ended, which is their owners' to see to. */
  close(): Promise<void> {
    if (this.destroyed) return Promise.resolve()
    this.#refusing = true
    this.core.setServer()
    return new Promise((resolve) => {
      const before = this.#onEmpty
      this.#onEmpty = () => {
        before?.()
        resolve()
      }
      this.#whenEmpty()
    })
  }

  /** Ends every connection now; each peer is told with `code`, and each handler before this returns. */
  destroy(code = 0): void {
    for (const connection of this.connections.values()) connection.close(code)
    this.end()
    this.#onEmpty?.()
    this.#onEmpty = null
  }

  protected override start(core: Core): void {
    const { maxConnections = 1000, maxConnectionsPerAddress = 1000, retryAbove = 100 } = this.#options
    core.startServer(
      new Record()
        .u32(maxConnections)
        .u32(maxConnectionsPerAddress)
        .u32(retryAbove)
        .u32(this.#options.handshakeTimeout ?? 10_000)
        .blob(this.#resetKey)
        .blob(this.#describe(this.#certificate))
        .octets(),
    )
    if (this.#refusing) core.setServer()
  }

  protected override accepted(event: CoreEvent, line: Line): void {
    const connection = new Connection(this, event.connection, this.addresses.decode(event.payload, 0), line)
    this.connections.set(event.connection, connection)
    connection.handler = this.#options.onConnection(connection)
  }

  protected override drained(): void {
    this.#whenEmpty()
  }

  protected override lineFailed(): void {}

  #whenEmpty(): void {
    if (this.connections.size > 0 || this.#onEmpty === null) return
    this.destroy()
  }

  #describe({ cert, key }: QuicCertificate): Buffer {
    const { idleTimeout = 30_000, streams = 100, earlyData = false, alpn } = this.#options
    return new Record()
      .u32(idleTimeout)
      .u32(streams)
      .u8(earlyData ? 1 : 0)
      .list(alpn.map((name) => Buffer.from(name, 'latin1')))
      .list(certificatesOf(cert))
      .blob(privateKeyOf(key))
      .octets()
  }
}
