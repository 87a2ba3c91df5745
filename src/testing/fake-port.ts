import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

/** Where a FakeServer listens for one of its transports. */
export interface FakeListener {
  /**
   * Listens on `port`, or on one that the kernel chooses where that is 0; resolves with which it is.
   *
   * @throws the system's error (as a rejection)
   */
  open(host: string, port: number): Promise<number>
  /** Closes the port, and what clients have opened on it. */
  close(): Promise<void>
  /** Connections that are open. */
  readonly connections: number
  /** Connections that were ever accepted. */
  readonly accepted: number
  /** Handshakes that were completed, where there are any. */
  readonly handshakes?: number
  /** Shows the identity's present certificate to who connects next, where one is shown. */
  renew?(): void
}

/** A TCP port that can be closed and opened again. */
export abstract class FakePort implements FakeListener {
  #accepted = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null

  get accepted(): number {
    return this.#accepted
  }

  get connections(): number {
    return this.#sockets.size
  }

  async open(host: string, port: number): Promise<number> {
    const server = (this.#server = createServer((socket) => this.#accept(socket)))
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = null
    for (const socket of this.#sockets) socket.destroy()
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  /** A client has connected. */
  protected abstract serve(socket: Socket): void

  #accept(socket: Socket): void {
    this.#accepted++
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined) // 'close' follows
    socket.once('close', () => this.#sockets.delete(socket))
    this.serve(socket)
  }
}
