import type { RemoteInfo, Socket, SocketOptions } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { DnsError } from '../errors.js'
import type { UpstreamOptions } from '../wire/message.js'
import { transmitSoon } from './departures.js'
import { closedFailure, connectFailure, endpoint, overloadFailure, systemCode, type Peer } from './failure.js'
import { InFlight } from './in-flight.js'
import { claimPort, releasePort } from './own-ports.js'
import type { Channel, Pending } from './pending.js'
import type { ConnectionEvent, TransportOptions } from './transport.js'

/** Octets that the kernel is asked to hold for us: its default drops replies after 256 while the loop is busy. */
const RECEIVE_BUFFER = 4 * 2 ** 20
/** Less than this, in octets, isn't worth asking for. */
const LEAST_BUFFER = 2 ** 18
/** Datagrams that may wait in libuv's queue before queries are refused. */
const MAX_QUEUED = 1024
/** Datagrams that answer nothing after which a socket is left for another port: somebody has found this one. */
const MAX_STRAYS = 256

/** Makes a datagram socket. */
export type SocketFactory = (options: SocketOptions) => Socket

/** Whose socket it is. */
export interface UdpSocketOwner {
  /** It is closed for good. */
  onClosed(socket: UdpSocket): void
}

/**
 * One connected socket on a random port, so that the kernel takes datagrams from the server alone and tells us of its
 * ICMP errors. The kernel's choice of port is unpredictable enough: uniform over some 28,000 (14.8 bits), beside an ID
 * of 16 bits.
 */
export class UdpSocket implements Channel {
  /** Queries that it was given. */
  asked = 0
  /** Clock time after which it is too old, in ms. */
  readonly expires: number
  readonly #options: TransportOptions
  readonly #peer: Peer
  readonly #owner: UdpSocketOwner
  readonly #inFlight = new InFlight(this, false)
  readonly #withEdns: UpstreamOptions
  readonly #plain: UpstreamOptions
  #socket: Socket | null = null
  #failure: DnsError | null = null
  #connected = false
  #retired = false
  #remoteAddress = ''
  #localPort = 0
  #unsent = 0
  #strays = 0

  constructor(options: TransportOptions, owner: UdpSocketOwner, expires: number) {
    this.#options = options
    const { name, addresses, port, source } = options
    const address = addresses[0]!
    this.#peer = { name, address, port, source: source(address) }
    this.#owner = owner
    this.expires = expires
    this.#withEdns = { udpPayloadSize: options.udpPayloadSize, edns: true }
    this.#plain = { udpPayloadSize: options.udpPayloadSize, edns: false }
  }

  /** Why it can be used no more, or null. */
  get failure(): DnsError | null {
    return this.#failure
  }

  /** Queries in flight. */
  get size(): number {
    return this.#inFlight.size
  }

  /** Whether it could take one more query, though it may be time for another port. */
  get usable(): boolean {
    return this.#failure === null && !this.#inFlight.full
  }

  /** Whether somebody seems to know its port: time for another one, whatever its age. */
  get found(): boolean {
    return this.#strays >= MAX_STRAYS
  }

  /** Octets that the kernel holds for us, as it says itself; 0 while closed. */
  get receiveBuffer(): number {
    return this.#connected && this.#socket !== null ? this.#socket.getRecvBufferSize() : 0
  }

  /** Binds and connects, at once where Node lets it; else queries wait until it is done. See {@link failure} after. */
  open(createSocket: SocketFactory): void {
    const { address, port, source } = this.#peer
    const family = isIPv6(address) ? 6 : 4
    try {
      const socket = createSocket({
        type: family === 6 ? 'udp6' : 'udp4',
        // The host is an IP address: answered in the same turn, it spares a thread of the pool and a wait.
        lookup: (host, _options, callback) => callback(null, host, family),
      })
      this.#socket = socket
      socket.on('error', this.#onError)
      socket.on('message', this.#onMessage)
      socket.once('listening', () => askBuffer(socket))
      socket.once('connect', this.#onConnect)
      socket.once('close', () => this.#owner.onClosed(this))
      socket.unref()
      // Cluster workers would otherwise share one port among them.
      socket.bind({ port: 0, exclusive: true, ...(source !== null && { address: source }) })
      if (this.#failure !== null) return
      socket.connect(port, address)
      if (isConnected(socket)) this.#onConnect()
    } catch (error) {
      this.#fail(connectFailure(this.#peer, error))
    }
  }

  send(pending: Pending): void {
    this.asked++
    this.#inFlight.add(pending)
    if (this.#connected) transmitSoon(this, pending)
  }

  /** Sends the same query with the same ID once more, composed anew: nobody keeps the octets for it. */
  resend(pending: Pending): void {
    if (this.#connected) transmitSoon(this, pending)
  }

  /** Sends what is in flight here; does nothing when it isn't any more. */
  transmit(pending: Pending): void {
    if (pending.channel === this) this.#transmit(pending)
  }

  drop(pending: Pending): boolean {
    const taken = this.#inFlight.take(pending)
    if (taken && this.#retired) this.#closeIfDrained()
    return taken
  }

  /** Takes what is in flight off, for the caller to send elsewhere. */
  takeAll(): Pending[] {
    const taken = this.#inFlight.takeAll()
    if (this.#retired) this.#closeIfDrained()
    return taken
  }

  /** Takes no more queries; closes once what is in flight has settled. */
  retire(): void {
    this.#retired = true
    this.#closeIfDrained()
  }

  /** Closes now; what is in flight fails. */
  destroy(): void {
    this.#fail(closedFailure(this.#options))
  }

  readonly #onMessage = (wire: Buffer, from: RemoteInfo): void => {
    // What came between bind() and connect() was not filtered by the kernel.
    if (from.port !== this.#options.port || from.address !== this.#remoteAddress) return
    const settlement = this.#inFlight.settle(wire)
    if (settlement === 'mismatch' || settlement === 'unknown') this.#strays++
    else if (this.#retired) this.#closeIfDrained()
  }

  readonly #onConnect = (): void => {
    if (this.#connected || this.#failure !== null || this.#socket === null) return
    const { name, onConnect } = this.#options
    this.#connected = true
    this.#remoteAddress = this.#socket.remoteAddress().address
    this.#localPort = this.#socket.address().port
    claimPort('udp', this.#localPort, name)
    onConnect?.(this.#event(null))
    for (const pending of this.#inFlight) this.#transmit(pending)
  }

  readonly #onError = (error: Error): void => {
    const failure = connectFailure(this.#peer, error)
    // The kernel reports an ICMP error once and the socket stays good; any other error ends it.
    if (this.#connected && systemCode(error) === 'ECONNREFUSED') this.#inFlight.failAll(failure)
    else this.#fail(failure)
    if (this.#retired) this.#closeIfDrained()
  }

  #transmit(pending: Pending, again = false): void {
    const socket = this.#socket
    if (socket === null) return
    if (this.#unsent >= MAX_QUEUED && socket.getSendQueueCount() > MAX_QUEUED) {
      return this.#giveUp(pending, overloadFailure(this.#peer, `${MAX_QUEUED} datagrams wait to be sent`))
    }
    try {
      const wire = pending.query.forUpstream(pending.id, pending.edns ? this.#withEdns : this.#plain, pending.subnet)
      // Without a callback dgram keeps send errors to itself.
      socket.send(wire, (error) => this.#onSent(pending, error, again))
      this.#unsent++
    } catch (error) {
      this.#giveUp(pending, error instanceof DnsError ? error : connectFailure(this.#peer, error))
    }
  }

  #onSent(pending: Pending, error: Error | null, again: boolean): void {
    this.#unsent--
    if (error === null || this.#failure !== null) return
    if (systemCode(error) !== 'ECONNREFUSED') this.#giveUp(pending, connectFailure(this.#peer, error))
    else if (again) this.#onError(error)
    // The ICMP error of an earlier query, perhaps long ago, which took the place of sending this one.
    else if (pending.channel === this) this.#transmit(pending, true)
  }

  #giveUp(pending: Pending, failure: DnsError): void {
    if (this.drop(pending)) pending.onFailure(failure)
  }

  #fail(failure: DnsError): void {
    this.#failure ??= failure
    this.#close(failure.message)
    this.#inFlight.failAll(failure)
  }

  #closeIfDrained(): void {
    if (this.#inFlight.size > 0) return
    this.#failure ??= closedFailure(this.#options)
    this.#close('renewed')
  }

  #close(reason: string): void {
    const socket = this.#socket
    if (socket === null) return
    this.#socket = null
    if (this.#connected) {
      this.#connected = false
      releasePort('udp', this.#localPort)
      this.#options.onDisconnect?.(this.#event(reason))
    }
    socket.close()
  }

  #event(reason: string | null): ConnectionEvent {
    const { address, port, source } = this.#peer
    return { remote: endpoint(address, port), local: `${source ?? '*'}:${this.#localPort}`, reason }
  }
}

/** Node throws until connect() has been through. */
function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}

/** Some systems refuse what others cut to their limit: ask for less then. */
function askBuffer(socket: Socket): void {
  for (let size = RECEIVE_BUFFER; size >= LEAST_BUFFER; size /= 2) {
    try {
      return socket.setRecvBufferSize(size)
    } catch {
      continue
    }
  }
}
