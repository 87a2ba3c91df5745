import type { DnsError } from '../errors.js'
import { closedFailure } from './failure.js'
import type { Pending } from './pending.js'
import { StreamConnection, type Dial, type StreamOwner } from './stream.js'
import type { Transport, TransportOptions } from './transport.js'

/**
 * Fresh connections that one query may be given. Each needs the one before to have worked, so a dead server gets one;
 * the rest is for servers that close after so many replies.
 */
const MAX_RETRIES = 8
/** Connections at once to a server that closes them after so many replies. */
const MAX_CONNECTIONS = 64
/** After more replies than this the next connection simply takes the rest. */
const MAX_RATION = 64
/** How long it is remembered after how many, in ms. */
const MEMORY = 60_000

/**
 * DNS over a stream: one connection to the server, opened by the first query, and another only while that one is full,
 * the peer has fallen silent, or closes each after fewer replies than there are queries (RFC 7766, section 6.2.2).
 */
export class StreamTransport implements Transport, StreamOwner {
  protected readonly options: TransportOptions
  readonly #dial: Dial
  readonly #padTo: number
  readonly #connections = new Set<StreamConnection>()
  #current: StreamConnection | null = null
  /** Replies after which the server closes a connection. */
  #ration = Infinity
  #rationUntil = -Infinity
  /** Replies on the connection that broke last. */
  #lastAnswered = 0
  #closed = false
  #closing: Promise<void> | null = null
  #whenClosed: (() => void) | null = null

  /** @param padTo what queries are padded to a multiple of, in octets; only where they are encrypted */
  constructor(options: TransportOptions, dial: Dial, padTo = 0) {
    this.options = options
    this.#dial = dial
    this.#padTo = padTo
  }

  get size(): number {
    let size = 0
    for (const connection of this.#connections) size += connection.size
    return size
  }

  /** Connections that are open or being opened. */
  get connections(): number {
    return this.#connections.size
  }

  send(pending: Pending): void {
    if (this.#closed) return pending.onFailure(closedFailure(this.options))
    this.#pick().send(pending)
  }

  renew(): void {
    if (this.#closed) return
    this.#current = null
    const inFlight = [...this.#connections].flatMap((connection) => connection.abandon())
    for (const pending of inFlight) this.send(pending)
  }

  close(): Promise<void> {
    this.#closed = true
    for (const connection of this.#connections) connection.retire()
    return (this.#closing ??=
      this.#connections.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#whenClosed = resolve)))
  }

  destroy(): void {
    this.#closed = true
    for (const connection of this.#connections) connection.destroy()
  }

  /** @internal */
  onBroken({ answered }: StreamConnection, orphans: readonly Pending[], failure: DnsError, reused: boolean): void {
    this.#noteEnd(answered)
    for (const pending of orphans) {
      if (!reused || this.#closed || pending.retries >= MAX_RETRIES) pending.onFailure(failure)
      else {
        pending.retries++
        this.send(pending)
      }
    }
  }

  /** @internal */
  onClosed(connection: StreamConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#whenClosed?.()
  }

  /** Once may be a restart; twice after as many replies is what the server does. */
  #noteEnd(answered: number): void {
    if (answered > 0 && answered <= MAX_RATION && answered === this.#lastAnswered) {
      this.#ration = answered
      this.#rationUntil = this.options.clock.now() + MEMORY
    }
    this.#lastAnswered = answered
  }

  #pick(): StreamConnection {
    const current = this.#current
    if (this.#ration < Infinity && this.options.clock.now() >= this.#rationUntil) this.#ration = Infinity
    if (current !== null && current.usable && !current.silent && current.asked < this.#ration) return current
    return (this.#current = this.#another())
  }

  #another(): StreamConnection {
    let usable = 0
    let spare: StreamConnection | null = null
    for (const connection of this.#connections) {
      if (connection.usable && connection.silent) connection.retire()
      if (!connection.usable) continue
      if (connection.asked < this.#ration) return connection
      usable++
      if (spare === null || connection.size < spare.size) spare = connection
    }
    if (spare !== null && usable >= MAX_CONNECTIONS) return spare
    const connection = new StreamConnection(this.options, this, this.#padTo)
    this.#connections.add(connection)
    connection.open(this.#dial)
    return connection
  }
}
