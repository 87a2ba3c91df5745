import { DnsError, InvalidOptionError } from '../errors.js'
import type { Path } from './problems.js'
import { isTable, type Placed, type Section, type Spelling } from './section.js'

/** Throws an `InvalidOptionError` unless `options` are good. */
export type Check = (options: Record<string, unknown>) => unknown

/** How options that are more than values are read, by their names in code. Undefined: a problem was reported. */
export type Readers = Readonly<Record<string, (given: Placed) => unknown>>

/**
 * What is left of `section` as options by their names in code, each checked by itself, so that one that is wrong hides no
 * other; then all together. What is wrong is reported with the names of the document.
 *
 * @param within the option that `check` puts them in
 */
export function readOwn(section: Section, check: Check, readers: Readers = {}, within = ''): Record<string, unknown> {
  const { spelling, path } = section
  const options: Record<string, unknown> = {}
  let isWhole = true
  for (const key of section.left) {
    const name = spelling === 'snake' ? camel(key) : key
    const given = { value: section.take(key), path: section.at(key) }
    if (given.value === undefined) continue
    if (Object.hasOwn(readers, name)) {
      const value = readers[name]!(given)
      if (value !== undefined) options[name] = value
      continue
    }
    const value = spelling === 'snake' ? inCamel(given.value) : given.value
    const one = Object.fromEntries([[name, value]])
    if (isChecked(section, () => check(one), path, within)) options[name] = value
    else isWhole = false
  }
  if (isWhole) isChecked(section, () => check(options), path, within)
  return options
}

/**
 * Runs `check`; what it throws becomes a problem at `path`, or at the option in it that it is about.
 *
 * @returns whether it threw nothing
 */
export function isChecked(
  { problems, spelling }: Pick<Section, 'problems' | 'spelling'>,
  check: () => unknown,
  path: Path,
  within = '',
): boolean {
  try {
    check()
    return true
  } catch (error) {
    if (!(error instanceof DnsError)) throw error
    if (error instanceof InvalidOptionError) {
      const names = error.option.split('.').filter((name) => name !== '')
      if (names[0] === within) names.shift()
      const inner = names.map((name) => (spelling === 'snake' ? snake(name) : name))
      problems.error([...path, ...inner], messageOf(error, spelling))
    } else problems.error(path, error.message)
    return false
  }
}

/** What is wrong, without who says so and of which option. */
function messageOf({ message, owner, option }: InvalidOptionError, spelling: Spelling): string {
  const text = message.replace(`${owner}: option "${option}" `, '')
  return spelling === 'camel' ? text : text.replaceAll(/\b[a-z]+(?:[A-Z][a-z]*)+\b/g, snake)
}

/** `max_attempts` as `maxAttempts`; what isn't in snake case gets a name that nobody knows. */
function camel(name: string): string {
  return /[A-Z]/.test(name)
    ? name.toLowerCase()
    : name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Tables within tables with their keys in camel case. */
function inCamel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamel)
  if (!isTable(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [camel(key), inCamel(inner)]))
}
