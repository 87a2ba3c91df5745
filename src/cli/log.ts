import type { Clock } from '../base/clock.js'
import type { ServiceOptions } from '../config/index.js'
import type { Output } from './command.js'
import { printable } from './reply-text.js'

export type LogLevel = ServiceOptions['logLevel']

/** What a line says beside its message; numbers are counts, and milliseconds where the name ends in `_ms`. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>

/** How a log is written. */
export type LogStyle = Pick<ServiceOptions, 'logFormat' | 'logLevel'>

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const PREFIXES: Readonly<Record<LogLevel, string>> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' }

/**
 * Lines about what happens: for people on a terminal, JSON elsewhere, unless it is said which. Nothing in them can move a
 * terminal's cursor or begin a line of its own, whoever it comes from (A24).
 */
export class Log {
  readonly #out: Output
  readonly #clock: Clock
  readonly #worker: number | null
  #isJson = false
  #least = 0

  /** @param worker the number of this process among others that write to the same place */
  constructor(out: Output, clock: Clock, style: LogStyle, worker: number | null = null) {
    this.#out = out
    this.#clock = clock
    this.#worker = worker
    this.restyle(style)
  }

  /** Writes the other way from now on. */
  restyle({ logFormat, logLevel }: LogStyle): void {
    this.#isJson = logFormat === 'json' || (logFormat === 'auto' && this.#out.isTTY !== true)
    this.#least = LEVELS.indexOf(logLevel)
  }

  /** Whether lines of this level are written. */
  has(level: LogLevel): boolean {
    return LEVELS.indexOf(level) >= this.#least
  }

  /** `text`: the whole as people read it, fields included. @default `msg` */
  write(level: LogLevel, msg: string, fields: LogFields = {}, text = msg): void {
    if (!this.has(level)) return
    this.#out.write(this.#isJson ? this.#json(level, msg, fields) : this.#human(level, text))
  }

  #json(level: LogLevel, msg: string, fields: LogFields): string {
    const time = new Date((this.#clock.wall ?? this.#clock.now)()).toISOString()
    const worker = this.#worker === null ? {} : { worker: this.#worker }
    const line = JSON.stringify({ time, level, msg, ...worker, ...fields })
    return `${line.replaceAll(/[^ -~]/g, escaped)}\n`
  }

  #human(level: LogLevel, text: string): string {
    const worker = this.#worker === null ? '' : `[${this.#worker}] `
    return `${worker}${PREFIXES[level]}${printable(text)}\n`
  }
}

/** As JSON has it. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
