import type { HealthOptions } from '../health/options.js'
import type { PoolOptions } from '../pool/options.js'
import type { StrategyName } from '../strategy/strategies.js'
import type { Document, Read } from './document.js'
import { readMember, type Reading } from './members.js'
import { NO_SERVICE } from './own-server.js'
import { Problems } from './problems.js'
import { Section } from './section.js'
import { parseYaml } from './yaml.js'

const SECONDS = 1000
/** Its own defaults: 5 s an attempt, three of them, by turns. */
const TIMEOUT = 5
const MAX_ATTEMPTS = 3
const STRATEGIES = { round_robin: 'balanced', random: 'random', fastest: 'fastest' } as const satisfies Record<
  string,
  StrategyName
>
const ARGS = ['upstreams', 'timeout', 'strategy', 'health_checks', 'max_attempts', 'concurrent']
const LISTENERS: ReadonlySet<unknown> = new Set(['udp_server', 'tcp_server'])
/** What its checks are here: what queries meet, and probes of who fails. */
const LAZY: HealthOptions = Object.freeze({ mode: 'lazy' })

/** The YAML file of lazydns: each plugin of the type `forward` is a pool, tried in their order. */
export function readLazydns({ text, file, folder }: Document): Read {
  const { value, locate } = parseYaml(text, file)
  const problems = new Problems(file, locate)
  const reading: Reading = { problems, folder, spelling: 'snake' }
  const root = Section.from(problems, { value, path: [] }, 'snake')
  const pools: PoolOptions[] = []
  const listen: string[] = []
  for (const plugin of root?.sections('plugins') ?? []) {
    const type = plugin.string('type')
    if (type === 'forward') pools.push(readForward(reading, plugin, pools.length + 1))
    else if (LISTENERS.has(type)) listen.push(...readListen(plugin))
    else
      problems.warn(
        plugin.path,
        `is a plugin of the type ${JSON.stringify(type ?? '')}, which headrace has not: it has no effect`,
      )
  }
  root?.ignore(new Set(root.left), 'is not about forwarding: it has no effect')
  if (pools.length === 0) problems.error([], 'has no plugin of the type "forward", which says whom to ask')
  const timeout = Math.max(0, ...pools.map((pool) => (pool.timeout ?? 0) * ((pool.maxAttempts ?? 0) + 1)))
  return {
    problems,
    forwarder: { pools, ...(timeout > 0 && { timeout }) },
    server: listen.length === 0 ? {} : { listen: [...new Set(listen)] },
    service: NO_SERVICE,
  }
}

function readForward(reading: Reading, plugin: Section, priority: number): PoolOptions {
  const { problems } = reading
  const name = plugin.string('tag') ?? `forward-${priority}`
  plugin.ignore(new Set(['priority', 'description', 'comment']), 'has no effect: plugins are tried in their order')
  const args = plugin.section('args')
  plugin.finish(['tag', 'type', 'args'])
  if (args === null) {
    problems.error(plugin.path, 'has no "args" with "upstreams"')
    return { name, priority }
  }
  const pool = readArgs(reading, args)
  return { name, priority, ...pool }
}

function readArgs(reading: Reading, args: Section): PoolOptions {
  const upstreams = args.list('upstreams')?.flatMap((item) => readMember(reading, item) ?? [])
  if (upstreams === undefined || upstreams.length === 0)
    reading.problems.error(args.path, 'has no "upstreams", such as ["8.8.8.8:53", "https://dns.example/dns-query|two"]')
  const timeout = args.number('timeout', { what: 'seconds', min: 1, max: 3600 }) ?? TIMEOUT
  const strategy = args.oneOf('strategy', Object.keys(STRATEGIES) as (keyof typeof STRATEGIES)[]) ?? 'round_robin'
  const isChecked = args.boolean('health_checks') ?? false
  const maxAttempts = args.number('max_attempts', { what: 'attempts', min: 1, max: 100 }) ?? MAX_ATTEMPTS
  const isRace = (args.number('concurrent', { what: 'queries', min: 0, max: 1000 }) ?? 0) > 1
  args.finish(ARGS)
  return {
    upstreams: upstreams ?? [],
    strategy: isRace ? 'parallel' : STRATEGIES[strategy],
    timeout: timeout * SECONDS,
    maxAttempts,
    health: isChecked ? LAZY : false,
  }
}

function readListen(plugin: Section): readonly string[] {
  const listen = plugin.section('args')?.string('listen')
  if (listen === undefined) return []
  return [listen.replace(/^(\d+)$/, ':$1')]
}
