import type { DnsError } from '../errors.js'
import { closedFailure } from './failure.js'
import type { Pending } from './pending.js'
import { StreamConnection, type Dial, type StreamOwner } from './stream.js'
import type { Transport, TransportOptions } from './transport.js'

/**
 * Fresh connections that one query may be given. Each needs the one before to have worked, so a dead server gets one;
 * the rest is for servers that close after so many replies.
 */
const MAX_RETRIES = 3

/**
 * DNS over a stream: one connection to the server, opened by the first query, and another only while that one is full
 * or the peer has fallen silent (RFC 7766, section 6.2.2).
 */
export class StreamTransport implements Transport, StreamOwner {
  protected readonly options: TransportOptions
  readonly #dial: Dial
  readonly #connections = new Set<StreamConnection>()
  #current: StreamConnection | null = null
  #closed = false
  #closing: Promise<void> | null = null
  #whenClosed: (() => void) | null = null

  constructor(options: TransportOptions, dial: Dial) {
    this.options = options
    this.#dial = dial
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
    this.#current = null
    for (const connection of this.#connections) connection.retire()
  }

  close(): Promise<void> {
    this.#closed = true
    this.renew()
    return (this.#closing ??=
      this.#connections.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#whenClosed = resolve)))
  }

  destroy(): void {
    this.#closed = true
    for (const connection of this.#connections) connection.destroy()
  }

  /** @internal */
  onBroken(orphans: readonly Pending[], failure: DnsError, reused: boolean): void {
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

  #pick(): StreamConnection {
    const current = this.#current
    if (current !== null && current.usable && !current.silent) return current
    return (this.#current = this.#another())
  }

  #another(): StreamConnection {
    for (const connection of this.#connections) {
      if (connection.usable && connection.silent) connection.retire()
      if (connection.usable) return connection
    }
    const connection = new StreamConnection(this.options, this)
    this.#connections.add(connection)
    connection.open(this.#dial)
    return connection
  }
}
