import type { Socket } from 'node:net'
import { Emitter } from '../base/emitter.js'
import { withTimeLimit } from '../base/time-limit.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import type { Client, ReturnPath } from './answer.js'
import { Desk } from './desk.js'
import type { Reporter, ServerEvents } from './events.js'
import type { ServerCertificate } from './certificate.js'
import type { Encrypted, EncryptedName } from './encrypted.js'
import { closeListeners, handOver, openListeners, type Listener, type OpenPlace, type Places } from './listeners.js'
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
  readonly #counters = new Counters()
  readonly #connections: TcpConnections
  readonly #reporter: Reporter = {
    hears: (event) => this.heard && this.listenerCount(event) > 0,
    report: (event, describe) => this.notify(event, describe),
  }
  #root: Root
  #options: ReadServerOptions
  #desk: Desk
  /** Desks of before, whose queries are under way. */
  readonly #retired = new Set<Desk>()
  #encrypted: Encrypted | null = null
  #places: readonly OpenPlace[] = []
  #addresses: readonly ServerAddress[] = []
  #turn: Promise<void> = Promise.resolve()
  #closing: Promise<void> | null = null
  #closed = false

  private constructor(root: Root, options: ReadServerOptions) {
    super()
    this.#root = root
    this.#options = options
    this.#desk = new Desk(root, options, this.#counters, this.#reporter)
    this.#connections = new TcpConnections(
      {
        clock: options.clock,
        allows: (address) => this.#options.allow.allows(address),
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
      options,
    )
  }

  /** @internal */
  static async open(root: Root, options: ReadServerOptions): Promise<Server> {
    const server = new Server(root, options)
    const change = await server.#prepare(root, options)
    change.commit()
    return server
  }

  /** Whom it asks. */
  get parts(): readonly object[] {
    return [this.#root]
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
   * Asks `root` by `options` from now on, in the place of what it was made with. Listeners that stay are not touched, nor
   * connections that are open; others are opened and closed; files of certificates are read again. Queries under way are
   * answered by whom they were put to. The clock stays.
   *
   * @throws {DnsError} as a rejection, as {@link createServer}; then nothing has changed. ERR_DNS_CLOSED once it is closed
   */
  reconfigure(root: Root, options: ServerOptions = {}): Promise<void> {
    const run = async (): Promise<void> => (await this.prepare(root, options)).commit()
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /**
   * All of {@link reconfigure} that can fail or takes time. `root` is looked at only, to see that it wouldn't ask this very
   * server. One is committed or discarded before the next is prepared.
   *
   * @internal
   */
  async prepare(root: Root, options: ServerOptions): Promise<ServerChange> {
    checkRoot(root)
    return this.#prepare(root, { ...readServerOptions(options), clock: this.#options.clock })
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

  async #prepare(root: Root, options: ReadServerOptions): Promise<ServerChange> {
    const encrypted = await this.#loadEncrypted(options)
    this.#refuseClosed()
    const held = this.#places
    const places = await openListeners(this.#wanted(options, encrypted), held, held.length === 0 ? options.inherit : [])
    const listeners = listenersAt(places)
    const discard = (): Promise<void> => closeListeners(without(listeners, listenersAt(held)))
    try {
      this.#refuseClosed()
      const addresses = listeners.map((listener) => addressOf(listener, options.https?.path ?? ''))
      refuseOwnAddress(root, addresses, options.clock)
      const commit = (asked = root): void => {
        this.#addresses = Object.freeze(addresses)
        this.#encrypted = encrypted
        this.#places = places
        for (const place of places) handOver(place)
        const leaving = without(listenersAt(held), listeners)
        for (const listener of leaving) if (listener.transport !== 'udp') void listener.close()
        // What a socket has received goes out by it as well.
        if (asked !== this.#root || options !== this.#options)
          void this.#follow(asked, options).then(() => closeListeners(leaving))
      }
      return { commit, discard }
    } catch (error) {
      await discard()
      throw error
    }
  }

  /** Resolves when what was asked before has been answered. */
  async #follow(root: Root, options: ReadServerOptions): Promise<void> {
    const before = this.#desk
    this.#root = root
    this.#options = options
    this.#connections.limitBy(options)
    this.#desk = new Desk(root, options, this.#counters, this.#reporter)
    this.#retired.add(before)
    await before.drain()
    this.#retired.delete(before)
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw new DnsError('ERR_DNS_CLOSED', 'the server is closed')
  }

  async #loadEncrypted(options: ReadServerOptions): Promise<Encrypted | null> {
    const { tls, https, quic, h3 } = options
    if ([tls, https, quic, h3].every((given) => given === null)) return null
    const { Encrypted } = await import('./encrypted.js')
    return Encrypted.load(options, {
      connections: this.#connections,
      onRefused: (client, status) => this.#desk.malformed(client, `HTTP request was refused with ${status}`, null),
      onNuisance: (client) => this.#desk.deny(client, 'client-limit'),
    })
  }

  #wanted(options: ReadServerOptions, encrypted: Encrypted | null): Places {
    return {
      plain: plainAddresses(options),
      owner: {
        onDatagram: (wire: Buffer, client: Client, path: ReturnPath) => this.#onDatagram(wire, client, path),
        onConnection: (socket: Socket) => this.#connections.onConnection(socket),
      },
      encrypted: encrypted?.places ?? [],
      reusePort: options.reusePort,
    }
  }

  get #desks(): readonly Desk[] {
    return [this.#desk, ...this.#retired]
  }

  async #drain(): Promise<void> {
    const listeners = listenersAt(this.#places)
    for (const listener of listeners) if (listener.transport !== 'udp') void listener.close()
    const desks = this.#desks
    const done = Promise.all([...desks.map((desk) => desk.drain()), this.#connections.finish()])
    const late = new Error('queries under way outlived the server')
    const longest = Math.max(...desks.map(({ timeout }) => timeout))
    await withTimeLimit(done, longest + CLOSING, this.#options.clock, late).catch(() => undefined)
    this.#end()
    await closeListeners(listeners)
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    for (const desk of this.#desks) desk.destroy()
    this.#connections.destroy()
    this.#encrypted?.destroy()
    void closeListeners(listenersAt(this.#places))
    this.notify('close', () => ({}))
  }

  #onDatagram(wire: Buffer, client: Client, path: ReturnPath): void {
    if (this.#options.allow.allows(client.address)) this.#desk.take(wire, client, path)
    else this.#desk.deny(client, 'address')
  }
}

/** What has been prepared, and changed nothing yet. One of both is called, once. @internal */
export interface ServerChange {
  /** Nothing can go wrong with it any more. `root`: whom to ask, where that isn't who was looked at. */
  commit(root?: Root): void
  /** Closes what was opened for it. */
  discard(): Promise<void>
}

function listenersAt(places: readonly OpenPlace[]): readonly Listener[] {
  return places.flatMap(({ listeners }) => listeners)
}

function without(listeners: readonly Listener[], others: readonly Listener[]): readonly Listener[] {
  return listeners.filter((listener) => !others.includes(listener))
}

export type { AnyPolicy } from '../policy/any.js'
export type { ExtraSuffix } from '../policy/special-use.js'
export type { CertificateOptions, ServerCertificate } from './certificate.js'
export type { EncryptedName } from './encrypted.js'
export type {
  H3ListenOptions,
  HttpsListenOptions,
  InheritedSocket,
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
