import { systemClock } from '../base/clock.js'
import { ConfigError, problemText } from '../config/index.js'
import { DnsError } from '../errors.js'
import { parseArguments } from './arguments.js'
import { EXIT, UsageError, type CommandContext } from './command.js'
import { SERVE_HELP } from './help.js'
import { Log } from './log.js'
import { printable } from './reply-text.js'
import { planFor, SERVE_OPTIONS, type Plan, type ServeArguments } from './serve-plan.js'
import { Service } from './service.js'
import { usageOf } from './upstreams.js'
import { Workers, workersOf } from './workers.js'

/** `headrace serve`: forwards until it is told to stop. */
export async function serve(context: CommandContext): Promise<number> {
  const args = parseArguments(SERVE_OPTIONS, context.args)
  if (args.has('help')) {
    context.stdout.write(SERVE_HELP)
    return EXIT.OK
  }
  const plan = await readPlan(args, context)
  if (plan === null) return EXIT.FAILED
  const clock = context.clock ?? systemClock
  const { worker = null } = context
  const log = new Log(context.stdout, clock, plan.service, worker?.number ?? null)
  const isMany = worker === null && workersOf(plan) > 1
  if (isMany && context.passed !== undefined && context.passed.sockets.length > 0)
    throw new UsageError(
      'several workers cannot share the sockets that the service manager has passed: leave out one of both',
    )
  if (isMany) return new Workers(args, context, plan, log).stopped
  const service = await open(args, context, plan, log)
  return service.stopped
}

/** Null: the document can't be used, and everything that is wrong was said. */
async function readPlan(args: ServeArguments, context: CommandContext): Promise<Plan | null> {
  try {
    return await planFor(args, context)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) context.stderr.write(`${printable(problemText(problem))}\n`)
    return null
  }
}

/** @throws {UsageError} an argument can't be used; {DnsError} an address can't be listened on */
async function open(args: ServeArguments, context: CommandContext, plan: Plan, log: Log): Promise<Service> {
  try {
    return await Service.open(args, context, plan, log)
  } catch (error) {
    const isArgument = error instanceof DnsError && error.code !== 'ERR_DNS_LISTEN' && args.one('config') === null
    throw isArgument ? usageOf(error) : error
  }
}
