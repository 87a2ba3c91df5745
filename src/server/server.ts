import type { Socket } from 'node:net'
import { Emitter } from '../base/emitter.js'
import { withTimeLimit } from '../base/time-limit.js'
import { InvalidOptionError } from '../errors.js'
import type { Client, ReturnPath } from './answer.js'
import { Desk } from './desk.js'
import type { Reporter, ServerEvents } from './events.js'
import type { ServerCertificate } from './certificate.js'
import type { Encrypted, EncryptedName } from './encrypted.js'
import { closeListeners, openListeners, type Listener } from './listeners.js'
import { plainAddresses, readServerOptions, type ReadServerOptions, type ServerOptions } from './options.js'
import { checkRoot, refuseOwnAddress, type Root } from './root.js'
import { addressOf, type ServerAddress } from './server-address.js'
import { Counters, type ServerStats } from './stats.js'
import { TcpConnections } from './tcp-connections.js'

/** How much longer than its longest query a server may take to close, in ms. */
const CLOSING = 1000

/**
 * Listens over UDP and TCP, TLS, HTTPS, QUIC and HTTP/3, and answers DNS queries by asking `root`: a Forwarder, Pool, Upstream or anything else with
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
  /** Whom it asks. */
  readonly parts: readonly object[]
  readonly #options: ReadServerOptions
  readonly #counters = new Counters()
  readonly #desk: Desk
  readonly #connections: TcpConnections
  #encrypted: Encrypted | null = null
  #listeners: readonly Listener[] = []
  #addresses: readonly ServerAddress[] = []
  #closing: Promise<void> | null = null
  #closed = false

  private constructor(root: Root, options: ReadServerOptions) {
    super()
    this.#options = options
    this.parts = [root]
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
        onOpened: ({ transport }) => {
          this.#counters.of(transport).connectionsOpened++
          this.#counters.of(transport).connections++
        },
        onClosed: ({ transport }) => {
          this.#counters.of(transport).connections--
        },
      },
      { ...options, maxQueriesPerConnection: options.maxQueriesPerConnection || Infinity },
    )
  }

  /** @internal */
  static async open(root: Root, options: ReadServerOptions): Promise<Server> {
    const server = new Server(root, options)
    await server.#listen()
    try {
      refuseOwnAddress(root, server.#addresses, options.clock)
      return server
    } catch (error) {
      server.#encrypted?.destroy()
      await closeListeners(server.#listeners)
      throw error
    }
  }

  /** Where it listens, with the ports that were picked: for each address in `listen` one over UDP and one over TCP, then those of `tls`, `https`, `quic` and `h3`. */
  get addresses(): readonly ServerAddress[] {
    return this.#addresses
  }

  /** What it has done so far. */
  get stats(): ServerStats {
    return this.#counters.snapshot()
  }

  /**
   * Reads the files of `tls`, `https`, `quic` and `h3` again, for who connects from now on; connections that are open go on.
   *
   * @throws {DnsError} as a rejection: ERR_DNS_INVALID_OPTION, saying which can't be used and why; all that was there stays
   */
  async reloadCertificates(): Promise<void> {
    await this.#encrypted?.reload()
  }

  /**
   * Shows `certificate` to who connects to `listener` from now on; connections that are open go on.
   *
   * @throws {DnsError} ERR_DNS_INVALID_OPTION: it can't be used, and what was there stays; or there is no such listener
   */
  setCertificate(listener: EncryptedName, certificate: ServerCertificate): void {
    if (this.#encrypted?.setCertificate(listener, certificate) !== true) {
      throw new InvalidOptionError('createServer', String(listener), 'was not given: the server has no such listener')
    }
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

  async #listen(): Promise<void> {
    const options = this.#options
    const { tls, https, quic, h3, reusePort } = options
    if ([tls, https, quic, h3].some((given) => given !== null)) {
      const { Encrypted } = await import('./encrypted.js')
      this.#encrypted = await Encrypted.load(options, {
        connections: this.#connections,
        onRefused: (client, status) => this.#desk.malformed(client, `HTTP request was refused with ${status}`, null),
        onNuisance: (client) => this.#desk.deny(client, 'client-limit'),
      })
    }
    this.#listeners = await openListeners({
      plain: plainAddresses(options),
      owner: {
        onDatagram: (wire: Buffer, client: Client, path: ReturnPath) => this.#onDatagram(wire, client, path),
        onConnection: (socket: Socket) => this.#connections.onConnection(socket),
      },
      encrypted: this.#encrypted?.places ?? [],
      reusePort,
    })
    this.#addresses = Object.freeze(this.#listeners.map((listener) => addressOf(listener, https?.path ?? '')))
  }

  async #drain(): Promise<void> {
    for (const listener of this.#listeners) if (listener.transport !== 'udp') void listener.close()
    const done = Promise.all([this.#desk.drain(), this.#connections.finish()])
    const late = new Error('queries under way outlived the server')
    await withTimeLimit(done, this.#desk.timeout + CLOSING, this.#options.clock, late).catch(() => undefined)
    this.#end()
    await closeListeners(this.#listeners)
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#desk.destroy()
    this.#connections.destroy()
    this.#encrypted?.destroy()
    void closeListeners(this.#listeners)
    this.notify('close', () => ({}))
  }

  #onDatagram(wire: Buffer, client: Client, path: ReturnPath): void {
    if (this.#options.allow.allows(client.address)) this.#desk.take(wire, client, path)
    else this.#desk.deny(client, 'address')
  }
}

export type { AnyPolicy } from '../policy/any.js'
export type { ExtraSuffix } from '../policy/special-use.js'
export type { CertificateOptions, ServerCertificate } from './certificate.js'
export type {
  H3ListenOptions,
  HttpsListenOptions,
  QuicListenOptions,
  ServerOptions,
  TlsListenOptions,
} from './options.js'
export type { ServerAddress } from './server-address.js'
export type { RootHints, Root as ServerRoot } from './root.js'
export type { ServerStats, TransportStats } from './stats.js'
export type {
  DeniedEvent,
  MalformedEvent,
  QueryEvent,
  ServerEvents,
  ServerFailureEvent,
  ServerReplyEvent,
} from './events.js'
