import { DnsError } from '../errors.js'
import type { Loss } from '../http/request.js'
import { acceptReply } from '../wire/accept.js'
import { closedFailure, connectFailure, endpoint, overloadFailure, type Peer } from './failure.js'
import { IdleTimer } from './idle-timer.js'
import { claimPort, releasePort, type Protocol } from './own-ports.js'
import type { Channel, Pending } from './pending.js'
import type { ConnectionEvent, TransportOptions } from './transport.js'

/**
 * A server that says nothing for so long while a query waits is asked for a sign of life, and then given as long again,
 * both in ms: what was in flight can then still go elsewhere within the 2,000 ms of an attempt. One lost segment is
 * made up for by then where a round trip takes 200 ms.
 */
export const PING_AFTER = 750
export const PING_TIMEOUT = 750

/**
 * A connection that has been idle for at least this long, and that the peer may give up within as long, both in ms, is not
 * used again: what is sent then may find nobody (RFC 9000, section 10.1.1; RFC 9250, section 4.4).
 */
const NEAR_IDLE_TIMEOUT = 500

/** Requests on one connection, whichever protocol carries them. */
export interface Session<R> {
  /** Requests that somebody waits for. */
  readonly size: number
  /** Whether another request would wait, as far as is known. */
  readonly full: boolean
  /** Whether the peer was asked for a sign of life and has given none yet. */
  readonly silent: boolean
  readonly closed: boolean
  /** Takes `request` until it is settled. @returns false, and takes nothing, when it can't */
  send(request: R): boolean
  /** Nobody wants the reply any more. @returns false when the request isn't here: it is settled */
  cancel(request: R): boolean
  /** Takes no more requests; closes once those that are here have settled. */
  retire(): void
  /** Closes now; what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void
}

/** Told what becomes of a {@link Session}. None may throw. */
export interface SessionOwner {
  /** It takes no more requests, but those that are in flight go on. */
  onRetired(): void
  /** Nobody waits for anything any more. */
  onDrained(): void
  /** It has ended, once; every request was told before. */
  onClosed(error: DnsError): void
}

/** One query on its way: the channel of its {@link Pending} as well, so that neither has to be looked up by the other. */
export interface SentRequest extends Channel {
  readonly pending: Pending
  /** How often it was sent. */
  sends: number
}

/** A session that is up, its server authenticated, and between which ends. */
export interface Carried<R> {
  readonly session: Session<R>
  readonly protocol: Protocol
  /** IP address of the server, or null where it is gone already. */
  readonly address: string | null
  readonly source: string | null
  readonly localPort: number
  /** How long the connection lasts if nothing more is said, in ms, where that is known. Of idle connections alone. */
  readonly timeLeft?: () => number
  /**
   * Goes on over another network, for what can: `done` is told later, with the new local port where the server was heard from
   * there, else with null.
   */
  readonly move?: (done: (localPort: number | null) => void) => void
}

/**
 * Connects, authenticates the server and begins a session on it, of which `owner` is told. `signal` ends it until then.
 * Rejects with a DnsError where it can say why.
 */
export type SessionDial<R> = (owner: SessionOwner, signal: AbortSignal) => Promise<Carried<R>>

/** Told what becomes of a connection. */
export interface RequestOwner<R extends SentRequest> {
  /** A query was answered. */
  onReply(): void
  /** `request` was lost under way; the owner sends it again or settles it. */
  onLost(connection: RequestConnection<R>, request: R, error: DnsError, loss: Loss): void
  /** It has ended; every query that it had was settled or handed on before. */
  onClosed(connection: RequestConnection<R>): void
}

/** One connection with a session on it. Queries that are sent before it is up wait for it. */
export abstract class RequestConnection<R extends SentRequest> implements SessionOwner {
  protected readonly options: TransportOptions
  readonly #owner: RequestOwner<R>
  readonly #abort = new AbortController()
  readonly #idle: IdleTimer
  /** Those that came before the session was up. */
  readonly #waiting = new Set<R>()
  #peer: Peer
  #session: Session<R> | null = null
  #protocol: Protocol = 'tcp'
  #localPort = 0
  #timeLeft: () => number = () => Infinity
  #move: NonNullable<Carried<R>['move']> | null = null
  #worked = false
  #retired = false
  #abandoned = false
  #closed = false
  /** What the socket's error means. */
  #broken: DnsError | null = null
  /** Why it was closed from our side, or null. */
  #reason: string | null = null

  constructor(options: TransportOptions, owner: RequestOwner<R>) {
    this.options = options
    this.#owner = owner
    this.#peer = { name: options.name, address: options.addresses[0]!, port: options.port, source: null }
    this.#idle = new IdleTimer(
      options.clock,
      options.idleTimeout,
      () => this.size === 0,
      () => this.#leave('idle'),
    )
  }

  get size(): number {
    return this.#session === null ? this.#waiting.size : this.#session.size
  }

  /** Whether it takes another query now. */
  get usable(): boolean {
    return !this.#closed && !this.#retired && this.#session?.closed !== true
  }

  /** Whether the server's limit makes another query wait. */
  get full(): boolean {
    return this.#session !== null && this.#session.full
  }

  /** Whether the server seems to be gone without having said so. */
  get silent(): boolean {
    return this.#session !== null && this.#session.silent
  }

  /** Whether the peer is about to give it up, since nothing has been asked for so long. */
  get expiring(): boolean {
    if (this.#session === null || this.size > 0 || this.#idle.elapsed < NEAR_IDLE_TIMEOUT) return false
    return this.#timeLeft() < NEAR_IDLE_TIMEOUT
  }

  /** Whether it was of use: its end then says nothing against the server. */
  get worked(): boolean {
    return this.#worked
  }

  /** Whether it was {@link abandon}ed: its end then says nothing of the server at all. */
  get abandoned(): boolean {
    return this.#abandoned
  }

  /** Begins to connect. */
  open(dial: SessionDial<R>): void {
    dial(this, this.#abort.signal).then(
      (carried) => this.#attach(carried),
      (error: unknown) => this.#fail(error instanceof DnsError ? error : connectFailure(this.#peer, error)),
    )
  }

  send(request: R): void {
    this.adopt(request)
    request.pending.channel = request
    if (this.#session === null) this.#waiting.add(request)
    else if (!this.#session.send(request)) this.#refuse(request)
  }

  cancel(request: R): void {
    if (!this.#waiting.delete(request)) this.#session?.cancel(request)
    else if (this.#retired) this.retire()
  }

  /** Takes no more queries; closes once what is in flight has settled. */
  retire(): void {
    this.#leave('renewed')
  }

  /** The network is another one: goes on over it, or closes now, with what is in flight lost as far as the owner is told. */
  renew(): void {
    if (this.#session === null || this.#move === null || !this.usable) return this.abandon()
    this.#move((localPort) => {
      if (this.#closed) return
      if (localPort === null) return this.abandon()
      releasePort(this.#protocol, this.#localPort)
      this.#localPort = localPort
      claimPort(this.#protocol, localPort, this.options.name)
    })
  }

  /** Closes now; what is in flight is lost, as far as the owner is told. */
  abandon(): void {
    this.#abandoned = true
    if (this.size === 0) return this.retire()
    this.#reason ??= 'renewed'
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.destroy()
    for (const request of waiting) {
      request.pending.channel = null
      this.#owner.onLost(this, request, closedFailure(this.options), 'unsent')
    }
  }

  /** Closes now; what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#reason ??= 'closed'
    if (this.#session !== null) return this.#session.destroy()
    this.#abort.abort()
    this.#fail(closedFailure(this.options))
  }

  /** @internal `request` was lost under way. */
  onLost(request: R, error: DnsError, loss: Loss): void {
    request.pending.channel = null
    if (error.cause !== undefined) this.#broken ??= connectFailure(this.#peer, error.cause)
    this.#owner.onLost(this, request, this.#broken ?? error, loss)
  }

  /** @internal The session's. */
  onRetired(): void {
    this.#retired = true
  }

  /** @internal The session's. */
  onDrained(): void {
    this.#worked = true
    this.#idle.begin()
  }

  /** @internal The session's. */
  onClosed(error: DnsError): void {
    if (this.#closed || this.#session === null) return
    this.#closed = true
    this.#idle.stop()
    releasePort(this.#protocol, this.#localPort)
    this.options.onDisconnect?.(this.#event(this.#reason ?? error.message))
    this.#owner.onClosed(this)
  }

  #attach({ session, protocol, address, source, localPort, timeLeft, move }: Carried<R>): void {
    if (this.#closed) return session.destroy()
    if (session.closed) return this.#fail(this.failure('closed the connection at once'))
    this.#peer = { ...this.#peer, address: address ?? this.#peer.address, source }
    this.#protocol = protocol
    this.#localPort = localPort
    if (timeLeft !== undefined) this.#timeLeft = timeLeft
    this.#move = move ?? null
    claimPort(protocol, localPort, this.options.name)
    this.#session = session
    this.options.onConnect?.(this.#event(null))
    for (const request of this.#waiting) this.send(request)
    this.#waiting.clear()
    if (this.#retired) session.retire()
    else if (this.size === 0) this.onDrained()
  }

  #leave(reason: string): void {
    this.#retired = true
    this.#reason ??= reason
    if (this.#session !== null) this.#session.retire()
    else if (this.#waiting.size === 0) this.destroy()
  }

  /** It never came up. */
  #fail(error: DnsError): void {
    if (this.#closed) return
    this.#closed = true
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const request of waiting) {
      request.pending.channel = null
      request.pending.onFailure(error)
    }
    this.#owner.onClosed(this)
  }

  #refuse({ pending }: R): void {
    pending.channel = null
    pending.onFailure(overloadFailure(this.#peer, `${this.size} queries wait for a stream`))
  }

  /** Says to `request` who carries it. */
  protected abstract adopt(request: R): void

  /** `message` came for `pending`: its reply, or none. */
  protected settle(pending: Pending, message: Buffer, age: number): void {
    this.#worked = true
    pending.channel = null
    const reply = acceptReply(message, pending.query, pending.subnet)
    if (reply === null) return pending.onFailure(this.failure('sent a message that does not answer the query'))
    this.#owner.onReply()
    pending.onReply(reply, age)
  }

  /** What came for `pending` is no message. */
  protected fail(pending: Pending, what: string): void {
    this.#worked = true
    pending.channel = null
    pending.onFailure(this.failure(what))
  }

  protected failure(what: string): DnsError {
    const { name } = this.options
    return new DnsError('ERR_DNS_CONNECT', `${name} ${what}`, { upstream: name })
  }

  #event(reason: string | null): ConnectionEvent {
    const { address, port, source } = this.#peer
    return { remote: endpoint(address, port), local: endpoint(source ?? '*', this.#localPort), reason }
  }
}
