import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, DnsError, Forwarder, Message, Upstream } from 'headrace'
import { serveStatus } from 'headrace/status'
import { FakeServer, FakeUpstream } from 'headrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Daemon, freePort, missing, pause, peer, temporaryFolder, title } from '../helpers/peer.js'

const cleanups: (() => unknown)[] = []

const ODD = 'two "words"\\n,{}=\n<b>ünï</b>'
const HEALTH = {
  interval: 1000,
  failureThreshold: 1,
  initialDecides: true,
  recoveryInterval: 0,
  query: { name: 'canary.example' },
} as const

interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** A real Prometheus that scrapes `target` four times a second. */
async function scraping(target: string): Promise<string> {
  const port = await freePort()
  const folder = temporaryFolder('prometheus')
  const config = join(folder, 'prometheus.yml')
  writeFileSync(
    config,
    `{global: {scrape_interval: 250ms, scrape_timeout: 250ms}, scrape_configs: [{job_name: headrace, static_configs: [{targets: ['${target}']}]}]}`,
  )
  const listen = `127.0.0.1:${port}`
  const files = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`]
  const daemon = new Daemon(peer('prometheus')!, [...files, `--web.listen-address=${listen}`])
  cleanups.push(() => daemon.stop())
  await daemon.until((output) => output.includes('Server is ready to receive web requests'))
  return `http://${listen}/api/v1/`
}

let api = ''

async function get<T>(path: string): Promise<T> {
  const { data } = (await (await fetch(api + path)).json()) as { data: T }
  return data
}

/** What PromQL says, as soon as that is something. */
async function promQl(query: string): Promise<readonly Series[]> {
  const { result } = await get<{ result: readonly Series[] }>(`query?query=${encodeURIComponent(query)}`)
  return result
}

/** Resolves once `query` is true of some series; Prometheus sees things at its next scrape. */
async function until(query: string): Promise<void> {
  const limit = performance.now() + 10_000
  while ((await promQl(query)).length === 0) {
    if (performance.now() > limit) assert.fail(`never true: ${query}`)
    await pause(50)
  }
}

const prometheus = missing('prometheus')
describe.skipIf(prometheus !== null)(title('Prometheus, which scrapes our metrics', prometheus), () => {
  beforeAll(async () => {
    const real = await FakeServer.listen()
    const odd = new FakeUpstream(ODD, { error: new DnsError('ERR_DNS_TLS', 'no') })
    const one = new Upstream(`${real.address}`, { name: 'one', health: HEALTH })
    const forwarder = new Forwarder({
      pools: [
        { name: 'main', strategy: 'failover', health: HEALTH, upstreams: [odd, one] },
        { name: 'hedges', priority: 2, strategy: 'hedged', health: false, upstreams: [new FakeUpstream('spare')] },
      ],
      cache: {},
    })
    const server = await createServer(forwarder, { listen: '127.0.0.1:0' })
    const status = await serveStatus({ source: server, listen: '127.0.0.1:0' })
    cleanups.push(() => real.close(), () => forwarder.destroy(), () => server.close(), () => status.close()) // prettier-ignore
    const { address, port } = server.addresses[0]!
    const client = new Upstream(`${address}:${port}`)
    cleanups.push(() => client.destroy())
    for (const nth of [0, 1, 2, 3, 4, 0]) await client.exchange({ message: Message.query(`host-${nth}.example`) })
    api = await scraping(`127.0.0.1:${status.port}`)
  })
  afterAll(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  test('has our numbers, under the names that they were given', async () => {
    await until('up{job="headrace"} == 1')
    await until('headrace_upstream_queries_total{upstream="one",status="noerror"} >= 5')
    await until('headrace_upstream_duration_seconds_count{upstream="one"} >= 5')
    await until('histogram_quantile(0.95, headrace_upstream_duration_seconds_bucket{upstream="one"}) > 0')
    await until('headrace_cache_queries_total{result="hit"} == 1')
    await until('headrace_cache_queries_total{result="miss"} == 5')
    await until('headrace_pool_queries_total{pool="main",status="answered"} == 5')
    await until('headrace_upstream_connections_opened_total{upstream="one"} >= 1')
    await until('headrace_server_queries_total{transport="udp"} == 6')
    await until('headrace_server_replies_total{transport="udp"} == 6')
    await until('sum without(status) (headrace_upstream_queries_total{upstream="one"}) >= 5')
  })

  test('has the state of health, and why probes failed', async () => {
    await until('headrace_upstream_up{upstream="one"} == 1')
    await until('headrace_upstream_health{upstream="one",state="up"} == 1')
    await until('headrace_upstream_probes_total{upstream="one",result="good"} >= 1')
    await until('headrace_upstream_probes_total{upstream!~"one|spare",result="tls"} >= 1')
    await until('headrace_upstream_up{upstream!~"one|spare"} == 0')
  })

  test('reads any name as it is', async () => {
    await until('headrace_upstream_queries_total{upstream!~"one|spare",status="tls"} >= 1')
    const [series] = await promQl('headrace_upstream_up{upstream!~"one|spare"}')
    assert.equal(series?.metric['upstream'], ODD)
  })

  test('has every kind of thing that is measured, with its type', async () => {
    const names = new Set(await get<string[]>('label/__name__/values'))
    const wanted = [
      'upstream_queries_total', 'upstream_duration_seconds_bucket', 'upstream_duration_seconds_sum', 'upstream_outstanding', 'upstream_up',
      'upstream_health', 'upstream_suspected', 'upstream_probes_total', 'upstream_connections', 'upstream_connections_opened_total',
      'upstream_connections_closed_total', 'pool_attempts_total', 'pool_up', 'cache_queries_total', 'cache_entries',
      'cache_size_bytes', 'cache_evictions_total', 'server_queries_total', 'server_denied_total', 'build_info',
    ] // prettier-ignore
    assert.deepEqual(wanted.filter((name) => !names.has(`headrace_${name}`)), []) // prettier-ignore
    assert.equal((await promQl('headrace_pool_attempts_total{why="hedge"}')).length, 2)
    const about = await get<Record<string, { type: string; help: string; unit: string }[]>>('metadata')
    const [{ type, unit } = { type: '', unit: '' }] = about['headrace_upstream_duration_seconds'] ?? []
    assert.deepEqual([type, unit], ['histogram', 'seconds'])
    assert.deepEqual(Object.entries(about).filter(([name, [first]]) => name.startsWith('headrace_') && (first!.help === '' || first!.type === 'unknown')), []) // prettier-ignore
    const { activeTargets } = await get<{ activeTargets: { lastError: string }[] }>('targets')
    assert.deepEqual(activeTargets.map(({ lastError }) => lastError), ['']) // prettier-ignore
  })
})
