import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import type { ClientInfo } from '../exchanger.js'
import type { Client, ReturnPath } from './answer.js'
import { TcpConnection, type Connection, type TcpOwner } from './tcp-connection.js'
import type { StreamName } from './tcp-listener.js'
import { withoutZone } from './udp-listener.js'

/** A connection that has been quiet for this long, in ms, is closed when its place is needed. */
const SPARE_AFTER = 1000

/** Limits of a server's connections. */
export interface TcpLimits {
  readonly maxConnections: number
  readonly maxConnectionsPerClient: number
  /** 0: no limit. */
  readonly maxQueriesPerConnection: number
  readonly maxPipelined: number
  /** In ms. */
  readonly idleTimeout: number
}

/** Who takes what the connections receive. */
export interface TcpServerOwner {
  readonly clock: Clock
  /** Whether a client with this address is served. */
  allows(address: string): boolean
  /** Returns whether it was a DNS query, good or bad. */
  onMessage(wire: Buffer, client: Client, path: ReturnPath): boolean
  onDenied(client: ClientInfo, why: 'address' | 'client-limit' | 'overload'): void
  onOpened(client: ClientInfo): void
  onClosed(client: ClientInfo): void
}

/** All open connections of a server, whatever is spoken over them, within its limits. */
export class TcpConnections implements TcpOwner {
  readonly deadlines: Deadlines
  readonly #owner: TcpServerOwner
  #limits: TcpLimits
  readonly #open = new Set<Connection>()
  readonly #perClient = new Map<string, number>()
  #dirty: TcpConnection[] = []
  #onEmpty: (() => void) | null = null

  constructor(owner: TcpServerOwner, limits: TcpLimits) {
    this.#owner = owner
    this.deadlines = Deadlines.of(owner.clock)
    this.#limits = limits
  }

  get idleTimeout(): number {
    return this.#limits.idleTimeout
  }

  get maxPipelined(): number {
    return this.#limits.maxPipelined
  }

  get maxQueries(): number {
    return this.#limits.maxQueriesPerConnection || Infinity
  }

  /** Goes by other limits from now on; connections that are over them stay. */
  limitBy(limits: TcpLimits): void {
    this.#limits = limits
  }

  /** Takes a connection of plain DNS on, or cuts it: its client isn't allowed, or there are too many. */
  onConnection(socket: Socket): void {
    const client = this.admit(socket, 'tcp')
    if (client !== null) this.add(new TcpConnection(socket, client, this))
  }

  /** Whose connection `socket` is, if it may be taken on; else it is cut, and null. Whoever takes it on calls {@link add} at once. */
  admit(socket: Socket, transport: StreamName): Client | null {
    socket.on('error', () => undefined)
    const { remoteAddress: peer, remotePort: port } = socket
    const client = peer === undefined || port === undefined ? null : clientFrom(peer, port, transport)
    if (client !== null && this.admits(client)) return client
    socket.destroy()
    return null
  }

  /** Whether a connection of `client` may be taken on, of whichever kind; one that nobody seems to use may have gone for it. */
  admits(client: Client): boolean {
    const why = this.#refusal(client.address)
    if (why !== null) this.#owner.onDenied(client, why)
    return why === null
  }

  /** Whether one for `address` could not be taken on as things are. */
  isFull(address: string): boolean {
    const { maxConnections, maxConnectionsPerClient } = this.#limits
    return this.#open.size >= maxConnections || (this.#perClient.get(address) ?? 0) >= maxConnectionsPerClient
  }

  /** Counts `connection` until {@link onClosed}. */
  add(connection: Connection): void {
    const { address } = connection.client
    this.#open.add(connection)
    this.#perClient.set(address, (this.#perClient.get(address) ?? 0) + 1)
    this.#owner.onOpened(connection.client)
  }

  /** Counts `to` in the place of `from`: the same connection at a later stage. */
  replace(from: Connection, to: Connection): void {
    this.#open.delete(from)
    this.#open.add(to)
  }

  /** Whether anything from `peer`, an IP address, is heard; what isn't is counted. */
  hears(peer: string, port: number, transport: ClientInfo['transport']): boolean {
    const address = withoutZone(peer)
    if (this.#owner.allows(address)) return true
    this.#owner.onDenied({ address, port, transport }, 'address')
    return false
  }

  get clock(): Clock {
    return this.#owner.clock
  }

  now(): number {
    return this.clock.now()
  }

  onMessage(wire: Buffer, client: Client, path: ReturnPath): boolean {
    return this.#owner.onMessage(wire, client, path)
  }

  flushSoon(connection: TcpConnection): void {
    if (this.#dirty.push(connection) === 1) this.#owner.clock.afterPoll(this.#flushAll)
  }

  onClosed(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    const { address } = connection.client
    const left = (this.#perClient.get(address) ?? 1) - 1
    if (left === 0) this.#perClient.delete(address)
    else this.#perClient.set(address, left)
    this.#owner.onClosed(connection.client)
    if (this.#open.size === 0) this.#onEmpty?.()
  }

  /** Closes every connection once its queries are answered; resolves when none is left. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) return resolve()
      this.#onEmpty = resolve
      for (const connection of [...this.#open]) connection.finish()
    })
  }

  /** Cuts every connection. */
  destroy(): void {
    for (const connection of [...this.#open]) connection.destroy()
  }

  /** Why there is no place for `address`, not even that of a connection nobody seems to use (RFC 7766, section 6.2.3); or null. */
  #refusal(address: string): 'address' | 'client-limit' | 'overload' | null {
    if (!this.#owner.allows(address)) return 'address'
    const own = this.#perClient.get(address) ?? 0
    if (own >= this.#limits.maxConnectionsPerClient && !this.#makeRoom(address)) return 'client-limit'
    return this.#open.size >= this.#limits.maxConnections && !this.#makeRoom(null) ? 'overload' : null
  }

  #makeRoom(address: string | null): boolean {
    let spare: Connection | null = null
    let quietSince = this.now() - SPARE_AFTER
    for (const connection of this.#open) {
      if (connection.active > quietSince || !connection.spare) continue
      if (address !== null && connection.client.address !== address) continue
      spare = connection
      quietSince = connection.active
    }
    spare?.destroy()
    return spare !== null
  }

  readonly #flushAll = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.flush()
  }
}

/** Who asks from `peer`, an IP address. */
export function clientFrom(peer: string, port: number, transport: ClientInfo['transport']): Client {
  return { address: withoutZone(peer), port, transport, peer }
}
