import { InvalidOptionError } from '../errors.js'

/** How one option is read: what it is when it isn't given, and what it may be. */
export interface Option<T> {
  readonly fallback: T
  /** The value to use for `given`; throws by {@link reject} when it isn't allowed. */
  readonly read: (given: unknown, owner: string, name: string) => T
}

/** Option names of one class, with how each is read. */
// The values are of many types; each Option checks its own.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type OptionTable = Record<string, Option<any>>

/** What {@link readOptions} returns for a table. */
export type OptionValues<S extends OptionTable> = { readonly [K in keyof S]: S[K]['fallback'] }

/**
 * Reads `given` against `table` into a frozen object: defaults filled in, wrong values and unknown names refused.
 *
 * @throws {InvalidOptionError} naming the owner, the option, what came and what is allowed
 */
export function readOptions<S extends OptionTable>(owner: string, table: S, given: unknown = {}): OptionValues<S> {
  return readTable(owner, table, given, '')
}

/** An option that passes `accepts`; `allowed` says in words what that is. */
export function option<T>(fallback: T, allowed: string, accepts: (value: unknown) => boolean): Option<T> {
  return {
    fallback,
    read: (given, owner, name) => (accepts(given) ? (given as T) : reject(owner, name, given, allowed)),
  }
}

/** A span in ms from `min` to `max`, by default up to the 2^31 - 1 that a timer takes. */
export function duration(fallback: number, min = 1, max = 2 ** 31 - 1): Option<number> {
  return option(fallback, `a number of milliseconds from ${min} to ${max}`, (v) => isNumber(v) && v >= min && v <= max)
}

/** A whole number from `min` to `max`. */
export function integer(fallback: number, min: number, max: number = Number.MAX_SAFE_INTEGER): Option<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return option(
    fallback,
    `a whole number ${range}`,
    (v) => Number.isInteger(v) && (v as number) >= min && (v as number) <= max,
  )
}

/** A finite number from `min` to `max`. */
export function number(fallback: number, min: number, max = Infinity): Option<number> {
  const above = min === -Infinity ? '' : ` of at least ${min}`
  return option(
    fallback,
    `a number${max === Infinity ? above : ` from ${min} to ${max}`}`,
    (v) => isNumber(v) && v >= min && v <= max,
  )
}

export function boolean(fallback: boolean): Option<boolean> {
  return option(fallback, 'true or false', (v) => typeof v === 'boolean')
}

/** A string that isn't empty; null when not given. */
export function text(): Option<string | null> {
  return option<string | null>(null, 'a string that is not empty', (v) => typeof v === 'string' && v !== '')
}

export function oneOf<T extends string>(fallback: T, ...allowed: readonly T[]): Option<T> {
  return option(fallback, `one of ${allowed.map((v) => `"${v}"`).join(', ')}`, (v) => allowed.includes(v as T))
}

/** A function; `fallback` when not given. */
export function func<T>(fallback: T): Option<T> {
  return option(fallback, 'a function', (v) => typeof v === 'function')
}

/** Something that is read by a function of its own, which throws when it can't. */
export function parsed<T>(fallback: T, read: (given: unknown, owner: string, name: string) => T): Option<T> {
  return { fallback, read }
}

/** Options within an option; its own defaults when it isn't given. */
export function nested<S extends OptionTable>(table: S): Option<OptionValues<S>> {
  return {
    fallback: readTable('', table, {}, ''),
    read: (given, owner, name) => readTable(owner, table, given, name),
  }
}

/** A name that a later version will know: given at all, it is refused rather than ignored. */
export function notBuiltIn(): Option<null> {
  return {
    fallback: null,
    read: (_given, owner, name) => {
      throw new InvalidOptionError(owner, name, 'is not built in yet')
    },
  }
}

/** A feature that a later version will have: only switching it off is taken. */
export function notBuiltInUnlessOff(): Option<null> {
  const { fallback, read } = notBuiltIn()
  return { fallback, read: (given, owner, name) => (given === false ? null : read(given, owner, name)) }
}

/** @throws {InvalidOptionError} always */
export function reject(owner: string, name: string, given: unknown, allowed: string): never {
  throw new InvalidOptionError(owner, name, `must be ${allowed}; got ${show(given)}`)
}

/** `; did you mean "…"?` when one of `known` is near `name`, else what is known. */
export function suggest(name: string, known: readonly string[]): string {
  if (known.length === 0) return '; there are none'
  const near = nearest(name, known)
  return near === null ? `; known are ${known.join(', ')}` : `; did you mean "${near}"?`
}

/** The one of `known` that is within two slips of `name`, in any case; null when none is. */
export function nearest(name: string, known: readonly string[]): string | null {
  let best: string | null = null
  let least = 3
  for (const candidate of known) {
    const slips = editDistance(name.toLowerCase(), candidate.toLowerCase(), least)
    if (slips < least) {
      least = slips
      best = candidate
    }
  }
  return best
}

/** A value as an error message shows it: short, on one line, never a secret's whole text. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object of ${value.constructor?.name ?? 'no class'}`
  return String(value)
}

/** @param within the option that this table is nested in, or '' */
function readTable<S extends OptionTable>(owner: string, table: S, given: unknown, within: string): OptionValues<S> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    reject(owner, within === '' ? 'options' : within, given, 'an object')
  }
  const prefix = within === '' ? '' : `${within}.`
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new InvalidOptionError(owner, `${prefix}${name}`, `is not known${suggest(name, Object.keys(table))}`)
    }
  }
  const out: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(table)) {
    const value = (given as Record<string, unknown>)[name]
    out[name] = value === undefined ? option.fallback : option.read(value, owner, `${prefix}${name}`)
  }
  return Object.freeze(out) as OptionValues<S>
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let older: number[] = []
  let old = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(old[j]! + 1, row[j - 1]! + 1, old[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, older[j - 2]! + 1)
      row.push(cost)
    }
    older = old
    old = row
  }
  return old[b.length]!
}
