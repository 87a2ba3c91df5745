import { nearest, readOptions, reject, show } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import { BalancedStrategy } from './balanced.js'
import { ConsistentHashStrategy, type ConsistentHashOptions } from './consistent-hash.js'
import { FailoverStrategy } from './failover.js'
import { FastestStrategy, type FastestOptions } from './fastest.js'
import { FirstAvailableStrategy } from './first-available.js'
import { HedgedStrategy, type HedgedOptions } from './hedged.js'
import { LeastOutstandingStrategy } from './least-outstanding.js'
import { ParallelStrategy, type ParallelOptions } from './parallel.js'
import { RandomStrategy, type RandomOptions } from './random.js'
import { Strategy } from './strategy.js'
import { WeightedStrategy, type WeightedOptions } from './weighted.js'

/** Each strategy by its name, with how one is made of its options. */
const STRATEGIES = {
  parallel: (options: ParallelOptions): Strategy => new ParallelStrategy(options),
  balanced: (options: NoOptions): Strategy => plain('BalancedStrategy', options, new BalancedStrategy()),
  failover: (options: NoOptions): Strategy => plain('FailoverStrategy', options, new FailoverStrategy()),
  random: (options: RandomOptions): Strategy => new RandomStrategy(options),
  weighted: (options: WeightedOptions): Strategy => new WeightedStrategy(options),
  fastest: (options: FastestOptions): Strategy => new FastestStrategy(options),
  'least-outstanding': (options: NoOptions): Strategy =>
    plain('LeastOutstandingStrategy', options, new LeastOutstandingStrategy()),
  'consistent-hash': (options: ConsistentHashOptions): Strategy => new ConsistentHashStrategy(options),
  'first-available': (options: NoOptions): Strategy =>
    plain('FirstAvailableStrategy', options, new FirstAvailableStrategy()),
  hedged: (options: HedgedOptions): Strategy => new HedgedStrategy(options),
}

/** Names that dnsdist, lazydns and CoreDNS give to the same thing. */
const ALIASES = {
  'round-robin': 'balanced',
  roundrobin: 'balanced',
  wrandom: 'weighted',
  chashed: 'consistent-hash',
  concurrent: 'parallel',
} as const satisfies Record<string, keyof typeof STRATEGIES>

type NoOptions = Readonly<Record<never, never>>
type Makers = typeof STRATEGIES
type Aliases = typeof ALIASES

/** The ten strategies by name, and the names that other systems give them. */
export type StrategyName = keyof Makers | keyof Aliases

/** A strategy's name with its options. */
export type StrategyOptions =
  | { [K in keyof Makers]: { readonly name: K } & Parameters<Makers[K]>[0] }[keyof Makers]
  | { [K in keyof Aliases]: { readonly name: K } & Parameters<Makers[Aliases[K]]>[0] }[keyof Aliases]

/** What is taken wherever a strategy is: a name in any case, with `-`, `_` or neither; one with options; or an instance. */
export type StrategyInput = StrategyName | (string & Record<never, never>) | StrategyOptions | Strategy

const NAMES = [...Object.keys(STRATEGIES), ...Object.keys(ALIASES)]
const BY_KEY = new Map<string, keyof Makers>()
for (const name of Object.keys(STRATEGIES)) BY_KEY.set(keyOf(name), name as keyof Makers)
for (const [alias, name] of Object.entries(ALIASES)) BY_KEY.set(keyOf(alias), name)

/**
 * The strategy that `value` names or is.
 *
 * @param owner the class that was given it, for messages
 * @param option the name of the option
 * @throws {InvalidOptionError} an unknown name, with the nearest known one; a bad option; no strategy at all
 */
export function strategyFrom(value: StrategyInput, owner: string, option = 'strategy'): Strategy {
  const given: unknown = value
  if (given instanceof Strategy) return given
  if (typeof given === 'string') return make(given, {}, owner, option)
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return refuse(given, owner, option)
  const { name, ...options } = given as { name?: unknown }
  if (typeof name !== 'string') return refuse(given, owner, option)
  return make(name, options, owner, option)
}

function make(name: string, options: object, owner: string, option: string): Strategy {
  const canonical = BY_KEY.get(keyOf(name))
  if (canonical === undefined) throw new InvalidOptionError(owner, option, unknownName(name))
  return STRATEGIES[canonical](options)
}

function unknownName(name: string): string {
  const near = nearest(name, NAMES)
  const hint = near === null ? '' : `; did you mean "${near}"?`
  return `must be one of ${Object.keys(STRATEGIES).join(', ')}; got ${show(name)}${hint}`
}

function refuse(given: unknown, owner: string, option: string): never {
  return reject(
    owner,
    option,
    given,
    `a strategy's name, { name, …options } or an instance of a class that extends Strategy (not the class itself)`,
  )
}

function keyOf(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '')
}

/** Strategies without options refuse every one. */
function plain(owner: string, options: NoOptions, strategy: Strategy): Strategy {
  readOptions(owner, {}, options)
  return strategy
}
