import { readFile } from 'node:fs/promises'
import type { Address } from '../address/address.js'
import { loadConfig, type Config, type DeployedConfig, type ServiceOptions } from '../config/index.js'
import { serverPortOf } from '../config/dns-proxy.js'
import { NO_SERVICE } from '../config/own-server.js'
import { Pool } from '../pool/pool.js'
import type { PoolOptions } from '../pool/options.js'
import { strategyFrom, type StrategyInput } from '../strategy/strategies.js'
import type { ServerOptions } from '../server/server.js'
import { wholeNumber, type OptionSpecs, type Parsed } from './arguments.js'
import { UsageError, type CommandContext } from './command.js'
import { asUsage, chooseUpstreams } from './upstreams.js'

export const SERVE_OPTIONS = {
  config: { short: 'c', value: 'a file' },
  listen: { short: 'l', value: 'an address such as 127.0.0.1:5353' },
  allow: { short: 'a', value: 'a network such as 192.168.0.0/16' },
  upstream: { short: 'u', value: 'an address such as 9.9.9.9' },
  tls: { value: 'an address such as 192.0.2.1:853' },
  https: { value: 'an address such as 192.0.2.1:443' },
  http3: {},
  quic: { value: 'an address such as 192.0.2.1:853' },
  cert: { value: 'a file' },
  key: { value: 'a file' },
  strategy: { value: 'the name of a strategy' },
  timeout: { value: 'milliseconds' },
  'max-udp-size': { value: 'octets' },
  status: { value: 'an address such as 127.0.0.1:8053' },
  metrics: { value: 'an address such as 127.0.0.1:9153' },
  workers: { value: 'how many processes' },
  'log-format': { value: 'auto, human or json' },
  'log-level': { value: 'debug, info, warn or error' },
  'verbose-health': {},
  verbose: { short: 'v' },
  help: { short: 'h' },
} as const satisfies OptionSpecs

/** The arguments of `headrace serve`. */
export type ServeArguments = Parsed<typeof SERVE_OPTIONS>

const FORMATS = ['auto', 'human', 'json'] as const
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** What is to be served: a document, if there is one, with the arguments over it. */
export interface Plan extends DeployedConfig {
  readonly service: ServiceOptions
  readonly warnings: Config['warnings']
  /** Whether the system's resolvers are asked, for want of others. */
  readonly system: boolean
}

/**
 * Reads the document anew, each time that it is called.
 *
 * @throws {UsageError} as a rejection: an argument can't be used; {ConfigError} the document can't
 */
export async function planFor(args: ServeArguments, context: CommandContext): Promise<Plan> {
  const file = args.one('config')
  const config = file === null ? null : await loadConfig(file)
  const base = config ?? { forwarder: {}, server: {}, service: NO_SERVICE, warnings: [] }
  const replacing = args.all('upstream').length > 0 ? args.all('upstream') : args.positionals
  const isConfigured = config !== null && replacing.length === 0
  const port = config?.format === 'dns-proxy' ? serverPortOf(await readFile(file!, 'utf8')) : 53
  const chosen = isConfigured ? null : chooseUpstreams(replacing, [], context, port)
  const forwarder = chosen === null ? base.forwarder : withUpstreams(base.forwarder, chosen.addresses)
  return {
    forwarder: { ...withStrategy(forwarder, args.one('strategy')), ...timeoutOf(args) },
    server: { ...serverOptions(base.server, args), inherit: context.passed?.sockets ?? [] },
    service: serviceOptions(base.service, args),
    warnings: base.warnings,
    system: chosen?.system ?? false,
  }
}

/** Everybody who is configured gives way, those of routes too; what routes answer here stays. */
function withUpstreams(
  { pools = [], upstreams: _, fallback: __, routes = {}, ...rest }: DeployedConfig['forwarder'],
  addresses: readonly Address[],
): DeployedConfig['forwarder'] {
  const actions = Object.entries(routes).filter(([, route]) => typeof route === 'object' && 'action' in route)
  const kept = { ...rest, ...(actions.length > 0 && { routes: Object.fromEntries(actions) }) }
  const upstreams = addresses.map(({ text, tag }) => (tag === null ? text : `${text}|${tag}`))
  const [first] = pools
  if (first === undefined || first instanceof Pool) return { ...kept, upstreams }
  return { ...kept, pools: [{ ...first, upstreams }] }
}

function withStrategy(forwarder: DeployedConfig['forwarder'], name: string | null): DeployedConfig['forwarder'] {
  if (name === null) return forwarder
  asUsage(() => strategyFrom(name as StrategyInput, 'headrace'))
  const strategy = name as StrategyInput
  const { pools, upstreams, fallback } = forwarder
  return {
    ...forwarder,
    ...(pools && { pools: pools.map((pool) => ({ ...(pool as PoolOptions), strategy })) }),
    ...(upstreams && { strategy }),
    ...(!pools && !upstreams && fallback && { fallbackStrategy: strategy }),
  }
}

function timeoutOf(args: ServeArguments): { readonly timeout?: number } {
  const text = args.one('timeout')
  return text === null ? {} : { timeout: wholeNumber('timeout', text, 1, 2 ** 31 - 1) }
}

function serverOptions(base: ServerOptions, args: ServeArguments): ServerOptions {
  const [listen, allow, size] = [args.all('listen'), args.all('allow'), args.one('max-udp-size')]
  const files = { certFile: args.one('cert') ?? undefined, keyFile: args.one('key') ?? undefined }
  const encrypted = (['tls', 'https', 'quic'] as const).flatMap((name) => {
    const at = args.all(name)
    if (at.length === 0) return []
    if (files.certFile === undefined || files.keyFile === undefined)
      throw new UsageError(`--${name} needs --cert and --key, the files of its certificate`)
    const http3 = name === 'https' && args.has('http3') ? { http3: true } : {}
    return [[name, { ...base[name], listen: at, ...files, cert: undefined, key: undefined, ...http3 }] as const]
  })
  if (encrypted.length === 0 && (files.certFile ?? files.keyFile) !== undefined)
    throw new UsageError('--cert and --key go with --tls, --https or --quic')
  if (args.has('http3') && args.all('https').length === 0) throw new UsageError('--http3 goes with --https')
  return {
    ...base,
    ...Object.fromEntries(encrypted),
    ...(listen.length > 0 && { listen }),
    ...(allow.length > 0 && { allow }),
    ...(size !== null && { maxUdpSize: wholeNumber('max-udp-size', size, 512, 65_535) }),
  }
}

function serviceOptions(base: ServiceOptions, args: ServeArguments): ServiceOptions {
  const workers = args.one('workers')
  const format = oneOf(args, 'log-format', FORMATS) ?? base.logFormat
  const level = oneOf(args, 'log-level', LEVELS) ?? base.logLevel
  return {
    status: args.one('status') ?? base.status,
    metrics: args.one('metrics') ?? base.metrics,
    logFormat: format,
    logLevel: args.has('verbose') ? 'debug' : level,
    workers: workers === null ? base.workers : wholeNumber('workers', workers, 0, 1024),
  }
}

function oneOf<T extends string>(
  args: ServeArguments,
  name: 'log-format' | 'log-level',
  allowed: readonly T[],
): T | null {
  const text = args.one(name)
  if (text === null || allowed.includes(text as T)) return text as T | null
  throw new UsageError(`--${name} must be one of ${allowed.join(', ')}; got "${text}"`)
}
