import { parseArgs } from 'node:util'
import { nearest } from '../base/options.js'
import { UsageError } from './command.js'

/** One option of a command. */
export interface OptionSpec {
  /** One letter, for `-x`. */
  readonly short?: string
  /** What its value is, as help and errors call it; without one it is a flag. */
  readonly value?: string
}

/** Options by their long names. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** Arguments, sorted out. */
export interface Parsed<S extends OptionSpecs> {
  readonly positionals: readonly string[]
  /** Whether a flag was given. */
  has(name: keyof S & string): boolean
  /** All values of an option, in the order in which they were given. */
  all(name: keyof S & string): readonly string[]
  /** The value of an option that may be given once; null when it wasn't. */
  one(name: keyof S & string): string | null
}

/** @throws {UsageError} an option that isn't known, lacks its value or has one too many */
export function parseArguments<S extends OptionSpecs>(specs: S, args: readonly string[]): Parsed<S> {
  const { tokens } = parseArgs({
    args: [...args],
    options: toConfig(specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const list = values.get(token.name) ?? []
    values.set(token.name, list)
    list.push(readValue(specs, token))
  }
  return {
    positionals,
    has: (name) => values.has(name),
    all: (name) => values.get(name) ?? [],
    one: (name) => onlyValue(name, values.get(name) ?? []),
  }
}

/** A whole number from `min` to `max`. @throws {UsageError} it is none */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`--${name} must be a whole number from ${min} to ${max}; got "${text}"`)
}

function toConfig(specs: OptionSpecs): Record<string, { type: 'string' | 'boolean'; short?: string; multiple: true }> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', multiple: true, ...(short === undefined ? {} : { short }) },
    ]),
  )
}

function readValue(
  specs: OptionSpecs,
  {
    name,
    rawName,
    value,
    inlineValue,
  }: { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
): string {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) throw unknownOption(specs, rawName, name)
  if (spec.value === undefined) {
    if (value !== undefined) throw new UsageError(`option ${rawName} takes no value; got "${value}"`)
    return ''
  }
  const missing = value === undefined || value === '' || (value.startsWith('-') && inlineValue !== true)
  if (missing) throw new UsageError(`option ${rawName} needs a value: ${spec.value}`)
  return value
}

function unknownOption(specs: OptionSpecs, rawName: string, name: string): UsageError {
  const meant = name.length > 1 ? nearest(name, Object.keys(specs)) : null
  const known = Object.entries(specs).map(([long, { short }]) =>
    short === undefined ? `--${long}` : `-${short}, --${long}`,
  )
  return new UsageError(
    `option ${rawName} is not known; ${meant === null ? `known are ${known.join(' ')}` : `did you mean --${meant}?`}`,
  )
}

function onlyValue(name: string, values: readonly string[]): string | null {
  if (values.length > 1) throw new UsageError(`option --${name} is given ${values.length} times, and may be given once`)
  return values[0] ?? null
}
