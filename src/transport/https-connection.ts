import { DnsError } from '../errors.js'
import type { HttpError } from '../http/error.js'
import type { Loss } from '../http/request.js'
import type { ResponseHead } from '../http/response-head.js'
import type { HttpOptions, HttpOwner, HttpSession } from '../http/session.js'
import { acceptReply } from '../wire/accept.js'
import { closedFailure, connectFailure, endpoint, overloadFailure, type Peer } from './failure.js'
import type { DohCarrier, DohRequest } from './https-request.js'
import { ageOf, responseFault, WANTED } from './https-response.js'
import { IdleTimer } from './idle-timer.js'
import { MAX_IN_FLIGHT } from './in-flight.js'
import { claimPort, releasePort, type Protocol } from './own-ports.js'
import type { ConnectionEvent, TransportOptions } from './transport.js'

/**
 * A server that says nothing for so long while a query waits is asked for a sign of life, and then given as long again,
 * both in ms: what was in flight can then still go elsewhere within the 2,000 ms of an attempt. One lost segment is
 * made up for by then where a round trip takes 200 ms.
 */
const PING_AFTER = 750
const PING_TIMEOUT = 750

/** The largest DNS message, in octets (RFC 8484, section 6). */
const MAX_REPLY = 65_535

/** A session that is up, its server authenticated, and between which ends. */
export interface Carried {
  readonly session: HttpSession
  readonly protocol: Protocol
  /** IP address of the server, or null where it is gone already. */
  readonly address: string | null
  readonly source: string | null
  readonly localPort: number
}

/**
 * Connects, authenticates the server and begins a session on it, of which `owner` is told. `signal` ends it until then.
 * Rejects with a DnsError where it can say why.
 */
export type HttpDial = (owner: HttpOwner, signal: AbortSignal) => Promise<Carried>

/** How the sessions of an upstream behave. */
export function sessionOptions({ name, clock }: Pick<TransportOptions, 'name' | 'clock'>): HttpOptions {
  return {
    name,
    clock,
    wanted: WANTED,
    maxBody: MAX_REPLY,
    maxStreams: MAX_IN_FLIGHT,
    pingAfter: PING_AFTER,
    pingTimeout: PING_TIMEOUT,
  }
}

/** Told what becomes of a connection. */
export interface HttpsOwner {
  /** A query was answered. */
  onReply(): void
  /** `request` was lost under way; the owner sends it again or settles it. */
  onLost(connection: HttpsConnection, request: DohRequest, error: DnsError, loss: Loss): void
  /** It has ended; every query that it had was settled or handed on before. */
  onClosed(connection: HttpsConnection): void
}

/** One connection with an HTTP session on it. Queries that are sent before it is up wait for it. */
export class HttpsConnection implements DohCarrier, HttpOwner {
  readonly #options: TransportOptions
  readonly #owner: HttpsOwner
  readonly #abort = new AbortController()
  readonly #idle: IdleTimer
  /** Those that came before the session was up. */
  readonly #waiting = new Set<DohRequest>()
  #peer: Peer
  #session: HttpSession | null = null
  #protocol: Protocol = 'tcp'
  #localPort = 0
  #worked = false
  #retired = false
  #abandoned = false
  #closed = false
  /** What the socket's error means. */
  #broken: DnsError | null = null
  /** Why it was closed from our side, or null. */
  #reason: string | null = null

  constructor(options: TransportOptions, owner: HttpsOwner) {
    this.#options = options
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

  /** Whether it was of use: its end then says nothing against the server. */
  get worked(): boolean {
    return this.#worked
  }

  /** Whether it was {@link abandon}ed: its end then says nothing of the server at all. */
  get abandoned(): boolean {
    return this.#abandoned
  }

  /** Begins to connect. */
  open(dial: HttpDial): void {
    dial(this, this.#abort.signal).then(
      (carried) => this.#attach(carried),
      (error: unknown) => this.#fail(error instanceof DnsError ? error : connectFailure(this.#peer, error)),
    )
  }

  send(request: DohRequest): void {
    request.carrier = this
    request.pending.channel = request
    if (this.#session === null) this.#waiting.add(request)
    else if (!this.#session.send(request)) this.#refuse(request)
  }

  cancel(request: DohRequest): void {
    if (!this.#waiting.delete(request)) this.#session?.cancel(request)
    else if (this.#retired) this.retire()
  }

  /** Takes no more queries; closes once what is in flight has settled. */
  retire(): void {
    this.#leave('renewed')
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
      this.#owner.onLost(this, request, closedFailure(this.#options), 'unprocessed')
    }
  }

  /** Closes now; what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void {
    this.#reason ??= 'closed'
    if (this.#session !== null) return this.#session.destroy()
    this.#abort.abort()
    this.#fail(closedFailure(this.#options))
  }

  onResponse(request: DohRequest, status: number, headers: ResponseHead, body: Buffer): void {
    const { pending } = request
    this.#worked = true
    pending.channel = null
    const fault = responseFault(status, headers, body)
    if (fault !== null) return pending.onFailure(this.#failure(fault))
    const reply = (body[0]! | body[1]!) === 0 ? acceptReply(body, pending.query) : null
    if (reply === null) pending.onFailure(this.#failure('sent a message that does not answer the query'))
    else {
      this.#owner.onReply()
      pending.onReply(reply, ageOf(headers))
    }
  }

  onLost(request: DohRequest, error: HttpError, loss: Loss): void {
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
  onClosed(error: HttpError): void {
    if (this.#closed || this.#session === null) return
    this.#closed = true
    this.#idle.stop()
    releasePort(this.#protocol, this.#localPort)
    this.#options.onDisconnect?.(this.#event(this.#reason ?? error.message))
    this.#owner.onClosed(this)
  }

  #attach({ session, protocol, address, source, localPort }: Carried): void {
    if (this.#closed) return session.destroy()
    if (session.closed) return this.#fail(this.#failure('closed the connection at once'))
    this.#peer = { ...this.#peer, address: address ?? this.#peer.address, source }
    this.#protocol = protocol
    this.#localPort = localPort
    claimPort(protocol, localPort, this.#options.name)
    this.#session = session
    this.#options.onConnect?.(this.#event(null))
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

  #refuse({ pending }: DohRequest): void {
    pending.channel = null
    pending.onFailure(overloadFailure(this.#peer, `${this.size} queries wait for a stream`))
  }

  #failure(what: string): DnsError {
    const { name } = this.#options
    return new DnsError('ERR_DNS_CONNECT', `${name} ${what}`, { upstream: name })
  }

  #event(reason: string | null): ConnectionEvent {
    const { address, port, source } = this.#peer
    return { remote: endpoint(address, port), local: endpoint(source ?? '*', this.#localPort), reason }
  }
}
