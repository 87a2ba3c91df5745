import type { ForwarderOptions, ForwarderRoute } from '../forwarder/forwarder.js'
import type { HealthOptions } from '../health/options.js'
import type { PoolOptions } from '../pool/options.js'
import { strategyFrom } from '../strategy/strategies.js'
import type { UpstreamOptions } from '../upstream/options.js'
import { defined } from './defined.js'
import { readAddress, readHealth, type Reading } from './members.js'
import { isChecked } from './own-options.js'
import { readCache, readMembers, readPool } from './own-pools.js'
import type { Section } from './section.js'

/** The longest that a whole query may take unless attempts may take longer, in ms. */
const TIMEOUT = 5000
const DNS_KEYS = [
  'pools',
  'upstream_servers',
  'default_strategy',
  'query_timeout',
  'dnssec_enabled',
  'local_domain',
  'local_dns_server',
  'health_check',
  'cache_enabled',
]
/** What Ferrous DNS has in `[dns]` and does besides forwarding, or in another way. */
const OTHERS: ReadonlySet<string> = new Set([
  'cache_ttl',
  'cache_min_ttl',
  'cache_max_ttl',
  'cache_max_entries',
  'cache_eviction_strategy',
  'cache_optimistic_refresh',
  'cache_refresh_threshold',
  'cache_min_hit_rate',
  'cache_min_frequency',
  'cache_min_lfuk_score',
  'cache_lfuk_history_size',
  'cache_batch_eviction_percentage',
  'cache_compaction_interval',
  'cache_adaptive_thresholds',
  'cache_shard_amount',
  'cache_inflight_shard_amount',
  'cache_access_window_secs',
  'block_private_ptr',
  'block_non_fqdn',
  'local_records',
  'conditional_forwarding',
  'rate_limit',
])

/** The table `[dns]` with the names of Ferrous DNS. */
export function readDns(reading: Reading, section: Section): ForwarderOptions {
  const { problems } = reading
  const strategy = readStrategy(reading, section)
  const attempt = section.number('query_timeout', { what: 'seconds', min: 0.001, max: 3600, whole: false })
  const fallback = section.has('upstream_servers')
    ? readMembers(reading, taken(section, 'upstream_servers'))
    : undefined
  const local = readLocal(reading, section)
  const options: ForwarderOptions = {
    ...defined(
      'pools',
      section.sections('pools')?.map((pool) => readDnsPool(reading, pool, strategy)),
    ),
    ...defined('fallback', fallback),
    ...defined('fallbackStrategy', fallback === undefined ? undefined : strategy),
    ...defined('timeout', attempt === undefined ? undefined : Math.max(TIMEOUT, 2 * attempt * 1000)),
    ...defined('health', readHealthCheck(reading, section)),
    ...defined('cache', section.has('cache_enabled') ? readCache(reading, taken(section, 'cache_enabled')) : undefined),
    ...defined('routes', local.routes ?? undefined),
  }
  const upstreamDefaults: UpstreamOptions = {
    ...defined('timeout', attempt === undefined ? undefined : attempt * 1000),
    ...defined('bootstrap', local.bootstrap ?? undefined),
  }
  if (section.boolean('dnssec_enabled') === true)
    problems.warn(section.at('dnssec_enabled'), 'nothing is validated here: ask upstreams that validate')
  section.ignore(OTHERS, 'is not what headrace does, or is done another way here: it has no effect')
  section.finish(DNS_KEYS)
  return Object.keys(upstreamDefaults).length === 0 ? options : { ...options, upstreamDefaults }
}

function readDnsPool(reading: Reading, section: Section, strategy: string | undefined): PoolOptions {
  const upstreams = section.has('servers') ? readMembers(reading, taken(section, 'servers')) : undefined
  if (upstreams === undefined && !section.has('upstreams'))
    reading.problems.error(section.path, 'has no "servers", such as servers = ["tls://192.0.2.1"]')
  const own = readPool(reading, section)
  return {
    ...(strategy !== undefined && { strategy }),
    ...own,
    ...(upstreams !== undefined && { upstreams }),
  }
}

function readStrategy(reading: Reading, section: Section): string | undefined {
  const strategy = section.string('default_strategy')
  if (strategy === undefined) return undefined
  const path = section.path
  return isChecked(reading, () => strategyFrom(strategy, 'dns', 'default_strategy'), path) ? strategy : undefined
}

/** `interval` is in seconds there; what Ferrous DNS doesn't know is as in code, in ms. */
function readHealthCheck(reading: Reading, section: Section): HealthOptions | false | undefined {
  const { value, path } = taken(section, 'health_check')
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return value === undefined ? undefined : readHealth(reading, { value, path })
  const { interval, ...rest } = value as Record<string, unknown>
  const health = readHealth(reading, { value: rest, path })
  if (interval === undefined) return health
  if (typeof interval === 'number' && interval >= 0.001 && interval <= 2_000_000)
    return { ...health, interval: interval * 1000 }
  reading.problems.error([...path, 'interval'], 'must be a number of seconds from 0.001 to 2000000')
  return health
}

/** The resolver of the own network: it knows its own domain, and where upstreams are. */
function readLocal(
  reading: Reading,
  section: Section,
): { readonly bootstrap: readonly string[] | null; readonly routes: Record<string, ForwarderRoute> | null } {
  const domain = section.string('local_domain')
  const given = taken(section, 'local_dns_server')
  const server = given.value === undefined ? undefined : readAddress(reading, given)
  if (domain !== undefined && given.value === undefined)
    reading.problems.error(section.at('local_domain'), 'needs "local_dns_server", who is asked for its names')
  if (server === undefined) return { bootstrap: null, routes: null }
  return { bootstrap: [server], routes: domain === undefined ? null : Object.fromEntries([[domain, [server]]]) }
}

function taken(
  section: Section,
  key: string,
): { readonly value: unknown; readonly path: readonly (string | number)[] } {
  return { value: section.take(key), path: section.at(key) }
}
