import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'vitest'
import { deploy, type DeployedConfig, type Deployment } from '../../src/config/index.js'
import { collectMetrics } from '../../src/metrics/index.js'
import { FakeServer, type FakeServerOptions } from '../../src/testing/index.js'
import { askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const PROBE = 'a.root-servers.net'
const server = { listen: '127.0.0.1:0' }

async function fake(options: FakeServerOptions = {}): Promise<FakeServer> {
  const one = await FakeServer.listen(options)
  cleanups.push(() => one.close())
  return one
}

async function deployed(config: DeployedConfig): Promise<{ deployment: Deployment; port: number }> {
  const deployment = await deploy(config)
  cleanups.push(() => deployment.destroy())
  return { deployment, port: deployment.server.addresses[0]!.port }
}

async function ask(port: number, name = 'www.example'): Promise<number | null> {
  const reply = await askUdp(port, buildQuery(name, 1))
  return reply === null ? null : rcodeOf(reply)
}

function asked({ queries }: FakeServer): number {
  return queries.filter(({ name }) => name !== PROBE).length
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

test('deploy() begins to check upstreams before anybody asks', async () => {
  const a = await fake()
  const { deployment } = await deployed({ forwarder: { upstreams: [a.address] }, server })
  await until(() => a.queries.some(({ name }) => name === PROBE))
  const b = await fake()
  await deployment.apply({ forwarder: { upstreams: [b.address] }, server })
  await until(() => b.queries.some(({ name }) => name === PROBE))
})

describe('Deployment.apply', () => {
  test("goes on counting clients' queries", async () => {
    const a = await fake()
    const { deployment, port } = await deployed({ forwarder: { upstreams: [a.address] }, server })
    const metrics = collectMetrics(deployment)
    cleanups.push(() => metrics.close())
    await ask(port)
    await deployment.apply({ forwarder: { upstreams: [a.address], timeout: 3000 }, server })
    metrics.add(deployment)
    await ask(port, 'again.example')
    assert.match(metrics.text(), /^headrace_forwarder_queries_total\{status="noerror"\} 2$/m)
    assert.match(metrics.text(), /^headrace_forwarder_duration_seconds_count 2$/m)
  })

  test('keeps upstreams that are the same, with their connections and what was learned of them', async () => {
    const [a, b, c] = [await fake({ transports: ['tcp'] }), await fake(), await fake()]
    const upstreamDefaults = { timeout: 1000 }
    const before = { upstreams: [a.address, b.address], strategy: 'failover', upstreamDefaults } as const
    const { deployment, port } = await deployed({ forwarder: before, server })
    assert.equal(await ask(port), 0)
    const [first, second] = deployment.forwarder.upstreams
    const { srtt } = first!
    const changed = { pools: [{ name: 'other', strategy: 'failover', upstreams: [a.address, c.address] }], upstreamDefaults } as const // prettier-ignore
    const event = await deployment.apply({ forwarder: changed, server })
    assert.deepEqual(event.kept, [first])
    assert.deepEqual(event.removed, [second])
    assert.deepEqual(event.added.map(({ name }) => name), [c.address]) // prettier-ignore
    assert.deepEqual([event.opened, event.closed], [[], []])
    assert.equal(deployment.forwarder.upstreams[0], first)
    assert.equal(first!.srtt, srtt)
    assert.equal(await ask(port, 'again.example'), 0)
    assert.deepEqual([asked(a), a.accepted], [2, 1])
  })

  test('takes an upstream whose options are others for another one', async () => {
    const a = await fake()
    const { deployment } = await deployed({ forwarder: { upstreams: [a.address] }, server })
    const config = { forwarder: { upstreams: [{ addr: a.address, timeout: 700 }] }, server }
    const changed = await deployment.apply(config)
    assert.deepEqual([changed.added.length, changed.removed.length, changed.kept.length], [1, 1, 0])
    const same = await deployment.apply({ ...config, forwarder: { ...config.forwarder, timeout: 3000 } })
    assert.deepEqual([same.added.length, same.removed.length, same.kept.length], [0, 0, 1])
    const defaults = { upstreams: [a.address], upstreamDefaults: { timeout: 700 } }
    const elsewhere = await deployment.apply({ forwarder: defaults, server })
    assert.deepEqual([elsewhere.added.length, elsewhere.removed.length, elsewhere.kept.length], [0, 0, 1])
  })

  test('keeps what checks found, and goes on checking', async () => {
    const [good, bad] = [await fake(), await fake({ faults: [{ kind: 'drop' }] })]
    const health = { interval: 60_000, timeout: 50 }
    const forwarder = { upstreams: [good.address, bad.address], health }
    const { deployment, port } = await deployed({ forwarder, server })
    const [up, down] = deployment.forwarder.upstreams
    const monitor = deployment.forwarder.pools[0]!.monitor!
    monitor.start()
    down!.force('up')
    await until(() => monitor.stats.every(({ nextProbe }) => nextProbe > 0))
    const found = [up!.health.state, down!.health]
    await deployment.apply({ forwarder: { ...forwarder, timeout: 2500 }, server })
    const next = deployment.forwarder.pools[0]!.monitor!
    assert.notEqual(next, monitor)
    assert.deepEqual([monitor.running, monitor.stats, next.running], [false, [], true])
    assert.deepEqual([up!.health.state, down!.health], found)
    assert.equal(await ask(port), 0)
    await deployment.apply({ forwarder: { ...forwarder, health: false }, server })
    assert.deepEqual([up!.health.state, down!.health.state, down!.health.forced], ['unknown', 'unknown', 'up'])
  })

  test.each([
    ['of the same size', {}, {}],
    ['of another size', {}, { maxSize: 2 ** 22 }],
  ])('keeps what a cache %s holds, each route its own', async (_, cache, other) => {
    const [a, b] = [await fake(), await fake()]
    const forwarder = { upstreams: [a.address], routes: { 'corp.example': [b.address] }, cache }
    const { deployment, port } = await deployed({ forwarder, server })
    await Promise.all([ask(port), ask(port, 'x.corp.example')])
    const routes = { 'new.example': [b.address], 'corp.example': [b.address] }
    await deployment.apply({ forwarder: { ...forwarder, routes, cache: other }, server })
    assert.deepEqual([await ask(port), await ask(port, 'x.corp.example')], [0, 0])
    assert.deepEqual([asked(a), asked(b)], [1, 1])
    assert.equal(await ask(port, 'x.new.example'), 0)
    assert.equal(asked(b), 2)
  })

  test('opens and closes listeners that changed, and leaves the others alone', async () => {
    const a = await fake()
    const forwarder = { upstreams: [a.address] }
    const { deployment, port } = await deployed({ forwarder, server })
    const more = await deployment.apply({ forwarder, server: { listen: ['127.0.0.1:0', '127.0.0.2:0'] } })
    assert.deepEqual(more.opened.map(({ address }) => address), ['127.0.0.2', '127.0.0.2']) // prettier-ignore
    assert.equal(await ask(port), 0)
    const less = await deployment.apply({ forwarder, server })
    assert.deepEqual(less.closed.map(String), more.opened.map(String))
    assert.equal(deployment.server.addresses[0]!.port, port)
  })

  test.each([
    ['an option that is wrong', { forwarder: { upstreams: ['127.0.0.1'], timeout: -1 }, server }],
    ['an address that is none', { forwarder: { upstreams: ['tls://'] }, server }],
    ['nobody to ask', { forwarder: { upstreams: [] }, server }],
    ['where it cannot listen', { forwarder: { upstreams: ['192.0.2.1'] }, server: { listen: '192.0.2.1:0' } }],
    ['a certificate that cannot be read', { forwarder: { upstreams: ['192.0.2.1'] }, server: { tls: { certFile: '/nowhere', keyFile: '/nowhere' } } }],
  ] as const)('with %s changes nothing', async (_, config) => {
    const a = await fake()
    const { deployment, port } = await deployed({ forwarder: { upstreams: [a.address], cache: {} }, server })
    await ask(port)
    const { forwarder } = deployment
    const { addresses } = deployment.server
    await assert.rejects(deployment.apply(config))
    assert.equal(deployment.forwarder, forwarder)
    assert.deepEqual(deployment.server.addresses, addresses)
    assert.equal(await ask(port, 'other.example'), 0)
    assert.equal(forwarder.pools[0]!.monitor!.running, true)
  }) // prettier-ignore

  test('refuses upstreams that are this very server', async () => {
    const a = await fake()
    const { deployment, port } = await deployed({ forwarder: { upstreams: [a.address] }, server })
    const own = { forwarder: { upstreams: [`127.0.0.1:${port}`] }, server }
    await assert.rejects(deployment.apply(own), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test('loses no query that is under way, whoever has it', async () => {
    const [slow, other] = [await fake(), await fake()]
    slow.faults = [{ kind: 'delay', ms: 150 }]
    const { deployment, port } = await deployed({ forwarder: { upstreams: [slow.address] }, server })
    const early = Array.from({ length: 20 }, (_, i) => ask(port, `n${i}.example`))
    await until(() => asked(slow) === 20)
    const event = await deployment.apply({ forwarder: { upstreams: [other.address] }, server })
    const late = Array.from({ length: 20 }, (_, i) => ask(port, `m${i}.example`))
    assert.deepEqual(new Set(await Promise.all([...early, ...late])), new Set([0]))
    assert.equal(asked(other), 20)
    assert.equal(event.removed.length, 1)
  })

  test('one call waits for another, and close() ends it all', async () => {
    const [a, b] = [await fake(), await fake()]
    const { deployment, port } = await deployed({ forwarder: { upstreams: [a.address] }, server })
    const calls = [b, a, b].map(({ address }) => deployment.apply({ forwarder: { upstreams: [address] }, server }))
    await Promise.all(calls)
    assert.deepEqual(deployment.forwarder.upstreams.map(({ name }) => name), [b.address]) // prettier-ignore
    assert.equal(await ask(port), 0)
    await deployment.close()
    await assert.rejects(deployment.apply({ forwarder: { upstreams: [a.address] }, server }), {
      code: 'ERR_DNS_CLOSED',
    })
  })
})
