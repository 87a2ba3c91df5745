import type { Forwarder } from '../forwarder/forwarder.js'
import { createServer, type Server, type ServerOptions } from '../server/server.js'
import { rcodeName } from '../wire/constants.js'
import { parseArguments, wholeNumber, type OptionSpecs, type Parsed } from './arguments.js'
import { EXIT, UsageError, version, type CommandContext, type Output } from './command.js'
import { SERVE_HELP } from './help.js'
import { changeText, probeText } from './health-text.js'
import { printable } from './reply-text.js'
import { milliseconds } from './trace-text.js'
import { chooseUpstreams, makeForwarder, usageOf, type Chosen } from './upstreams.js'
import { DnsError } from '../errors.js'

const OPTIONS = {
  listen: { short: 'l', value: 'an address such as 127.0.0.1:5353' },
  allow: { short: 'a', value: 'a network such as 192.168.0.0/16' },
  upstream: { short: 'u', value: 'an address such as 9.9.9.9' },
  strategy: { value: 'the name of a strategy' },
  timeout: { value: 'milliseconds' },
  'max-udp-size': { value: 'octets' },
  config: { short: 'c', value: 'a file' },
  'verbose-health': {},
  verbose: { short: 'v' },
  help: { short: 'h' },
} as const satisfies OptionSpecs

/** `headrace serve`: forwards until it is told to stop. */
export async function serve(context: CommandContext): Promise<number> {
  const args = parseArguments(OPTIONS, context.args)
  if (args.has('help')) {
    context.stdout.write(SERVE_HELP)
    return EXIT.OK
  }
  if (args.has('config')) throw new UsageError('option --config is not built in yet')
  const chosen = chooseUpstreams(args.all('upstream'), args.positionals, context)
  const strategy = args.one('strategy')
  const timeout = wholeNumber('timeout', args.one('timeout') ?? '5000', 1, 2 ** 31 - 1)
  const forwarder = makeForwarder({ upstreams: chosen.addresses, timeout, ...(strategy === null ? {} : { strategy }) })
  try {
    const server = await open(forwarder, serverOptions(args))
    announce(context.stdout, server, forwarder, { allow: args.all('allow'), chosen })
    if (args.has('verbose')) logReplies(context.stdout, server)
    if (args.has('verbose-health')) logChecks(context.stdout, forwarder)
    logHealth(context.stdout, forwarder)
    return await untilStopped(context, server, forwarder)
  } finally {
    forwarder.destroy()
  }
}

function serverOptions(args: Parsed<typeof OPTIONS>): ServerOptions {
  const [listen, allow, size] = [args.all('listen'), args.all('allow'), args.one('max-udp-size')]
  return {
    ...(listen.length === 0 ? {} : { listen }),
    ...(allow.length === 0 ? {} : { allow }),
    ...(size === null ? {} : { maxUdpSize: wholeNumber('max-udp-size', size, 512, 65_535) }),
  }
}

/** @throws {UsageError} an argument can't be used; {DnsError} an address can't be listened on */
async function open(forwarder: Forwarder, options: ServerOptions): Promise<Server> {
  try {
    return await createServer(forwarder, options)
  } catch (error) {
    if (error instanceof DnsError && error.code !== 'ERR_DNS_LISTEN') throw usageOf(error)
    throw error
  }
}

function announce(
  out: Output,
  server: Server,
  forwarder: Forwarder,
  { allow, chosen }: { readonly allow: readonly string[]; readonly chosen: Chosen },
): void {
  out.write(`headrace ${version()}\n`)
  for (const { transport, host } of server.addresses) {
    if (transport === 'udp') out.write(`Listening on ${host} (udp and tcp)\n`)
  }
  out.write(`Answering ${allow.length === 0 ? 'loopback and private networks' : allow.join(', ')}, nobody else\n`)
  if (chosen.system) out.write("No upstreams given: using the system's resolvers\n")
  out.write(`Upstream servers (${forwarder.pools[0]?.strategy.name}):\n`)
  for (const { name, address } of forwarder.upstreams) {
    out.write(`  - ${address === null || address.text === name ? name : `${address.text} (${printable(name)})`}\n`)
  }
}

function logReplies(out: Output, server: Server): void {
  server.on('reply', ({ client, query, reply, upstream, elapsed }) => {
    const { question } = query
    const asked = question === null ? '?' : `${question.name} ${question.type}`
    out.write(
      `${client.address} ${client.transport} ${asked} ${rcodeName(reply.rcode)} ${milliseconds(elapsed)} ${printable(upstream ?? 'headrace')}\n`,
    )
  })
}

function logHealth(out: Output, forwarder: Forwarder): void {
  for (const upstream of forwarder.upstreams) {
    const name = printable(upstream.name)
    upstream.on('suspect', () => out.write(`Upstream ${name} does not reply: it is asked last until it does\n`))
    upstream.on('down', () => out.write(`Upstream ${name} is down\n`))
    upstream.on('up', () => out.write(`Upstream ${name} is up again\n`))
  }
}

/** A line for each probe, and one for each change with its reason. */
function logChecks(out: Output, forwarder: Forwarder): void {
  for (const { monitor } of forwarder.pools) {
    monitor?.on('probe', (event) => out.write(`${printable(probeText(event))}\n`))
    monitor?.on('change', (event) => out.write(`${printable(changeText(event))}\n`))
  }
}

/** Resolves with the exit code once everything is closed: the first signal drains, the second ends at once. */
function untilStopped({ signals, stdout }: CommandContext, server: Server, forwarder: Forwarder): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false
    const done = (code: number): void => {
      for (const [signal, listener] of listeners) signals.removeListener(signal, listener)
      resolve(code)
    }
    const stop = (signal: string, number: number): void => {
      if (stopping) {
        server.destroy()
        forwarder.destroy()
        return done(128 + number)
      }
      stopping = true
      const { outstanding } = server.stats
      stdout.write(
        `${signal}: stopping${outstanding === 0 ? '' : `, answering ${outstanding} ${outstanding === 1 ? 'query' : 'queries'} under way`}\n`,
      )
      void server.close().then(() => forwarder.close()).then(() => done(EXIT.OK)) // prettier-ignore
    }
    const listeners = [
      ['SIGINT', () => stop('SIGINT', 2)],
      ['SIGTERM', () => stop('SIGTERM', 15)],
    ] as const
    for (const [signal, listener] of listeners) signals.on(signal, listener)
  })
}
