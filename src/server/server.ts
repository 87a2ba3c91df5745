import type { Socket } from 'node:net'
import { Emitter } from '../base/emitter.js'
import { withTimeLimit } from '../base/time-limit.js'
import type { Client, ReturnPath } from './answer.js'
import { Desk } from './desk.js'
import type { Reporter, ServerEvents } from './events.js'
import { hostPort } from './listen-address.js'
import { closeListeners, openListeners, type ListenerPair } from './listeners.js'
import { readServerOptions, type ReadServerOptions, type ServerOptions } from './options.js'
import { checkRoot, refuseOwnAddress, type Root } from './root.js'
import { Counters, type ServerStats } from './stats.js'
import { TcpConnections } from './tcp-connections.js'
import type { UdpListener } from './udp-listener.js'
import type { TcpListener } from './tcp-listener.js'

/** How much longer than its longest query a server may take to close, in ms. */
const CLOSING = 1000

/** Where a server listens. */
export interface ServerAddress {
  readonly transport: 'udp' | 'tcp'
  /** IP address; `0.0.0.0` and `::` are every address of the machine. */
  readonly address: string
  readonly port: number
  /** `127.0.0.1:5353`, brackets around an IPv6 address: what other options take as an address. */
  readonly host: string
  /** `udp://127.0.0.1:5353` */
  toString(): string
}

/**
 * Listens over UDP and TCP and answers DNS queries by asking `root`: a Forwarder, Pool, Upstream or anything else with
 * `exchange`. Whoever made `root` closes it.
 *
 * @returns once it listens everywhere
 * @throws {DnsError} as a rejection: ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS; ERR_DNS_LISTEN, with the system's
 *   error as `cause`, when an address can't be listened on
 */
export async function createServer(root: Root, options: ServerOptions = {}): Promise<Server> {
  checkRoot(root)
  return Server.open(root, readServerOptions(options))
}

/** A DNS server in front of an exchanger. Made by {@link createServer}. */
export class Server extends Emitter<ServerEvents> {
  readonly #options: ReadServerOptions
  readonly #counters = new Counters()
  readonly #desk: Desk
  readonly #connections: TcpConnections
  #pairs: readonly ListenerPair[] = []
  #addresses: readonly ServerAddress[] = []
  #closing: Promise<void> | null = null
  #closed = false

  private constructor(root: Root, options: ReadServerOptions) {
    super()
    this.#options = options
    const reporter: Reporter = {
      hears: (event) => this.heard && this.listenerCount(event) > 0,
      report: (event, describe) => this.notify(event, describe),
    }
    this.#desk = new Desk(root, options, this.#counters, reporter)
    this.#connections = new TcpConnections(
      {
        clock: options.clock,
        allows: (address) => options.allow.allows(address),
        onMessage: (wire, client, path) => this.#desk.take(wire, client, path),
        onDenied: (client, why) => this.#desk.deny(client, why),
        onConnections: (open) => {
          this.#counters.connections = open
        },
      },
      { ...options, maxQueriesPerConnection: options.maxQueriesPerConnection || Infinity },
    )
  }

  /** @internal */
  static async open(root: Root, options: ReadServerOptions): Promise<Server> {
    const server = new Server(root, options)
    const owner = {
      onDatagram: (wire: Buffer, client: Client, path: ReturnPath) => server.#onDatagram(wire, client, path),
      onConnection: (socket: Socket) => server.#connections.onConnection(socket),
    }
    server.#pairs = await openListeners(options.listen, owner, options.reusePort)
    server.#addresses = Object.freeze(server.#pairs.flatMap(({ udp, tcp }) => [addressOf(udp), addressOf(tcp)]))
    try {
      refuseOwnAddress(root, server.#addresses, options.clock)
      return server
    } catch (error) {
      await closeListeners(server.#pairs)
      throw error
    }
  }

  /** Where it listens: for each address in `listen` one over UDP and one over TCP, with the port that was picked. */
  get addresses(): readonly ServerAddress[] {
    return this.#addresses
  }

  /** What it has done so far. */
  get stats(): ServerStats {
    return this.#counters.snapshot()
  }

  /**
   * Takes no more queries, answers those that are under way, and closes; resolves when nothing is left. Takes at most
   * as long as a query may, and a second. Idempotent.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#drain())
  }

  /** Closes now: queries under way are not answered, connections are cut. Idempotent. */
  destroy(): void {
    this.#closing ??= Promise.resolve()
    this.#end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #drain(): Promise<void> {
    for (const { tcp } of this.#pairs) void tcp.close()
    const done = Promise.all([this.#desk.drain(), this.#connections.finish()])
    const late = new Error('queries under way outlived the server')
    await withTimeLimit(done, this.#desk.timeout + CLOSING, this.#options.clock, late).catch(() => undefined)
    this.#end()
    await closeListeners(this.#pairs)
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#desk.destroy()
    this.#connections.destroy()
    void closeListeners(this.#pairs)
    this.notify('close', () => ({}))
  }

  #onDatagram(wire: Buffer, client: Client, path: ReturnPath): void {
    if (this.#options.allow.allows(client.address)) this.#desk.take(wire, client, path)
    else this.#desk.deny(client, 'address')
  }
}

function addressOf(listener: UdpListener | TcpListener): ServerAddress {
  const { transport, address, port } = listener
  return Object.freeze(new BoundAddress(transport, address, port))
}

class BoundAddress implements ServerAddress {
  readonly transport: 'udp' | 'tcp'
  readonly address: string
  readonly port: number
  readonly host: string

  constructor(transport: 'udp' | 'tcp', address: string, port: number) {
    this.transport = transport
    this.address = address
    this.port = port
    this.host = hostPort(address, port)
  }

  toString(): string {
    return `${this.transport}://${this.host}`
  }
}

export type { AnyPolicy } from '../policy/any.js'
export type { ExtraSuffix } from '../policy/special-use.js'
export type { ServerOptions } from './options.js'
export type { RootHints, Root as ServerRoot } from './root.js'
export type { ServerStats } from './stats.js'
export type {
  DeniedEvent,
  MalformedEvent,
  QueryEvent,
  ServerEvents,
  ServerFailureEvent,
  ServerReplyEvent,
} from './events.js'
