import { Buffer } from 'node:buffer'
import { systemClock, type Clock } from '../base/clock.js'
import { Connection } from './connection.js'
import type { Core } from './core.js'
import { Endpoint } from './endpoint.js'
import type { DialLine, Line, LineHandler } from './line.js'
import { certificatesOf, nodesRoots, privateKeyOf, type Pem } from './pem.js'
import { Record } from './record.js'
import type { ConnectionHandler, QuicConnection } from './types.js'
import { dialUdp } from './udp-line.js'
import { loadCore, type CoreModule } from './wasm.js'

/** What all connections of a {@link QuicClient} have in common. */
export interface QuicClientOptions {
  /** Application protocols to offer, best first (RFC 7301). */
  readonly alpn: readonly string[]
  /** Certificates to trust, in PEM, instead of those that Node trusts. A self-signed one may be the server's own. */
  readonly ca?: Pem | null
  /** Whether a certificate must be valid and cover the server's name. @default true */
  readonly verify?: boolean
  /** Cipher suites of TLS 1.3, by their numbers (RFC 8446, appendix B.4). @default all that are known */
  readonly cipherSuites?: readonly number[]
  /** Our own chain, in PEM, and its key, for servers that ask for one. */
  readonly cert?: Pem | null
  readonly key?: Pem | null
  /** After how much silence a connection is over, in ms; 0: never. @default 30000 */
  readonly idleTimeout?: number
  /** After how much silence something is sent to keep it, in ms; 0: never. @default 0 */
  readonly keepAlive?: number
  /** Makes the lines. @default connected UDP sockets on random ports */
  readonly dialLine?: DialLine
  readonly clock?: Clock
}

/** Where to connect to, and whom to tell. */
export interface ConnectOptions {
  /** An IP address. */
  readonly address: string
  readonly port: number
  /** IP address to send from. @default whichever the system takes */
  readonly source?: string | null
  /** What the certificate must cover: a name, which is also what SNI says, or an IP address, which SNI cannot say. */
  readonly serverName: string
  readonly handler: ConnectionHandler
  /** How long the handshake may take, in ms. @default 10000 */
  readonly handshakeTimeout?: number
  /**
   * Whether streams may be opened at once, as 0-RTT, where an earlier session allows it: somebody may replay what they
   * carry (RFC 8446, section 8). @default false
   */
  readonly earlyData?: boolean
}

/**
 * A QUIC client: connections to any servers, with session tickets in common, so that later ones are resumed.
 *
 * It holds the process never: whoever waits for something has a timer for it.
 */
export class QuicClient extends Endpoint {
  readonly #config: Buffer
  readonly #dialLine: DialLine
  /** Numbers of lines, by connection. */
  readonly #lineOf = new Map<Connection, number>()
  readonly #connectionOf = new Map<number, Connection>()
  readonly #targets = new Map<Connection, ConnectOptions>()

  private constructor(module: CoreModule, options: QuicClientOptions) {
    super(module, options.clock ?? systemClock)
    this.#config = describe(options)
    this.#dialLine = options.dialLine ?? dialUdp
  }

  /**
   * Loads the core where that has not been done.
   *
   * @throws where the options make no configuration: certificates that cannot be read, say
   */
  static async create(options: QuicClientOptions): Promise<QuicClient> {
    const client = new QuicClient(await loadCore(), options)
    void client.core
    return client
  }

  /**
   * Begins to connect; the handler hears how it went, in a later turn.
   *
   * @throws CoreRefusal of a name or address that cannot be one
   */
  connect(options: ConnectOptions): QuicConnection {
    if (this.destroyed) throw new Error('the QUIC client is destroyed')
    const number = this.nextLine()
    const index = this.core.connect(
      new Record()
        .u32(options.earlyData === true ? 1 : 0)
        .u32(options.handshakeTimeout ?? 10_000)
        .u32(number)
        .raw(this.addresses.encode(options.address, options.port))
        .blob(Buffer.from(options.serverName))
        .octets(),
    )
    const remote = { address: options.address, port: options.port }
    const connection = new Connection(this, index, remote, this.#addLine(options, number))
    connection.handler = options.handler
    this.connections.set(connection.index, connection)
    this.#lineOf.set(connection, number)
    this.#connectionOf.set(number, connection)
    this.#targets.set(connection, options)
    this.wake()
    return connection
  }

  /**
   * `connection` goes on from a new port (RFC 9000, section 9), and asks the peer for a sign of life from there. `source`: IP
   * address to send from, or null for whichever the system takes.
   */
  move(connection: QuicConnection, source: string | null): void {
    const own = this.connections.get((connection as Connection).index)
    const target = own === undefined ? undefined : this.#targets.get(own)
    if (own === undefined || target === undefined || own !== connection || own.closed) return
    const old = this.#lineOf.get(own)!
    const number = this.nextLine()
    own.line = this.#addLine({ ...target, source }, number)
    this.#lineOf.set(own, number)
    this.#connectionOf.set(number, own)
    this.core.moved(own.index, number)
    this.#connectionOf.delete(old)
    this.dropLine(old)
    this.wake()
  }

  /** Ends every connection now; each peer is told with `code`, and each handler before this returns. */
  destroy(code = 0): void {
    for (const connection of this.connections.values()) connection.close(code)
    this.end()
    this.#lineOf.clear()
    this.#connectionOf.clear()
    this.#targets.clear()
  }

  protected override start(core: Core): void {
    core.startClient(this.#config)
  }

  protected override incoming(): void {}

  protected override drained(connection: Connection): void {
    const number = this.#lineOf.get(connection)
    this.#lineOf.delete(connection)
    this.#targets.delete(connection)
    if (number === undefined) return
    this.#connectionOf.delete(number)
    this.dropLine(number)
  }

  /** Nobody listens there, or the system cannot send there. Once the peer was heard, anybody may have said so. */
  protected override lineFailed(number: number, error: NodeJS.ErrnoException): void {
    this.later(() => {
      const connection = this.#connectionOf.get(number)
      if (connection === undefined || connection.closed || connection.datagrams > 0) return
      const refused = error.code === 'ECONNREFUSED'
      const text = refused ? 'nobody listens there' : `the system cannot send there: ${error.message}`
      connection.lost(refused ? 'refused' : 'socket', 0, text, error)
      this.core.close(connection.index, 0, '')
    })
  }

  #addLine({ address, port, source = null }: ConnectOptions, number: number): Line {
    const make = (handler: LineHandler): Line =>
      this.#dialLine(
        { address, port, source },
        {
          onDatagram: (octets, from, fromPort) => {
            const connection = this.#connectionOf.get(number)
            if (connection !== undefined) connection.datagrams++
            handler.onDatagram(octets, from, fromPort)
          },
          onError: (error) => handler.onError(error),
        },
      )
    return this.addLine(make, number)
  }
}

function describe(options: QuicClientOptions): Buffer {
  const { verify = true, ca = null, cert = null, key = null, idleTimeout = 30_000, keepAlive = 0 } = options
  const trusted = !verify ? [] : ca === null ? nodesRoots() : certificatesOf(ca)
  const suites = (options.cipherSuites ?? []).map((suite) => Buffer.from([suite >> 8, suite & 255]))
  return new Record()
    .u8(verify ? 1 : 0)
    .u32(idleTimeout)
    .u32(keepAlive)
    .list(options.alpn.map((name) => Buffer.from(name, 'latin1')))
    .list(suites)
    .list(trusted)
    .list(cert === null ? [] : certificatesOf(cert))
    .blob(key === null ? Buffer.alloc(0) : privateKeyOf(key))
    .octets()
}
