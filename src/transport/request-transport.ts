import type { DnsError } from '../errors.js'
import type { Loss } from '../http/request.js'
import { QUERY_BLOCK } from '../wire/edns.js'
import type { UpstreamOptions } from '../wire/message.js'
import { closedFailure } from './failure.js'
import type { Pending } from './pending.js'
import type { RequestConnection, RequestOwner, SentRequest, SessionDial } from './request-connection.js'
import { SendBudget } from './send-budget.js'
import type { Transport, TransportOptions } from './transport.js'

/**
 * How often one query, sent or not, may go to another connection, and how many of those in a row may end before they were
 * of use, after one that was: a server that is being restarted is soon back, and one that was never there gets a single
 * connection.
 */
const MAX_RETRIES = 8
/** Connections at once while the server's stream limit makes queries wait. */
const MAX_CONNECTIONS = 2

/**
 * Each query a stream of its own: one connection to the server, opened by the first query; another when the server's stream limit is
 * reached, or it has fallen silent.
 *
 * A query that was under way when its stream or connection ended goes again, free of blame: it is idempotent.
 */
export abstract class RequestTransport<R extends SentRequest> implements Transport, RequestOwner<R> {
  protected readonly options: TransportOptions
  readonly #withEdns: UpstreamOptions
  readonly #plain: UpstreamOptions
  readonly #dial: SessionDial<R>
  readonly #connections = new Set<RequestConnection<R>>()
  readonly #budget = new SendBudget()
  #current: RequestConnection<R> | null = null
  /** Connections in a row that ended before they were of use. */
  #barren = Infinity
  #closed = false
  #closing: Promise<void> | null = null
  #whenClosed: (() => void) | null = null

  /** @param framed whether each query goes behind its length */
  constructor(options: TransportOptions, dial: SessionDial<R>, framed: boolean) {
    this.options = options
    const { udpPayloadSize, padding } = options
    this.#withEdns = { udpPayloadSize, edns: true, padTo: padding ? QUERY_BLOCK : 0, framed }
    this.#plain = { udpPayloadSize, edns: false, padTo: 0, framed }
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
    let request: R
    try {
      request = this.compose(
        pending,
        pending.query.forUpstream(0, pending.edns ? this.#withEdns : this.#plain, pending.subnet),
      )
    } catch (error) {
      return pending.onFailure(error as DnsError)
    }
    this.#pick().send(request)
  }

  renew(): void {
    if (this.#closed) return
    for (const connection of [...this.#connections]) connection.renew()
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
  onReply(): void {
    this.#budget.earn()
  }

  /** @internal */
  onLost(connection: RequestConnection<R>, request: R, error: DnsError, loss: Loss): void {
    const { pending } = request
    // What went to the old network counts as not sent.
    if (connection.abandoned) request.sends = 0
    const blameless = connection.abandoned || connection.worked || this.#barren < MAX_RETRIES
    const again = loss === 'unsent' || loss === 'unprocessed' || (loss === 'lost' && blameless)
    if (!again || this.#closed || pending.retries >= MAX_RETRIES || !this.#budget.allows(request.sends))
      return pending.onFailure(error)
    // One that waited in vain behind others that are answered is none the worse, and they are fewer each time.
    const isHarmless = loss === 'unsent' && (connection.worked || connection.size > 0)
    if (!isHarmless) pending.retries++
    this.#pick().send(request)
  }

  /** @internal */
  onClosed(connection: RequestConnection<R>): void {
    this.#connections.delete(connection)
    if (connection.worked) this.#barren = 0
    else if (!connection.abandoned) this.#barren++
    if (this.#connections.size === 0) this.#whenClosed?.()
  }

  /** What asks `pending`, whose message is `query`, with ID 0, behind its length where it was said so. */
  protected abstract compose(pending: Pending, query: Buffer): R
  /** A connection that isn't open yet. */
  protected abstract connection(): RequestConnection<R>

  #pick(): RequestConnection<R> {
    const current = this.#current
    if (current?.usable && !current.full && !current.silent && !current.expiring) return current
    return (this.#current = this.#another())
  }

  #another(): RequestConnection<R> {
    let usable = 0
    let spare: RequestConnection<R> | null = null
    for (const connection of this.#connections) {
      if (connection.usable && (connection.silent || connection.expiring)) connection.retire()
      if (!connection.usable) continue
      if (!connection.full) return connection
      usable++
      if (spare === null || connection.size < spare.size) spare = connection
    }
    if (spare !== null && usable >= MAX_CONNECTIONS) return spare
    const connection = this.connection()
    this.#connections.add(connection)
    connection.open(this.#dial)
    return connection
  }
}
