import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Pool, Upstream, type DnsError, type ForwarderOptions } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Scripted, type Behaviour } from '../pool/stage.js'

/** A forwarder whose pools are named lists of scripted upstreams, by priority. */
function stage(script: Record<string, Record<string, Behaviour>>, options: Partial<ForwarderOptions> = {}) {
  const clock = new FakeClock()
  const upstreams: Record<string, Scripted> = {}
  const pools = Object.entries(script).map(([name, members], at) => {
    const list = Object.entries(members).map(
      ([member, behaviour]) => (upstreams[member] = new Scripted(member, behaviour, clock)),
    )
    return new Pool({ name, priority: at + 1, strategy: 'failover', upstreams: list, clock })
  })
  const forwarder = new Forwarder({ pools, clock, ...options })
  const query = (name = 'www.example.com', more = {}) => clock.run(forwarder.query(name, 'A', more))
  return { clock, forwarder, pools, query, upstreams }
}

describe('pools by priority', () => {
  test('the lowest number with a member up is asked, whatever the order given', async () => {
    const clock = new FakeClock()
    const of = (name: string, priority: number) =>
      new Pool({ name, priority, clock, upstreams: [new Scripted(name, {}, clock)] })
    const forwarder = new Forwarder({ pools: [of('third', 30), of('first', 1), of('second', 2)], clock })
    assert.deepEqual(
      forwarder.pools.map((p) => p.name),
      ['first', 'second', 'third'],
    )
    assert.equal((await clock.run(forwarder.query('x.example'))).upstream, 'first')
    ;(forwarder.pools[0]!.members[0] as Upstream).force('down')
    assert.equal((await clock.run(forwarder.query('x.example'))).upstream, 'second')
    ;(forwarder.pools[0]!.members[0] as Upstream).force(null)
    assert.equal((await clock.run(forwarder.query('x.example'))).upstream, 'first')
  })

  test.each<[string, Behaviour]>([
    ['fails', { fail: true }],
    ['says SERVFAIL', { rcode: 'SERVFAIL' }],
    ['says REFUSED', { rcode: 'REFUSED' }],
    ['is silent', { silent: true }],
  ])('a pool that %s hands over to the next', async (_what, behaviour) => {
    const t = stage({ one: { a: behaviour }, two: { b: {} } })
    assert.equal((await t.query()).upstream, 'b')
  })

  test('the first SERVFAIL is the reply when no pool does better', async () => {
    const t = stage({ one: { a: { rcode: 'SERVFAIL' } }, two: { b: { fail: true } } })
    assert.deepEqual([(await t.query()).rcode, t.upstreams.b!.asked], ['SERVFAIL', 1])
  })

  test('a failed DNSSEC validation is not asked away at another pool', async () => {
    const t = stage({ one: { a: { rcode: 'SERVFAIL', ede: 7 } }, two: { b: {} } })
    assert.deepEqual([(await t.query('x.example', { edns: true })).rcode, t.upstreams.b!.asked], ['SERVFAIL', 0])
  })

  test('the global fallback comes last, and is reached within the timeout though everybody before it is silent', async () => {
    const clock = new FakeClock()
    const mute = (name: string) => new Scripted(name, { silent: true }, clock)
    const pool = (name: string, priority: number) =>
      new Pool({
        name,
        priority,
        clock,
        strategy: 'failover',
        upstreams: [mute(`${name}1`), mute(`${name}2`), mute(`${name}3`)],
      })
    const last = new Scripted('last', { after: 5 }, clock)
    const forwarder = new Forwarder({ pools: [pool('one', 1), pool('two', 2)], fallback: [mute('mute'), last], clock })
    const reply = await clock.run(forwarder.query('x.example'))
    assert.equal(reply.upstream, 'last')
    assert.ok(reply.elapsed < 5000, String(reply.elapsed))
  })

  test('with every member down all are asked as if they were up, or none with failFast', async () => {
    const t = stage({ one: { a: { fail: true } }, two: { b: {} } })
    for (const pool of t.pools) (pool.members[0] as Upstream).force('down')
    assert.equal((await t.query()).upstream, 'b')
    const strict = stage({ one: { a: {} } }, { failFast: true })
    ;(strict.pools[0]!.members[0] as Upstream).force('down')
    await assert.rejects(strict.query(), { code: 'ERR_DNS_NO_UPSTREAM' })
  })

  test('a trace names a pool as asked when it is, in turn, and says why others are passed over', async () => {
    const t = stage({ one: { a: {} }, two: { b: { fail: true } }, three: { c: {} }, four: { d: {} } })
    ;(t.pools[0]!.members[0] as Upstream).force('down')
    const { trace } = await t.query('x.example', { trace: true })
    const steps = trace!.filter((step) => step.step === 'pool')
    assert.deepEqual(
      steps.map(({ pool, asked, why }) => [pool, asked, why]),
      [
        ['one', false, 'has no member up'],
        ['two', true, 'has a member up'],
        ['three', true, 'the one before it failed'],
      ],
    )
  })

  test('everybody failing is ERR_DNS_ALL_FAILED by the timeout, with a cause for each pool', async () => {
    const t = stage({ one: { a: { silent: true } }, two: { b: { fail: true } } }, { timeout: 1500 })
    await assert.rejects(
      t.query(),
      (e: DnsError & { causes: unknown[] }) => e.code === 'ERR_DNS_ALL_FAILED' && e.causes.length === 2,
    )
    assert.ok(t.clock.now() <= 1500)
  })
})

describe('routes', () => {
  test('the longest suffix wins, whole labels only, in any case', async () => {
    const clock = new FakeClock()
    const to = (name: string) => [new Scripted(name, {}, clock)]
    const forwarder = new Forwarder({
      upstreams: to('default'),
      clock,
      routes: { 'corp.internal': to('corp'), 'lab.corp.internal.': to('lab') },
    })
    const ask = async (name: string) => (await clock.run(forwarder.query(name))).upstream
    assert.deepEqual(
      [
        await ask('a.corp.internal'),
        await ask('CORP.Internal'),
        await ask('x.lab.corp.internal'),
        await ask('notcorp.internal'),
        await ask('internal'),
      ],
      ['corp', 'corp', 'lab', 'default', 'default'],
    )
  })

  test('a covered name never leaks to the pools, unless the route says so', async () => {
    const clock = new FakeClock()
    const routes = {
      'in.example': [new Scripted('dead', { fail: true }, clock)],
      'leaky.example': { to: [new Scripted('dead2', { rcode: 'SERVFAIL' as const }, clock)], leak: true },
    }
    const forwarder = new Forwarder({ upstreams: [new Scripted('default', {}, clock)], clock, routes })
    await assert.rejects(clock.run(forwarder.query('x.in.example')), { code: 'ERR_DNS_ALL_FAILED' })
    assert.equal((await clock.run(forwarder.query('x.leaky.example'))).upstream, 'default')
  })

  test.each([
    ['refuse', 'REFUSED'],
    ['nxdomain', 'NXDOMAIN'],
    ['nodata', 'NOERROR'],
  ] as const)('%s is answered here as %s', async (action, rcode) => {
    const t = stage({ one: { a: {} } }, { routes: { 'ads.example': { action } } })
    const reply = await t.query('x.ads.example')
    assert.deepEqual([reply.rcode, reply.answers.length, reply.upstream, t.upstreams.a!.asked], [rcode, 0, null, 0])
  })

  test('labels that are no ordinary text are just labels (A22, A23)', async () => {
    const t = stage(
      { one: { a: {} } },
      { routes: { '__proto__.example': { action: 'refuse' }, 'a\\.b.example': { action: 'nxdomain' } } },
    )
    assert.equal((await t.query('constructor.__proto__.example')).rcode, 'REFUSED')
    assert.equal((await t.query('a\\.b.example')).rcode, 'NXDOMAIN')
    assert.equal((await t.query('a.b.example')).rcode, 'NOERROR')
    assert.equal(({} as { refuse?: unknown }).refuse, undefined)
  })
})

describe('lifecycle', () => {
  test('what it made itself is closed with it, what was given is not', async () => {
    const given = new Upstream({ name: 'given', exchange: () => Promise.reject(new Error('never')) })
    const pool = new Pool({ name: 'mine', upstreams: [given] })
    const forwarder = new Forwarder({ pools: [pool, { name: 'own', priority: 2, upstreams: ['192.0.2.1'] }] })
    const own = forwarder.pools[1]!
    await forwarder.close()
    await assert.rejects(forwarder.query('x.example'), { code: 'ERR_DNS_CLOSED' })
    await assert.rejects(own.query('x.example'), { code: 'ERR_DNS_CLOSED' })
    await assert.rejects(pool.query('x.example'), { code: 'ERR_DNS_ALL_FAILED' })
  })

  test('an aborted signal rejects with ERR_DNS_CANCELLED and leaves no listener behind (N08)', async () => {
    const t = stage({ one: { a: { after: 1 } } })
    const abort = new AbortController()
    let listeners = 0
    const { signal } = abort
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
    for (let i = 0; i < 100; i++) await t.query('x.example', { signal })
    assert.equal(listeners, 0)
    abort.abort()
    await assert.rejects(t.query('x.example', { signal }), { code: 'ERR_DNS_CANCELLED' })
  })
})

test.each([
  [{}, /at least one upstream/],
  [{ upstreams: [] }, /at least one upstream/],
  [{ upstreams: ['1.1.1.1'], pools: [] }, /exclude each other/],
  [{ pools: [{ upstreams: ['1.1.1.1'] }], strategy: 'random' }, /goes with "upstreams"/],
  [{ upstreams: ['1.1.1.1'], requireEncryption: true }, /1\.1\.1\.1:53 is asked in the clear over udp/],
  [{ upstreams: ['1.1.1.1'], cache: true }, /"cache" must be an object; got true/],
  [{ upstreams: ['1.1.1.1'], cache: { maxsize: 1 } }, /"cache\.maxsize" is not known; did you mean "maxSize"/],
  [{ upstreams: ['1.1.1.1'], cache: { minTtl: 60, maxTtl: 30 } }, /"cache\.minTtl" must not be over maxTtl/],
  [{ upstreams: ['1.1.1.1'], routes: { 'a..b': ['1.1.1.1'] } }, /routes\["a\.\.b"\]/],
  [
    { upstreams: ['1.1.1.1'], routes: { 'a.b': { action: 'drop' } } },
    /must be one of "refuse", "nxdomain", "nodata"; got "drop"/,
  ],
  [{ upstreams: ['1.1.1.1'], routes: { 'a.b': ['1.1.1.1'], 'A.B.': ['1.1.1.1'] } }, /there twice/],
  [
    { upstreams: ['1.1.1.1'], timeout: '5s' },
    /"timeout" must be a number of milliseconds from 1 to 2147483647; got "5s"/,
  ],
])('%j is refused with what is allowed', (options, message) => {
  assert.throws(
    () => new Forwarder(options as never),
    (e: DnsError) => e.code === 'ERR_DNS_INVALID_OPTION' && message.test(e.message),
  )
})
