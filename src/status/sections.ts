import type { Reading } from './reading.js'
import type { CacheReport, PoolReport, ServerReport, UpstreamReport } from './report.js'

/** Names of the upstreams, each once, in the order in which they were found. */
export function upstreamNames(reading: Reading): readonly string[] {
  return [...new Set(reading.samples('upstream_up').map(({ labels }) => labels['upstream'] ?? ''))]
}

/** What a snapshot says of one upstream as it is now. */
export function readUpstream(reading: Reading, name: string): Omit<UpstreamReport, 'state' | 'health' | 'series'> {
  const upstream = { upstream: name }
  const { transport = '', address = '' } = reading.samples('upstream', upstream)[0]?.labels ?? {}
  const srtt = reading.value('upstream_srtt_seconds', upstream)
  const forced = (['down', 'up'] as const).find((state) => reading.count('upstream_forced', { ...upstream, state }) > 0)
  return {
    name,
    transport,
    address,
    forced: forced ?? null,
    suspected: reading.count('upstream_suspected', upstream) > 0,
    srtt: Number.isNaN(srtt) ? null : srtt * 1000,
    outstanding: reading.count('upstream_outstanding', upstream),
    connections: reading.count('upstream_connections', upstream),
    counts: reading.by('upstream_queries', 'status', upstream),
    probes: reading.by('upstream_probes', 'result', upstream),
  }
}

/** How upstreams stand, in a few words. */
export function summaryOf(upstreams: readonly Pick<UpstreamReport, 'name' | 'state'>[]): string {
  const [only] = upstreams
  const down = upstreams.filter(({ state }) => state === 'down')
  const doubted = upstreams.filter(({ state }) => state === 'suspect' || state === 'partly')
  if (only === undefined) return 'There are no upstreams'
  if (upstreams.length === 1)
    return `${only.name} ${{ ...DOUBTS, down: 'is down', up: 'is up', unknown: 'is up' }[only.state]}`
  if (down.length === upstreams.length) return 'Every upstream is down'
  if (down.length > 1) return `${down.length} of ${upstreams.length} upstreams are down`
  if (down.length === 1)
    return `${down[0]!.name} is down, ${upstreams.length - 1 === 1 ? '1 other is' : `${upstreams.length - 1} others are`} not`
  if (doubted.length > 1) return `${doubted.length} of ${upstreams.length} upstreams are in doubt`
  if (doubted.length === 1) return `${doubted[0]!.name} ${DOUBTS[doubted[0]!.state as keyof typeof DOUBTS]}`
  return `All ${upstreams.length} upstreams are up`
}

const DOUBTS = { suspect: 'is under suspicion', partly: 'is down for some processes' } as const

/** Pools by priority. */
export function readPools(reading: Reading): readonly PoolReport[] {
  const found = reading.samples('pool').map(({ labels }): PoolReport => {
    const { pool = '', strategy = '', priority = '' } = labels
    const count = (status: string): number => reading.count('pool_queries', { pool, status })
    return {
      name: pool,
      strategy,
      priority: Number(priority),
      up: reading.count('pool_up', { pool }) > 0,
      members: reading.samples('pool_member', { pool }).map((sample) => sample.labels['member'] ?? ''),
      answered: count('answered'),
      failed: count('failed'),
      hedges: reading.count('pool_attempts', { pool, why: 'hedge' }),
      outstanding: reading.count('pool_outstanding', { pool }),
    }
  })
  return found.sort((a, b) => a.priority - b.priority)
}

/** All caches together; null without any. */
export function readCaches(reading: Reading): CacheReport | null {
  if (!reading.has('cache_queries')) return null
  const { hit = 0, miss = 0, stale = 0, failure = 0 } = reading.by('cache_queries', 'result')
  return {
    hits: hit,
    misses: miss,
    stale,
    failures: failure,
    coalesced: reading.count('cache_coalesced'),
    prefetches: reading.count('cache_prefetches'),
    evictions: reading.count('cache_evictions'),
    entries: reading.count('cache_entries'),
    size: reading.count('cache_size_bytes'),
  }
}

/** What clients asked, by transport. */
export function readServers(reading: Reading): readonly ServerReport[] {
  return reading.samples('server_queries').map(({ labels: { transport = '' }, value: queries }) => ({
    transport,
    queries,
    replies: reading.count('server_replies', { transport }),
    failures: reading.count('server_failures', { transport }),
    dropped: reading.count('server_dropped', { transport }),
    denied: reading.count('server_denied', { transport }),
    malformed: reading.count('server_malformed', { transport }),
    connections: reading.count('server_connections', { transport }),
  }))
}
