import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { QuicServer, type QuicServing } from '../quic/server.js'
import { SocketLine } from '../quic/udp-line.js'
import type { ListenAddress } from './listen-address.js'
import type { QuicAcceptor } from './quic-acceptor.js'

/** A UDP socket that a {@link QuicListener} is made of. */
export class QuicSocket {
  readonly socket: Socket
  /** Resolves when it is closed. */
  readonly closed: Promise<void>

  constructor(family: 4 | 6, reusePort: boolean) {
    this.socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numbers already.
      lookup: (address: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
        done(null, address, family),
      ...(reusePort ? { reusePort } : {}),
    } as SocketOptions)
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
  }

  get port(): number {
    return this.socket.address().port
  }

  /** `fd`: the socket that is bound there already. Rejects with the system's error. */
  bind({ host, port }: ListenAddress, fd: number | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject)
      this.socket.bind(fd === null ? { address: host, port } : { fd }, () => {
        this.socket.removeListener('error', reject)
        resolve()
      })
    })
  }

  close(): Promise<void> {
    this.socket.close()
    return this.closed
  }
}

/** Receives QUIC clients on one address. */
export class QuicListener {
  readonly transport: 'doq' | 'h3'
  /** What HTTP is asked for; '' where there is no HTTP. */
  readonly path: string
  readonly address: string
  readonly port: number
  readonly #server: QuicServer
  readonly #relay: Relay
  readonly #closed: Promise<void>
  #open = true

  /** Receives on `socket`, which is bound, and closes it in the end. */
  static async open(socket: QuicSocket, acceptor: QuicAcceptor): Promise<QuicListener> {
    const relay: Relay = { acceptor }
    const server = await QuicServer.create(
      acceptor.optionsFor({
        admit: (remote, proven) => relay.acceptor.admit(remote, proven),
        accept: (connection) => relay.acceptor.accept(connection),
      }),
    )
    const { transport } = acceptor.service
    server.attachLine((handler) => {
      const onDatagram = (octets: Buffer, from: string, port: number): void => {
        // Nobody can be answered at port 0: only a forger sends from there.
        if (port !== 0 && relay.acceptor.connections.hears(from, port, transport))
          handler.onDatagram(octets, from, port)
      }
      return new SocketLine(socket.socket, true, { onDatagram, onError: (error) => handler.onError(error) })
    })
    return new QuicListener(server, relay, socket)
  }

  private constructor(server: QuicServer, relay: Relay, { socket, closed }: QuicSocket) {
    const { address, port } = socket.address()
    this.#server = server
    this.#relay = relay
    this.#closed = closed
    this.transport = relay.acceptor.service.transport
    this.path = relay.acceptor.service.path
    this.address = address
    this.port = port
  }

  /** Hands those who connect from now on to `acceptor`. */
  handTo(acceptor: QuicAcceptor): void {
    this.#relay.acceptor.release(this)
    this.#relay.acceptor = acceptor
    acceptor.adopt(this)
  }

  /** @throws where the certificate can't be used */
  serveBy(serving: QuicServing): void {
    this.#server.serveBy(serving)
  }

  /** Refuses new connections; resolves when the last connection is gone as well. Idempotent. */
  close(): Promise<void> {
    if (this.#open) {
      this.#open = false
      this.#relay.acceptor.release(this)
      void this.#server.close()
    }
    return this.#closed
  }

  /** Ends all connections, and closes the socket. */
  destroy(): void {
    this.#server.destroy()
  }
}

/** Whom a listener hands its clients to. */
interface Relay {
  acceptor: QuicAcceptor
}
