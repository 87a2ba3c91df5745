import assert from 'node:assert/strict'
import {
  Cache,
  createServer,
  DnsError,
  HealthMonitor,
  Pool,
  Resolver,
  Router,
  Upstream,
  type Exchanger,
} from 'headrace'
import { collectMetrics, mergeSnapshots } from 'headrace/metrics'
import { FakeClock, FakeUpstream } from 'headrace/testing'
import { describe, test } from 'vitest'
import { stage, valueOf } from './stage.js'

describe('collectMetrics of a forwarder', () => {
  test('counts attempts by upstream and by what became of them', async () => {
    const { upstreams, metrics, ask } = stage()
    await ask()
    upstreams['one']!.script = 'refused'
    await ask()
    upstreams['one']!.script = { rcode: 'NXDOMAIN', after: 4 }
    await ask()
    upstreams['one']!.script = { rcode: 'SERVFAIL', after: 4 }
    await ask()
    upstreams['one']!.script = 'silent'
    await ask()
    const now = metrics.snapshot()
    const one = ['noerror', 'nxdomain', 'servfail', 'connect', 'timeout', 'cancelled'].map((status) =>
      valueOf(now, `headrace_upstream_queries_total{upstream="one",status="${status}"}`),
    )
    // The silent one was late: the other was asked as well, and won.
    assert.deepEqual(one, [1, 1, 1, 1, 0, 1])
    assert.equal(valueOf(now, 'headrace_upstream_queries_total{upstream="two",status="noerror"}'), 3)
    assert.equal(valueOf(now, 'headrace_upstream_late_total{upstream="one"}'), 1)
    assert.equal(valueOf(now, 'headrace_pool_attempts_total{pool="default",why="failed"}'), 2)
    assert.equal(valueOf(now, 'headrace_pool_attempts_total{pool="default",why="late"}'), 1)
    assert.equal(valueOf(now, 'headrace_pool_queries_total{pool="default",status="answered"}'), 5)
    assert.equal(valueOf(now, 'headrace_forwarder_queries_total{status="noerror"}'), 4)
  })

  test('puts durations into buckets', async () => {
    const { metrics, upstreams, ask } = stage()
    await ask()
    upstreams['one']!.script = { after: 30 }
    await ask()
    const now = metrics.snapshot()
    const bucket = (le: string) => valueOf(now, `headrace_upstream_duration_seconds_bucket{upstream="one",le="${le}"}`)
    assert.deepEqual([bucket('0.0025'), bucket('0.005'), bucket('0.025'), bucket('0.05'), bucket('+Inf')], [0, 1, 1, 2, 2]) // prettier-ignore
    assert.equal(valueOf(now, 'headrace_upstream_duration_seconds_count{upstream="one"}'), 2)
    assert.ok(Math.abs(valueOf(now, 'headrace_upstream_duration_seconds_sum{upstream="one"}')! - 0.034) < 1e-9)
  })

  test('says who is up, forced and suspected', async () => {
    const { forwarder, metrics, upstreams, ask } = stage()
    upstreams['one']!.script = 'refused'
    for (let i = 0; i < 3; i++) await ask()
    forwarder.upstreams[1]!.force('down')
    const now = metrics.snapshot()
    assert.equal(valueOf(now, 'headrace_upstream_suspected{upstream="one"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_up{upstream="one"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_up{upstream="two"}'), 0)
    assert.equal(valueOf(now, 'headrace_upstream_forced{upstream="two",state="down"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_health{upstream="two",state="unknown"}'), 1)
    assert.equal(valueOf(now, 'headrace_pool_up{pool="default"}'), 1)
  })

  test('finds the upstreams, pools and monitors of routes, and the cache', async () => {
    const clock = new FakeClock()
    const office = new FakeUpstream('office', {}, { clock })
    const routed = new Pool({ name: 'office', upstreams: [office], clock, health: { interval: 1000 } })
    const { metrics, ask } = stage({ routes: { corp: routed }, cache: {} })
    await ask('www.example')
    await ask('www.example')
    await clock.run(routed.query('a.corp'))
    const now = metrics.snapshot()
    assert.equal(valueOf(now, 'headrace_pool_info{pool="office",strategy="least-outstanding",priority="1"}'), 1)
    assert.equal(valueOf(now, 'headrace_pool_member_info{pool="office",member="office"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_queries_total{upstream="office",status="noerror"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_probes_total{upstream="office",result="good"}'), 1)
    assert.equal(valueOf(now, 'headrace_cache_queries_total{result="miss"}'), 1)
    assert.equal(valueOf(now, 'headrace_cache_queries_total{result="hit"}'), 1)
    assert.equal(valueOf(now, 'headrace_cache_entries'), 1)
    await routed.close()
  })
})

describe('collectMetrics of other objects', () => {
  test('reads a server by transport, and its root', async () => {
    const clock = new FakeClock()
    const pool = new Pool({ upstreams: [new FakeUpstream('one', {}, { clock })], health: false, clock })
    const server = await createServer(pool, { listen: '127.0.0.1:0' })
    const metrics = collectMetrics(server, { process: false })
    const port = server.addresses[0]!.port
    const client = new Upstream(`tcp://127.0.0.1:${port}`)
    await client.query('www.example')
    const now = metrics.snapshot()
    assert.equal(valueOf(now, 'headrace_server_queries_total{transport="tcp"}'), 1)
    assert.equal(valueOf(now, 'headrace_server_replies_total{transport="tcp"}'), 1)
    assert.equal(valueOf(now, 'headrace_server_connections{transport="tcp"}'), 1)
    assert.equal(valueOf(now, 'headrace_server_connections_opened_total{transport="tcp"}'), 1)
    assert.equal(valueOf(now, 'headrace_upstream_queries_total{upstream="one",status="noerror"}'), 1)
    metrics.add(client)
    const after = metrics.snapshot()
    const name = `tcp://127.0.0.1:${port}`
    assert.equal(valueOf(after, `headrace_upstream_connections{upstream="${name}"}`), 1)
    assert.equal(valueOf(after, `headrace_upstream_info{upstream="${name}",transport="tcp",address="${name}"}`), 1)
    await client.close()
    assert.equal(valueOf(metrics.snapshot(), `headrace_upstream_connections_closed_total{upstream="${name}"}`), 1)
    metrics.close()
    await server.close()
  })

  test('looks into whatever has parts: a router, a cache, a resolver, a decorator of your own', async () => {
    const clock = new FakeClock()
    const one = new Upstream(new FakeUpstream('one', {}, { clock }), { clock })
    const router = new Router({ routes: { corp: one }, default: one })
    const cache = new Cache(router, { clock })
    class Decorator implements Exchanger {
      readonly parts = [cache]
      exchange = cache.exchange.bind(cache)
    }
    const resolver = new Resolver(new Decorator(), { clock, hosts: false })
    const metrics = collectMetrics([resolver], { process: false })
    assert.deepEqual(
      metrics.upstreams.map(({ name }) => name),
      ['one'],
    )
    assert.ok(metrics.snapshot().some(({ name }) => name === 'headrace_cache_queries'))
    metrics.close()
  })

  test('counts a monitor of its own', async () => {
    const clock = new FakeClock()
    const one = new Upstream(new FakeUpstream('one', 'silent', { clock }), { clock })
    const monitor = new HealthMonitor(one, { clock, interval: 10_000, timeout: 500 })
    const metrics = collectMetrics([one, monitor], { process: false })
    monitor.start()
    await clock.advance(600)
    assert.equal(valueOf(metrics.snapshot(), 'headrace_upstream_probes_total{upstream="one",result="timeout"}'), 1)
    monitor.stop()
  })

  test('adds up upstreams of one name, and is not caught in a circle', () => {
    const clock = new FakeClock()
    const make = () => new Pool({ upstreams: [new FakeUpstream('same', {}, { clock })], health: false, clock })
    const circle: { parts: object[] } = { parts: [] }
    circle.parts.push(circle, make(), make())
    const now = collectMetrics(circle, { process: false }).snapshot()
    assert.equal(valueOf(now, 'headrace_upstream_up{upstream="same"}'), 2)
  })

  test('listens to members that come, and lets go of those that leave', async () => {
    const clock = new FakeClock()
    const pool = new Pool({ upstreams: [new FakeUpstream('one', {}, { clock })], health: false, clock })
    const metrics = collectMetrics(pool, { process: false })
    const two = pool.add(new FakeUpstream('two', { after: 3 }, { clock })) as Upstream
    await clock.run(two.query('www.example'))
    assert.equal(valueOf(metrics.snapshot(), 'headrace_upstream_duration_seconds_count{upstream="two"}'), 1)
    await pool.remove('two')
    assert.equal(valueOf(metrics.snapshot(), 'headrace_upstream_duration_seconds_count{upstream="two"}'), undefined)
    assert.equal(two.listenerCount('reply'), 0)
  })

  test('closed, it listens to nothing any more and can still be read', async () => {
    const { metrics, forwarder, ask } = stage()
    await ask()
    metrics.close()
    await ask()
    const heard = [...forwarder.upstreams, forwarder].flatMap((one) => one.eventNames())
    assert.deepEqual(heard, [])
    assert.equal(valueOf(metrics.snapshot(), 'headrace_upstream_queries_total{upstream="one",status="noerror"}'), 2)
  })

  test.each([{ given: {} }, { given: 'udp://192.0.2.1' }, { given: null }, { given: [new Map()] }])(
    'refuses $given, in which there is nothing of ours',
    ({ given }) => {
      assert.throws(() => collectMetrics(given as never), {
        code: 'ERR_DNS_INVALID_OPTION',
        message: /a Forwarder, Pool/,
      })
    },
  )

  test.each([[], [0], [-1, 1], [2, 1], [1, 1], ['1'], [1, Infinity]])('refuses buckets such as %j', (...buckets) => {
    const pool = new Pool({ upstreams: ['192.0.2.1'], health: false })
    assert.throws(() => collectMetrics(pool, { buckets: buckets as never }), { code: 'ERR_DNS_INVALID_OPTION' })
  })
})

describe('incidents', () => {
  test('are failures with their causes and changes of health, equal ones close together once', async () => {
    const { metrics, upstreams, forwarder, clock, ask } = stage()
    upstreams['one']!.script = {
      error: new DnsError('ERR_DNS_TLS', 'one showed a certificate of <script>alert(1)</script>'),
    }
    await ask()
    await ask()
    forwarder.upstreams[1]!.force('down')
    await clock.advance(20_000)
    await ask()
    const seen = metrics.incidents.map(({ kind, upstream, what, count }) => [kind, upstream, what, count])
    assert.deepEqual(seen.slice(-2), [
      ['health', 'two', 'down', 1],
      ['failure', 'one', 'tls', 2],
    ])
    assert.match(metrics.incidents.at(-1)!.text, /certificate of <script>/)
  })

  test('are the latest so many, and no text is longer than 200', async () => {
    const { metrics, forwarder } = stage({}, { incidents: 3 })
    for (let i = 0; i < 5; i++) forwarder.upstreams[0]!.force(i % 2 === 0 ? 'down' : 'up')
    assert.deepEqual(metrics.incidents.map(({ what }) => what).sort(), ['down', 'down', 'up'])
  })
})

describe('mergeSnapshots', () => {
  test('adds up counters, gauges and histograms, and takes the largest round-trip time', async () => {
    const [a, b] = [stage(), stage()]
    b.upstreams['one']!.script = { after: 40 }
    await a.ask()
    await b.ask()
    await b.ask()
    a.forwarder.upstreams[1]!.force('down')
    const merged = mergeSnapshots([a.metrics.snapshot(), structuredClone(b.metrics.snapshot())])
    assert.equal(valueOf(merged, 'headrace_upstream_queries_total{upstream="one",status="noerror"}'), 3)
    assert.equal(valueOf(merged, 'headrace_upstream_duration_seconds_bucket{upstream="one",le="0.005"}'), 1)
    assert.equal(valueOf(merged, 'headrace_upstream_duration_seconds_count{upstream="one"}'), 3)
    assert.equal(valueOf(merged, 'headrace_upstream_srtt_seconds{upstream="one"}'), 0.04)
    assert.equal(valueOf(merged, 'headrace_upstream_up{upstream="two"}'), 1)
    assert.equal(valueOf(merged, 'headrace_upstream_up{upstream="one"}'), 2)
    assert.equal(valueOf(merged, 'headrace_upstream_info{upstream="one",transport="function",address=""}'), 1)
  })

  test('keeps what only one of them has, and is nothing of nothing', async () => {
    const [a, b] = [stage({ names: ['one'] }), stage({ names: ['two'] })]
    const merged = mergeSnapshots([a.metrics.snapshot(), b.metrics.snapshot()])
    assert.equal(valueOf(merged, 'headrace_upstream_up{upstream="one"}'), 1)
    assert.equal(valueOf(merged, 'headrace_upstream_up{upstream="two"}'), 1)
    assert.deepEqual(mergeSnapshots([]), [])
  })
})
