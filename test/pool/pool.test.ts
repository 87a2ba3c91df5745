import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Pool, Upstream, type DnsError } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Scripted, stage } from './stage.js'

describe('members', () => {
  test('addresses, tags, upstreams, functions and pools are members', async () => {
    const up = new Upstream('192.0.2.1|one')
    const inner = new Pool({ name: 'inner', upstreams: ['192.0.2.9'] })
    const pool = new Pool({
      upstreams: [
        up,
        'udp://192.0.2.2|two',
        { addr: '192.0.2.3', tag: 'three' },
        { name: 'four', exchange: () => Promise.reject(new Error('no')) },
        inner,
      ],
    })
    assert.deepEqual(
      pool.members.map((m) => m.name),
      ['one', 'two', 'three', 'four', 'inner'],
    )
    await pool.close()
  })

  test('an address may have options of its own, over the defaults; one that is not known is refused', async () => {
    const defaults = { weight: 3, timeout: 700 }
    const pool = new Pool({
      upstreams: [{ addr: '192.0.2.1', tag: 'one', weight: 2 }, '192.0.2.2'],
      upstreamDefaults: defaults,
    })
    assert.deepEqual(
      pool.members.map(({ name, weight }) => [name, weight]),
      [
        ['one', 2],
        ['192.0.2.2:53', 3],
      ],
    )
    const misspelt = { addr: '192.0.2.1', wieght: 2 } as never
    assert.throws(() => new Pool({ upstreams: [misspelt] }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /"upstreams\["192\.0\.2\.1"\]\.wieght" is not known; did you mean "weight"\?/,
    })
    await pool.close()
  })

  test('names are unique, and a pool never holds itself', () => {
    assert.throws(() => new Pool({ upstreams: ['192.0.2.1', '192.0.2.1:53'] }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /two members named "192\.0\.2\.1:53"/,
    })
    const outer = new Pool({ name: 'outer' })
    const inner = new Pool({ name: 'inner', upstreams: [outer] })
    assert.throws(() => outer.add(inner), { code: 'ERR_DNS_INVALID_OPTION', message: /member of itself/ })
  })

  test('a member added while queries run is asked from the next on; one removed finishes what it has', async () => {
    const t = stage('failover', { a: { after: 50 } })
    const first = t.pool.query('one.example')
    const spare = new Scripted('b', {}, t.clock)
    t.pool.add(spare)
    const removed = t.pool.remove('a')
    assert.equal((await t.clock.run(t.pool.query('two.example'))).upstream, 'b')
    assert.equal((await t.clock.run(first)).upstream, 'a')
    assert.equal(await removed, true)
    assert.equal(await t.pool.remove('nobody'), false)
  })

  test('members keep what was learned when others come and go', async () => {
    const t = stage('fastest', { a: { after: 5 }, b: { after: 50 } })
    for (let i = 0; i < 10; i++) await t.query()
    const { srtt } = t.pool.members[0]!
    t.pool.add({ name: 'c', exchange: () => Promise.reject(new Error('no')) })
    await t.pool.remove('b')
    assert.equal(t.pool.members[0]!.srtt, srtt)
  })

  test('an empty pool is down and says who is missing', async () => {
    const pool = new Pool({ name: 'empty' })
    assert.equal(pool.isUp, false)
    await assert.rejects(pool.query('example.com'), {
      code: 'ERR_DNS_NO_UPSTREAM',
      message: /pool empty has no upstream/,
    })
  })
})

describe('limits', () => {
  test('a member at its maxOutstanding is passed over, and with all there the query is refused at once', async () => {
    const clock = new FakeClock()
    const a = new Upstream(new Scripted('a', { after: 20 }, clock), { maxOutstanding: 1, clock })
    const b = new Upstream(new Scripted('b', { after: 20 }, clock), { maxOutstanding: 1, clock })
    const pool = new Pool({ strategy: 'failover', upstreams: [a, b], clock })
    const both = Promise.all([pool.query('one.example'), pool.query('two.example')])
    await assert.rejects(pool.query('three.example'), { code: 'ERR_DNS_OVERLOADED' })
    assert.deepEqual(
      (await clock.run(both)).map((r) => r.upstream),
      ['a', 'b'],
    )
  })

  test('a member over its qps is passed over; with all over, they are asked all the same', async () => {
    const clock = new FakeClock()
    const a = new Upstream(new Scripted('a', {}, clock), { qps: 2, clock })
    const b = new Upstream(new Scripted('b', {}, clock), { qps: 1, clock })
    const pool = new Pool({ strategy: 'failover', upstreams: [a, b], clock })
    const asked = []
    for (let i = 0; i < 5; i++) asked.push((await clock.run(pool.query('x.example'))).upstream)
    assert.deepEqual(asked, ['a', 'a', 'b', 'a', 'a'])
  })
})

describe('standing', () => {
  test('a member forced down is not asked; with all down they are, unless failFast', async () => {
    const t = stage('failover', { a: {}, b: {} })
    const [a, b] = t.pool.members as readonly Upstream[]
    const events: string[] = []
    t.pool.on('down', () => events.push('down'))
    t.pool.on('up', () => events.push('up'))
    a!.force('down')
    assert.equal((await t.query()).upstream, 'b')
    b!.force('down')
    assert.equal((await t.query()).upstream, 'a')
    a!.force(null)
    assert.deepEqual(events, ['down', 'up'])
    const strict = new Pool({ failFast: true, upstreams: [b!] })
    await assert.rejects(strict.query('x.example'), { code: 'ERR_DNS_NO_UPSTREAM' })
  })

  test('three misses in a row put a member last, one query at a time tries it again, and a good reply clears it', async () => {
    const t = stage('failover', { a: { silent: true }, b: { after: 1 } })
    for (let i = 0; i < 3; i++) await t.query()
    assert.equal(t.upstreams.a.asked, 3)
    for (let i = 0; i < 20; i++) await t.query()
    assert.equal(t.upstreams.a.asked, 3)
    await t.clock.advance(1000)
    await Promise.all([t.query(), t.query()])
    assert.equal(t.upstreams.a.asked, 4)
    t.upstreams.a.behaviour = { after: 1 }
    await t.clock.advance(2000)
    assert.equal((await t.query()).upstream, 'a')
    assert.equal((await t.query()).upstream, 'a')
  })

  test('at most half of the members are under suspicion at once', async () => {
    const t = stage('balanced', { a: { silent: true }, b: { silent: true }, c: { silent: true } }, { maxAttempts: 0 })
    const late = () => assert.rejects(t.query('x.example', { timeout: 310 }))
    for (let i = 0; i < 9; i++) await late()
    assert.ok((t.pool.members as readonly Upstream[]).every((m) => m.health.suspected))
    for (let i = 0; i < 2; i++) await late()
    assert.deepEqual(
      Object.values(t.upstreams).map((u) => u.asked),
      [3, 4, 4],
    )
  })

  test('a suspicion that moves while queries are out neither asks a member twice nor leaves one out', async () => {
    const t = stage('balanced', { a: { after: 1 }, b: { silent: true } })
    for (let i = 0; i < 6; i++) await t.query()
    t.upstreams.a.behaviour = { silent: true }
    t.upstreams.b.behaviour = { after: 1 }
    const before = t.upstreams.a.asked
    const asked = []
    for (let i = 0; i < 8; i++) {
      asked.push(t.pool.query('www.example.com', 'A'))
      await t.clock.advance(1)
    }
    const replies = await t.clock.run(Promise.all(asked))
    assert.deepEqual(new Set(replies.map((reply) => reply.upstream)), new Set(['b']))
    assert.equal(t.upstreams.a.asked - before, 8)
    assert.ok(replies.every((reply) => reply.elapsed < 150))
  })
})

test('events tell of attempts, replies and failures, and a throwing listener changes nothing', async () => {
  const t = stage('failover', { a: { fail: true }, b: {} })
  const seen: string[] = []
  t.pool.on('attempt', (e) => seen.push(`attempt ${e.upstream} ${e.why}`))
  t.pool.on('reply', (e) => seen.push(`reply ${e.upstream} ${e.attempts}`))
  await t.query()
  t.upstreams.b.behaviour = { fail: true }
  t.pool.on('failure', (e) => seen.push(`failure ${e.error.code} ${e.attempts}`))
  await assert.rejects(t.query())
  assert.deepEqual(seen, [
    'attempt a first',
    'attempt b failed',
    'reply b 2',
    'attempt a first',
    'attempt b failed',
    'failure ERR_DNS_ALL_FAILED 2',
  ])
})

test('pools nest: the inner strategy is asked within one attempt of the outer', async () => {
  const clock = new FakeClock()
  const inner = new Pool({
    name: 'inner',
    strategy: 'failover',
    clock,
    upstreams: [new Scripted('x', { fail: true }, clock), new Scripted('y', {}, clock)],
  })
  const outer = new Pool({
    name: 'outer',
    strategy: 'failover',
    clock,
    maxAttempts: 0,
    upstreams: [inner, new Scripted('z', {}, clock)],
  })
  assert.equal((await clock.run(outer.query('x.example'))).upstream, 'y')
})

test('a trace tells the order, each attempt and why the reply won', async () => {
  const t = stage('failover', { a: { rcode: 'SERVFAIL' }, b: {} })
  const { trace } = await t.query('x.example', { trace: true })
  const steps = trace!.map((s) => (s.step === 'attempt' ? `attempt ${s.upstream} ${s.why}` : s.step))
  assert.deepEqual(
    steps.filter((s) => !s.startsWith('send')),
    ['order', 'attempt a first', 'outcome', 'verdict', 'attempt b failed', 'outcome', 'verdict'],
  )
})

test('a closed pool refuses with ERR_DNS_CLOSED, and closing waits for what is under way', async () => {
  const t = stage('failover', { a: { after: 30 } })
  const reply = t.pool.query('x.example')
  const closed = t.pool.close()
  await assert.rejects(t.pool.query('y.example'), { code: 'ERR_DNS_CLOSED' })
  assert.equal((await t.clock.run(reply)).upstream, 'a')
  await closed
})

test.each([
  [{ strateggy: 'random' }, /option "strateggy" is not known; did you mean "strategy"\?/],
  [{ strategy: 'rondom' }, /strategy/],
  [{ upstreams: '1.1.1.1' }, /"upstreams" must be an array/],
  [{ upstreams: [7] }, /"upstreams" must be an address/],
  [{ maxAttempts: -1 }, /"maxAttempts" must be a whole number from 0 to 100; got -1/],
  [{ timeout: 0 }, /"timeout" must be a number of milliseconds/],
  [{ health: { intervall: 5 } }, /"health.intervall" is not known; did you mean "interval"/],
])('%j is refused with what is allowed', (options, message) => {
  assert.throws(
    () => new Pool(options as never),
    (e: DnsError) => e.code === 'ERR_DNS_INVALID_OPTION' && message.test(e.message),
  )
})
