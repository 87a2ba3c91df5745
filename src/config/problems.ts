import { DnsError } from '../errors.js'
import type { ConfigProblem } from './config.js'

/** Where something is in a document: keys, and indices of arrays. */
export type Path = readonly (string | number)[]

/** Line and column, both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Where `path`, or the nearest that holds it, is in a document. */
export type Locate = (path: Path) => Position

/** A document that can't be used: `ERR_DNS_INVALID_CONFIG`. */
export class ConfigError extends DnsError {
  /** Everything that is wrong, in the order of the document. */
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super('ERR_DNS_INVALID_CONFIG', problems.map(problemText).join('\n'))
    this.problems = problems
  }
}

/** `file:line:column: path: what is wrong`, as compilers write it. */
export function problemText({ file, line, column, path, message }: ConfigProblem): string {
  return `${file ?? '<text>'}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`
}

/** `dns.pools[0].servers`; keys that aren't plain stand in quotes. */
export function pathText(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text
}

/** Collects what is wrong in one document. */
export class Problems {
  readonly #file: string | null
  readonly #locate: Locate
  readonly #errors: ConfigProblem[] = []
  readonly #warnings: ConfigProblem[] = []

  constructor(file: string | null, locate: Locate) {
    this.#file = file
    this.#locate = locate
  }

  get warnings(): readonly ConfigProblem[] {
    return inOrder(this.#warnings)
  }

  /** Whether anything is wrong so far. */
  get any(): boolean {
    return this.#errors.length > 0
  }

  error(path: Path, message: string): void {
    this.#errors.push(this.#problem(path, message))
  }

  warn(path: Path, message: string): void {
    this.#warnings.push(this.#problem(path, message))
  }

  /** @throws {ConfigError} if anything is wrong */
  check(): void {
    if (this.any) throw new ConfigError(inOrder(this.#errors))
  }

  #problem(path: Path, message: string): ConfigProblem {
    return { file: this.#file, ...this.#locate(path), path: pathText(path), message }
  }
}

/** @throws {ConfigError} always: the text can't be read at all */
export function refuse(file: string | null, position: Position, message: string): never {
  throw new ConfigError([{ file, ...position, path: '', message }])
}

/** Line and column of an offset in `text`. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, Math.max(0, offset))
  const line = before.split('\n').length
  return { line, column: before.length - before.lastIndexOf('\n') }
}

function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}
