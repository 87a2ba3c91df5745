import type { Clock, Random } from '../base/clock.js'
import type { Pending } from './pending.js'
import type { TlsSettings } from './tls-options.js'

/** One way to one server. Opens nothing before the first query. */
export interface Transport {
  /**
   * Puts `pending` in flight: picks or opens a channel, stamps `pending.id` and `pending.channel`, sends. Never throws;
   * what goes wrong reaches `pending.onFailure`, in a later turn or before this returns.
   */
  send(pending: Pending): void
  /**
   * Closes what was opened before now, and sends what is in flight there anew; or goes on with it from a new port, where it can.
   * For a change of network: nothing that comes from the old one can be waited for. Does nothing once it was closed.
   */
  renew(): void
  /** Sends nothing more and resolves when what is in flight has settled. */
  close(): Promise<void>
  /** Ends all at once: what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void
  /** Queries in flight. */
  readonly size: number
}

/** A connection or socket came up or went away. */
export interface ConnectionEvent {
  readonly remote: string
  readonly local: string | null
  /** For `disconnect`: why. */
  readonly reason: string | null
}

/** What every transport is made from. */
export interface TransportOptions {
  /** Name of the upstream, for errors. */
  readonly name: string
  /**
   * IP addresses of the server, the one to try first at the front; never empty. Read whenever a connection is opened:
   * they may change. UDP asks the first one that it was made with.
   */
  readonly addresses: readonly string[]
  readonly port: number
  /** Local IP address to reach `address` from, or null for the kernel's choice. Asked whenever a socket is opened: it may change. */
  readonly source: (address: string) => string | null
  /** What the upstream's address calls the server, an IP address or a name: what HTTP is asked for as its authority. */
  readonly host: string
  /** Path and query part for HTTP, else null. */
  readonly path: string | null
  /** How HTTP asks (RFC 8484, section 4.1). */
  readonly method: 'POST' | 'GET'
  /** How the server is authenticated; null where nothing is encrypted. */
  readonly tls: TlsSettings | null
  /** Whether queries are padded to a multiple of 128 octets where they are encrypted (RFC 8467, section 4.1). */
  readonly padding: boolean
  /** Whether queries ask for the server's idle timeout (RFC 7828); streams alone do, and never HTTP. */
  readonly keepalive: boolean
  readonly clock: Clock
  readonly random: Random
  /** UDP sockets on random ports, 1 to 1024; or one for each query. */
  readonly sockets: number | 'per-query'
  /** Largest UDP reply that is asked for by EDNS, octets (RFC 9715: 1232). */
  readonly udpPayloadSize: number
  /** Milliseconds after which an idle stream connection is closed. */
  readonly idleTimeout: number
  /** The longest that connecting may take, in ms. */
  readonly connectTimeout: number
  readonly onConnect: ((event: ConnectionEvent) => void) | null
  readonly onDisconnect: ((event: ConnectionEvent) => void) | null
}

/** Makes a transport; opens nothing. */
export type TransportFactory = (options: TransportOptions) => Transport
