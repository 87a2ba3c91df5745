import { createSocket } from 'node:dgram'
import type { DnsError } from '../errors.js'
import { closedFailure } from './failure.js'
import { randomId } from './in-flight.js'
import type { Pending } from './pending.js'
import type { Transport, TransportOptions } from './transport.js'
import { UdpSocket, type SocketFactory, type UdpSocketOwner } from './udp-socket.js'

/** Queries after which a socket is left for another port: one that lives long can be found out. */
const MAX_QUERIES = 1000
/** Milliseconds after which it is left, looked at when the next query comes. */
const MAX_AGE = 10_000
/** How long after a socket could not be opened none is tried, in ms. */
const OPEN_AGAIN = 100

/**
 * DNS over UDP (RFC 1035, section 4.2.1), spread over several connected sockets on random ports (RFC 5452, section
 * 9.2) that are opened as traffic needs them and renewed as they age. A retired one lives until it is drained.
 */
export class UdpTransport implements Transport, UdpSocketOwner {
  readonly #options: TransportOptions
  readonly #createSocket: SocketFactory
  readonly #limit: number
  readonly #perQuery: boolean
  /** Those that take queries. */
  #sockets: UdpSocket[] = []
  /** Those and the retired ones. */
  readonly #all = new Set<UdpSocket>()
  #lastFailure: DnsError | null = null
  #openAgainAt = -Infinity
  #closed = false
  #closing: Promise<void> | null = null
  #whenClosed: (() => void) | null = null

  /** @param create makes the sockets; Node's own unless a test brings another */
  constructor(options: TransportOptions, create: SocketFactory = createSocket) {
    this.#options = options
    this.#createSocket = create
    this.#perQuery = options.sockets === 'per-query'
    this.#limit = options.sockets === 'per-query' ? 1 : options.sockets
  }

  get size(): number {
    let size = 0
    for (const socket of this.#all) size += socket.size
    return size
  }

  /** Octets of receive buffer that a socket has got from the kernel; 0 while none is open. */
  get receiveBuffer(): number {
    return this.#sockets.find((socket) => socket.usable)?.receiveBuffer ?? 0
  }

  send(pending: Pending): void {
    if (this.#closed) return pending.onFailure(closedFailure(this.#options))
    const socket = this.#perQuery ? this.#open() : this.#pick()
    if (socket === null) return pending.onFailure(this.#lastFailure!)
    socket.send(pending)
    if (this.#perQuery) socket.retire()
  }

  renew(): void {
    if (this.#closed) return
    const inFlight = [...this.#all].flatMap((socket) => socket.takeAll())
    this.#openAgainAt = -Infinity
    this.#retireAll()
    for (const pending of inFlight) this.send(pending)
  }

  close(): Promise<void> {
    this.#closed = true
    this.#retireAll()
    return (this.#closing ??=
      this.#all.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#whenClosed = resolve)))
  }

  destroy(): void {
    this.#closed = true
    this.#sockets = []
    for (const socket of this.#all) socket.destroy()
  }

  /** @internal */
  onClosed(socket: UdpSocket): void {
    this.#all.delete(socket)
    if (this.#all.size === 0) this.#whenClosed?.()
  }

  #retireAll(): void {
    const sockets = this.#sockets
    this.#sockets = []
    for (const socket of sockets) socket.retire()
  }

  /** A random one of those that may be open: the n-th query opens another as often as it draws one that isn't. */
  #pick(): UdpSocket | null {
    // The remainder favours none by more than 1.6 %, and an attacker gains nothing by knowing.
    const slot = randomId() % this.#limit
    const socket = this.#sockets[slot]
    if (socket !== undefined && !this.#isWorn(socket)) return socket
    const fresh = this.#open()
    if (fresh === null) return this.#sockets.find((other) => other.usable) ?? null
    if (socket === undefined) this.#sockets.push(fresh)
    else {
      this.#sockets[slot] = fresh
      socket.retire()
    }
    return fresh
  }

  #isWorn(socket: UdpSocket): boolean {
    return socket.asked >= MAX_QUERIES || !socket.usable || socket.found || this.#options.clock.now() >= socket.expires
  }

  /** null: it failed, now or a moment ago. Without files left, the open sockets go on alone. */
  #open(): UdpSocket | null {
    const now = this.#options.clock.now()
    if (now < this.#openAgainAt) return null
    const socket = new UdpSocket(this.#options, this, now + MAX_AGE)
    this.#all.add(socket)
    socket.open(this.#createSocket)
    if (socket.failure === null) return socket
    this.#all.delete(socket)
    this.#lastFailure = socket.failure
    this.#openAgainAt = now + OPEN_AGAIN
    return null
  }
}
