import { systemClock, type Clock, type Timer } from '../base/clock.js'
import type { StatusReport } from '../status/report.js'
import { parseArguments, wholeNumber, type OptionSpecs } from './arguments.js'
import { EXIT, UsageError, type CommandContext } from './command.js'
import { TOP_HELP } from './help.js'
import { printable } from './reply-text.js'
import { topLines, type Screen } from './top-text.js'

const OPTIONS = {
  interval: { value: 'milliseconds' },
  once: {},
  help: { short: 'h' },
} as const satisfies OptionSpecs

const DEFAULT_URL = 'http://127.0.0.1:8053'
/** The longest that a page may take to answer, in ms. */
const PATIENCE = 5000
/** Another screen, so that what was on the first one is there again afterwards; without a cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const REST_OF_LINE = '\u001b[K'
const REST_OF_SCREEN = '\u001b[J'
const CTRL_C = '\u0003'

/** `headrace top`: a status page in the terminal. */
export async function top(context: CommandContext): Promise<number> {
  const args = parseArguments(OPTIONS, context.args)
  if (args.has('help')) {
    context.stdout.write(TOP_HELP)
    return EXIT.OK
  }
  const page = pageAt(args.positionals)
  const interval = wholeNumber('interval', args.one('interval') ?? '2000', 250, 3_600_000)
  const token = context.env['HEADRACE_TOKEN']
  const first = await look(page, token)
  if (typeof first === 'string') {
    context.stderr.write(`headrace: ${printable(first)}\n`)
    return EXIT.FAILED
  }
  if (args.has('once')) {
    context.stdout.write(linesText(first, screenOf(context, Infinity)))
    return EXIT.OK
  }
  const watch = new Watch(context, interval, () => look(page, token))
  await watch.run(first)
  return EXIT.OK
}

/** Looks again and again, until a key or a signal ends it. */
class Watch {
  readonly #context: CommandContext
  readonly #clock: Clock
  readonly #interval: number
  readonly #look: () => Promise<StatusReport | string>
  readonly #onTerminal: boolean
  #timer: Timer | null = null
  #report: StatusReport | null = null
  #ended = false

  constructor(context: CommandContext, interval: number, look: () => Promise<StatusReport | string>) {
    this.#context = context
    this.#clock = context.clock ?? systemClock
    this.#interval = interval
    this.#look = look
    this.#onTerminal = context.stdout.isTTY === true
  }

  /** Shows `first` and what comes after it. */
  async run(first: StatusReport): Promise<void> {
    const { stdout } = this.#context
    if (this.#onTerminal) stdout.write(ENTER)
    try {
      await new Promise<void>((resolve) => {
        const stop = this.#untilAsked(() => {
          stop()
          this.#ended = true
          if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
          resolve()
        })
        this.#show(first)
      })
    } finally {
      if (this.#onTerminal) stdout.write(LEAVE)
    }
  }

  #show(found: StatusReport | string): void {
    if (this.#ended) return
    if (typeof found !== 'string') this.#report = found
    const problem = typeof found === 'string' ? printable(found) : null
    if (this.#onTerminal) this.#redraw(problem)
    else
      this.#context.stdout.write(
        problem === null ? `${linesText(this.#report!, screenOf(this.#context, Infinity))}\n` : `${problem}\n`,
      )
    this.#timer = this.#clock.setTimeout(() => void this.#look().then((next) => this.#show(next)), this.#interval)
  }

  #redraw(problem: string | null): void {
    const { stdout } = this.#context
    const rows = (stdout.rows ?? 24) - 1
    const screen = screenOf(this.#context, problem === null ? rows : rows - 1)
    const lines = [
      ...(problem === null ? [] : [`NOT LIVE: ${problem}`.slice(0, screen.columns)]),
      ...topLines(this.#report!, screen),
    ]
    // Wiped first: at the end of a line as long as the screen is wide, its last character would go too.
    stdout.write(`${HOME}${lines.map((line) => `${REST_OF_LINE}${line}\n`).join('')}${REST_OF_SCREEN}`)
  }

  /** Calls `end` when somebody wants it over. @returns how to stop listening */
  #untilAsked(end: () => void): () => void {
    const { signals } = this.#context
    const keys = this.#onTerminal ? this.#context.stdin?.() : undefined
    const onKeys = (typed: Buffer): void => {
      if (/[qQ]/.test(typed.toString('latin1')) || typed.includes(CTRL_C)) end()
    }
    signals.on('SIGINT', end)
    signals.on('SIGTERM', end)
    if (keys?.isTTY === true) {
      keys.setRawMode?.(true)
      keys.on('data', onKeys)
    }
    return () => {
      signals.removeListener('SIGINT', end)
      signals.removeListener('SIGTERM', end)
      if (keys?.isTTY !== true) return
      keys.removeListener('data', onKeys)
      keys.setRawMode?.(false)
      keys.pause()
    }
  }
}

/** @throws {UsageError} there is more than one, or it is none */
function pageAt(positionals: readonly string[]): URL {
  const [text = DEFAULT_URL, ...rest] = positionals
  if (rest.length > 0) throw new UsageError(`top takes one URL; there is no place for "${rest.join(' ')}"`)
  const full = /^https?:\/\//.test(text) ? text : `http://${text}`
  if (!URL.canParse(full)) throw new UsageError(`URL "${text}" cannot be read; it looks like ${DEFAULT_URL}`)
  const url = new URL(full)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** What the page says; why it can't be had as a string. */
async function look(page: URL, token: string | undefined): Promise<StatusReport | string> {
  try {
    const response = await fetch(new URL('status.json', page), {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    })
    const text = await response.text()
    if (!response.ok) return `${page.href} says ${response.status}: ${text.slice(0, 200)}`
    const report = JSON.parse(text) as unknown
    return isReport(report) ? report : `${page.href} is no status page of this version`
  } catch (error) {
    const { message, cause } = error as Error
    return `${page.href} can't be read: ${cause instanceof Error ? cause.message : message}`
  }
}

/** Whether all is there that is shown: the page may be another program's, or another version's. */
function isReport(value: unknown): value is StatusReport {
  const { version, summary, rate, upstreams, pools, incidents } = (value ?? {}) as Partial<StatusReport>
  return (
    [version, summary].every((text) => typeof text === 'string') &&
    [rate, upstreams, pools, incidents].every(Array.isArray) &&
    upstreams!.every(({ name, counts, series }) => typeof name === 'string' && Boolean(counts) && isSeries(series))
  )
}

function isSeries(series: StatusReport['upstreams'][number]['series'] | undefined): boolean {
  return [series?.mean, series?.p95, series?.share, series?.failures].every(Array.isArray)
}

function screenOf({ stdout, env }: CommandContext, rows: number): Screen {
  const locale = env['LC_ALL'] ?? env['LC_CTYPE'] ?? env['LANG'] ?? ''
  const isTerminal = stdout.isTTY === true
  return {
    columns: isTerminal ? (stdout.columns ?? 80) : Infinity,
    rows,
    colour: isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    bars: isTerminal && /utf-?8/i.test(locale),
  }
}

function linesText(report: StatusReport, screen: Screen): string {
  return topLines(report, screen).map((line) => `${line}\n`).join('') // prettier-ignore
}
