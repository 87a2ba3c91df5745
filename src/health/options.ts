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
  readOptions,
  reject,
  type OptionValues,
} from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import { Message } from '../wire/message.js'
import type { HealthSubject } from './subject.js'

/** What a probe asks. */
export interface ProbeQuery {
  /** QNAME in presentation form. */
  readonly name: string
  /** @default 'A' */
  readonly type?: string | number
  /** @default 'IN' */
  readonly class?: string | number
}

/** The lazy check's own options. Durations are in ms. */
export interface LazyOptions {
  /** The share of failures that raises a suspicion, 1 to 100 percent of what the window holds. @default 20 */
  readonly threshold?: number
  /** Outcomes that the window holds, 1 to 65,535. @default 100 */
  readonly sampleSize?: number
  /** Outcomes without which no suspicion is raised, 1 to `sampleSize`. @default 1 */
  readonly minSampleCount?: number
  /** From one probe to the next while a member is down. @default 30000 */
  readonly failedInterval?: number
  /** What counts as a failure beside no reply at all. @default 'timeout-or-servfail' */
  readonly mode?: 'timeout-or-servfail' | 'timeout-only'
  /** Whether `failedInterval` is doubled with each bad probe of a member that is down. @default false */
  readonly exponentialBackoff?: boolean
  /** Where the doubling ends. @default 3600000 */
  readonly maxBackoff?: number
}

/** Options of a `HealthMonitor`. Durations are in ms; defaults that differ in lazy mode come second. */
export interface HealthOptions {
  /** Probes on a timer, probes after bad traffic, or none. @default 'active' */
  readonly mode?: 'active' | 'lazy' | 'off'
  /** From one probe to the next. @default 30000; 1000 */
  readonly interval?: number
  /** How long a probe may take. @default 2000; 1000 */
  readonly timeout?: number
  /** Bad probes in a row that take a member down. @default 3; 1 */
  readonly failureThreshold?: number
  /** Good probes in a row that bring it back. @default 2; 1 */
  readonly successThreshold?: number
  /** Active: the first wait for a member that is not known to be up, then doubled up to `interval`; 0: always `interval`. @default 1000 */
  readonly recoveryInterval?: number
  /** Active: the first probe alone decides, thresholds aside. @default false */
  readonly initialDecides?: boolean
  /** @default the A record of a.root-servers.net. */
  readonly query?: Partial<ProbeQuery>
  /** CD: the reply needn't pass DNSSEC validation. @default false */
  readonly checkingDisabled?: boolean
  /** Whether NXDOMAIN and REFUSED are bad too, as SERVFAIL always is. @default false */
  readonly mustResolve?: boolean
  /** The query for one probe of `upstream`; `query` is the option of that name. One that throws makes a bad probe. */
  makeQuery?(upstream: HealthSubject, query: Required<ProbeQuery>): ProbeQuery | Message
  /** Whether `reply`, good so far, is a good one. One that throws, or returns anything but true, makes a bad probe. */
  checkReply?(reply: Reply, upstream: HealthSubject): boolean
  /** When bad traffic has a member probed, and how often once it is down; unused in active mode. */
  readonly lazy?: LazyOptions
  /** All time comes from here. @default real time */
  readonly clock?: Clock
  /** What keeps members from being probed in step. @default Math.random */
  readonly random?: Random
}

const isNameOrNumber = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'

const COMMON = {
  mode: oneOf<'active' | 'lazy' | 'off'>('active', 'active', 'lazy', 'off'),
  recoveryInterval: duration(1000, 0),
  initialDecides: boolean(false),
  query: nested({
    name: option<string>('a.root-servers.net.', 'a string that is not empty', (v) => typeof v === 'string' && v !== ''),
    type: option<string | number>('A', 'a type name or number', isNameOrNumber),
    class: option<string | number>('IN', 'a class name or number', isNameOrNumber),
  }),
  checkingDisabled: boolean(false),
  mustResolve: boolean(false),
  makeQuery: func<NonNullable<HealthOptions['makeQuery']> | null>(null),
  checkReply: func<NonNullable<HealthOptions['checkReply']> | null>(null),
  lazy: nested({
    threshold: number(20, 1, 100),
    sampleSize: integer(100, 1, 65_535),
    minSampleCount: integer(1, 1, 65_535),
    failedInterval: duration(30_000),
    mode: oneOf<'timeout-or-servfail' | 'timeout-only'>('timeout-or-servfail', 'timeout-or-servfail', 'timeout-only'),
    exponentialBackoff: boolean(false),
    maxBackoff: duration(3_600_000),
  }),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
  random: func<Random>(systemRandom),
}
const ACTIVE = {
  ...COMMON,
  interval: duration(30_000),
  timeout: duration(2000),
  failureThreshold: integer(3, 1),
  successThreshold: integer(2, 1),
}
const LAZY = {
  ...COMMON,
  interval: duration(1000),
  timeout: duration(1000),
  failureThreshold: integer(1, 1),
  successThreshold: integer(1, 1),
}

/** {@link HealthOptions} with every one filled in. */
export type HealthSettings = OptionValues<typeof ACTIVE> & {
  /** What every probe asks, unless `makeQuery` makes another. */
  readonly message: Message
}

/** Named sets of options, to give as they are or to spread into others. */
export const PRESETS = Object.freeze({
  /** Back within seconds: 30 s, 2000 ms, 3 bad, 2 good; members that are not up are probed after 1, 2, 4 … s. */
  default: preset(30_000, 2000, 3, 2, { recoveryInterval: 1000, initialDecides: false }),
  /** Ferrous DNS: the same, but always at the interval. */
  ferrous: preset(30_000, 2000, 3, 2, { recoveryInterval: 0, initialDecides: false }),
  /** dnsdist: each second, one probe decides. */
  dnsdist: preset(1000, 1000, 1, 1, { recoveryInterval: 0, initialDecides: true }),
})

/**
 * `given` with `own` over it, read in full.
 *
 * @throws {InvalidOptionError} an unknown name, a wrong value, or a query that can't be encoded
 */
export function readHealthOptions(owner: string, given: HealthOptions, own: HealthOptions = {}): HealthSettings {
  const both = merge(given, own)
  const values = readOptions(owner, both?.mode === 'lazy' ? LAZY : ACTIVE, both)
  const { minSampleCount, sampleSize } = values.lazy
  if (minSampleCount > sampleSize)
    throw new InvalidOptionError(
      owner,
      'lazy.minSampleCount',
      `must be at most sampleSize, ${sampleSize}; got ${minSampleCount}`,
    )
  return { ...values, message: messageFor(owner, values) }
}

/**
 * `given`, unless it would be refused as health options under the name `name`: for classes that hand them on.
 *
 * @throws {InvalidOptionError} an unknown name, a wrong value, or a query that can't be encoded
 */
export function checkHealthOptions(given: unknown, owner: string, name: string): HealthOptions | false {
  if (given === false) return given
  if (typeof given !== 'object') reject(owner, name, given, 'an object of options, or false')
  messageFor(owner, nested(ACTIVE).read(given, owner, name), `${name}.query`)
  return given as HealthOptions
}

/** The message of a probe that asks `query`. @throws {DnsError} it can't be encoded */
export function probeMessage({ name, type, class: qclass }: ProbeQuery, checkingDisabled: boolean): Message {
  return Message.query(name, type, { ...(qclass === undefined ? {} : { class: qclass }), checkingDisabled })
}

/** Each option of `own` replaces one of `given`; `query` and `lazy` are merged by their own options. */
function merge(given: HealthOptions, own: HealthOptions): HealthOptions {
  if (Object.keys(own).length === 0) return given
  return {
    ...given,
    ...own,
    query: { ...given.query, ...own.query },
    lazy: { ...given.lazy, ...own.lazy },
  }
}

function messageFor(owner: string, { query, checkingDisabled }: OptionValues<typeof ACTIVE>, name = 'query'): Message {
  try {
    return probeMessage(query, checkingDisabled)
  } catch (error) {
    throw new InvalidOptionError(owner, name, `can't be asked: ${(error as Error).message}`)
  }
}

function preset(
  interval: number,
  timeout: number,
  failureThreshold: number,
  successThreshold: number,
  more: { readonly recoveryInterval: number; readonly initialDecides: boolean },
): Required<Pick<HealthOptions, 'interval' | 'timeout' | 'failureThreshold' | 'successThreshold'>> & typeof more {
  return Object.freeze({ interval, timeout, failureThreshold, successThreshold, ...more })
}
