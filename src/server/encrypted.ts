import type { Client } from './answer.js'
import {
  checkCertificate,
  loadCertificate,
  type ReadCertificateOptions,
  type ServerCertificate,
} from './certificate.js'
import type { DohOwner } from './doh-connection.js'
import type { ListenAddress } from './listen-address.js'
import { openTcp, type EncryptedPlace, type Listener } from './listeners.js'
import type { ReadServerOptions } from './options.js'
import type { QuicAcceptor, QuicService } from './quic-acceptor.js'
import { TcpConnection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'
import { TlsAcceptor, type TlsService } from './tls-acceptor.js'

/** An option that says where something encrypted is listened for. */
export type ListenerName = 'tls' | 'https' | 'quic'

/** What encrypted listeners need from the server. */
export interface EncryptedOwner {
  readonly connections: TcpConnections
  /** An HTTP request isn't one for DNS. */
  onRefused(client: Client, status: number): void
  /** An HTTP client makes more trouble than queries. */
  onNuisance(client: Client): void
}

interface Entry extends EncryptedPlace {
  /** The option that it stands under. */
  readonly name: ListenerName
  readonly acceptor: TlsAcceptor | QuicAcceptor
  readonly source: ReadCertificateOptions
}

/** The listeners for DNS over TLS and over HTTPS, with their certificates. */
export class Encrypted {
  readonly #entries: readonly Entry[]

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries
  }

  /** @throws {InvalidOptionError} as a rejection: a certificate or its key can't be read or used */
  static async load(options: ReadServerOptions, owner: EncryptedOwner): Promise<Encrypted> {
    const { tls, https, quic, handshakeTimeout, clock } = options
    const { connections } = owner
    const entries: Entry[] = []
    const add = async (given: NonNullable<typeof tls>, service: TlsService): Promise<void> => {
      const { transport } = service
      const certificate = await loadCertificate(given, transport)
      const acceptor = new TlsAcceptor(connections, service, certificate, handshakeTimeout)
      const open = (address: ListenAddress, reusePort: boolean): Promise<Listener> =>
        openTcp(transport, acceptor, address, reusePort)
      entries.push({ name: transport, transport, addresses: given.listen, open, acceptor, source: given })
    }
    const addQuic = async (
      name: ListenerName,
      given: NonNullable<typeof quic>,
      service: QuicService,
    ): Promise<void> => {
      const { QuicAcceptor } = await import('./quic-acceptor.js')
      const certificate = await loadCertificate(given, name)
      const acceptor = new QuicAcceptor(connections, service, certificate, handshakeTimeout)
      const open = (address: ListenAddress): Promise<Listener> => acceptor.open(address)
      entries.push({ name, transport: service.transport, addresses: given.listen, open, acceptor, source: given })
    }
    if (tls !== null) await add(tls, dotService(connections))
    if (https !== null) {
      const { dohService } = await import('./doh-service.js')
      await add(https, dohService(dohOwner(owner, clock.afterPoll), https.path))
    }
    if (quic !== null) {
      const { doqService } = await import('./doq-service.js')
      await addQuic('quic', quic, doqService(dohOwner(owner, clock.afterPoll)))
    }
    return new Encrypted(entries)
  }

  get places(): readonly EncryptedPlace[] {
    return this.#entries
  }

  /**
   * Reads again what came from files; where one can't be used all keep what they have.
   *
   * @throws {InvalidOptionError} as a rejection
   */
  async reload(): Promise<void> {
    const loaded = await Promise.all(this.#entries.map(({ source, name }) => loadCertificate(source, name)))
    this.#entries.forEach(({ acceptor, source }, i) => {
      if (source.certFile !== null || source.keyFile !== null) acceptor.setCertificate(loaded[i]!)
    })
  }

  /**
   * Whether there is such a listener.
   *
   * @throws {InvalidOptionError} `certificate` can't be used; what was there stays
   */
  setCertificate(listener: ListenerName, certificate: ServerCertificate): boolean {
    const entry = this.#entries.find(({ name }) => name === listener)
    if (entry === undefined) return false
    checkCertificate(certificate, listener)
    entry.acceptor.setCertificate(certificate)
    return true
  }
}

/** DNS over TLS: what TCP carries, encrypted (RFC 7858, section 3.3). */
function dotService(connections: TcpConnections): TlsService {
  return {
    transport: 'tls',
    protocol: 'dot',
    serve(socket, client): TcpConnection {
      // As over TCP, a client may close its side once it has asked everything.
      socket.allowHalfOpen = true
      return new TcpConnection(socket, client, connections)
    },
  }
}

function dohOwner({ connections, onRefused, onNuisance }: EncryptedOwner, later: DohOwner['later']): DohOwner {
  return {
    deadlines: connections.deadlines,
    idleTimeout: connections.idleTimeout,
    maxPipelined: connections.maxPipelined,
    maxQueries: connections.maxQueries,
    now: () => connections.now(),
    later,
    onMessage: (wire, client, path) => connections.onMessage(wire, client, path),
    onRefused,
    onNuisance,
    onClosed: (connection) => connections.onClosed(connection),
  }
}
