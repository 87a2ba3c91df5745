import { systemClock, type Clock } from '../base/clock.js'
import { boolean, duration, integer, nested, option, readOptions, type OptionValues } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import { DEFAULT_TIMEOUT } from '../query/context.js'
import type { KeyValueStore } from './second-level.js'

/** Options of a {@link Cache}. Sizes are in octets, TTLs in seconds, durations in ms. */
export interface CacheOptions {
  /** What it may take of memory in all, index included; at least 2^20. @default 64 MiB */
  readonly maxSize?: number
  /** Shorter TTLs are raised to this, which serves data that its owner meant to be gone. @default 0 */
  readonly minTtl?: number
  /** Longer TTLs are lowered to this. @default 86400, a day */
  readonly maxTtl?: number
  /** The same for negative replies (RFC 2308, section 5). @default 3600, an hour */
  readonly maxNegativeTtl?: number
  /** How long after its time is over a reply may still be served when nobody answers (RFC 8767); 0: never. @default 86400, a day */
  readonly maxStale?: number
  /** Popular replies are fetched anew in the last tenth of their time, when they are asked for then. @default true */
  readonly prefetch?: boolean
  /** A store that processes share, such as Keyv: asked before the exchanger, for 20 ms at most. @default none */
  readonly store?: KeyValueStore
  /** The longest one query, in ms. @default 5000 */
  readonly timeout?: number
  /** @default real time */
  readonly clock?: Clock
}

const YEAR = 31_536_000
const MAX_TTL = 2 ** 31 - 1
const OPTIONS = {
  maxSize: integer(64 * 2 ** 20, 2 ** 20, 2 ** 34),
  minTtl: integer(0, 0, 86_400),
  maxTtl: integer(86_400, 0, MAX_TTL),
  maxNegativeTtl: integer(3600, 0, MAX_TTL),
  maxStale: integer(86_400, 0, YEAR),
  prefetch: boolean(true),
  store: option<KeyValueStore | null>(null, 'an object with get() and set(), such as a Keyv', isStore),
  timeout: duration(DEFAULT_TIMEOUT),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/** Options as they were read. */
export type ReadCacheOptions = OptionValues<typeof OPTIONS>

/** @throws {InvalidOptionError} an option is not known or can't be used */
export function readCacheOptions(given: unknown): ReadCacheOptions {
  return checked(readOptions('Cache', OPTIONS, given), 'Cache', '')
}

/** `given`, unless it would be refused as the options of a cache under the name `name`; false switches it off. */
export function checkCacheOptions(given: unknown, owner: string, name: string): CacheOptions | false {
  if (given === false) return given
  checked(nested(OPTIONS).read(given, owner, name), owner, `${name}.`)
  return given as CacheOptions
}

function checked(options: ReadCacheOptions, owner: string, prefix: string): ReadCacheOptions {
  if (options.minTtl > options.maxTtl) throw new InvalidOptionError(owner, `${prefix}minTtl`, 'must not be over maxTtl')
  return options
}

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { get, set } = value as Partial<KeyValueStore>
  return typeof get === 'function' && typeof set === 'function'
}
