import type { Client } from './answer.js'
import {
  checkCertificate,
  loadCertificate,
  type ReadCertificateOptions,
  type ServerCertificate,
} from './certificate.js'
import type { DohOwner } from './doh-connection.js'
import type { EncryptedPlace } from './listeners.js'
import type { ReadServerOptions } from './options.js'
import { TcpConnection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'
import { TlsAcceptor, type TlsService } from './tls-acceptor.js'

/** What encrypted listeners need from the server. */
export interface EncryptedOwner {
  readonly connections: TcpConnections
  /** An HTTP request isn't one for DNS. */
  onRefused(client: Client, status: number): void
  /** An HTTP client makes more trouble than queries. */
  onNuisance(client: Client): void
}

interface Entry extends EncryptedPlace {
  readonly acceptor: TlsAcceptor
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
    const { tls, https, handshakeTimeout, clock } = options
    const { connections } = owner
    const entries: Entry[] = []
    const add = async (given: NonNullable<typeof tls>, service: TlsService): Promise<void> => {
      const certificate = await loadCertificate(given, service.transport)
      const acceptor = new TlsAcceptor(connections, service, certificate, handshakeTimeout)
      entries.push({ transport: service.transport, addresses: given.listen, acceptor, source: given })
    }
    if (tls !== null) await add(tls, dotService(connections))
    if (https !== null) {
      const { dohService } = await import('./doh-service.js')
      await add(https, dohService(dohOwner(owner, clock.afterPoll), https.path))
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
    const loaded = await Promise.all(this.#entries.map(({ source, transport }) => loadCertificate(source, transport)))
    this.#entries.forEach(({ acceptor, source }, i) => {
      if (source.certFile !== null || source.keyFile !== null) acceptor.setCertificate(loaded[i]!)
    })
  }

  /**
   * Whether there is such a listener.
   *
   * @throws {InvalidOptionError} `certificate` can't be used; what was there stays
   */
  setCertificate(listener: EncryptedPlace['transport'], certificate: ServerCertificate): boolean {
    const entry = this.#entries.find(({ transport }) => transport === listener)
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
