import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { systemClock, type Clock } from '../base/clock.js'
import { Connection } from './connection.js'
import type { Remote } from './addresses.js'
import type { Core, Verdict } from './core.js'
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

/** How connections are served that begin from now on. */
export interface QuicServing extends QuicCertificate {
  /** Application protocols that are spoken, best first (RFC 7301); a client that offers none of them is refused. */
  readonly alpn: readonly string[]
  /** After how much silence a connection is over, in ms; 0: never. @default 30000 */
  readonly idleTimeout?: number
  /** How long a handshake may take, in ms. @default 10000 */
  readonly handshakeTimeout?: number
  /** Streams that a client may have open at once. @default 100 */
  readonly streams?: number
  /** Whether 0-RTT is taken: its streams come before `onConnected`, and may be replays. @default false */
  readonly earlyData?: boolean
}

/** How a {@link QuicServer} is made. */
export interface QuicServerOptions extends QuicServing {
  /** Handshakes under way from which on a client must prove its address (RFC 9000, section 8.1.2); 0: always. @default 100 */
  readonly retryAbove?: number
  /**
   * Signs stateless resets (RFC 9000, section 10.3), 32 octets: a server that is started anew with the key of the last one
   * can tell that one's clients at once that it knows nothing of them. @default a random one
   */
  readonly resetKey?: Uint8Array
  /** Whether a client may connect, before anything is done for it; `proven`: its address is its own. @default everybody may */
  readonly admit?: (remote: Remote, proven: boolean) => Verdict
  /** A client is about to connect: who is told what happens to it. */
  readonly onConnection: (connection: QuicConnection) => ConnectionHandler
  readonly clock?: Clock
}

/** A QUIC server on any number of sockets. It holds the process as long as its sockets do. */
export class QuicServer extends Endpoint {
  readonly #options: QuicServerOptions
  #serving: QuicServing
  readonly #resetKey: Uint8Array
  #refusing = false
  #onEmpty: (() => void) | null = null

  private constructor(module: CoreModule, options: QuicServerOptions) {
    super(module, options.clock ?? systemClock)
    this.#options = options
    this.#serving = options
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
   * How later connections are served.
   *
   * @throws where certificate and key cannot be read or used; all stays as it was
   */
  serveBy(serving: QuicServing): void {
    this.core.setServer(describe(serving))
    this.#serving = serving
  }

  /** Shows later connections another certificate. @throws as {@link serveBy} */
  setCertificate({ cert, key }: QuicCertificate): void {
    this.serveBy({ ...this.#serving, cert, key })
  }

  /** Refuses new connections; fulfilled once those that there are have ended, which is their owners' to see to. */
  close(): Promise<void> {
    if (this.destroyed) return Promise.resolve()
    this.#refusing = true
    return new Promise((resolve) => {
      const before = this.#onEmpty
      this.#onEmpty = () => {
        before?.()
        resolve()
      }
      this.ended()
    })
  }

  /** Ends every connection now; each peer is told with `code`, and each handler before this returns. */
  destroy(code = 0): void {
    for (const connection of this.connections.values()) connection.close(code)
    this.end()
    this.#onEmpty?.()
    this.#onEmpty = null
  }

  /** Nothing is waited for on the wire: who has not heard that his connection is over finds nobody. */
  override ended(): void {
    if (this.#onEmpty !== null && this.size === 0) this.destroy()
  }

  protected override start(core: Core): void {
    core.startServer(
      new Record()
        .u32(this.#options.retryAbove ?? 100)
        .blob(this.#resetKey)
        .blob(describe(this.#serving))
        .octets(),
    )
  }

  protected override incoming({ connection: index, payload, flags }: CoreEvent, line: Line): void {
    const remote = this.addresses.decode(payload, 0)
    if (!this.core.admit(index, this.#verdict(remote, (flags & 1) !== 0))) return
    const connection = new Connection(this, index, remote, line)
    this.connections.set(index, connection)
    connection.handler = this.#options.onConnection(connection)
  }

  protected override drained(): void {}

  protected override lineFailed(): void {}

  #verdict(remote: Remote, proven: boolean): Verdict {
    return this.#refusing ? 'refuse' : (this.#options.admit?.(remote, proven) ?? 'accept')
  }
}

function describe({ cert, key, alpn, idleTimeout, handshakeTimeout, streams, earlyData }: QuicServing): Buffer {
  return new Record()
    .u32(handshakeTimeout ?? 10_000)
    .u32(idleTimeout ?? 30_000)
    .u32(streams ?? 100)
    .u8(earlyData === true ? 1 : 0)
    .list(alpn.map((name) => Buffer.from(name, 'latin1')))
    .list(certificatesOf(cert))
    .blob(privateKeyOf(key))
    .octets()
}
