import type { Address } from '../address/address.js'
import { canonicalHost } from '../address/host.js'
import type { ReadTlsOptions, TlsSettings } from '../transport/tls-options.js'
import type { ConnectionEvent } from '../transport/transport.js'
import type { ReadUpstreamOptions } from './options.js'
import { needsLookup, type Bootstrap } from './bootstrap.js'
import { finderFrom, Names } from './names.js'
import { Routes, type RouteOptions } from './routes.js'

/** Where connections of an upstream are reported. */
export interface ConnectionListeners {
  readonly onConnect: (event: ConnectionEvent) => void
  readonly onDisconnect: (event: ConnectionEvent) => void
}

/** The ways to `address` for the upstream `name`, found by `bootstrap` or, without one, by the option `lookup`. */
export function routesTo(
  name: string,
  address: Address,
  bootstrap: Bootstrap | null,
  options: ReadUpstreamOptions,
  listeners: ConnectionListeners,
): Routes {
  const { clock, lookup, source } = options
  const shared = routeOptions(name, address, options, listeners)
  if (shared.tls?.rejectUnauthorized === false) warnUnverified(name, shared.tls.pins.length > 0)
  if (!needsLookup(address)) return new Routes([address.stamp?.address ?? address.host], shared)
  const names = new Names({
    name,
    host: address.host,
    family: source?.family ?? null,
    find: bootstrap?.find ?? finderFrom(lookup),
    finder: bootstrap === null ? "the system's resolver" : 'its bootstrap',
    clock,
    onChange: () => routes.moved(),
  })
  const routes = new Routes(names, shared)
  return routes
}

/**
 * The ways to a resolver that the one at `original` designates, which its certificate must cover whatever the options
 * say (RFC 9462, section 4.2). It is asked by that IP address and never by name (section 6.3).
 */
export function routesToDesignated(
  name: string,
  original: Address,
  { address, addresses }: { readonly address: Address; readonly addresses: readonly string[] },
  options: ReadUpstreamOptions,
  listeners: ConnectionListeners,
): Routes {
  const host = original.host.replace(/%.*/, '')
  const shared = routeOptions(name, address, options, listeners)
  const tls = { ...options.tls, rejectUnauthorized: true, identity: host, hashes: [] }
  // Time is left to ask in the clear where it can't be reached.
  return new Routes(addresses, { ...shared, host, tls, connectTimeout: options.timeout / 2 })
}

/** What the transports to `address` are made from, for the upstream `name`. */
export function routeOptions(
  name: string,
  address: Address,
  options: ReadUpstreamOptions,
  listeners: ConnectionListeners,
): RouteOptions {
  const { clock, random, source, sockets, udpPayloadSize, idleTimeout, timeout, method, padding, keepalive } = options
  return {
    name,
    clock,
    random,
    source,
    sockets,
    udpPayloadSize,
    idleTimeout,
    connectTimeout: timeout,
    host: address.host,
    port: address.port,
    path: address.path,
    method,
    tls: tlsSettings(address, options.tls),
    padding,
    keepalive,
    ...listeners,
  }
}

/** How the server at `address` is authenticated; null where nothing is encrypted. */
export function tlsSettings(address: Address, options: ReadTlsOptions): TlsSettings | null {
  if (address.transport === 'udp' || address.transport === 'tcp') return null
  // No certificate covers a zone, which means something on this machine only.
  const identity = canonicalHost(options.servername ?? '') ?? address.host.replace(/%.*/, '')
  return { ...options, identity, hashes: address.stamp?.hashes ?? [] }
}

/** Says in the process's log that anybody may be the server of the upstream `name`, or whoever has a key that is pinned. */
function warnUnverified(name: string, pinned: boolean): void {
  const who = pinned ? 'its pins alone say who it is' : 'anybody on the way may answer in its place'
  process.emitWarning(`${name}: tls.rejectUnauthorized is false, so that ${who}`, { code: 'HEADRACE_UNVERIFIED' })
}
