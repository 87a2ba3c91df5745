import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, DnsError, Forwarder } from 'headrace'
import { collectMetrics } from 'headrace/metrics'
import { serveStatus } from 'headrace/status'
import { FakeUpstream } from 'headrace/testing'
import { afterAll, describe, test } from 'vitest'
import { Daemon, freePort, missing, pause, peer, temporaryFolder, title } from '../helpers/peer.js'

const cleanups: (() => unknown)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const reason = missing('prometheus', 'promtool')
describe.skipIf(reason !== null)(title('Prometheus', reason), { timeout: 60_000 }, () => {
  test('takes our text for good, scrapes the status page, and says what we counted', async () => {
    const bad = new FakeUpstream('bad', { error: new DnsError('ERR_DNS_TLS', 'no such certificate') })
    const forwarder = new Forwarder({ upstreams: [bad, new FakeUpstream('a "quoted"\nname')], strategy: 'failover' })
    const server = await createServer(forwarder, { listen: '127.0.0.1:0' })
    const metrics = collectMetrics(server)
    const status = await serveStatus({ source: metrics, listen: '127.0.0.1:0' })
    cleanups.push(() => forwarder.close(), () => server.close(), () => metrics.close(), () => status.close()) // prettier-ignore
    for (let i = 0; i < 7; i++) await forwarder.query(`h${i}.example`)

    const lint = spawnSync(peer('promtool')!, ['check', 'metrics'], { input: metrics.text('prometheus') })
    assert.equal(lint.status, 0, lint.stderr.toString())

    const query = await startPrometheus(new URL(status.url).host)
    assert.deepEqual(await query('sum by (upstream) (headrace_upstream_queries_total{status="noerror"} > 0)'), [
      [{ upstream: 'a "quoted"\nname' }, '7'],
    ])
    assert.deepEqual(await query('sum by (upstream) (headrace_upstream_duration_seconds_count{upstream!="bad"})'), [
      [{ upstream: 'a "quoted"\nname' }, '7'],
    ])
    assert.ok(Number((await query('headrace_upstream_queries_total{upstream="bad",status="tls"}'))[0]![1]) >= 3)
  })
})

/** A Prometheus of our own that scrapes `target`; resolves, once it has, with how to ask it: labels but those of the scrape, and a value. */
async function startPrometheus(
  target: string,
): Promise<(promql: string) => Promise<[Record<string, string>, string][]>> {
  const folder = temporaryFolder('prometheus')
  const config = join(folder, 'prometheus.yml')
  const scrape = `scrape_configs: [{ job_name: headrace, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{ targets: ["${target}"] }] }]`
  writeFileSync(config, scrape)
  const at = `127.0.0.1:${await freePort()}`
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=${at}`]
  const daemon = new Daemon(peer('prometheus')!, args)
  cleanups.push(() => daemon.stop())
  const query = async (promql: string): Promise<[Record<string, string>, string][]> => {
    const response = await fetch(`http://${at}/api/v1/query?query=${encodeURIComponent(promql)}`)
    const { data } = (await response.json()) as { data: { result: { metric: Record<string, string>; value: [number, string] }[] } } // prettier-ignore
    return data.result.map(({ metric: { __name__: _, job: __, instance: ___, ...labels }, value: [, value] }) => [labels, value]) // prettier-ignore
  }
  for (;;) {
    assert.ok(daemon.running, daemon.output)
    const scraped = await query('headrace_build_info').catch(() => [])
    if (scraped.length > 0) return query
    await pause(100)
  }
}
