import { nearest } from '../base/options.js'
import { DnsError } from '../errors.js'
import { check } from './check.js'
import { EXIT, UsageError, version, type Command, type CommandContext } from './command.js'
import { CHECK_HELP, HELP, QUERY_HELP, SERVE_HELP, TOP_HELP } from './help.js'
import { query } from './query.js'
import { serve } from './serve.js'
import { top } from './top.js'

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['serve', serve],
  ['query', query],
  ['check', check],
  ['top', top],
  ['help', help],
])

const HELPS: ReadonlyMap<string, string> = new Map([
  ['serve', SERVE_HELP],
  ['query', QUERY_HELP],
  ['check', CHECK_HELP],
  ['top', TOP_HELP],
])

/**
 * The `headrace` command: `context.args` as in `process.argv` from the third on. Resolves with the exit code; what is
 * wrong is said in one line on stderr. Never rejects.
 */
export async function run(context: CommandContext): Promise<number> {
  try {
    return await dispatch(context)
  } catch (error) {
    return complain(context, error)
  }
}

function dispatch(context: CommandContext): Promise<number> {
  const [name, ...args] = context.args
  if (name === '-h' || name === '--help') return help({ ...context, args })
  if (name === '-V' || name === '--version') return printVersion(context)
  if (name === undefined) throw new UsageError('a command is needed: serve, query, check, top or help')
  const command = COMMANDS.get(name)
  if (command !== undefined) return command({ ...context, args })
  const meant = nearest(name, [...COMMANDS.keys()])
  throw new UsageError(
    `command "${name}" is not known; ${meant === null ? 'known are serve, query, check, top and help' : `did you mean "${meant}"?`}`,
  )
}

function complain({ stderr, env }: CommandContext, error: unknown): number {
  const message = error instanceof Error ? error.message : String(error)
  stderr.write(`headrace: ${message.replaceAll(/[^ -~]/g, '?')}\n`)
  if (error instanceof UsageError) return EXIT.USAGE
  if (error instanceof DnsError) return EXIT.FAILED
  const stack = error instanceof Error ? error.stack : undefined
  stderr.write(
    env['HEADRACE_DEBUG'] ? `${stack ?? ''}\n` : 'This was not expected. HEADRACE_DEBUG=1 shows where it happened.\n',
  )
  return EXIT.FAILED
}

function help({ args, stdout }: CommandContext): Promise<number> {
  stdout.write(HELPS.get(args[0] ?? '') ?? HELP)
  return Promise.resolve(EXIT.OK)
}

function printVersion({ stdout }: CommandContext): Promise<number> {
  stdout.write(`${version()}\n`)
  return Promise.resolve(EXIT.OK)
}
