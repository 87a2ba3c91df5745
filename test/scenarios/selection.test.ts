import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, HedgedStrategy, Pool, Upstream, type Rcode, type Strategy, type StrategyInput } from 'headrace'
import { FakeClock, FakeUpstream, type Script } from 'headrace/testing'

const ONE_AT_A_TIME = [
  'failover',
  'balanced',
  'random',
  'weighted',
  'fastest',
  'least-outstanding',
  'consistent-hash',
  'first-available',
  'hedged',
] as const

function stage(strategy: StrategyInput, scripts: Record<string, Script>) {
  const clock = new FakeClock()
  const fakes = Object.fromEntries(Object.entries(scripts).map(([n, s]) => [n, new FakeUpstream(n, s, { clock })]))
  const pool = new Pool({ strategy, upstreams: Object.values(fakes), clock })
  const query = async (name = 'www.example.com') => (await clock.run(pool.query(name))).upstream
  return { clock, fakes: fakes as typeof fakes & { a: FakeUpstream; b: FakeUpstream }, pool, query }
}

test.each<[StrategyInput, string]>([
  ['Parallel', 'parallel'],
  ['ROUND_ROBIN', 'balanced'],
  ['roundrobin', 'balanced'],
  ['wrandom', 'weighted'],
  ['leastOutstanding', 'least-outstanding'],
  ['chashed', 'consistent-hash'],
  ['Consistent_Hash', 'consistent-hash'],
  ['firstavailable', 'first-available'],
  [{ name: 'weighted', balancingFactor: 1.5 }, 'weighted'],
  [{ name: 'parallel', width: 2 }, 'parallel'],
  [{ name: 'fastest', epsilon: 0.1 }, 'fastest'],
  [new HedgedStrategy(), 'hedged'],
])('%j is the strategy %s', (strategy, name) => {
  assert.equal(new Pool({ strategy }).strategy.name, name)
})

test('the default is least-outstanding', () => {
  assert.equal(new Pool().strategy.name, 'least-outstanding')
})

describe.each(ONE_AT_A_TIME)('%s', (strategy) => {
  test('uses a member again once it is back from failure', async () => {
    const t = stage(strategy, { a: 'silent', b: { after: 5 } })
    for (let i = 0; i < 40; i++) await t.query(`n${i}.example`)
    t.fakes.a.script = { after: 1 }
    const before = t.fakes.a.replied
    for (let i = 0; i < 600; i++) {
      await t.query(`n${i}.example`)
      await t.clock.advance(500)
    }
    assert.ok(t.fakes.a.replied - before >= 3, String(t.fakes.a.replied - before))
  })

  test.each<Rcode>(['NXDOMAIN'])('takes %s as a success', async (rcode) => {
    const t = stage(strategy, { a: { rcode, after: 5 }, b: { rcode, after: 5 } })
    for (let i = 0; i < 20; i++) await t.query()
    const [a, b] = t.pool.members as [Upstream, Upstream]
    assert.equal(t.fakes.a.asked + t.fakes.b.asked, 20)
    assert.deepEqual([a.stats.failures + b.stats.failures, a.health.suspected || b.health.suspected], [0, false])
  })

  test('lets a dead member that was never measured hold nothing up for long', async () => {
    const t = stage(strategy, { a: 'silent', b: { after: 5 } })
    for (let i = 0; i < 70; i++) await t.query(`n${i}.example`)
    // Three misses put it last, and a trial may follow after 1 s and 2 s, whatever a strategy draws.
    assert.ok(t.fakes.a.asked <= 5, String(t.fakes.a.asked))
  })
})

test('an unmeasured member does not draw the traffic', async () => {
  const t = stage('fastest', { a: { after: 5 }, b: { after: 50 } })
  for (let i = 0; i < 200; i++) await t.query()
  assert.ok(t.fakes.b.asked < 30, String(t.fakes.b.asked))
})

describe('hedged', () => {
  const settle = async (p95: number, timeout = 5000) => {
    const t = stage('hedged', { a: { after: p95 }, b: { after: p95 + 1 } })
    for (let i = 0; i < 30; i++) await t.query()
    t.fakes.a.script = { after: 90 }
    t.fakes.b.script = { after: 1 }
    const began = t.clock.now()
    const reply = await t.clock.run(t.pool.query('www.example.com', 'A', { timeout }))
    return { upstream: reply.upstream, elapsed: t.clock.now() - began }
  }

  test.each([
    [40, 5000, 41],
    [3, 5000, 16],
    [40, 60, 31],
  ])('with a p95 of %d ms and %d ms left has its reply after %d ms', async (p95, left, elapsed) => {
    assert.deepEqual(await settle(p95, left), { upstream: 'b', elapsed })
  })

  test('pays for 10 hedges at once and for 1 in 20 queries after that', () => {
    const strategy: Strategy = new HedgedStrategy()
    const spent = (): number => {
      let hedges = 0
      while (strategy.mayHedge!(0)) hedges++
      return hedges
    }
    const query = { message: {} as never }
    assert.equal(spent(), 10)
    for (let i = 0; i < 40; i++) strategy.order([], query)
    assert.equal(spent(), 2)
    for (let i = 0; i < 1000; i++) strategy.order([], query)
    assert.equal(spent(), 10)
  })
})

test('consistent-hash: a member that leaves moves only its own names', async () => {
  const t = stage('consistent-hash', { a: {}, b: {}, c: {}, d: {} })
  const names = Array.from({ length: 200 }, (_, at) => `n${at}.example`)
  const before = await Promise.all(names.map((name) => t.query(name)))
  await t.pool.remove('c')
  const after = await Promise.all(names.map((name) => t.query(name)))
  names.forEach((_, at) => before[at] !== 'c' && assert.equal(after[at], before[at]))
  assert.ok(before.includes('c') && !after.includes('c'))
})

test('first-available goes by order, past members over their qps; with none left by least-outstanding', async () => {
  const clock = new FakeClock()
  const up = (name: string, order: number, qps: number) =>
    new Upstream(new FakeUpstream(name, {}, { clock }), { order, qps, clock })
  const pool = new Pool({ strategy: 'first-available', upstreams: [up('second', 2, 1), up('first', 1, 2)], clock })
  const asked = []
  for (let i = 0; i < 3; i++) asked.push((await clock.run(pool.query('www.example.com'))).upstream)
  assert.deepEqual(asked, ['first', 'first', 'second'])
  assert.equal((await clock.run(pool.query('www.example.com'))).rcode, 'NOERROR')
})

test('pool routing falls through to the next pool, and returns to the first', async () => {
  const clock = new FakeClock()
  const one = new FakeUpstream('one', 'refused', { clock })
  const two = new FakeUpstream('two', {}, { clock })
  const forwarder = new Forwarder({
    pools: [
      { priority: 1, upstreams: [one] },
      { priority: 2, upstreams: [two] },
    ],
    clock,
  })
  const query = async () => (await clock.run(forwarder.query('www.example.com'))).upstream
  assert.equal(await query(), 'two')
  one.script = {}
  assert.equal(await query(), 'one')
})
