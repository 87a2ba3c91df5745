import { createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net'
import type { ListenAddress } from './listen-address.js'

/** What is spoken over a TCP connection. */
export type StreamName = 'tcp' | 'tls' | 'https'

/** Who takes the connections. */
export interface TcpAcceptor {
  onConnection(socket: Socket): void
}

/** Accepts TCP clients on one address, whatever they speak over it. */
export class TcpListener {
  readonly transport: StreamName
  readonly #server: Server
  #acceptor: TcpAcceptor
  #closed: Promise<void> | null = null

  constructor(transport: StreamName, acceptor: TcpAcceptor) {
    this.transport = transport
    this.#acceptor = acceptor
    // A client may close its side once it has asked everything (RFC 7766, section 6.2.4), and still gets its replies.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#acceptor.onConnection(socket))
    // Accepting fails while file descriptors are short, and goes on afterwards.
    this.#server.on('error', () => undefined)
  }

  /** Accepts from now on; `fd`: the socket that listens there already. Rejects with the system's error. */
  listen({ host, family }: ListenAddress, port: number, reusePort: boolean, fd: number | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      const options = {
        host,
        port,
        ipv6Only: family === 6,
        ...(reusePort ? { reusePort } : {}),
      } satisfies ListenOptions & { reusePort?: boolean }
      this.#server.listen(fd === null ? options : { fd }, () => {
        this.#server.removeListener('error', reject)
        resolve()
      })
    })
  }

  /** Hands whoever connects from now on to `acceptor`. */
  handTo(acceptor: TcpAcceptor): void {
    this.#acceptor = acceptor
  }

  get address(): string {
    return (this.#server.address() as AddressInfo).address
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Accepts no more; resolves when the last connection is gone as well. Idempotent. */
  close(): Promise<void> {
    return (this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve())))
  }
}
