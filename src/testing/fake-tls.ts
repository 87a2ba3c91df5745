import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { FakeConnection, type FakeOwner } from './fake-connection.js'
import type { TransportName } from '../exchanger.js'
import type { HandshakeFault } from './fake-faults.js'
import { serveHttps } from './fake-https.js'
import type { FakeIdentity } from './fake-identity.js'
import { FakePort } from './fake-port.js'
import { serveStream } from './fake-tcp.js'

/** What an encrypted port needs of its server. */
export interface FakeTlsOwner extends FakeOwner {
  readonly identity: FakeIdentity
  /** What befalls a connection that has just come. */
  greet(transport: TransportName): HandshakeFault | null
}

/** A port for DNS over TLS (RFC 7858) or over HTTPS (RFC 8484). */
export class FakeTls extends FakePort {
  readonly #transport: 'tls' | 'https'
  readonly #owner: FakeTlsOwner
  readonly #tls: Server
  /** TCP connections by who has made them: a TLS socket doesn't tell what is below it. */
  readonly #below = new Map<string, Below>()
  #handshakes = 0
  #resumed = 0

  /** @param alpn application protocols to choose from (RFC 7301); none: no choice is made */
  constructor(transport: 'tls' | 'https', alpn: readonly string[], owner: FakeTlsOwner) {
    super()
    this.#transport = transport
    this.#owner = owner
    this.#tls = createServer({ ...owner.identity.tls, ALPNProtocols: [...alpn] }, (socket) => this.#onSecure(socket))
  }

  /** TLS handshakes that were completed. */
  get handshakes(): number {
    return this.#handshakes
  }

  /** Those of them that resumed a session. */
  get resumed(): number {
    return this.#resumed
  }

  /** Shows the identity's present certificate to who connects next. Sessions stay valid. */
  renew(): void {
    this.#tls.setSecureContext(this.#owner.identity.tls)
  }

  protected override serve(tcp: Socket): void {
    const fault = this.#owner.greet(this.#transport)
    // Read all the same, so that the client's end is seen.
    if (fault === 'handshake-silence') return void tcp.resume()
    const key = whoMade(tcp)
    this.#below.set(key, { tcp, fault })
    tcp.once('close', () => this.#below.delete(key))
    this.#tls.emit('connection', tcp)
  }

  #onSecure(socket: TLSSocket): void {
    const below = this.#below.get(whoMade(socket))
    if (below === undefined) return void socket.destroy()
    this.#handshakes++
    if (socket.isSessionReused()) this.#resumed++
    const connection = new FakeConnection(this.#transport, below.tcp, socket, this.#owner)
    if (below.fault !== null) closeUnread(connection)
    else if (this.#transport === 'tls') serveStream(connection, this.#owner)
    else serveHttps(connection, this.#owner)
  }
}

interface Below {
  readonly tcp: Socket
  readonly fault: HandshakeFault | null
}

function whoMade({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function closeUnread(connection: FakeConnection): void {
  connection.read(() => undefined)
  connection.end()
}
