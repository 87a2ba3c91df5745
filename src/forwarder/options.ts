import type { AddressInput } from '../address/address.js'
import { systemClock, type Clock } from '../base/clock.js'
import { boolean, duration, notBuiltIn, option, parsed } from '../base/options.js'
import { checkCacheOptions, type CacheOptions } from '../cache/options.js'
import type { Exchanger } from '../exchanger.js'
import { checkHealthOptions, type HealthOptions } from '../health/options.js'
import type { PoolMember, PoolOptions } from '../pool/options.js'
import type { Pool } from '../pool/pool.js'
import { DEFAULT_TIMEOUT } from '../query/context.js'
import type { RouteAction } from '../router/router.js'
import { strategyFrom, type StrategyInput } from '../strategy/strategies.js'
import { checkUpstreamOptions, type UpstreamOptions } from '../upstream/options.js'

/** Where a forwarder sends names under a suffix. */
export type ForwarderRoute =
  | readonly PoolMember[]
  | AddressInput
  | Exchanger
  | { readonly to: readonly PoolMember[] | AddressInput | Exchanger; readonly leak?: boolean }
  | { readonly action: RouteAction }

/** Options of a {@link Forwarder}. Durations are in ms. */
export interface ForwarderOptions {
  /** Pools, or options of pools; asked by priority. */
  readonly pools?: readonly (Pool | PoolOptions)[]
  /** One pool's members, in place of `pools`. */
  readonly upstreams?: readonly PoolMember[]
  /** The strategy for `upstreams`. @default 'least-outstanding' */
  readonly strategy?: StrategyInput
  /** Asked when every pool has failed. */
  readonly fallback?: readonly PoolMember[]
  /** @default 'failover' */
  readonly fallbackStrategy?: StrategyInput
  /** Domain suffix to where its names go; never leaks to the pools unless the route says so. */
  readonly routes?: Readonly<Record<string, ForwarderRoute>>
  /** The longest one query, attempts and fallbacks included. @default 5000 */
  readonly timeout?: number
  /** With every member down: fail at once instead of asking as if they were up. @default false */
  readonly failFast?: boolean
  /** Refuse members that are asked in the clear. @default false */
  readonly requireEncryption?: boolean
  /** Options of the checks in the pools that it makes, unless they have their own; false: passive evidence alone. @default as a pool's */
  readonly health?: HealthOptions | false
  /** Options for members that are given as addresses. */
  readonly upstreamDefaults?: UpstreamOptions
  /** A memory for replies, with a part for each route; `{}` for one with all defaults. @default false: none */
  readonly cache?: CacheOptions | false
  /** @default real time */
  readonly clock?: Clock
}

/** How each is read. */
export const FORWARDER_OPTIONS = {
  pools: option<readonly (Pool | PoolOptions)[] | null>(null, 'an array of pools or of pool options', Array.isArray),
  upstreams: option<readonly PoolMember[] | null>(
    null,
    'an array of addresses, upstreams, pools or exchangers',
    Array.isArray,
  ),
  strategy: parsed<StrategyInput | null>(null, (given, owner) => strategyFrom(given as StrategyInput, owner)),
  fallback: option<readonly PoolMember[] | null>(
    null,
    'an array of addresses, upstreams, pools or exchangers',
    Array.isArray,
  ),
  fallbackStrategy: parsed<StrategyInput>('failover', (given, owner, name) =>
    strategyFrom(given as StrategyInput, owner, name),
  ),
  routes: option<Readonly<Record<string, ForwarderRoute>> | null>(
    null,
    'an object from domain suffix to route',
    (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
  ),
  timeout: duration(DEFAULT_TIMEOUT),
  failFast: boolean(false),
  requireEncryption: boolean(false),
  upstreamDefaults: parsed<UpstreamOptions>({}, checkUpstreamOptions),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
  cache: parsed<CacheOptions | false>(false, checkCacheOptions),
  dnssec: notBuiltIn(),
  health: parsed<HealthOptions | false | undefined>(undefined, checkHealthOptions),
}
