import { systemClock } from '../base/clock.js'
import type { Forwarder } from '../forwarder/forwarder.js'
import type { QueryResult } from '../query/ask.js'
import type { Trace, TraceStep } from '../exchanger.js'
import { typeNumber } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import { parseArguments, wholeNumber, type OptionSpecs } from './arguments.js'
import { EXIT, UsageError, version, type CommandContext, type Output } from './command.js'
import { QUERY_HELP } from './help.js'
import { printable, replyText } from './reply-text.js'
import { milliseconds, traceText } from './trace-text.js'
import { asUsage, chooseUpstreams, makeForwarder, overTcp } from './upstreams.js'

const OPTIONS = {
  upstream: { short: 'u', value: 'an address such as 9.9.9.9' },
  strategy: { value: 'the name of a strategy' },
  tcp: {},
  dnssec: {},
  trace: {},
  timeout: { value: 'milliseconds' },
  help: { short: 'h' },
} as const satisfies OptionSpecs

/** `headrace query`: asks once and prints the reply. */
export async function query(context: CommandContext): Promise<number> {
  const args = parseArguments(OPTIONS, context.args)
  if (args.has('help')) {
    context.stdout.write(QUERY_HELP)
    return EXIT.OK
  }
  const { name, type, servers } = readPositionals(args.positionals)
  const timeout = wholeNumber('timeout', args.one('timeout') ?? '5000', 1, 2 ** 31 - 1)
  const strategy = args.one('strategy')
  const { addresses } = chooseUpstreams([...args.all('upstream'), ...servers], [], context)
  const upstreams = args.has('tcp') ? addresses.map(overTcp) : addresses
  const forwarder = makeForwarder({ upstreams, timeout, health: false, ...(strategy === null ? {} : { strategy }) })
  try {
    return await ask(
      forwarder,
      { name, type, trace: args.has('trace'), dnssecOk: args.has('dnssec'), timeout },
      context,
    )
  } finally {
    forwarder.destroy()
  }
}

interface Question {
  readonly name: string
  readonly type: string
  readonly trace: boolean
  readonly dnssecOk: boolean
  readonly timeout: number
}

/** NAME and TYPE, with `@server` anywhere. @throws {UsageError} too few or too many, or they can't be asked for */
function readPositionals(positionals: readonly string[]): {
  readonly name: string
  readonly type: string
  readonly servers: readonly string[]
} {
  const servers = positionals.filter((text) => text.startsWith('@')).map((text) => text.slice(1))
  const [name, type = 'A', ...rest] = positionals.filter((text) => !text.startsWith('@'))
  if (name === undefined) throw new UsageError('query needs a NAME: headrace query NAME [TYPE]')
  if (rest.length > 0) throw new UsageError(`query takes a NAME and a TYPE; there is no place for "${rest.join(' ')}"`)
  asUsage(() => typeNumber(typeOf(type)))
  try {
    Message.query(name, typeOf(type))
  } catch (error) {
    throw new UsageError(
      `NAME "${name}" cannot be asked for: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
  return { name, type, servers }
}

function typeOf(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text
}

async function ask(
  forwarder: Forwarder,
  { name, type, trace, dnssecOk, timeout }: Question,
  { stdout, stderr }: CommandContext,
): Promise<number> {
  stdout.write(`; headrace ${version()}: ${printable(name)} ${type.toUpperCase()}\n`)
  try {
    const steps = trace && new PrintedTrace(stdout)
    const result = await forwarder.query(name, typeOf(type), { trace: steps, dnssecOk, edns: true, timeout })
    if (trace) stdout.write('\n')
    stdout.write(replyText(result.message, result))
    stdout.write(footer(result))
    return EXIT.OK
  } catch (error) {
    stderr.write(`;; no reply: ${printable(error instanceof Error ? error.message : String(error))}\n`)
    return EXIT.NO_REPLY
  }
}

function footer({ elapsed, upstream, message }: QueryResult): string {
  return `\n;; Query time: ${milliseconds(elapsed)}\n;; SERVER: ${printable(upstream ?? 'headrace itself')}\n;; MSG SIZE  rcvd: ${message.wire.length}\n`
}

/** Prints decisions as they are made, each with its time since the first, so that one sees why a query fails, too. */
class PrintedTrace implements Trace {
  readonly #out: Output
  readonly #began = systemClock.now()

  constructor(out: Output) {
    this.#out = out
    out.write(';; TRACE:\n')
  }

  add(step: TraceStep): void {
    const at = milliseconds(systemClock.now() - this.#began).padStart(8)
    this.#out.write(`;; ${at}  ${printable(traceText(step))}\n`)
  }
}
