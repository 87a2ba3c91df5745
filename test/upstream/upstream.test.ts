import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { CancelScope, Message, Upstream, type DnsError } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Evidence } from '../../src/upstream/evidence.js'
import { Rate } from '../../src/upstream/rate.js'
import { RoundTrips } from '../../src/upstream/round-trips.js'
import { Scripted } from '../pool/stage.js'

describe('round trips', () => {
  test('the first sample is the average, and rto has a floor of 100 ms', () => {
    const trips = new RoundTrips()
    assert.ok(Number.isNaN(trips.srtt) && Number.isNaN(trips.p95))
    assert.equal(trips.rto, 300)
    trips.reply(20, 0)
    assert.deepEqual([trips.srtt, trips.rto, trips.p95], [20, 100, 20])
  })

  test('a failure moves the average only up, at least to the time waited', () => {
    const trips = new RoundTrips()
    trips.reply(20, 0)
    trips.failure(2000, 10)
    assert.ok(trips.srtt >= 2000)
    trips.failure(100, 20)
    assert.ok(trips.srtt >= 2000)
  })

  test('the first reply after failures starts afresh: no 500 successes to recover', () => {
    const trips = new RoundTrips()
    for (let i = 0; i < 50; i++) trips.failure(2000, i)
    trips.reply(12, 100)
    assert.equal(trips.srtt, 12)
  })

  test('losing a race says "at least this long": it moves a slow average nowhere, a fast one up', () => {
    const trips = new RoundTrips()
    trips.reply(50, 0)
    trips.censored(10, 1)
    assert.equal(trips.srtt, 50)
    trips.censored(130, 2)
    assert.equal(trips.srtt, 60)
  })

  test('p95 looks at the last 200 samples', () => {
    const trips = new RoundTrips()
    for (let i = 0; i < 200; i++) trips.reply(500, i)
    for (let i = 0; i < 200; i++) trips.reply(i < 10 ? 90 : 10, i)
    assert.equal(trips.p95, 10)
    for (let i = 0; i < 20; i++) trips.reply(90, i)
    assert.equal(trips.p95, 90)
  })
})

describe('evidence', () => {
  test('three misses with no reply between raise a suspicion, two do not', () => {
    const evidence = new Evidence()
    assert.deepEqual(
      [evidence.miss(0), evidence.miss(1), evidence.reply(true), evidence.miss(2), evidence.miss(3)],
      [false, false, false, false, false],
    )
    assert.equal(evidence.miss(4), true)
    assert.equal(evidence.suspected(4), true)
  })

  test('one trial at a time, after 1, 2 and then every 4 s', () => {
    const evidence = new Evidence()
    for (let i = 0; i < 3; i++) evidence.miss(0)
    const at = []
    for (let now = 0; now < 20_000; now += 500) {
      if (evidence.begin(now)) at.push(now)
      else if (!evidence.suspected(now)) at.push(-1)
    }
    assert.deepEqual(at, [1000, 3000, 7000, 11_000, 15_000, 19_000])
  })

  test('a SERVFAIL does not clear a suspicion, any other reply does', () => {
    const evidence = new Evidence()
    for (let i = 0; i < 3; i++) evidence.miss(0)
    assert.equal(evidence.reply(false), false)
    assert.equal(evidence.marked, true)
    assert.equal(evidence.reply(true), true)
    assert.equal(evidence.marked, false)
  })
})

test('a rate holds one second of tokens and refills with time', () => {
  const rate = new Rate(2, 0)
  const take = (now: number) => rate.available(now) && (rate.take(), true)
  assert.deepEqual(
    [take(0), take(0), take(0), take(499), take(500), take(500), take(10_000), take(10_000), take(10_000)],
    [true, true, false, false, true, false, true, true, false],
  )
})

describe('an upstream that is a function', () => {
  const ask = (exchange: (...args: never[]) => unknown, clock = new FakeClock()) => {
    const upstream = new Upstream({ name: 'fake', exchange: exchange as never }, { clock, timeout: 500 })
    return { upstream, clock, reply: () => clock.run(upstream.query('www.example.com')) }
  }

  test('may return a Message or a Reply, at once or later', async () => {
    const message = (query: never) => Message.reply(query, { rcode: 'NXDOMAIN' })
    const later = ask((query) => Promise.resolve({ message: message(query), upstream: 'inner', age: 7 }))
    assert.equal((await ask(message).reply()).rcode, 'NXDOMAIN')
    const reply = await later.reply()
    assert.deepEqual([reply.upstream, reply.age], ['inner', 7])
  })

  test.each<[string, (query: never) => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
      'ERR_DNS_CONNECT',
    ],
    ['rejects', () => Promise.reject(new Error('boom')), 'ERR_DNS_CONNECT'],
    ['returns nothing', () => undefined, 'ERR_DNS_MALFORMED'],
    ['returns null', () => null, 'ERR_DNS_MALFORMED'],
    ['returns the query', (query) => (query as { message: Message }).message, 'ERR_DNS_MALFORMED'],
    ['answers another question', () => Message.reply(Message.query('other.example'), {}), 'ERR_DNS_MALFORMED'],
    ['never settles', () => new Promise(() => {}), 'ERR_DNS_TIMEOUT'],
  ])('one that %s fails with a DnsError', async (_what, exchange, code) => {
    const t = ask(exchange)
    await assert.rejects(t.reply(), { code })
    assert.equal(t.clock.pending, 0)
    assert.deepEqual([t.upstream.stats.failures, t.upstream.stats.outstanding], [1, 0])
  })

  test('records that belong to another name are dropped (A08)', async () => {
    const t = ask((query) =>
      Message.reply(query, {
        answers: [
          { name: 'www.example.com', type: 'A', ttl: 60, data: '192.0.2.1' },
          { name: 'victim.test', type: 'A', ttl: 60, data: '203.0.113.9' },
        ],
      }),
    )
    assert.deepEqual(
      (await t.reply()).answers.map((r) => r.name),
      ['www.example.com'],
    )
  })
})

test('a probe that is answered, late or cancelled leaves srtt and counters as they are', async () => {
  const clock = new FakeClock()
  const scripted = new Scripted('a', { after: 400 }, clock)
  const up = new Upstream(scripted, { clock })
  const probe = (scope: CancelScope | null) =>
    up.exchange(
      { message: Message.query('probe.example') },
      { deadline: clock.now() + 2000, scope, client: null, purpose: 'probe', trace: null },
    )
  await clock.run(probe(null))
  const scope = new CancelScope()
  clock.setTimeout(() => scope.cancel(), 350)
  await assert.rejects(clock.run(probe(scope)), { code: 'ERR_DNS_CANCELLED' })
  const { queries, replies, late, cancelled, srtt } = up.stats
  assert.deepEqual([queries, replies, late, cancelled, srtt], [0, 0, 0, 0, NaN])
})

test('stats count what happened, and a probe touches none of it', async () => {
  const clock = new FakeClock()
  const scripted = new Scripted('a', { after: 10 }, clock)
  const up = new Upstream(scripted, { clock, timeout: 200 })
  await clock.run(up.query('x.example'))
  scripted.behaviour = { silent: true }
  await assert.rejects(clock.run(up.query('x.example')), {
    code: 'ERR_DNS_TIMEOUT',
    message: 'a did not reply within 200 ms',
  })
  const query = { message: Message.query('probe.example') }
  await assert.rejects(
    clock.run(
      up.exchange(query, { deadline: clock.now() + 50, scope: null, client: null, purpose: 'probe', trace: null }),
    ),
  )
  const { queries, replies, failures, late, outstanding, rcodes } = up.stats
  assert.deepEqual(
    { queries, replies, failures, late, outstanding, rcodes },
    { queries: 2, replies: 1, failures: 1, late: 1, outstanding: 0, rcodes: { 0: 1 } },
  )
})

test('events name the upstream, how long it took and what went wrong', async () => {
  const clock = new FakeClock()
  const scripted = new Scripted('a', { after: 10 }, clock)
  const up = new Upstream(scripted, { clock })
  const seen: unknown[] = []
  up.on('reply', ({ upstream, rcode, elapsed }) => seen.push([upstream, rcode, elapsed]))
  up.on('failure', ({ upstream, error }) => seen.push([upstream, error.code]))
  up.on('suspect', ({ health }) => seen.push(health.suspected))
  await clock.run(up.query('x.example'))
  scripted.behaviour = { fail: true }
  for (let i = 0; i < 3; i++) await assert.rejects(clock.run(up.query('x.example')))
  const failed = ['a', 'ERR_DNS_CONNECT']
  assert.deepEqual(seen, [['a', 0, 10], failed, failed, true, failed])
})

test('closing waits for what is in flight; destroyed or closed, it takes no more', async () => {
  const clock = new FakeClock()
  const up = new Upstream(new Scripted('a', { after: 10 }, clock), { clock })
  const reply = up.query('x.example')
  const closed = up.close()
  await assert.rejects(up.query('y.example'), { code: 'ERR_DNS_CLOSED', message: 'a is closed' })
  assert.equal((await clock.run(reply)).upstream, 'a')
  await closed
  await up.close()
})

test.each([
  [
    ['1.1.1.1', { timeuot: 5 }],
    'ERR_DNS_INVALID_OPTION',
    'Upstream: option "timeuot" is not known; did you mean "timeout"?',
  ],
  [
    ['1.1.1.1', { sockets: 0 }],
    'ERR_DNS_INVALID_OPTION',
    'Upstream: option "sockets" must be a whole number from 1 to 1024, or "per-query"; got 0',
  ],
])('new Upstream(...%j) says what is wrong', (args, code, message) => {
  assert.throws(
    () => new Upstream(...(args as [string])),
    (e: DnsError) => e.code === code && e.message === message,
  )
})
