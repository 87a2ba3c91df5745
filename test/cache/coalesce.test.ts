import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { CancelScope, Forwarder, Message, type DnsError, type ExchangeContext, type Query } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import type { Script } from '../../src/testing/behaviour.js'
import { Coalescer } from '../../src/cache/coalesce.js'
import type { Asking } from '../../src/query/sink.js'

function stage(script: Script = { after: 100 }) {
  const clock = new FakeClock()
  const upstream = new FakeUpstream('up', script, { clock })
  const coalescer = new Coalescer(upstream, clock)
  const ask = (name = 'www.example', more: Partial<ExchangeContext> = {}, options = {}) => {
    const ctx = { deadline: clock.now() + 5000, scope: null, client: null, purpose: 'query', trace: null, ...more } as const
    return coalescer.exchange({ message: Message.query(name, 'A', options) }, ctx)
  }
  return { clock, upstream, coalescer, ask }
} // prettier-ignore

describe('equal questions under way', () => {
  test('are asked once: 1,000 cost one upstream query (A07, T13)', async () => {
    const t = stage()
    const replies = await t.clock.run(Promise.all(Array.from({ length: 1000 }, () => t.ask())))
    assert.equal(t.upstream.asked, 1)
    assert.ok(replies.every((reply) => reply.upstream === 'up'))
    assert.equal(t.clock.pending, 0)
  })

  test('are the same in any case of letters, and each client is answered in its own', async () => {
    const t = stage()
    const [one, two] = await t.clock.run(Promise.all([t.ask('WWW.example'), t.ask('www.EXAMPLE')]))
    assert.equal(t.upstream.asked, 1)
    const query = Message.query('www.EXAMPLE', 'A', { id: 7 })
    assert.equal(Message.from(two.message.copyFor(query, 0, { opt: null, maxSize: 512 })).question!.name, 'www.EXAMPLE')
    assert.equal(one.message.question!.name, 'WWW.example')
  })

  test('are asked again once the first is over: nothing is remembered', async () => {
    const t = stage()
    for (let i = 0; i < 3; i++) await t.clock.run(t.ask())
    assert.equal(t.upstream.asked, 3)
  })

  test('share a failure', async () => {
    const t = stage('refused')
    for (const end of await t.clock.run(Promise.allSettled([t.ask(), t.ask()]))) assert.equal(end.status, 'rejected')
  })

  test('with 3,000 different ones among them are told apart', async () => {
    const t = stage()
    const names = Array.from({ length: 3000 }, (_, i) => `n${i}.example`)
    const replies = await t.clock.run(Promise.all([...names, ...names].map((name) => t.ask(name))))
    assert.equal(t.upstream.asked, 3000)
    replies.forEach((reply, i) => assert.equal(reply.message.question!.name, names[i % 3000]))
  })

  test('a probe is never joined, and joins nobody', async () => {
    const t = stage()
    await t.clock.run(Promise.all([t.ask(), t.ask('www.example', { purpose: 'probe' }), t.ask('www.example', { purpose: 'probe' })])) // prettier-ignore
    assert.equal(t.upstream.asked, 3)
  })
})

describe('variants of a question (A07, RebirthDay)', () => {
  const VARIANTS = [true, false].flatMap((checkingDisabled) =>
    [true, false].flatMap((recursionDesired) =>
      [{}, { dnssecOk: true }, { authenticData: true }].map((more) => ({
        checkingDisabled,
        recursionDesired,
        ...more,
      })),
    ),
  )

  test('are at most 8 at once; the others wait, and are asked all the same', async () => {
    const t = stage()
    const all = Promise.all(VARIANTS.map((options) => t.ask('www.example', {}, options)))
    await t.clock.advance(50)
    assert.deepEqual([VARIANTS.length, t.upstream.asked], [12, 8])
    await t.clock.run(all)
    assert.equal(t.upstream.asked, 12)
  })

  test('100 that differ in client subnet are one question', async () => {
    const t = stage()
    const subnet = (i: number) => ({ edns: { options: [{ code: 8, data: Buffer.from([0, 1, 24, 0, 192, 0, i]) }] } })
    await t.clock.run(Promise.all(Array.from({ length: 100 }, (_, i) => t.ask('www.example', {}, subnet(i)))))
    assert.equal(t.upstream.asked, 1)
  })

  test('that wait end by their own deadline', async () => {
    const t = stage('silent')
    for (const options of VARIANTS.slice(0, 8)) t.ask('www.example', {}, options).catch(() => undefined)
    await assert.rejects(t.clock.run(t.ask('www.example', { deadline: 20 }, VARIANTS[9])), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal(t.clock.now(), 20)
    await t.clock.advance(5000)
    assert.equal(t.clock.pending, 0)
  })
})

describe('who waits for a place among the variants', () => {
  const subnet = (i: number) => ({
    edns: { options: [{ code: 8, data: Buffer.from([0, 1, 24, 0, 10, i >> 8, i & 255]) }] },
  })
  /** Each subnet is another variant; the first of them is never answered. */
  function crowd(script: Script = (_query, nth) => (nth === 1 ? 'silent' : { after: 100 })) {
    const t = stage(script)
    Object.assign(t.upstream, { subnetLimits: { ipv4: 24, ipv6: 56 } })
    return { ...t, ask: (i: number, more: Partial<ExchangeContext> = {}) => t.ask('www.example', more, subnet(i)) }
  } // prettier-ignore

  test('gets the first that is free, in the order in which they came', async () => {
    const t = crowd()
    const ends: number[] = []
    const all = Array.from({ length: 29 }, (_, i) => t.ask(i).then(() => ends.push(i), () => undefined)) // prettier-ignore
    await t.clock.advance(400)
    assert.deepEqual(
      ends,
      Array.from({ length: 28 }, (_, i) => i + 1),
    )
    await t.clock.run(Promise.all(all))
    await t.clock.advance(5000)
    assert.equal(t.clock.pending, 0)
  })

  test('and has lost interest, or waited to its end, is passed over', async () => {
    const t = crowd()
    const scope = new CancelScope()
    for (let i = 0; i < 8; i++) t.ask(i).catch(() => undefined)
    const ends = Promise.allSettled([t.ask(8, { scope }), t.ask(9, { deadline: 50 }), t.ask(10)])
    await t.clock.advance(60)
    scope.cancel()
    await t.clock.advance(150)
    const codes = (await ends).map((end) => (end.status === 'rejected' ? (end.reason as DnsError).code : 'reply'))
    assert.deepEqual(codes, ['ERR_DNS_CANCELLED', 'ERR_DNS_TIMEOUT', 'reply'])
    assert.deepEqual([t.upstream.asked, t.upstream.outstanding], [9, 1])
    await t.clock.advance(5000)
  })

  test('holds up nobody: the flights of others end when nobody wants them', async () => {
    const t = crowd('silent')
    const scopes = Array.from({ length: 8 }, () => new CancelScope())
    for (const [i, scope] of scopes.entries()) t.ask(i, { scope }).catch(() => undefined)
    const waiting = Array.from({ length: 8 }, (_, i) => t.ask(100 + i).catch(() => undefined))
    for (const scope of scopes) scope.cancel()
    assert.deepEqual([t.upstream.cancelled, t.upstream.outstanding], [8, 8])
    await t.clock.run(Promise.all(waiting))
  })

  test('is told by destroy as well, however many they are', async () => {
    const t = crowd('silent')
    const all = Promise.allSettled(Array.from({ length: 1000 }, (_, i) => t.ask(i)))
    t.coalescer.destroy()
    for (const end of await all) assert.equal(((end as PromiseRejectedResult).reason as DnsError).code, 'ERR_DNS_CLOSED')
    await t.clock.advance(5000)
    assert.equal(t.clock.pending, 0)
  }) // prettier-ignore

  test('is asked for without end of the stack, by one who replies at once', async () => {
    const clock = new FakeClock()
    const held: Asking[] = []
    const next = {
      subnetLimits: { ipv4: 24, ipv6: 56 },
      ask: ({ message }: Query, _ctx: ExchangeContext, asking: Asking) => {
        if (held.length < 8) held.push(asking)
        else asking.onReply({ message: Message.reply(message), upstream: 'x', age: 0 })
      },
    }
    const coalescer = new Coalescer(next, clock)
    const all = Array.from({ length: 20_000 }, (_, i) => coalescer.exchange({ message: Message.query('www.example', 'A', subnet(i)) })) // prettier-ignore
    for (const asking of held) asking.onReply({ message: Message.reply(Message.query('www.example')), upstream: 'x', age: 0 }) // prettier-ignore
    assert.equal((await Promise.all(all)).length, 20_000)
    assert.equal(clock.pending, 0)
  })
})

describe('closing', () => {
  test('lets one who joined a shorter query ask again, and waits for that', async () => {
    const t = stage()
    const hasty = t.ask('www.example', { deadline: 30 })
    const patient = t.ask()
    const closed = t.coalescer.close().then(() => t.clock.now())
    await assert.rejects(t.clock.run(hasty), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal((await t.clock.run(patient)).upstream, 'up')
    assert.equal(await closed, 130)
    await assert.rejects(t.ask(), { code: 'ERR_DNS_CLOSED' })
  })
})

describe('losing interest', () => {
  test('of one leaves the others theirs', async () => {
    const t = stage()
    const scopes = [new CancelScope(), new CancelScope(), new CancelScope()]
    const all = scopes.map((scope) => t.ask('www.example', { scope }))
    await t.clock.advance(10)
    scopes[0]!.cancel() // the one that began it
    scopes[1]!.cancel()
    await assert.rejects(all[0]!, { code: 'ERR_DNS_CANCELLED' })
    await assert.rejects(all[1]!, { code: 'ERR_DNS_CANCELLED' })
    assert.equal((await t.clock.run(all[2]!)).upstream, 'up')
    assert.equal(t.upstream.cancelled, 0)
  })

  test('of all ends the query', async () => {
    const t = stage()
    const scopes = [new CancelScope(), new CancelScope()]
    const all = Promise.allSettled(scopes.map((scope) => t.ask('www.example', { scope })))
    await t.clock.advance(10)
    for (const scope of scopes) scope.cancel()
    for (const end of await all) assert.equal(end.status, 'rejected')
    assert.deepEqual([t.upstream.cancelled, t.upstream.outstanding, t.clock.pending], [1, 0, 0])
    assert.equal((await t.clock.run(t.ask())).upstream, 'up')
  })

  test('before it begins asks nobody', async () => {
    const t = stage()
    const scope = new CancelScope()
    scope.cancel()
    await assert.rejects(t.ask('www.example', { scope }), { code: 'ERR_DNS_CANCELLED' })
    assert.equal(t.upstream.asked, 0)
  })
})

describe('deadlines', () => {
  test('one who joined stops waiting at its own', async () => {
    const t = stage()
    const first = t.ask()
    const late = t.ask('www.example', { deadline: 30 })
    await assert.rejects(t.clock.run(late), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal(t.clock.now(), 30)
    assert.equal((await t.clock.run(first)).upstream, 'up')
  })

  test('one with more time asks again where the first had too little', async () => {
    const t = stage()
    const hasty = t.ask('www.example', { deadline: 30 })
    const patient = [t.ask(), t.ask()]
    await assert.rejects(t.clock.run(hasty), { code: 'ERR_DNS_TIMEOUT' })
    for (const reply of await t.clock.run(Promise.all(patient))) assert.equal(reply.upstream, 'up')
    assert.deepEqual([t.upstream.asked, t.clock.now()], [2, 130])
  })
})

test('a Forwarder asks equal questions once, cache or not, for each route of its own', async () => {
  for (const cache of [false, {}] as const) {
    const clock = new FakeClock()
    const up = new FakeUpstream('up', { after: 50 }, { clock })
    const corp = new FakeUpstream('corp', { after: 50 }, { clock })
    const forwarder = new Forwarder({ upstreams: [up], routes: { corp }, cache, clock })
    const names = ['www.example', 'www.corp']
    await clock.run(Promise.all(Array.from({ length: 1000 }, (_, i) => forwarder.query(names[i % 2]!))))
    assert.deepEqual([up.asked, corp.asked], [1, 1])
    await forwarder.close()
  }
})
