import type { CacheLike, MonitorLike, PoolLike, ServerLike, UpstreamLike } from './shapes.js'
import { noCounts, statusOfError, statusOfRcode, type Status } from './statuses.js'
import type { Tally } from './tally.js'

/** What checks may find. */
const STATES = ['unknown', 'up', 'suspect', 'down'] as const

export function readUpstream(tally: Tally, object: UpstreamLike): void {
  const { name, transport, address, isUp, suspected, health, stats } = object
  const upstream = { upstream: name }
  tally.add('upstream', { ...upstream, transport: transport ?? 'function', address: address?.text ?? '' }, 1)
  tally.addEach('queries', upstream, 'status', statusCounts(stats))
  tally.add('outstanding', upstream, stats.outstanding)
  tally.add('late', upstream, stats.late)
  tally.add('srtt', upstream, stats.srtt / 1000)
  tally.add('up', upstream, Number(isUp))
  for (const state of STATES) tally.add('health', { ...upstream, state }, Number(health.state === state))
  tally.add('suspected', upstream, Number(suspected))
  for (const state of ['up', 'down']) tally.add('forced', { ...upstream, state }, Number(health.forced === state))
  tally.add('connections', upstream, stats.connectionsOpened - stats.connectionsClosed)
  tally.add('connectionsOpened', upstream, stats.connectionsOpened)
  tally.add('connectionsClosed', upstream, stats.connectionsClosed)
}

export function readPool(tally: Tally, { name, priority, strategy, isUp, members, stats }: PoolLike): void {
  const pool = { pool: name }
  tally.add('pool', { ...pool, strategy: strategy.name, priority: String(priority) }, 1)
  for (const member of members) tally.add('poolMember', { ...pool, member: member.name }, 1)
  const { replies, failures, cancelled } = stats
  tally.addEach('poolQueries', pool, 'status', { answered: replies, failed: failures, cancelled })
  tally.addEach('poolAttempts', pool, 'why', stats.attempts)
  tally.add('poolOutstanding', pool, stats.outstanding)
  tally.add('poolUp', pool, Number(isUp))
}

export function readMonitor(tally: Tally, { stats }: MonitorLike): void {
  for (const { upstream, good, void: excused, failures } of stats)
    tally.addEach('probes', { upstream }, 'result', { good, void: excused, ...failures })
}

export function readCache(tally: Tally, { stats }: CacheLike): void {
  const { hits, misses, stale, failures } = stats
  tally.addEach('cacheQueries', {}, 'result', { hit: hits, miss: misses, stale, failure: failures })
  tally.add('cacheCoalesced', {}, stats.coalesced)
  tally.add('cachePrefetches', {}, stats.prefetches)
  tally.add('cacheEvictions', {}, stats.evicted)
  tally.add('cacheEntries', {}, stats.entries)
  tally.add('cacheSize', {}, stats.size)
}

export function readServer(tally: Tally, { stats }: ServerLike): void {
  tally.add('serverDuplicates', {}, stats.duplicates)
  tally.add('serverOutstanding', {}, stats.outstanding)
  for (const [transport, counts] of Object.entries(stats.transports)) {
    const labels = { transport }
    if (counts === undefined) continue
    tally.add('serverQueries', labels, counts.queries)
    tally.add('serverReplies', labels, counts.replies)
    tally.add('serverFailures', labels, counts.failures)
    tally.add('serverDropped', labels, counts.dropped)
    tally.addEach('serverDenied', labels, 'reason', counts.denied)
    tally.add('serverMalformed', labels, counts.malformed)
    tally.add('serverConnections', labels, counts.connections)
    tally.add('serverConnectionsOpened', labels, counts.connectionsOpened)
  }
}

function statusCounts({ rcodes, failures, failureCodes, cancelled }: UpstreamLike['stats']): Record<Status, number> {
  const counts = noCounts()
  for (const [rcode, count] of Object.entries(rcodes)) counts[statusOfRcode(Number(rcode))] += count
  let coded = 0
  for (const [code, count = 0] of Object.entries(failureCodes)) {
    counts[statusOfError(code)] += count
    coded += count
  }
  counts.failed += failures - coded
  counts.cancelled += cancelled
  return counts
}
