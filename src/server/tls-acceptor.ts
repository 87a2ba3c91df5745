import type { Socket } from 'node:net'
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls'
import type { Deadlines } from '../base/deadlines.js'
import type { Client } from './answer.js'
import { asNode, type ServerCertificate } from './certificate.js'
import type { Connection } from './tcp-connection.js'
import type { TcpConnections } from './tcp-connections.js'
import type { TcpAcceptor } from './tcp-listener.js'
import { Handshake, type HandshakeOwner } from './tls-handshake.js'

/** What is spoken over TLS, and by whom. */
export interface TlsService {
  readonly transport: 'tls' | 'https'
  /** The ALPN protocol. A client that names others is turned away by an alert; one that names none comes through. */
  readonly protocol: string
  /** Speaks with `client` from now on; null: not with this one, and `socket` is being closed. */
  serve(socket: TLSSocket, client: Client): Connection | null
}

/**
 * Brings connections through their TLS handshake: within a time, and only those of clients that may ask, which is looked
 * at before the first octet of it is read.
 */
export class TlsAcceptor implements TcpAcceptor, HandshakeOwner {
  readonly deadlines: Deadlines
  readonly #connections: TcpConnections
  readonly #service: TlsService
  readonly #timeout: number
  readonly #server: Server
  /** Those under way, by {@link endsOf}: node:tls doesn't say which connection it made a TLS socket of. */
  readonly #handshakes = new Map<string, Handshake>()

  /** @param timeout the longest that a handshake may take, in ms */
  constructor(connections: TcpConnections, service: TlsService, certificate: ServerCertificate, timeout: number) {
    this.deadlines = connections.deadlines
    this.#connections = connections
    this.#service = service
    this.#timeout = timeout
    this.#server = createServer({ ...contextOf(certificate), ALPNProtocols: [service.protocol] })
    this.#server.on('secureConnection', (socket: TLSSocket) => this.#onSecure(socket))
    this.#server.on('tlsClientError', (_error: Error, socket: TLSSocket) => void socket.destroy())
  }

  get transport(): TlsService['transport'] {
    return this.#service.transport
  }

  onConnection(socket: Socket): void {
    const client = this.#connections.admit(socket, this.#service.transport)
    if (client === null) return
    const handshake = new Handshake(socket, client, this, this.#timeout)
    this.#connections.add(handshake)
    const ends = endsOf(socket)
    this.#handshakes.set(ends, handshake)
    socket.on('close', () => {
      if (this.#handshakes.get(ends) === handshake) this.#handshakes.delete(ends)
    })
    // Nothing is owed to a client that goes away before its handshake is over.
    socket.allowHalfOpen = false
    this.#server.emit('connection', socket)
  }

  /**
   * Shows `certificate` to whoever connects from now on. Sessions of before aren't resumed: that would spare a client
   * the sight of it.
   */
  setCertificate(certificate: ServerCertificate): void {
    this.#server.setSecureContext(contextOf(certificate))
  }

  now(): number {
    return this.#connections.now()
  }

  onClosed(handshake: Handshake): void {
    this.#connections.onClosed(handshake)
  }

  #onSecure(socket: TLSSocket): void {
    const handshake = this.#handshakes.get(endsOf(socket))
    if (handshake === undefined || handshake.over) return void socket.destroy()
    // A client may begin anew again and again, which costs it little and us much; HTTP/2 forbids it (RFC 9113, section 9.2.1).
    socket.disableRenegotiation()
    const connection = this.#service.serve(socket, handshake.client)
    if (connection === null) return
    handshake.end()
    this.#connections.replace(handshake, connection)
  }
}

/** TLS 1.2 and up (RFC 8310, section 9; RFC 9113, section 9.2); our order of ciphers. */
function contextOf({ cert, key }: ServerCertificate): SecureContextOptions {
  return { cert: asNode(cert), key: asNode(key), minVersion: 'TLSv1.2' }
}

/** Both ends of a connection: no two that are open have the same. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
