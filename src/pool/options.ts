import type { AddressInput } from '../address/address.js'
import { systemClock, systemRandom, type Clock, type Random } from '../base/clock.js'
import { boolean, duration, func, integer, number, option, parsed, text } from '../base/options.js'
import type { ExchangeContext, Query } from '../exchanger.js'
import { checkHealthOptions, type HealthOptions } from '../health/options.js'
import { strategyFrom, type StrategyInput } from '../strategy/strategies.js'
import type { Strategy } from '../strategy/strategy.js'
import type { FunctionUpstream } from '../upstream/function-transport.js'
import { checkUpstreamOptions, type UpstreamOptions } from '../upstream/options.js'
import type { Upstream } from '../upstream/upstream.js'
import type { Pool } from './pool.js'

/**
 * Any exchanger with a name, or an object like one; `ctx` is always given here. Its parameters are those of `Upstream`
 * and `Pool`: only so does TypeScript infer them where a function is written in a list of members.
 */
export interface NamedExchanger {
  readonly name: string
  exchange(query: Query, ctx?: ExchangeContext): ReturnType<FunctionUpstream['exchange']>
}

/** An address with options of its own, over the pool's `upstreamDefaults`: plain data, as documents have it. */
export interface UpstreamSpec extends UpstreamOptions {
  readonly addr: string
  readonly tag?: string
}

/** What a pool takes as a member: an address, one with options, an upstream, another pool, or any exchanger with a name. */
export type PoolMember = AddressInput | UpstreamSpec | Upstream | Pool | NamedExchanger

/** The address of `given` and the options that stand beside it. @throws {InvalidOptionError} one isn't known or can't be used */
export function readMember(given: AddressInput | UpstreamSpec | FunctionUpstream): {
  readonly target: AddressInput | FunctionUpstream
  readonly options: UpstreamOptions
} {
  if (typeof given === 'string' || !('addr' in given)) return { target: given, options: {} }
  const { addr, tag, ...options } = given as UpstreamSpec
  checkUpstreamOptions(options, 'Pool', `upstreams["${addr}"]`)
  return { target: tag === undefined ? addr : { addr, tag }, options }
}

/** Options of a `Pool`. Durations are in ms. */
export interface PoolOptions {
  /** @default 'default' */
  readonly name?: string
  /** A forwarder asks the pool with the lowest number that has a member up. @default 1 */
  readonly priority?: number
  /** Relative share where the pool is itself a member, > 0. @default 1 */
  readonly weight?: number
  /** Position where the pool is itself a member; lower first. @default 0 */
  readonly order?: number
  /** @default 'least-outstanding' */
  readonly strategy?: StrategyInput
  /** The members at first; those that are given as addresses are made, and closed, by the pool. @default none */
  readonly upstreams?: readonly PoolMember[]
  /** Attempts begun after the first wave, 0 to 100. @default 3 */
  readonly maxAttempts?: number
  /** The longest one attempt, in place of each upstream's own. */
  readonly timeout?: number
  /** With every member down: fail at once instead of asking as if they were up. @default false */
  readonly failFast?: boolean
  /**
   * Options of the checks of its members, over which an upstream's own lie; false: passive evidence alone.
   * @default the active check of every member that has an address
   */
  readonly health?: HealthOptions | false
  /**
   * Whether a member that is back from down gets a tenth of its share first, and all of it after 10 good replies.
   * @default what the strategy's `balances` says
   */
  readonly rampUp?: boolean
  /** Options for the members that are given as addresses. */
  readonly upstreamDefaults?: UpstreamOptions
  /** @default real time */
  readonly clock?: Clock
  /** What jitters probes, and decides who gets a query while a member is coming back. @default Math.random */
  readonly random?: Random
}

/** How each is read. */
export const POOL_OPTIONS = {
  name: text(),
  priority: number(1, -Infinity),
  weight: number(1, Number.MIN_VALUE),
  order: number(0, -Infinity),
  strategy: parsed<Strategy | null>(null, (given, owner) => strategyFrom(given as StrategyInput, owner)),
  upstreams: option<readonly PoolMember[]>([], 'an array of addresses, upstreams, pools or exchangers', Array.isArray),
  maxAttempts: integer(3, 0, 100),
  timeout: parsed<number | undefined>(undefined, duration(0).read),
  failFast: boolean(false),
  upstreamDefaults: parsed<UpstreamOptions>({}, checkUpstreamOptions),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
  random: func<Random>(systemRandom),
  health: parsed<HealthOptions | false | null>(null, checkHealthOptions),
  rampUp: parsed<boolean | null>(null, boolean(false).read),
}
