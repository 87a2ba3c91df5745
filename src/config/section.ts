import { show, suggest } from '../base/options.js'
import type { Path, Problems } from './problems.js'

/** How a document spells the names that are in camel case in code. */
export type Spelling = 'snake' | 'camel'

/** A value with its place. */
export interface Placed {
  readonly value: unknown
  readonly path: Path
}

/** What a number may be. */
export interface NumberBounds {
  /** Such as `seconds`, for messages. */
  readonly what: string
  readonly min: number
  readonly max?: number
  readonly whole?: boolean
}

/** One table of a document. Each key is taken by whoever knows it; what nobody takes is reported by {@link finish}. */
export class Section {
  readonly problems: Problems
  readonly path: Path
  readonly spelling: Spelling
  readonly #values: ReadonlyMap<string, unknown>
  readonly #taken = new Set<string>()

  private constructor(problems: Problems, values: object, path: Path, spelling: Spelling) {
    this.problems = problems
    this.path = path
    this.spelling = spelling
    this.#values = new Map(Object.entries(values))
  }

  /** `value` as a table; null, and a problem, when it is none. */
  static from(problems: Problems, { value, path }: Placed, spelling: Spelling): Section | null {
    if (isTable(value)) return new Section(problems, value, path, spelling)
    problems.error(path, `must be a table; got ${show(value)}`)
    return null
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** Keys that nobody has taken. */
  get left(): readonly string[] {
    return [...this.#values.keys()].filter((key) => !this.#taken.has(key))
  }

  at(key: string): Path {
    return [...this.path, key]
  }

  /** The value of `key`; undefined without. */
  take(key: string): unknown {
    this.#taken.add(key)
    return this.#values.get(key) ?? undefined
  }

  string(key: string): string | undefined {
    return this.#typed(key, 'a string that is not empty', (v): v is string => typeof v === 'string' && v !== '')
  }

  boolean(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (v): v is boolean => typeof v === 'boolean')
  }

  number(key: string, { what, min, max = Infinity, whole = true }: NumberBounds): number | undefined {
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`
    return this.#typed(
      key,
      `a ${whole ? 'whole ' : ''}number of ${what} ${range}`,
      (v): v is number =>
        typeof v === 'number' && Number.isFinite(v) && (!whole || Number.isInteger(v)) && v >= min && v <= max,
    )
  }

  /** One of `allowed`, in any case. */
  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.take(key)
    if (value === undefined) return undefined
    const found = allowed.find((one) => typeof value === 'string' && one.toLowerCase() === value.toLowerCase())
    if (found === undefined) {
      const hint = typeof value === 'string' ? suggest(value, allowed) : ''
      const meant = hint.startsWith('; did') ? hint : ''
      this.problems.error(this.at(key), `must be one of ${allowed.map((v) => `"${v}"`).join(', ')}; got ${show(value)}${meant}`) // prettier-ignore
    }
    return found
  }

  section(key: string): Section | null {
    const value = this.take(key)
    return value === undefined ? null : Section.from(this.problems, { value, path: this.at(key) }, this.spelling)
  }

  /** Elements of an array; undefined without. */
  list(key: string): readonly Placed[] | undefined {
    const value = this.take(key)
    if (value === undefined) return undefined
    if (Array.isArray(value)) return value.map((item: unknown, i) => ({ value: item, path: [...this.at(key), i] }))
    this.problems.error(this.at(key), `must be an array; got ${show(value)}`)
    return []
  }

  /** An array of tables. */
  sections(key: string): readonly Section[] | undefined {
    return this.list(key)?.flatMap((item) => Section.from(this.problems, item, this.spelling) ?? [])
  }

  /** Every key that is left is an error; `known` are those that might have been meant. */
  finish(known: readonly string[]): void {
    for (const key of this.left) this.problems.error(this.at(key), `is not known${suggest(key, known)}`)
  }

  /** Every key that is left is known to its own system, and does nothing here. */
  ignore(keys: ReadonlySet<string>, why: string): void {
    for (const key of this.left) {
      if (!keys.has(key)) continue
      this.take(key)
      this.problems.warn(this.at(key), why)
    }
  }

  #typed<T>(key: string, allowed: string, accepts: (value: unknown) => value is T): T | undefined {
    const value = this.take(key)
    if (value === undefined || accepts(value)) return value
    this.problems.error(this.at(key), `must be ${allowed}; got ${show(value)}`)
    return undefined
  }
}

/** Whether `value` is a table of a document: an object that is neither an array nor of a class. */
export function isTable(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
