import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { DnsError } from 'headrace'
import { AllUpstreamsFailedError, Strategy, type Candidate } from 'headrace'
import { stage } from './stage.js'

const ALL = [
  'failover',
  'balanced',
  'random',
  'weighted',
  'fastest',
  'least-outstanding',
  'consistent-hash',
  'first-available',
  'parallel',
  'hedged',
]

describe('one after another', () => {
  test('failover asks the second upstream at once when the first fails', async () => {
    const t = stage('failover', { a: { fail: true, after: 3 }, b: { after: 5 } })
    assert.equal((await t.query()).upstream, 'b')
    assert.equal(t.clock.now(), 8)
  })

  test('failover asks the second upstream as well once the first is late, and still listens to the first', async () => {
    const t = stage('failover', { a: { after: 320 }, b: { after: 500 } })
    assert.equal((await t.query()).upstream, 'a')
    assert.equal(t.clock.now(), 320)
    assert.deepEqual([t.upstreams.b.asked, t.upstreams.b.cancelled], [1, 1])
  })

  test('lateness follows the measured round trips down to 100 ms', async () => {
    const t = stage('failover', { a: { after: 10 }, b: { after: 1 } })
    for (let i = 0; i < 50; i++) await t.query()
    t.upstreams.a.behaviour = { silent: true }
    const before = t.clock.now()
    assert.equal((await t.query()).upstream, 'b')
    assert.equal(t.clock.now() - before, 101)
  })

  test('a SERVFAIL is passed over for a later good reply, and kept when there is none', async () => {
    const t = stage('failover', { a: { rcode: 'SERVFAIL' }, b: { rcode: 'NXDOMAIN' } })
    assert.equal((await t.query()).rcode, 'NXDOMAIN')
    const u = stage('failover', { a: { rcode: 'SERVFAIL' }, b: { rcode: 'REFUSED' } })
    const reply = await u.query()
    assert.deepEqual([reply.rcode, reply.upstream], ['SERVFAIL', 'a'])
  })

  test.each(['REFUSED', 'NOTIMP', 'FORMERR'] as const)('%s tries on', async (rcode) => {
    const t = stage('failover', { a: { rcode }, b: {} })
    assert.equal((await t.query()).upstream, 'b')
  })

  test('a SERVFAIL because of DNSSEC ends the search: asking another would be a downgrade', async () => {
    const t = stage('failover', { a: { rcode: 'SERVFAIL', ede: 6 }, b: {} })
    assert.deepEqual([(await t.query('x.example', { dnssecOk: true })).rcode, t.upstreams.b.asked], ['SERVFAIL', 0])
  })

  test('maxAttempts counts what begins after the first', async () => {
    const fail = { fail: true }
    const t = stage('failover', { a: fail, b: fail, c: fail, d: fail, e: fail }, { maxAttempts: 2 })
    await assert.rejects(
      t.query(),
      (e: DnsError) => e instanceof AllUpstreamsFailedError && e.causes.length === 3 && e.code === 'ERR_DNS_ALL_FAILED',
    )
    assert.equal(t.upstreams.d!.asked, 0)
  })

  test('the last member is reached although all before it are silent', async () => {
    const mute = { silent: true }
    const t = stage('failover', { a: mute, b: mute, c: mute, d: { after: 2 } })
    assert.equal((await t.query()).upstream, 'd')
    assert.ok(t.clock.now() <= 905, String(t.clock.now()))
  })

  test('every attempt ends by the deadline of the query', async () => {
    const t = stage('failover', { a: { silent: true }, b: { silent: true } })
    await assert.rejects(t.query('www.example.com', { timeout: 700 }), { code: 'ERR_DNS_ALL_FAILED' })
    assert.equal(t.clock.now(), 700)
  })

  test('a TC=1 reply that nobody bettered is SERVFAIL to a caller in process', async () => {
    const t = stage('failover', { a: { truncated: true }, b: { fail: true } })
    assert.equal((await t.query()).rcode, 'SERVFAIL')
  })
})

describe('several at once', () => {
  test('parallel takes the first good reply and cancels the rest', async () => {
    const t = stage('parallel', { a: { after: 80 }, b: { after: 5 }, c: { silent: true } })
    assert.equal((await t.query()).upstream, 'b')
    assert.equal(t.clock.now(), 5)
    assert.deepEqual([t.upstreams.a.cancelled, t.upstreams.c!.cancelled], [1, 1])
  })

  test.each(['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR'] as const)(
    'a fast %s never beats a slower good reply',
    async (rcode) => {
      const t = stage('parallel', { a: { rcode, after: 1 }, b: { after: 90 } })
      assert.equal((await t.query()).upstream, 'b')
    },
  )

  test('an empty NOERROR without SOA waits a little for those under way', async () => {
    const t = stage('parallel', { a: { empty: true, after: 1 }, b: { after: 50 } })
    assert.equal((await t.query()).upstream, 'b')
    const u = stage('parallel', { a: { empty: true, after: 1 }, b: { silent: true } })
    assert.equal((await u.query()).upstream, 'a')
    assert.equal(u.clock.now(), 101)
  })

  test('width 2 replaces a failed attempt at once', async () => {
    const t = stage({ name: 'parallel', width: 2 } as never, {
      a: { fail: true, after: 2 },
      b: { silent: true },
      c: { after: 2 },
    })
    assert.equal((await t.query()).upstream, 'c')
    assert.equal(t.clock.now(), 4)
    assert.equal(t.upstreams.b.cancelled, 1)
  })

  test('parallel asks nobody else because of lateness', async () => {
    const t = stage({ name: 'parallel', width: 2 } as never, {
      a: { after: 900 },
      b: { silent: true },
      c: { after: 1 },
    })
    assert.equal((await t.query()).upstream, 'a')
    assert.equal(t.upstreams.c!.asked, 0)
  })
})

describe('every strategy', () => {
  test.each(ALL)('%s: no reply from anybody is ERR_DNS_ALL_FAILED, and nothing is left behind', async (name) => {
    const t = stage(name, { a: { fail: true }, b: { fail: true } })
    await assert.rejects(t.query(), { code: 'ERR_DNS_ALL_FAILED' })
    await t.clock.advance(0)
    assert.equal(t.pool.outstanding, 0)
    assert.deepEqual(
      t.pool.members.map((m) => m.outstanding),
      [0, 0],
    )
  })

  test.each(ALL)('%s: everybody saying SERVFAIL is a reply, not an error', async (name) => {
    const t = stage(name, { a: { rcode: 'SERVFAIL' }, b: { rcode: 'SERVFAIL' } })
    assert.equal((await t.query()).rcode, 'SERVFAIL')
  })

  test.each(ALL)('%s: one dead member of two costs no query', async (name) => {
    const t = stage(name, { a: { silent: true }, b: { after: 10 } })
    for (let i = 0; i < 40; i++) assert.equal((await t.query(`n${i}.example`)).upstream, 'b')
  })

  test.each(ALL)('%s: a caller that loses interest ends it, and nobody else is asked', async (name) => {
    const t = stage(name, { a: { silent: true }, b: { silent: true }, c: { silent: true } })
    const abort = new AbortController()
    t.clock.setTimeout(() => abort.abort(new Error('gone')), 5)
    const failed = t.clock.run(t.pool.query('www.example.com', 'A', { signal: abort.signal }))
    await assert.rejects(
      failed,
      (e: DnsError) => e.code === 'ERR_DNS_CANCELLED' && (e.cause as Error).message === 'gone',
    )
    assert.equal(t.clock.now(), 5)
    const asked = Object.values(t.upstreams).map((u) => u.asked)
    await t.clock.advance(5000)
    assert.deepEqual(
      Object.values(t.upstreams).map((u) => u.asked),
      asked,
    )
    assert.equal(t.pool.outstanding, 0)
  })
})

describe('a strategy that misbehaves', () => {
  const odd = (order: (c: readonly Candidate[]) => Iterable<Candidate>) =>
    new (class extends Strategy {
      readonly name = 'odd'
      override order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
        return order(candidates) as Iterable<C>
      }
    })()

  test('throwing in order() fails the query with the cause', async () => {
    const t = stage(
      odd(() => {
        throw new Error('bug')
      }),
      { a: {} },
    )
    await assert.rejects(
      t.query(),
      (e: DnsError) => e.code === 'ERR_DNS_NO_UPSTREAM' && (e.cause as Error).message === 'bug',
    )
  })

  test('yielding nobody, or one member for ever, ends the order', async () => {
    await assert.rejects(
      stage(
        odd(() => []),
        { a: {} },
      ).query(),
      { code: 'ERR_DNS_NO_UPSTREAM' },
    )
    const forever = odd(function* (c) {
      for (;;) yield c[0]!
    })
    await assert.rejects(stage(forever, { a: { fail: true }, b: {} }).query(), { code: 'ERR_DNS_ALL_FAILED' })
  })

  test('an order that is not drawn is not computed', async () => {
    let drawn = 0
    const lazy = odd(function* (c) {
      for (const one of c) {
        drawn++
        yield one
      }
    })
    await stage(lazy, { a: {}, b: {}, c: {} }).query()
    assert.equal(drawn, 1)
  })
})
