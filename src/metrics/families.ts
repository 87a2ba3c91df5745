import type { MetricFamily } from './snapshot.js'

/** What is known of a family beside its values. */
export interface FamilyHead extends Omit<MetricFamily, 'samples'> {
  /** What becomes of two values under the same labels: those of two objects of one name, or of two processes. @default 'sum' */
  readonly merge?: 'sum' | 'max'
}

/** Every family, in the order in which they are written. */
export const FAMILIES = {
  build: info('headrace_build', 'The version of headrace and of Node.'),
  uptime: gauge('headrace_process_uptime_seconds', 'How long the process has run.', 'seconds', 'max'),
  cpu: counter('headrace_process_cpu_seconds', 'Processor time that the process has used.', 'seconds'),
  resident: gauge('headrace_process_resident_memory_bytes', 'Resident memory of the process.', 'bytes'),
  heap: gauge('headrace_process_heap_bytes', 'Memory of JavaScript objects that is in use.', 'bytes'),

  forwarderQueries: counter('headrace_forwarder_queries', 'Queries of forwarders, cache hits among them, by status.'),
  forwarderDuration: histogram('headrace_forwarder_duration_seconds', 'How long queries of forwarders took.'),

  upstream: info('headrace_upstream', 'Upstreams with their transport and address.'),
  queries: counter('headrace_upstream_queries', 'Attempts that ended, by upstream and status.'),
  duration: histogram('headrace_upstream_duration_seconds', 'How long upstreams took to reply.'),
  outstanding: gauge('headrace_upstream_outstanding', 'Attempts under way.'),
  late: counter('headrace_upstream_late', 'Attempts without a reply when the RTO had passed.'),
  srtt: gauge('headrace_upstream_srtt_seconds', 'Smoothed round-trip time.', 'seconds', 'max'),
  up: gauge('headrace_upstream_up', 'Whether it counts as up, forced or not; over processes: how many say so.'),
  health: gauge('headrace_upstream_health', '1 for the state that checks found; over processes: how many found it.'),
  suspected: gauge('headrace_upstream_suspected', 'Whether three attempts in a row failed or were late.'),
  forced: gauge('headrace_upstream_forced', 'Whether it is forced up or down.'),
  connections: gauge('headrace_upstream_connections', 'Connections and UDP sockets that are open.'),
  connectionsOpened: counter('headrace_upstream_connections_opened', 'Connections and UDP sockets that came up.'),
  connectionsClosed: counter('headrace_upstream_connections_closed', 'Connections and UDP sockets that went away.'),
  probes: counter('headrace_upstream_probes', 'Probes, by upstream and result: good, void, or what went wrong.'),

  pool: info('headrace_pool', 'Pools with their strategy and priority.'),
  poolMember: info('headrace_pool_member', 'Who is a member of which pool.'),
  poolQueries: counter('headrace_pool_queries', 'Queries of pools that ended, by status.'),
  poolAttempts: counter('headrace_pool_attempts', 'Attempts of pools, by why they began; hedge counts the hedges.'),
  poolOutstanding: gauge('headrace_pool_outstanding', 'Queries under way.'),
  poolUp: gauge('headrace_pool_up', 'Whether any member is up; over processes: how many say so.'),

  cacheQueries: counter('headrace_cache_queries', 'Queries of caches, by result.'),
  cacheCoalesced: counter('headrace_cache_coalesced', 'Queries that waited for an equal one under way.'),
  cachePrefetches: counter('headrace_cache_prefetches', 'Popular replies that were fetched anew in time.'),
  cacheEvictions: counter('headrace_cache_evictions', 'Replies that were dropped to make room.'),
  cacheEntries: gauge('headrace_cache_entries', 'Replies in memory.'),
  cacheSize: gauge('headrace_cache_size_bytes', 'Memory that caches take.', 'bytes'),

  serverQueries: counter('headrace_server_queries', 'Queries of clients taken on, by transport.'),
  serverReplies: counter('headrace_server_replies', 'Replies sent to clients.'),
  serverFailures: counter('headrace_server_failures', 'Queries of clients to which no reply could be had.'),
  serverDropped: counter('headrace_server_dropped', 'Queries of clients that got nothing.'),
  serverDuplicates: counter('headrace_server_duplicates', 'UDP queries that came again while they were under way.'),
  serverDenied: counter('headrace_server_denied', 'Packets and connections turned away, by transport and reason.'),
  serverMalformed: counter('headrace_server_malformed', 'Packets that are no query that is taken.'),
  serverOutstanding: gauge('headrace_server_outstanding', 'Queries of clients under way.'),
  serverConnections: gauge('headrace_server_connections', 'Connections of clients that are open.'),
  serverConnectionsOpened: counter('headrace_server_connections_opened', 'Connections of clients that came.'),
} as const satisfies Readonly<Record<string, FamilyHead>>

/** Names of the families within this package. */
export type FamilyKey = keyof typeof FAMILIES

const RULES = new Map<string, FamilyHead>(Object.values(FAMILIES).map((head) => [head.name, head]))

/** What becomes of two values of the family `name` under the same labels; those of families that are not ours are added up. */
export function mergeRule(name: string): 'sum' | 'max' {
  return RULES.get(name)?.merge ?? 'sum'
}

function counter(name: string, help: string, unit: FamilyHead['unit'] = null): FamilyHead {
  return { name, type: 'counter', help, unit }
}

function gauge(name: string, help: string, unit: FamilyHead['unit'] = null, merge: 'sum' | 'max' = 'sum'): FamilyHead {
  return { name, type: 'gauge', help, unit, merge }
}

function histogram(name: string, help: string): FamilyHead {
  return { name, type: 'histogram', help, unit: 'seconds' }
}

function info(name: string, help: string): FamilyHead {
  return { name, type: 'info', help, unit: null, merge: 'max' }
}
