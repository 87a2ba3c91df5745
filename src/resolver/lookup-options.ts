import dns from 'node:dns'
import { nodeLookupThrows } from './node-throws.js'
import { checkSignal } from './options.js'

/** Options of `lookup`: those of `dns.lookup`, and a signal. */
export interface LookupOptions {
  /** 4, 6, or 0 for both. @default 0 */
  readonly family?: number | 'IPv4' | 'IPv6' | undefined
  /** `dns.ADDRCONFIG`, `dns.V4MAPPED` and `dns.ALL`, added up. @default 0 */
  readonly hints?: number | undefined
  /** Whether all addresses are wanted, or only the first. @default false */
  readonly all?: boolean | undefined
  /** @default what `dns.getDefaultResultOrder()` says */
  readonly order?: LookupOrder | undefined
  /** false: as `order: 'ipv4first'`; true: as `order: 'verbatim'`. `order` counts for more. */
  readonly verbatim?: boolean | undefined
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined
}

/** Which addresses come first; verbatim: IPv6 where this machine has an address for it that isn't its own link's alone. */
export type LookupOrder = 'ipv4first' | 'ipv6first' | 'verbatim'

/** Options as they count. */
export interface ReadLookupOptions {
  readonly family: 0 | 4 | 6
  readonly hints: number
  readonly all: boolean
  readonly order: LookupOrder
  readonly signal: AbortSignal | undefined
}

const HINTS = dns.ADDRCONFIG | dns.ALL | dns.V4MAPPED
const FAMILIES: ReadonlyMap<unknown, 0 | 4 | 6> = new Map<unknown, 0 | 4 | 6>([
  [undefined, 0],
  [null, 0],
  [0, 0],
  [4, 4],
  [6, 6],
  ['IPv4', 4],
  ['IPv6', 6],
])
const ORDERS: ReadonlySet<unknown> = new Set(['ipv4first', 'ipv6first', 'verbatim'])

/** @throws {TypeError} what `dns.lookup` throws; {InvalidOptionError} the signal is none */
export function readLookupOptions(given: unknown): ReadLookupOptions {
  if (given === undefined || given === null) return read({})
  if (typeof given === 'number')
    return given === 0 || given === 4 || given === 6 ? read({ family: given }) : refuse(given)
  return typeof given === 'object' && isKnown(given) ? read(given) : refuse(given)
}

function isKnown(given: LookupOptions): boolean {
  const { family, hints, all, verbatim, order } = given
  return (
    FAMILIES.has(family) &&
    (isAbsent(hints) || (typeof hints === 'number' && ((hints >>> 0) & ~HINTS) === 0)) &&
    (isAbsent(all) || typeof all === 'boolean') &&
    (isAbsent(verbatim) || typeof verbatim === 'boolean') &&
    (isAbsent(order) || ORDERS.has(order))
  )
}

function read({ family, hints, all, verbatim, order, signal }: LookupOptions): ReadLookupOptions {
  checkSignal(signal)
  return {
    family: FAMILIES.get(family)!,
    hints: (hints ?? 0) >>> 0,
    all: all ?? false,
    order: order ?? orderOf(verbatim),
    signal,
  }
}

function orderOf(verbatim: boolean | undefined): LookupOrder {
  if (typeof verbatim === 'boolean') return verbatim ? 'verbatim' : 'ipv4first'
  return dns.getDefaultResultOrder()
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function refuse(options: unknown): never {
  return nodeLookupThrows('', options, () => undefined)
}
