import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Message } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { serve, UdpClient } from '../server/stage.js'
import { soa, stage } from './stage.js'

const DAY = 86_400_000
const EDNS = { edns: true } as const

describe('a reply whose time is over', () => {
  test('is served after 1.8 s when nobody answers, with TTL 30 and EDE 3 (R-STALE-1, R-STALE-2, R-EDE-2)', async () => {
    const t = stage([{}, 'silent'])
    await t.query()
    await t.clock.advance(300_000)
    const began = t.clock.now()
    const stale = await t.query('www.example', 'A', EDNS)
    assert.equal(t.clock.now() - began, 1800)
    assert.deepEqual([stale.rcode, stale.upstream, stale.age, stale.answers[0]!.ttl], ['NOERROR', null, 0, 30])
    assert.deepEqual(stale.message.ede, [{ code: 3, text: '' }])
    await t.clock.advance(20_000)
    assert.equal(t.clock.pending, 0)
  })

  test('says EDE 19 when it is NXDOMAIN, and carries its SOA with TTL 30', async () => {
    const t = stage([{ rcode: 'NXDOMAIN', authority: [soa('example', 60, 60)] }, 'refused'])
    await t.query()
    await t.clock.advance(60_000)
    const stale = await t.query('www.example', 'A', EDNS)
    assert.deepEqual([stale.rcode, stale.authority[0]!.ttl, stale.message.ede[0]!.code], ['NXDOMAIN', 30, 19])
  })

  test.each([['refused'], [{ rcode: 'SERVFAIL' }], [{ rcode: 'REFUSED' }], [{ truncated: true }]] as const)(
    'is served at once when the upstream says %j, and stays (R-STALE-6)',
    async (bad) => {
      const t = stage([{}, bad])
      await t.query()
      await t.clock.advance(300_000)
      const began = t.clock.now()
      for (let i = 0; i < 2; i++) assert.equal((await t.query()).answers[0]!.data, '192.0.2.1')
      assert.equal(t.clock.now(), began)
      assert.equal(t.cache.stats.stale, 2)
    },
  )

  test('is replaced by a reply in time', async () => {
    const t = stage([{}, { after: 1799, answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.2' }] }])
    await t.query()
    await t.clock.advance(300_000)
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.2')
    assert.equal(t.cache.stats.stale, 0)
  })

  test('is replaced in the background by a reply that is late (R-STALE-5)', async () => {
    const t = stage([{}, { after: 9000, answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.2' }] }])
    await t.query()
    await t.clock.advance(300_000)
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.1')
    await t.clock.advance(9000)
    const hit = await t.query()
    assert.deepEqual([hit.answers[0]!.data, t.upstream.asked], ['192.0.2.2', 2])
  })

  test('is removed by an answer that may not be kept', async () => {
    const t = stage([{}, { answers: [{ name: 'www.example', type: 'A', ttl: 0, data: '192.0.2.2' }] }, 'refused'])
    await t.query()
    await t.clock.advance(300_000)
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.2')
    await assert.rejects(t.query(), { code: 'ERR_DNS_CONNECT' })
  })

  test('nobody is asked again for 30 s after that failed (R-STALE-3)', async () => {
    const t = stage([{}, 'refused', {}])
    await t.query()
    await t.clock.advance(300_000)
    await t.query()
    await t.clock.advance(29_999)
    assert.deepEqual([(await t.query()).answers[0]!.ttl, t.upstream.asked], [30, 2])
    await t.clock.advance(1)
    assert.deepEqual([(await t.query()).answers[0]!.ttl, t.upstream.asked], [300, 3])
  })

  test('another network is reason to ask at once', async () => {
    const t = stage([{}, 'refused', {}])
    await t.query()
    await t.clock.advance(300_000)
    await t.query()
    t.cache.networkChanged()
    assert.equal((await t.query()).upstream, 'up')
  })

  test('is served for a day, and no longer (R-STALE-4)', async () => {
    const t = stage([{}, 'refused'])
    await t.query()
    await t.clock.advance(300_000 + DAY - 1)
    assert.equal((await t.query()).rcode, 'NOERROR')
    await t.clock.advance(1)
    t.cache.networkChanged()
    await assert.rejects(t.query(), { code: 'ERR_DNS_CONNECT' })
  })

  test('is never served with maxStale: 0', async () => {
    const t = stage([{}, 'refused'], { maxStale: 0 })
    await t.query()
    await t.clock.advance(300_000)
    await assert.rejects(t.query(), { code: 'ERR_DNS_CONNECT' })
  })

  test('is never served to a query without RD (R-STALE-7)', async () => {
    const t = stage([{}, 'refused'])
    await t.query()
    await t.clock.advance(300_000)
    await assert.rejects(t.query('www.example', 'A', { recursionDesired: false }), { code: 'ERR_DNS_CONNECT' })
  })

  test('is asked for once by 1,000 who want it, and all are answered', async () => {
    const t = stage([{}, 'silent'])
    await t.query()
    await t.clock.advance(300_000)
    const all = await t.clock.run(Promise.all(Array.from({ length: 1000 }, () => t.cache.query('www.example'))))
    assert.ok(all.every(({ answers }) => answers[0]!.ttl === 30))
    assert.equal(t.upstream.asked, 2)
  })

  test('is given to one whose time is shorter than the timer, at its end', async () => {
    const t = stage([{}, 'silent'])
    await t.query()
    await t.clock.advance(300_000)
    const began = t.clock.now()
    assert.equal((await t.query('www.example', 'A', { timeout: 400 })).answers[0]!.ttl, 30)
    assert.equal(t.clock.now() - began, 400)
  })

  test('is given at once while a fetch is late already', async () => {
    const t = stage([{}, 'silent'])
    await t.query()
    await t.clock.advance(300_000)
    await t.query()
    const began = t.clock.now()
    assert.equal((await t.query()).answers[0]!.ttl, 30)
    assert.deepEqual([t.clock.now(), t.upstream.asked], [began, 2])
  })

  test('is not given to one who lost interest, and the fetch goes on', async () => {
    const t = stage([{}, { after: 1000 }])
    await t.query()
    await t.clock.advance(300_000)
    const aborting = new AbortController()
    const query = t.cache.query('www.example', 'A', { signal: aborting.signal })
    await t.clock.advance(10)
    aborting.abort()
    await assert.rejects(query, { code: 'ERR_DNS_CANCELLED' })
    await t.clock.advance(1000)
    assert.equal((await t.query()).upstream, null)
  })

  test('keeps what its upstream said of it beside EDE 3', async () => {
    const answers = [{ name: 'www.example', type: 'A', ttl: 60, data: '192.0.2.1' }]
    const t = stage([{ answers, ede: [{ code: 4, text: 'forged' }] }, 'refused'])
    await t.query('www.example', 'A', EDNS)
    await t.clock.advance(60_000)
    const { ede } = (await t.query('www.example', 'A', EDNS)).message
    assert.deepEqual(ede.map(({ code }) => code), [3, 4]) // prettier-ignore
  })

  test('that is replaced in time counts as a miss, and one who joined as that too', async () => {
    const t = stage({ after: 10 })
    await t.query()
    await t.clock.advance(300_000)
    const misses: unknown[] = []
    t.cache.on('miss', ({ age }) => misses.push(age))
    const both = [t.cache.query('www.example', 'A', { trace: true }), t.cache.query('www.example', 'A', { trace: true })]
    const [one, two] = await t.clock.run(Promise.all(both))
    assert.deepEqual(misses, [0, 0])
    assert.deepEqual(one!.trace, [{ step: 'cache', result: 'miss', age: 0 }])
    assert.deepEqual(two!.trace!.map((step) => 'result' in step && step.result), ['miss', 'joined'])
    const { hits, misses: missed, stale, failures, coalesced } = t.cache.stats
    assert.deepEqual([hits, missed, stale, failures, coalesced], [0, 3, 0, 0, 1])
  }) // prettier-ignore

  test('events say why', async () => {
    const t = stage([{}, 'refused', 'silent'])
    const seen: unknown[] = []
    t.cache.on('stale', ({ why, age }) => seen.push([why, age]))
    await t.query()
    await t.clock.advance(300_000)
    await t.query()
    await t.query()
    await t.clock.advance(30_000)
    await t.query()
    assert.deepEqual(seen, [['failed', 300], ['remembered', 300], ['late', 330]]) // prettier-ignore
  })
})

describe('prefetch', () => {
  const hits = async (t: ReturnType<typeof stage>, count: number) => {
    for (let i = 0; i < count; i++) assert.equal((await t.query()).upstream, null)
  }

  test('fetches a popular reply anew when it is asked for in the last tenth of its time', async () => {
    const t = stage()
    await t.query()
    await hits(t, 3)
    await t.clock.advance(269_000)
    await hits(t, 1)
    assert.equal(t.upstream.asked, 1)
    await t.clock.advance(1000)
    await hits(t, 1)
    await t.clock.advance(1)
    assert.deepEqual([t.upstream.asked, t.cache.stats.prefetches], [2, 1])
    await t.clock.advance(100_000)
    await hits(t, 1)
  })

  test('leaves alone what few want, what lives shortly, and everything when it is off', async () => {
    const rare = stage()
    await rare.query()
    await rare.clock.advance(290_000)
    await hits(rare, 1)
    const short = stage({ answers: [{ name: 'www.example', type: 'A', ttl: 10, data: '192.0.2.1' }] })
    await short.query()
    await hits(short, 5)
    await short.clock.advance(9500)
    await hits(short, 1)
    const off = stage({}, { prefetch: false })
    await off.query()
    await hits(off, 5)
    await off.clock.advance(290_000)
    await hits(off, 5)
    assert.deepEqual([rare.upstream.asked, short.upstream.asked, off.upstream.asked], [1, 1, 1])
  })

  test('asks once, and not again after it failed', async () => {
    const t = stage([{}, { after: 100, rcode: 'SERVFAIL' }])
    await t.query()
    await hits(t, 3)
    await t.clock.advance(280_000)
    await hits(t, 10)
    await t.clock.advance(100)
    await hits(t, 10)
    assert.equal(t.upstream.asked, 2)
  })

  test('never makes a reply live longer than its upstream says (A11)', async () => {
    const t = stage([{}, { answers: [{ name: 'www.example', type: 'A', ttl: 20, data: '192.0.2.1' }] }, {}])
    await t.query()
    await hits(t, 3)
    await t.clock.advance(280_000)
    await hits(t, 1)
    await t.clock.advance(1)
    assert.equal((await t.query()).answers[0]!.ttl, 20)
  })
})

describe('a server whose upstream is gone', () => {
  test('answers with stale data, and says so to clients that send OPT', async () => {
    const clock = new FakeClock()
    const upstream = new FakeUpstream('up', {}, { clock })
    const forwarder = new Forwarder({ upstreams: [upstream], cache: {}, clock })
    const { port } = await serve(forwarder, { clock, specialUse: false })
    const client = new UdpClient(port)
    const ask = async (id: number, options = {}) =>
      Message.from(await client.ask(Message.query('www.example', 'A', { id, ...options }).wire))
    assert.equal((await ask(1)).answers[0]!.ttl, 300)
    await clock.advance(100_000)
    assert.equal((await ask(2)).answers[0]!.ttl, 200)
    upstream.script = 'refused'
    await clock.advance(400_000)
    const plain = await ask(3)
    assert.deepEqual([plain.id, plain.rcode, plain.answers[0]!.ttl, plain.hasOpt], [3, 0, 30, false])
    const told = await ask(4, EDNS)
    assert.deepEqual([told.id, told.answers[0]!.ttl, told.ede], [4, 30, [{ code: 3, text: '' }]])
    upstream.script = {}
    await clock.advance(30_000)
    const fresh = await ask(5, EDNS)
    assert.deepEqual([fresh.answers[0]!.ttl, fresh.ede], [300, []])
    await forwarder.close()
  })
})
