import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { HealthMonitor } from '../../src/health/monitor.js'
import { Pool } from '../../src/pool/pool.js'
import type { PoolOptions } from '../../src/pool/options.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { Upstream } from '../../src/upstream/upstream.js'

/** Two fake upstreams behind a pool that checks them; probes are counted by purpose. */
function stage(options: PoolOptions = { health: {} }) {
  const clock = new FakeClock()
  const fakes = { a: new FakeUpstream('a', { after: 5 }, { clock }), b: new FakeUpstream('b', { after: 5 }, { clock }) }
  const probed = { a: 0, b: 0 }
  const member = (name: 'a' | 'b') =>
    new Upstream(
      {
        name,
        exchange: (query, ctx) => {
          if (ctx?.purpose === 'probe') probed[name]++
          return fakes[name].exchange(query, ctx)
        },
      },
      { clock },
    )
  const members = { a: member('a'), b: member('b') }
  const pool = new Pool({ clock, strategy: 'failover', upstreams: [members.a, members.b], ...options })
  return { clock, fakes, probed, members, pool, ask: () => clock.run(pool.query('example.com')) }
}

/** Lets queries come, one each 100 ms, for `ms`. @returns who answered */
async function traffic(t: ReturnType<typeof stage>, ms: number): Promise<string[]> {
  const answered: string[] = []
  for (let left = ms; left > 0; left -= 100) {
    void t.pool.query('example.com').then((reply) => answered.push(reply.upstream!))
    await t.clock.advance(100)
  }
  return answered
}

describe('a pool checks its members', () => {
  test('nobody is probed before the first query; then each member is, at once', async () => {
    const t = stage()
    await t.clock.advance(60_000)
    assert.deepEqual(t.probed, { a: 0, b: 0 })
    await t.ask()
    assert.deepEqual(t.probed, { a: 1, b: 1 })
    await t.pool.close()
    assert.equal(t.clock.pending, 0)
  })

  test('a member that stops answering goes down, and is asked again within 5 s of answering', async () => {
    const t = stage()
    const events: string[] = []
    t.members.a.on('down', ({ cause }) => events.push(`down by ${cause}`))
    t.members.a.on('up', ({ cause }) => events.push(`up by ${cause}`))
    await traffic(t, 5000)
    t.fakes.a.script = 'silent'
    await traffic(t, 60_000)
    assert.deepEqual([t.members.a.health.state, events], ['down', ['down by check']])
    t.fakes.a.script = { after: 5 }
    const answered = await traffic(t, 5000)
    assert.equal(answered.at(-1), 'a')
    assert.deepEqual(events, ['down by check', 'up by check'])
    await t.pool.close()
  })

  test('without a query the schedule backs off to the interval', async () => {
    const t = stage()
    t.fakes.a.script = 'silent'
    t.pool.monitor!.start()
    await t.clock.advance(600_000)
    const before = t.probed.a
    await t.clock.advance(600_000)
    assert.ok(t.probed.a - before >= 18 && t.probed.a - before <= 22, String(t.probed.a - before))
    await t.pool.close()
  })

  test('under suspicion it is probed, and no query has to try it', async () => {
    const t = stage({ health: { failureThreshold: 1000 } })
    await t.ask()
    t.fakes.a.script = 'silent'
    await traffic(t, 5000)
    assert.ok(t.members.a.health.suspected)
    const tried = t.fakes.a.asked - t.probed.a
    await traffic(t, 20_000)
    assert.equal(t.fakes.a.asked - t.probed.a, tried)
    t.fakes.a.script = { after: 5 }
    await traffic(t, 5000)
    assert.ok(!t.members.a.health.suspected)
    await t.pool.close()
  })

  test('a probe that is answered late clears no suspicion: a slow member is not tried again and again', async () => {
    const t = stage()
    await traffic(t, 2000)
    t.fakes.a.script = { after: 300 }
    await traffic(t, 5000)
    const tried = t.fakes.a.asked - t.probed.a
    await traffic(t, 30_000)
    assert.equal(t.fakes.a.asked - t.probed.a, tried)
    t.fakes.a.script = { after: 5 }
    await traffic(t, 5000)
    assert.ok(!t.members.a.health.suspected)
    await t.pool.close()
  })

  test('one that was down is as fast as it was before, not as slow as it seemed when it went', async () => {
    const t = stage({ strategy: 'least-outstanding', health: {}, rampUp: false })
    t.fakes.b.script = { after: 20 }
    for (let i = 0; i < 20; i++) await t.ask()
    const { srtt } = t.members.a
    t.fakes.a.script = 'silent'
    await traffic(t, 60_000)
    assert.ok(t.members.a.health.state === 'down' && t.members.a.srtt > srtt)
    t.fakes.a.script = { after: 5 }
    await traffic(t, 5000)
    assert.equal((await t.ask()).upstream, 'a')
    await t.pool.close()
  })

  test('an upstream that is a function is left alone unless somebody asked for checks', async () => {
    const t = stage({})
    await t.ask()
    assert.deepEqual([t.probed, t.pool.monitor!.stats], [{ a: 0, b: 0 }, []])
    await t.pool.close()
  })

  test('a monitor of the user takes the place of the one that a pool has by default, and no other', () => {
    const byDefault = new Pool({ upstreams: ['192.0.2.1'] })
    new HealthMonitor(byDefault, {})
    assert.throws(() => new HealthMonitor(byDefault, {}), { code: 'ERR_DNS_INVALID_OPTION' })
    const asked = new Pool({ upstreams: ['192.0.2.1'], health: {} })
    assert.throws(() => new HealthMonitor(asked, {}), { code: 'ERR_DNS_INVALID_OPTION' })
    assert.equal(new Pool({ upstreams: ['192.0.2.1'], health: false }).monitor, null)
  })

  test('a member that is added later is checked, one that is removed is not', async () => {
    const t = stage()
    await t.ask()
    const late = new FakeUpstream('late', {}, { clock: t.clock })
    t.pool.add(late)
    await t.clock.advance(1)
    assert.equal(late.asked, 1)
    await t.pool.remove('late')
    await t.clock.advance(120_000)
    assert.equal(late.asked, 1)
    await t.pool.close()
  })
})

describe('a member that is back from down', () => {
  /** Of 1,000 queries that all members answer, how many `a` gets in each group of 100, once it has answered `before` of them. */
  async function shares(options: PoolOptions): Promise<number> {
    const t = stage({ strategy: 'balanced', health: {}, ...options })
    t.members.a.setChecked('down')
    t.members.a.setChecked('up')
    let first = 0
    for (; t.members.a.share < 1; first++) await t.ask()
    await t.pool.close()
    return first
  }

  test('gets a tenth of its share first, and all of it after 10 good replies', async () => {
    // With a draw of 0.5 each time, its turn comes once its share is over a half: never, unless somebody else fails.
    const t = stage({ strategy: 'balanced', random: () => 0.5, health: {} })
    t.members.a.setChecked('down')
    t.members.a.setChecked('up')
    assert.ok(Math.abs(t.members.a.share - 0.1) < 1e-9)
    for (let i = 0; i < 20; i++) assert.equal((await t.ask()).upstream, 'b')
    t.fakes.b.script = 'refused'
    for (let i = 0; i < 10; i++) assert.equal((await t.ask()).upstream, 'a')
    assert.equal(t.members.a.share, 1)
    await t.pool.close()
  })

  test('has its whole share at once with rampUp: false, and with a strategy that does not spread', async () => {
    for (const options of [{ rampUp: false }, { strategy: 'failover' as const }]) {
      assert.ok((await shares({ ...options, random: () => 0.99 })) <= 20)
    }
  })
})
