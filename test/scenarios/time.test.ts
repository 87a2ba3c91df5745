import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Pool, Upstream } from 'headrace'
import { FakeClock, FakeUpstream } from 'headrace/testing'

const members = (clock: FakeClock, prefix: string, count: number) =>
  Array.from({ length: count }, (_, at) => new FakeUpstream(`${prefix}${at}`, 'silent', { clock }))

describe('the last fallback is reached, however many are silent before it', () => {
  test.each([
    [5000, 1, 1],
    [5000, 3, 4],
    [2000, 3, 4],
    [1500, 2, 4],
    [1500, 4, 2],
  ])('within %d ms after %d pools of %d members', async (timeout, pools, size) => {
    const clock = new FakeClock()
    const last = new FakeUpstream('last', { after: 20 }, { clock })
    const forwarder = new Forwarder({
      pools: Array.from({ length: pools }, (_, at) => ({
        name: `pool${at}`,
        priority: at,
        strategy: 'failover' as const,
        upstreams: members(clock, `m${at}-`, size),
      })),
      fallback: [last],
      timeout,
      clock,
    })
    const reply = await clock.run(forwarder.query('www.example.com'))
    assert.equal(reply.upstream, 'last')
    assert.ok(reply.elapsed <= timeout)
    assert.equal(clock.pending, 0)
  })
})

describe('a route that may leak', () => {
  test.each([1, 2])('leaves half of the time to the default of %d members when it is silent', async (count) => {
    const clock = new FakeClock()
    const good = Array.from({ length: count }, (_, at) => new FakeUpstream(`d${at}`, { after: 300 }, { clock }))
    const silent = new FakeUpstream('lan', 'silent', { clock })
    const forwarder = new Forwarder({ upstreams: good, routes: { lan: { to: silent, leak: true } }, clock })
    const reply = await clock.run(forwarder.query('printer.lan'))
    assert.deepEqual([reply.upstream, reply.elapsed], ['d0', 2800])
  })

  test('does not ask away a failed DNSSEC validation', async () => {
    const clock = new FakeClock()
    const bogus = new FakeUpstream('lan', { rcode: 'SERVFAIL', ede: [{ code: 6 }] }, { clock })
    const other = new FakeUpstream('other', {}, { clock })
    const forwarder = new Forwarder({ upstreams: [other], routes: { lan: { to: [bogus], leak: true } }, clock })
    assert.equal((await clock.run(forwarder.query('printer.lan', 'A', { edns: true }))).rcode, 'SERVFAIL')
    assert.equal(other.asked, 0)
  })
})

test("an attempt takes the pool's timeout in place of its upstream's", async () => {
  const clock = new FakeClock()
  const up = new Upstream(new FakeUpstream('a', 'silent', { clock }), { timeout: 2000, clock })
  const pool = new Pool({ upstreams: [up], timeout: 400, clock })
  await assert.rejects(clock.run(pool.query('www.example.com')), { code: 'ERR_DNS_ALL_FAILED' })
  assert.equal(clock.now(), 400)
})

test('lateness is srtt + 4 · rttvar, at least 100 ms, at most the timeout', async () => {
  const clock = new FakeClock()
  const fake = new FakeUpstream('a', { after: 2 }, { clock })
  const up = new Upstream(fake, { timeout: 350, clock })
  assert.equal(up.stats.rto, 300)
  await clock.run(up.query('www.example.com'))
  assert.equal(up.stats.rto, 100)
  fake.script = { after: 300 }
  for (let i = 0; i < 5; i++) await clock.run(up.query('www.example.com'))
  assert.equal(up.stats.rto, 350)
})

test('maxAttempts counts what begins after the first wave, and a nested pool counts as one', async () => {
  const clock = new FakeClock()
  const refused = (name: string) => new FakeUpstream(name, 'refused', { clock })
  const inner = [refused('i1'), refused('i2'), refused('i3')]
  const outer = [refused('a'), refused('b'), refused('c')]
  const pool = new Pool({
    strategy: { name: 'parallel', width: 2 },
    maxAttempts: 1,
    upstreams: [
      outer[0]!,
      new Pool({ name: 'inner', strategy: 'failover', upstreams: inner, clock }),
      ...outer.slice(1),
    ],
    clock,
  })
  await assert.rejects(clock.run(pool.query('www.example.com')), { code: 'ERR_DNS_ALL_FAILED' })
  assert.deepEqual(
    [...outer, ...inner].map(({ asked }) => asked),
    [1, 1, 0, 1, 1, 1],
  )
})

test('parallel starts nobody because of lateness, at any width over 1', async () => {
  const clock = new FakeClock()
  const pool = new Pool({ strategy: { name: 'parallel', width: 2 }, upstreams: members(clock, 'm', 4), clock })
  const query = assert.rejects(pool.query('www.example.com', 'A', { timeout: 2000 }))
  await clock.advance(600)
  assert.equal(
    pool.members.reduce((sum, member) => sum + member.outstanding, 0),
    2,
  )
  await clock.run(query)
})
