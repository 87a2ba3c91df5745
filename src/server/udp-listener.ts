import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { systemClock } from '../base/clock.js'
import type { Client, ReturnPath } from './answer.js'
import type { ListenAddress } from './listen-address.js'

/** Octets that the kernel is asked to hold for us: its default drops queries after 256 while the loop is busy (N01). */
const RECEIVE_BUFFER = 4 * 2 ** 20
/** Less than this, in octets, isn't worth asking for. */
const LEAST_BUFFER = 2 ** 18
/** Replies that may wait in libuv's queue before more are dropped (N02). */
const MAX_QUEUED = 1024

/** Who takes what a UDP listener receives. */
export interface UdpOwner {
  /** A datagram came; `wire` belongs to the receiver. */
  onDatagram(wire: Buffer, client: Client, path: ReturnPath): void
}

/**
 * Receives from and replies to UDP clients on one address. What is replied in one turn of the event loop goes out together
 * at its end: sending 32 one after the other costs two thirds of sending each between two queries, and clients are woken
 * once.
 */
export class UdpListener implements ReturnPath {
  readonly stream = false
  readonly transport = 'udp'
  readonly #owner: UdpOwner
  readonly #family: 4 | 6
  readonly #socket: Socket
  /** What goes out at the end of this turn, and to whom. */
  readonly #replies: Buffer[] = []
  readonly #clients: Client[] = []
  #open = false
  /** Whether libuv's queue was full after the last turn. */
  #clogged = false
  #closed: Promise<void> | null = null

  constructor(owner: UdpOwner, family: 4 | 6, reusePort: boolean) {
    this.#owner = owner
    this.#family = family
    this.#socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numbers already: dns.lookup would cost a turn of the microtask queue for each reply.
      lookup: (address: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
        done(null, address, family),
      ...(reusePort ? { reusePort } : {}),
    } as SocketOptions)
    // What a socket reports after it is bound (an ICMP error, on Windows) concerns one client and no other.
    this.#socket.on('error', () => undefined)
  }

  /** Receives from now on; `fd`: the socket that is bound there already. Rejects with the system's error. */
  bind({ host, port }: ListenAddress, fd: number | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject)
      this.#socket.once('listening', () => {
        this.#socket.removeListener('error', reject)
        this.#open = true
        this.#askForBuffer()
        this.#socket.on('message', this.#family === 4 ? this.#onMessage : this.#onMessage6)
        resolve()
      })
      this.#socket.bind(fd === null ? { address: host, port } : { fd })
    })
  }

  get address(): string {
    return this.#socket.address().address
  }

  get port(): number {
    return this.#socket.address().port
  }

  deliver(octets: Buffer, client: Client): boolean {
    if (!this.#open || (this.#clogged && this.#isFull)) return false
    this.#clients.push(client)
    // Of the real loop, whatever the clock: so are the sockets.
    if (this.#replies.push(octets) === 1) systemClock.afterPoll(this.#flush)
    return true
  }

  enter(): void {
    // A datagram socket holds nothing for a client.
  }

  leave(): void {
    // A datagram socket holds nothing for a client.
  }

  /** Resolves when the socket is gone. Idempotent. */
  close(): Promise<void> {
    this.#flush()
    this.#open = false
    return (this.#closed ??= new Promise((resolve) => {
      try {
        this.#socket.close(resolve)
      } catch {
        resolve() // it never opened
      }
    }))
  }

  readonly #onMessage = (wire: Buffer, { address, port }: RemoteInfo): void => {
    // Nobody can be answered at port 0: only a forger sends from there.
    if (port !== 0) this.#owner.onDatagram(wire, { address, port, transport: 'udp', peer: address }, this)
  }

  readonly #onMessage6 = (wire: Buffer, { address, port }: RemoteInfo): void => {
    if (port !== 0)
      this.#owner.onDatagram(wire, { address: withoutZone(address), port, transport: 'udp', peer: address }, this)
  }

  readonly #flush = (): void => {
    const replies = this.#replies
    const clients = this.#clients
    if (replies.length === 0) return
    for (let i = 0; i < replies.length; i++) this.#socket.send(replies[i]!, clients[i]!.port, clients[i]!.peer)
    replies.length = clients.length = 0
    this.#clogged = this.#isFull
  }

  get #isFull(): boolean {
    return this.#socket.getSendQueueCount() > MAX_QUEUED
  }

  /** As much as the system grants: some refuse what is over their limit instead of capping it. */
  #askForBuffer(): void {
    for (let size = RECEIVE_BUFFER; size >= LEAST_BUFFER; size /= 2) {
      try {
        return this.#socket.setRecvBufferSize(size)
      } catch {
        // The next smaller one is asked for.
      }
    }
  }
}

/** An address as policies compare it: without a zone such as `%eth0`. */
export function withoutZone(address: string): string {
  const at = address.indexOf('%')
  return at < 0 ? address : address.slice(0, at)
}
