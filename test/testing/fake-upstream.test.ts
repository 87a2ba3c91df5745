import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { CancelScope } from '../../src/base/cancel.js'
import { CANCELLED, DnsError } from '../../src/errors.js'
import type { ExchangeContext, Query } from '../../src/exchanger.js'
import type { Behaviour, Script } from '../../src/testing/behaviour.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { Message } from '../../src/wire/message.js'

const ask = (name = 'example.com', type = 'A', options = {}): Query => ({
  message: Message.query(name, type, { id: 4242, ...options }),
})

/** A fake on virtual time, and a context that ends at `deadline`. */
function stage(script?: Script, deadline = 1000) {
  const clock = new FakeClock()
  const fake = new FakeUpstream('a', script, { clock, random: () => 0.5 })
  const scope = new CancelScope()
  const ctx: ExchangeContext = { deadline, scope, client: null, purpose: 'query', trace: null }
  const counters = () => ({
    asked: fake.asked,
    replied: fake.replied,
    failed: fake.failed,
    cancelled: fake.cancelled,
    outstanding: fake.outstanding,
  })
  return { clock, fake, scope, ctx, counters, query: (q = ask()) => clock.run(fake.exchange(q, ctx)) }
}

describe('FakeUpstream', () => {
  test('without a script replies at once, with one address to A and AAAA and an SOA to other types', async () => {
    const t = stage()
    const a = await t.query()
    assert.equal(a.upstream, 'a')
    assert.equal(a.age, 0)
    assert.deepEqual(a.message.answers, [{ name: 'example.com', type: 'A', class: 'IN', ttl: 300, data: '192.0.2.1' }])
    assert.equal((await t.query(ask('v6.example', 'AAAA'))).message.answers[0]!.data, '2001:db8::1')
    const mx = (await t.query(ask('Mail.Example', 'MX'))).message
    assert.deepEqual([mx.rcode, mx.hasData, mx.hasSoa], [0, false, true])
    assert.equal(t.clock.now(), 0)
    assert.deepEqual(t.counters(), { asked: 3, replied: 3, failed: 0, cancelled: 0, outstanding: 0 })
    assert.deepEqual(t.fake.queries, ['example.com', 'v6.example', 'Mail.Example'])
  })

  test('replies to exactly the question, with its ID, in octets of its own', async () => {
    const t = stage()
    const query = ask('eXample.COM')
    const before = Buffer.from(query.message.wire)
    const { message } = await t.query(query)
    assert.equal(message.id, 4242)
    assert.ok(message.sameQuestion(query.message))
    assert.deepEqual(query.message.wire, before)
    Message.from(message.wire)
  })

  test('fills in what a record leaves out from the question', async () => {
    const t = stage({
      answers: [{ data: '203.0.113.9' }, '203.0.113.10', { name: 'other.example', type: 'TXT', ttl: 5, data: 'x' }],
      additional: [{ type: 'AAAA', data: '::1' }],
    })
    const { message } = await t.query()
    assert.deepEqual(
      message.answers.map(({ name, type, ttl }) => [name, type, ttl]),
      [
        ['example.com', 'A', 300],
        ['example.com', 'A', 300],
        ['other.example', 'TXT', 5],
      ],
    )
    assert.equal(message.additional.length, 1)
  })

  test.each<[string, Behaviour, (reply: Message) => unknown, unknown]>([
    ['an RCODE by name', { rcode: 'SERVFAIL' }, (m) => [m.rcode, m.hasData, m.hasSoa], [2, false, false]],
    ['an RCODE by number', { rcode: 9 }, (m) => m.rcode, 9],
    ['NXDOMAIN, with an SOA', { rcode: 'NXDOMAIN' }, (m) => [m.rcode, m.hasSoa], [3, true]],
    ['NXDOMAIN without an SOA', { rcode: 'NXDOMAIN', authority: [] }, (m) => m.hasSoa, false],
    ['NODATA without an SOA', { answers: [] }, (m) => [m.hasData, m.hasSoa], [false, false]],
    ['AA', { authoritative: true }, (m) => m.authoritative, true],
    ['AD', { authenticData: true }, (m) => m.authenticData, true],
    ['TC without records', { truncated: true }, (m) => [m.truncated, m.hasData], [true, false]],
    ['TC with records', { truncated: true, answers: ['192.0.2.7'] }, (m) => [m.truncated, m.hasData], [true, true]],
    [
      'an extended error',
      { rcode: 'SERVFAIL', ede: [{ code: 6, text: 'bogus' }] },
      (m) => m.ede,
      [{ code: 6, text: 'bogus' }],
    ],
  ])('replies with %s', async (_what, script, read, expected) => {
    const t = stage(script)
    assert.deepEqual(read((await t.query(ask('example.com', 'A', { edns: true }))).message), expected)
  })

  test('wrong ID and wrong question are replies to something else', async () => {
    for (const script of ['wrong-id', { wrong: 'id' }] as const) {
      const reply = (await stage(script).query()).message
      assert.notEqual(reply.id, 4242)
      assert.ok(reply.sameQuestion(ask().message))
    }
    for (const script of ['wrong-question', { wrong: 'question', rcode: 'NXDOMAIN' }] as const) {
      assert.ok(!(await stage(script).query()).message.sameQuestion(ask().message))
    }
  })

  test('takes as long as it is told, on the clock that it is given', async () => {
    const t = stage({ after: 40 })
    await t.query()
    assert.equal(t.clock.now(), 40)
    t.fake.script = { after: [10, 30] }
    await t.query()
    assert.equal(t.clock.now(), 60, 'random() = 0.5 is half way')
    assert.equal(t.clock.pending, 0)
  })

  test('a list has one behaviour for each query, and the last one for the rest', async () => {
    const t = stage([{ rcode: 'SERVFAIL' }, 'refused', {}])
    assert.equal((await t.query()).message.rcode, 2)
    await assert.rejects(t.query(), { code: 'ERR_DNS_CONNECT' })
    for (let i = 0; i < 3; i++) assert.equal((await t.query()).message.rcode, 0)
  })

  test('a function is given the query and its number', async () => {
    const seen: [string, number][] = []
    const t = stage((query, nth) => {
      seen.push([query.message.question!.name, nth])
      return nth === 2 ? { rcode: 'REFUSED' } : {}
    })
    assert.equal((await t.query(ask('a.example'))).message.rcode, 0)
    assert.equal((await t.query(ask('b.example'))).message.rcode, 5)
    assert.deepEqual(seen, [
      ['a.example', 1],
      ['b.example', 2],
    ])
  })

  test('setting the script changes what comes next, and starts a list anew; what is under way goes on', async () => {
    const t = stage({ after: 50 })
    const first = t.fake.exchange(ask(), t.ctx)
    t.fake.script = 'refused'
    await assert.rejects(t.query(), { code: 'ERR_DNS_CONNECT' })
    assert.equal((await t.clock.run(first)).message.rcode, 0)
    const list: Script = [{ rcode: 'SERVFAIL' }, {}]
    t.fake.script = list
    assert.equal(t.fake.script, list)
    assert.deepEqual([(await t.query()).message.rcode, (await t.query()).message.rcode], [2, 0])
    t.fake.script = list
    assert.equal((await t.query()).message.rcode, 2)
  })

  test('silence ends at the deadline', async () => {
    const t = stage('silent', 700)
    await assert.rejects(t.query(), {
      code: 'ERR_DNS_TIMEOUT',
      upstream: 'a',
      message: 'a did not reply within 700 ms',
    })
    assert.equal(t.clock.now(), 700)
    assert.deepEqual(t.counters(), { asked: 1, replied: 0, failed: 1, cancelled: 0, outstanding: 0 })
  })

  test.each([1000, 1001, 60_000])('a reply after %d ms is too late for a deadline at 1000', async (after) => {
    const t = stage({ after })
    await assert.rejects(t.query(), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal(t.clock.now(), 1000)
    assert.equal(t.clock.pending, 0)
  })

  test('a deadline that has passed fails even a reply at once', async () => {
    await assert.rejects(stage({}, 0).query(), { code: 'ERR_DNS_TIMEOUT' })
    await assert.rejects(stage({}, -5).query(), { code: 'ERR_DNS_TIMEOUT' })
  })

  test('without a context it has 5 s', async () => {
    const { clock, fake } = stage('silent')
    await assert.rejects(clock.run(fake.exchange(ask())), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal(clock.now(), 5000)
  })

  test.each<Behaviour>(['silent', { after: 100 }, { error: new DnsError('ERR_DNS_TLS', 'x'), after: 100 }])(
    'cancelling %j settles it at once and leaves no timer',
    async (script) => {
      const t = stage(script)
      const reply = t.fake.exchange(ask(), t.ctx)
      assert.equal(t.counters().outstanding, 1)
      t.scope.cancel()
      await assert.rejects(reply, (error) => error === CANCELLED)
      assert.equal(t.clock.pending, 0)
      assert.deepEqual(t.counters(), { asked: 1, replied: 0, failed: 0, cancelled: 1, outstanding: 0 })
    },
  )

  test('a scope that was cancelled before cancels even a reply at once', async () => {
    const t = stage()
    t.scope.cancel()
    await assert.rejects(t.query(), (error) => error === CANCELLED)
    assert.equal(t.fake.cancelled, 1)
  })

  test('cancelling after the reply changes nothing', async () => {
    const t = stage()
    await t.query()
    t.scope.cancel()
    assert.deepEqual(t.counters(), { asked: 1, replied: 1, failed: 0, cancelled: 0, outstanding: 0 })
  })

  test('fails with the very error that it is given', async () => {
    const error = new DnsError('ERR_DNS_TLS', 'certificate has expired')
    const t = stage({ error, after: 5 })
    await assert.rejects(t.query(), (given) => given === error)
    assert.equal(t.clock.now(), 5)
    assert.equal(t.fake.failed, 1)
  })

  test('never throws from exchange: what a script function throws or returns by mistake is a rejection', async () => {
    const t = stage(() => {
      throw new RangeError('boom')
    })
    await assert.rejects(t.query(), RangeError)
    t.fake.script = () => 'slow' as never
    await assert.rejects(t.query(), { code: 'ERR_DNS_INVALID_OPTION' })
    t.fake.script = { answers: [{ type: 'A', data: 'not an address' }] }
    await assert.rejects(t.query(), (error) => error instanceof Error)
    assert.deepEqual(t.counters(), { asked: 3, replied: 0, failed: 3, cancelled: 0, outstanding: 0 })
  })

  test.each<[unknown, RegExp]>([
    ['slow', /"script" must be a reply such as .*"silent", "refused", "wrong-id", "wrong-question"/],
    [null, /"script" must be/],
    [7, /"script" must be/],
    [[], /"script" is an empty list/],
    [[{}, 'slow'], /"script" must be/],
    [[[{}]], /"script" must be/],
    [{ rcodes: 'NXDOMAIN' }, /"rcodes" is not known; did you mean "rcode"/],
    [{ rcode: 'NXDOMAN' }, /NXDOMAN/],
    [{ after: -1 }, /"after" must be milliseconds from 0/],
    [{ after: [30, 10] }, /"after" must be/],
    [{ after: [1, 2, 3] }, /"after" must be/],
    [{ after: NaN }, /"after" must be/],
    [{ after: '5' }, /"after" must be/],
    [{ answers: {} }, /"answers" must be an array of records/],
    [{ answers: [{ type: 'A' }] }, /"answers" must be an array of records/],
    [{ ede: [6] }, /"ede" must be an array of/],
    [{ wrong: 'port' }, /"wrong" must be "id" or "question"/],
    [{ truncated: 'yes' }, /"truncated" must be true or false/],
    [{ error: new Error('x') }, /"error" must be a DnsError/],
    [{ error: undefined }, /"error" must be a DnsError/],
    [{ error: new DnsError('ERR_DNS_TLS', 'x'), rcode: 'SERVFAIL' }, /"rcode" is not known/],
  ])('refuses the script %j, when it is made and when it is set', (script, message) => {
    assert.throws(() => new FakeUpstream('a', script as Script), { code: 'ERR_DNS_INVALID_OPTION', message })
    const fake = new FakeUpstream('a')
    assert.throws(() => (fake.script = script as Script), { code: 'ERR_DNS_INVALID_OPTION', message })
    assert.deepEqual(fake.script, {})
  })

  test('takes its options in one object as well', async () => {
    const clock = new FakeClock()
    const fake = new FakeUpstream({ name: 'b', script: { after: 5 }, clock })
    assert.equal((await clock.run(fake.exchange(ask()))).upstream, 'b')
    assert.equal(clock.now(), 5)
    assert.equal((await new FakeUpstream({ name: 'c' }).exchange(ask())).upstream, 'c')
    assert.throws(() => new FakeUpstream({ script: {} } as never), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /"name" must be/,
    })
    assert.throws(() => new FakeUpstream({ name: 'd', script: 'slow' as never }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /"script" must be/,
    })
  })

  test('refuses a name or an option that it cannot use', () => {
    assert.throws(() => new FakeUpstream(''), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /"name" must be a string that is not empty/,
    })
    assert.throws(() => new FakeUpstream(7 as never), { code: 'ERR_DNS_INVALID_OPTION' })
    assert.throws(() => new FakeUpstream('a', {}, { clok: 1 } as never), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /did you mean "clock"/,
    })
    assert.throws(() => new FakeUpstream('a', {}, { clock: 5 as never }), { code: 'ERR_DNS_INVALID_OPTION' })
  })
})
