import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.js'
import { DnsError } from '../errors.js'
import { Message, type UpstreamOptions } from '../wire/message.js'
import { closedFailure, connectFailure, endpoint, type Peer } from './failure.js'
import { frame, frameAll, FrameReader } from './framing.js'
import { InFlight } from './in-flight.js'
import { claimPort, releasePort } from './own-ports.js'
import type { Channel, Pending } from './pending.js'
import type { ConnectionEvent, TransportOptions } from './transport.js'

/** Messages in a row that answer nothing after which the peer isn't believed to speak DNS. */
const MAX_STRAYS = 100
/** After this long without a sign of life, and a query given up meanwhile, new queries go elsewhere; in ms. */
const MAX_SILENCE = 1000
/** The edns-tcp-keepalive option with a TIMEOUT in it: code 11, length 2 (RFC 7828, section 3.1). */
const KEEPALIVE = Buffer.from([0, 11, 0, 2])

/** Connects, secures and authenticates; `signal` ends the attempt. Rejects with a DnsError. */
export type Dial = (signal: AbortSignal) => Promise<Socket>

/** Told what becomes of a connection. */
export interface StreamOwner {
  /** `connection` ended under `orphans`, which the owner settles. `reused`: it had worked before. */
  onBroken(connection: StreamConnection, orphans: readonly Pending[], failure: DnsError, reused: boolean): void
  /** Its socket is gone. */
  onClosed(connection: StreamConnection): void
}

/**
 * One connection with many queries in flight, answered in any order (RFC 7766, sections 6.2.1.1 and 7). Queries that
 * are sent before it is up wait for it; those of one turn of the loop share one write.
 */
export class StreamConnection implements Channel {
  /** Queries that it was given. */
  asked = 0
  /** Queries that were answered on it. */
  answered = 0
  readonly #options: TransportOptions
  readonly #owner: StreamOwner
  readonly #inFlight = new InFlight(this, true)
  readonly #reader = new FrameReader()
  readonly #abort = new AbortController()
  readonly #withEdns: UpstreamOptions
  readonly #plain: UpstreamOptions
  /** The first query asks for the server's idle timeout, which holds from then on (RFC 7828, sections 3.2.1 and 3.2.2). */
  readonly #first: UpstreamOptions
  #askKeepalive: boolean
  #socket: Socket | null = null
  #outbox: Pending[] = []
  #flushing = false
  #closed = false
  #retired = false
  #reused = false
  #strays = 0
  #unheardSince = Infinity
  #gaveUp = false
  #idleTimeout: number
  #idleSince = 0
  #timer: Timer | null = null
  #remoteAddress: string | null = null
  #localAddress: string | null = null
  #localPort = 0

  /** @param padTo what queries are padded to a multiple of, in octets; 0: not at all */
  constructor(options: TransportOptions, owner: StreamOwner, padTo: number) {
    const { udpPayloadSize, idleTimeout, keepalive } = options
    this.#options = options
    this.#owner = owner
    this.#idleTimeout = idleTimeout
    this.#withEdns = { udpPayloadSize, edns: true, padTo, keepalive: false }
    this.#plain = { udpPayloadSize, edns: false, padTo, keepalive: false }
    this.#first = { udpPayloadSize, edns: true, padTo, keepalive: true }
    this.#askKeepalive = keepalive
  }

  get size(): number {
    return this.#inFlight.size
  }

  /** Whether it takes another query now. */
  get usable(): boolean {
    return !this.#closed && !this.#retired && !this.#inFlight.full
  }

  /** Whether the peer seems to be gone without having said so. */
  get silent(): boolean {
    return this.#gaveUp && this.#options.clock.now() - this.#unheardSince > MAX_SILENCE
  }

  /** Begins to connect. */
  open(dial: Dial): void {
    dial(this.#abort.signal).then(
      (socket) => this.#attach(socket),
      (error: DnsError) => {
        this.#end(error)
        this.#owner.onClosed(this)
      },
    )
  }

  send(pending: Pending): void {
    this.asked++
    this.#inFlight.add(pending)
    this.#outbox.push(pending)
    if (this.#socket === null || this.#flushing) return
    this.#flushing = true
    this.#options.clock.afterPoll(this.#flush)
  }

  drop(pending: Pending): boolean {
    const taken = this.#inFlight.take(pending)
    if (!taken) return false
    this.#gaveUp = true
    if (this.#inFlight.size === 0) this.#onDrained()
    return true
  }

  /** Takes no more queries; closes once what is in flight has settled. */
  retire(): void {
    this.#retired = true
    if (this.#inFlight.size === 0) this.#end(closedFailure(this.#options), 'renewed')
  }

  /** Closes now, and gives back what is in flight, for the caller to send elsewhere. */
  abandon(): Pending[] {
    const taken = this.#inFlight.takeAll()
    this.retire()
    return taken
  }

  /** Closes now; what is in flight fails with ERR_DNS_CLOSED and is not tried again. */
  destroy(): void {
    this.#reused = false
    this.#end(closedFailure(this.#options))
  }

  #attach(socket: Socket): void {
    socket.on('error', (error) => this.#end(connectFailure(this.#peer, error)))
    socket.on('end', () => this.#end(this.#closedByPeer()))
    socket.on('close', () => {
      this.#end(this.#closedByPeer())
      this.#owner.onClosed(this)
    })
    if (this.#closed) return void socket.destroy()
    this.#socket = socket
    // Now, since a socket that is gone says nothing.
    this.#remoteAddress = socket.remoteAddress ?? null
    this.#localAddress = socket.localAddress ?? null
    this.#localPort = socket.localPort ?? 0
    socket.on('data', this.#onData)
    socket.unref()
    claimPort('tcp', this.#localPort, this.#options.name)
    this.#options.onConnect?.(this.#event(null))
    if (this.#inFlight.size === 0) this.#onDrained()
    this.#flush()
  }

  readonly #flush = (): void => {
    this.#flushing = false
    const socket = this.#socket
    if (socket === null || this.#outbox.length === 0) return
    const batch = this.#outbox
    this.#outbox = []
    const messages: Buffer[] = []
    for (const pending of batch) if (pending.channel === this) this.#compose(pending, messages)
    if (messages.length === 0) return
    if (this.#unheardSince === Infinity) this.#unheardSince = this.#options.clock.now()
    socket.write(messages.length === 1 ? frame(messages[0]!) : frameAll(messages))
  }

  #compose(pending: Pending, messages: Buffer[]): void {
    try {
      messages.push(pending.query.forUpstream(pending.id, this.#extrasFor(pending), pending.subnet))
    } catch (error) {
      if (this.drop(pending)) pending.onFailure(error instanceof DnsError ? error : connectFailure(this.#peer, error))
    }
  }

  #extrasFor(pending: Pending): UpstreamOptions {
    if (!pending.edns) return this.#plain
    if (!this.#askKeepalive) return this.#withEdns
    this.#askKeepalive = false
    return this.#first
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#gaveUp = false
    this.#reader.push(chunk, this.#onFrame)
    this.#unheardSince = this.#inFlight.size === 0 ? Infinity : this.#options.clock.now()
  }

  readonly #onFrame = (wire: Buffer): void => {
    if (this.#closed) return
    switch (this.#inFlight.settle(wire)) {
      case 'settled':
        this.#reused = true
        this.answered++
        this.#strays = 0
        this.#heedKeepalive(wire)
        if (this.#inFlight.size === 0) this.#onDrained()
        return
      case 'late':
        return
      case 'mismatch':
      case 'unknown':
        if (++this.#strays === MAX_STRAYS) this.#end(this.#notDns())
    }
  }

  /** The server's idle timeout counts where it is the shorter one; 0 asks us to go (RFC 7828, section 3.2.2). */
  #heedKeepalive(wire: Buffer): void {
    if (!wire.includes(KEEPALIVE)) return
    const timeout = keepaliveOf(wire)
    if (timeout === null) return
    if (timeout === 0) this.#retired = true
    const idleTimeout = Math.min(timeout, this.#options.idleTimeout)
    if (idleTimeout < this.#idleTimeout) this.#stopTimer()
    this.#idleTimeout = idleTimeout
  }

  #onDrained(): void {
    if (this.#closed) return
    if (this.#retired) return this.#end(closedFailure(this.#options), 'renewed')
    if (this.#socket === null) return
    this.#reused = true
    this.#idleSince = this.#options.clock.now()
    // A timer that is set stays: it looks again when it fires, instead of being set and cleared with each query.
    if (this.#timer === null) this.#watchIdle(this.#idleTimeout)
  }

  #watchIdle(ms: number): void {
    this.#timer = this.#options.clock.setTimeout(this.#onIdleTimer, ms)
    this.#timer.unref?.()
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer)
    this.#timer = null
  }

  readonly #onIdleTimer = (): void => {
    this.#timer = null
    if (this.#inFlight.size > 0) return
    const left = this.#idleSince + this.#idleTimeout - this.#options.clock.now()
    if (left > 0) this.#watchIdle(left)
    else this.#end(closedFailure(this.#options), 'idle')
  }

  /** The one way out, whatever happens first. `reason` is given where it is we who go. */
  #end(failure: DnsError, reason: string | null = null): void {
    if (this.#closed) return
    this.#closed = true
    this.#abort.abort()
    this.#stopTimer()
    if (this.#socket !== null) {
      releasePort('tcp', this.#localPort)
      this.#options.onDisconnect?.(this.#event(reason ?? failure.message))
      // Over TLS a goodbye is due (RFC 8446, section 6.1), unless it would wait behind what a dead network doesn't take.
      if (reason === null || this.#socket.writableLength > 0) this.#socket.destroy()
      else this.#socket.destroySoon()
    }
    this.#outbox = []
    const orphans = this.#inFlight.takeAll()
    if (orphans.length > 0) this.#owner.onBroken(this, orphans, failure, this.#reused)
  }

  #closedByPeer(): DnsError {
    const { name } = this.#options
    return new DnsError('ERR_DNS_CONNECT', `${name} closed the connection before it replied`, { upstream: name })
  }

  #notDns(): DnsError {
    const { name } = this.#options
    return new DnsError('ERR_DNS_CONNECT', `${name} sent ${MAX_STRAYS} messages in a row that answer nothing`, {
      upstream: name,
    })
  }

  get #peer(): Peer {
    const { name, addresses, port } = this.#options
    return { name, address: this.#remoteAddress ?? addresses[0]!, port, source: this.#localAddress }
  }

  #event(reason: string | null): ConnectionEvent {
    const { address, port } = this.#peer
    return {
      remote: endpoint(address, port),
      local: endpoint(this.#localAddress ?? '*', this.#localPort),
      reason,
    }
  }
}

/** What the server's edns-tcp-keepalive option says, in ms; null without one. */
function keepaliveOf(wire: Buffer): number | null {
  try {
    const option = new Message(wire).edns?.options.find(({ code, data }) => code === 11 && data.length === 2)
    return option === undefined ? null : 100 * ((option.data[0]! << 8) | option.data[1]!)
  } catch {
    // Of a truncated reply the records need not be readable.
    return null
  }
}
