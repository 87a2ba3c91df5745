import { QuicServer } from '../quic/server.js'
import { bindUdp, SocketLine } from '../quic/udp-line.js'
import type { ServerCertificate } from './certificate.js'
import type { ListenAddress } from './listen-address.js'
import type { QuicAcceptor } from './quic-acceptor.js'

/** Handshakes under way from which on a client must prove its address (RFC 9000, section 8.1.2). */
const RETRY_ABOVE = 100
/** The server counts connections itself, whatever they come over. */
const NO_LIMIT = 2 ** 31 - 1

/** Accepts QUIC clients on one address. */
export class QuicListener {
  readonly transport: 'doq' | 'h3'
  readonly address: string
  readonly port: number
  readonly #server: QuicServer
  readonly #relay: Relay
  #closed: Promise<void> | null = null

  /** Accepts from now on. Rejects with the system's error. */
  static async open(address: ListenAddress, acceptor: QuicAcceptor): Promise<QuicListener> {
    const socket = await bindUdp(address.host, address.port)
    try {
      const { service, certificate, handshakeTimeout, idleTimeout, resetKey } = acceptor
      const { transport } = service
      const relay: Relay = { acceptor }
      const server = await QuicServer.create({
        ...certificate,
        alpn: [transport],
        idleTimeout,
        handshakeTimeout,
        streams: service.streams,
        maxConnections: NO_LIMIT,
        maxConnectionsPerAddress: NO_LIMIT,
        retryAbove: RETRY_ABOVE,
        resetKey,
        onConnection: (connection) => relay.acceptor.accept(connection),
        clock: acceptor.connections.clock,
      })
      server.attachLine((handler) => {
        const onDatagram = (octets: Buffer, from: string, port: number): void => {
          if (relay.acceptor.connections.serves(from, port, transport)) handler.onDatagram(octets, from, port)
        }
        return new SocketLine(socket, true, { onDatagram, onError: (error) => handler.onError(error) })
      })
      const bound = socket.address()
      return new QuicListener(server, relay, bound.address, bound.port)
    } catch (error) {
      socket.close()
      throw error
    }
  }

  private constructor(server: QuicServer, relay: Relay, address: string, port: number) {
    this.#server = server
    this.#relay = relay
    this.transport = relay.acceptor.service.transport
    this.address = address
    this.port = port
  }

  /** Hands those who connect from now on to `acceptor`. */
  handTo(acceptor: QuicAcceptor): void {
    this.#relay.acceptor.release(this)
    this.#relay.acceptor = acceptor
    acceptor.adopt(this)
  }

  setCertificate(certificate: ServerCertificate): void {
    if (this.#closed === null) this.#server.setCertificate(certificate)
  }

  /** Accepts no more; resolves when the last connection is gone as well. Idempotent. */
  close(): Promise<void> {
    this.#relay.acceptor.release(this)
    return (this.#closed ??= this.#server.close())
  }
}

/** Whom a listener hands its clients to. */
interface Relay {
  acceptor: QuicAcceptor
}
