import { parseSource, type Source } from '../address/source.js'
import { systemClock, systemRandom, type Clock, type Random } from '../base/clock.js'
import {
  boolean,
  duration,
  func,
  integer,
  nested,
  number,
  oneOf,
  option,
  parsed,
  reject,
  text,
  type OptionValues,
} from '../base/options.js'
import { checkHealthOptions, type HealthOptions } from '../health/options.js'
import { TLS_OPTIONS, type TlsOptions } from '../transport/tls-options.js'
import { readBootstrap, type BootstrapEntry, type BootstrapInput } from './bootstrap.js'
import { systemLookup, type HostLookup } from './names.js'
import { readEcs, type Ecs } from './subnet-policy.js'

/** Options of an {@link Upstream}. Durations are in ms, sizes in octets. */
export interface UpstreamOptions {
  /** Its name in replies, errors, events and traces; unique in a pool. @default the address's tag, else the address */
  readonly name?: string
  /** The longest that one attempt may take, in ms. A pool's `timeout` replaces it. @default 2000 */
  readonly timeout?: number
  /** Relative share for strategies that go by weight, > 0. @default 1 */
  readonly weight?: number
  /** Position for strategies that go by a fixed order; lower first. @default 0 */
  readonly order?: number
  /** Where queries come from: an address, an interface's name, or `address@interface`. @default the kernel's choice */
  readonly source?: string
  /** Queries in flight at most, 1 to 65,535; more fail with ERR_DNS_OVERLOADED. @default 65535 */
  readonly maxOutstanding?: number
  /** Queries a second after which strategies pass it over; 0: no limit. @default 0 */
  readonly qps?: number
  /** Connected UDP sockets on random ports, 1 to 1,024, renewed as they age; or a socket for each query (RFC 5452, section 9.2). @default 8 */
  readonly sockets?: number | 'per-query'
  /** The largest UDP reply to ask for, 512 to 65,535 octets (RFC 9715). @default 1232 */
  readonly udpPayloadSize?: number
  /** How long a stream connection is kept without a query, in ms (RFC 7766, section 6.2.3). @default 10000 */
  readonly idleTimeout?: number
  /** How the server is authenticated over tls, https, doq and h3, and who we are to it; unused where nothing is encrypted. */
  readonly tls?: TlsOptions
  /** How https asks (RFC 8484, section 4.1). @default 'POST' */
  readonly method?: 'POST' | 'GET'
  /** Whether queries are padded to a multiple of 128 octets where they are encrypted (RFC 8467, section 4.1). @default true */
  readonly padding?: boolean
  /** Whether tcp and tls ask for the server's idle timeout (RFC 7828, section 3.2.1). @default false */
  readonly keepalive?: boolean
  /**
   * What happens to a client's EDNS Client Subnet (RFC 7871): it goes no further, it goes on, or a subnet such as `192.0.2.0/24`
   * goes with every query in its place. A client that wants no bit of its address told is obeyed. @default 'strip'
   */
  readonly ecs?: 'strip' | 'keep' | (string & {})
  /** Where a client's subnet goes on: how many bits of it at most, 1 to 32 and 1 to 128. @default { ipv4: 24, ipv6: 56 } */
  readonly ecsPrefix?: { readonly ipv4?: number; readonly ipv6?: number }
  /** Options of its checks over those of the monitor that has it; false: it is not checked. @default the monitor's */
  readonly health?: HealthOptions | false
  /** All time comes from here. @default real time */
  readonly clock?: Clock
  /** Load balancing's randomness; message IDs come from node:crypto. @default Math.random */
  readonly random?: Random
  /**
   * Resolvers that are asked, all at once, for the addresses of the upstream's own name: an address, several, or anything with
   * `exchange()`. Unused where the upstream has an IP address. @default what a DNS stamp says, else the system's resolver
   */
  readonly bootstrap?: BootstrapInput | readonly BootstrapInput[]
  /**
   * Whether an upstream that is asked in the clear, and has an IP address, is asked for an encrypted resolver to use
   * in its place (RFC 9462): one whose certificate covers that IP address. @default false
   */
  readonly discovery?: boolean
  /** How a host name becomes addresses where nothing else says so: asked again after a minute. @default the system's resolver */
  readonly lookup?: HostLookup
}

/** The same options with every one filled in. */
export const UPSTREAM_OPTIONS = {
  name: text(),
  timeout: duration(2000),
  weight: number(1, Number.MIN_VALUE),
  order: number(0, -Infinity),
  source: parsed<Source | null>(null, (given, owner, name) =>
    typeof given === 'string'
      ? parseSource(given)
      : reject(owner, name, given, 'an address, an interface name, or address@interface'),
  ),
  maxOutstanding: integer(65_535, 1, 65_535),
  qps: integer(0, 0),
  sockets: option<number | 'per-query'>(
    8,
    'a whole number from 1 to 1024, or "per-query"',
    (v) => v === 'per-query' || (Number.isInteger(v) && (v as number) >= 1 && (v as number) <= 1024),
  ),
  udpPayloadSize: integer(1232, 512, 65_535),
  idleTimeout: duration(10_000),
  ecs: parsed<Ecs>('strip', readEcs),
  ecsPrefix: nested({ ipv4: integer(24, 1, 32), ipv6: integer(56, 1, 128) }),
  clock: option<Clock>(systemClock, 'a Clock', isClock),
  random: func<Random>(systemRandom),
  lookup: func<HostLookup>(systemLookup),
  tls: nested(TLS_OPTIONS),
  method: oneOf<'POST' | 'GET'>('POST', 'POST', 'GET'),
  padding: boolean(true),
  keepalive: boolean(false),
  bootstrap: parsed<readonly BootstrapEntry[] | null>(null, readBootstrap),
  discovery: boolean(false),
  health: parsed<HealthOptions | false | null>(null, checkHealthOptions),
}

/** {@link UpstreamOptions}, read. */
export type ReadUpstreamOptions = OptionValues<typeof UPSTREAM_OPTIONS>

/** `given`, unless it would be refused as the options of an upstream under the name `name`. */
export function checkUpstreamOptions(given: unknown, owner: string, name: string): UpstreamOptions {
  nested(UPSTREAM_OPTIONS).read(given, owner, name)
  return given as UpstreamOptions
}

function isClock(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'now' in value && 'setTimeout' in value && 'clearTimeout' in value
  )
}
