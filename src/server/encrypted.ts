import type { Client } from './answer.js'
import {
  checkCertificate,
  loadCertificate,
  type ReadCertificateOptions,
  type ServerCertificate,
} from './certificate.js'
import type { DohOwner } from './doh-connection.js'
import type { EncryptedPlace } from './listeners.js'
import type { QuicAcceptor } from './quic-acceptor.js'
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

/** A listener that has a certificate, by the name of its option. */
export type EncryptedName = 'tls' | 'https' | 'quic' | 'h3'

interface Entry extends EncryptedPlace {
  readonly name: EncryptedName
  readonly tls: TlsAcceptor | null
  readonly source: ReadCertificateOptions
}

/** The listeners for DNS over TLS, HTTPS, QUIC and HTTP/3, with their certificates. */
export class Encrypted {
  readonly #entries: readonly Entry[]

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries
  }

  /** @throws {InvalidOptionError} as a rejection: a certificate or its key can't be read or used */
  static async load(options: ReadServerOptions, owner: EncryptedOwner): Promise<Encrypted> {
    const { tls, https, quic: doq, h3, handshakeTimeout, clock } = options
    const { connections } = owner
    const entries: Entry[] = []
    const secured = (service: TlsService, certificate: ServerCertificate): TlsAcceptor =>
      new TlsAcceptor(connections, service, certificate, handshakeTimeout)
    try {
      if (tls !== null) {
        const certificate = await loadCertificate(tls, 'tls')
        const { listen: addresses } = tls
        entries.push({
          name: 'tls',
          addresses,
          tls: secured(dotService(connections), certificate),
          quic: null,
          source: tls,
        })
      }
      const doh = dohOwner(owner, clock.afterPoll)
      if (https !== null) {
        const certificate = await loadCertificate(https, 'https')
        const { listen: addresses, path, http3 } = https
        const { dohService } = await import('./doh-service.js')
        const acceptor = secured(dohService(doh, path, http3), certificate)
        const quic = http3 ? await http3Acceptor(options, owner, doh, { certificate, path, name: 'https' }) : null
        entries.push({ name: 'https', addresses, tls: acceptor, quic, source: https })
      }
      if (doq !== null) {
        const certificate = await loadCertificate(doq, 'quic')
        const [{ doqService }, { QuicAcceptor }] = await Promise.all([
          import('./doq-service.js'),
          import('./quic-acceptor.js'),
        ])
        const quic = await QuicAcceptor.create(
          connections,
          doqService(doh, options.maxPipelined),
          certificate,
          options,
          'quic',
        )
        entries.push({ name: 'quic', addresses: doq.listen, tls: null, quic, source: doq })
      }
      if (h3 !== null) {
        const certificate = await loadCertificate(h3, 'h3')
        const { listen: addresses, path } = h3
        const quic = await http3Acceptor(options, owner, doh, { certificate, path, name: 'h3' })
        entries.push({ name: 'h3', addresses, tls: null, quic, source: h3 })
      }
    } catch (error) {
      for (const { quic } of entries) quic?.destroy()
      throw error
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
    this.#entries.forEach((entry, i) => {
      if (entry.source.certFile !== null || entry.source.keyFile !== null) show(entry, loaded[i]!)
    })
  }

  /**
   * Whether there is such a listener.
   *
   * @throws {InvalidOptionError} `certificate` can't be used; what was there stays
   */
  setCertificate(listener: EncryptedName, certificate: ServerCertificate): boolean {
    const entry = this.#entries.find(({ name }) => name === listener)
    if (entry === undefined) return false
    checkCertificate(certificate, listener)
    show(entry, certificate)
    return true
  }

  /** Ends what goes over QUIC now. */
  destroy(): void {
    for (const { quic } of this.#entries) quic?.destroy()
  }
}

/** QUIC first: it can use less. */
function show({ name, tls, quic }: Entry, certificate: ServerCertificate): void {
  quic?.setCertificate(certificate, name)
  tls?.setCertificate(certificate)
}

/** DNS over HTTP/3, loaded where it is asked for: everything else goes without QUIC. */
async function http3Acceptor(
  options: ReadServerOptions,
  { connections }: EncryptedOwner,
  owner: DohOwner,
  {
    certificate,
    path,
    name,
  }: { readonly certificate: ServerCertificate; readonly path: string; readonly name: EncryptedName },
): Promise<QuicAcceptor> {
  const [{ h3Service }, { QuicAcceptor }] = await Promise.all([import('./h3-service.js'), import('./quic-acceptor.js')])
  return QuicAcceptor.create(
    connections,
    h3Service(owner, path, options.maxPipelined, options.clock),
    certificate,
    options,
    name,
  )
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

/** By the limits that hold at the time, not those of now. */
function dohOwner({ connections, onRefused, onNuisance }: EncryptedOwner, later: DohOwner['later']): DohOwner {
  return {
    deadlines: connections.deadlines,
    get idleTimeout() {
      return connections.idleTimeout
    },
    get maxPipelined() {
      return connections.maxPipelined
    },
    get maxQueries() {
      return connections.maxQueries
    },
    now: () => connections.now(),
    later,
    onMessage: (wire, client, path) => connections.onMessage(wire, client, path),
    onRefused,
    onNuisance,
    onClosed: (connection) => connections.onClosed(connection),
  }
}
