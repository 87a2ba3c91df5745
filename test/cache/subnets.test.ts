import assert from 'node:assert/strict'
import { describe, test, vi } from 'vitest'
import { Cache, Message, Pool, Upstream, type CacheOptions, type Reply, type UpstreamOptions } from 'headrace'
import { FakeClock, FakeUpstream, type Behaviour } from 'headrace/testing'
import { Coalescer } from '../../src/cache/coalesce.js'
import { Subnet } from '../../src/wire/subnet.js'
import { seeded } from '../fuzz/mutate.js'

// Of two networks one in 1,024 pairs shares a place, and only one of them is kept then: by this seed none does here.
vi.mock(import('node:crypto'), async (original) => ({ ...(await original()), randomInt: () => 1 }))

interface Stage {
  readonly options?: UpstreamOptions
  readonly cache?: CacheOptions
  readonly after?: number
}

const queryFor = (text: string | null, name = 'www.example'): Message =>
  Message.query(name, 'A', text === null ? {} : { edns: { options: [{ code: 8, data: Subnet.parse(text)!.octets }] } })

/** A cache before an upstream whose nth reply is the nth address of 10.9.0.0/16, with a scope that `scopeOf` says. */
function stage(scopeOf: (subnet: Subnet | null) => Behaviour | number, { options, cache, after = 0 }: Stage = {}) {
  const clock = new FakeClock()
  const fake = new FakeUpstream(
    'up',
    (query, nth) => {
      const what = scopeOf(query.message.subnet)
      if (typeof what !== 'number') return what
      return { scope: what, answers: [{ data: `10.9.${nth >> 8}.${nth & 255}`, ttl: 100 }], after }
    },
    { clock },
  )
  const upstream = new Upstream(fake, { clock, ecs: 'keep', ...options })
  const cached = new Cache(upstream, { clock, ...cache })
  const ask = (text: string | null, name?: string): Promise<Reply> => cached.exchange({ message: queryFor(text, name) })
  const nth = async (text: string | null, name?: string): Promise<number> => nthOf(await clock.run(ask(text, name)))
  const all = async (texts: readonly (string | null)[]): Promise<number[]> => {
    const seen = []
    for (const text of texts) seen.push(await nth(text))
    return seen
  }
  return { clock, fake, upstream, cache: cached, ask, nth, all }
}

const nthOf = ({ message }: Reply): number => {
  const [, , high, low] = (message.answers[0]!.data as string).split('.').map(Number)
  return 256 * high! + low!
}
const scopeOf = ({ message }: Reply): number | null => message.subnet?.scope ?? null

describe('a reply with a scope (R-ECS-5)', () => {
  test.each<[string, number, readonly (readonly [string | null, number])[]]>([
    ['of 24 is for that network alone', 24, [['192.0.2.1/32', 1], ['192.0.2.255/32', 1], ['192.0.3.1/32', 2], ['192.0.2.0/24', 1]]],
    ['of 16 is for all in it', 16, [['192.0.2.0/24', 1], ['192.0.3.0/24', 1], ['192.1.2.0/24', 2], ['192.0.0.0/16', 1]]],
    ['of 16 isn’t for one who tells less', 16, [['192.0.2.0/24', 1], ['192.0.0.0/15', 2], ['192.0.0.0/8', 3]]],
    ['of 13 is for all that share its 13 bits', 13, [['10.8.0.0/24', 1], ['10.15.255.0/24', 1], ['10.16.0.0/24', 2]]],
    ['of 0 is for every network', 0, [['192.0.2.0/24', 1], ['203.0.113.0/24', 1], ['10.0.0.0/8', 1]]],
    ['of 0 is for networks of its family', 0, [['192.0.2.0/24', 1], ['2001:db8::/32', 2], ['2001:db9::/32', 2]]],
    ['longer than what was told counts as that', 32, [['192.0.2.0/24', 1], ['192.0.2.128/25', 1], ['192.0.3.0/24', 2]]],
    ['of IPv6 likewise', 48, [['2001:db8::/56', 1], ['2001:db8:0:ff00::/56', 1], ['2001:db8:1::/56', 2]]],
    ['is not for one who tells nothing, nor the other way round', 24, [['192.0.2.0/24', 1], ['0.0.0.0/0', 2], [null, 3], ['::/0', 2], ['192.0.2.0/24', 1], [null, 3]]],
    ['of 0 is told apart from one to SOURCE 0 (section 7.3.1)', 0, [['0.0.0.0/0', 1], ['192.0.2.0/24', 2], ['0.0.0.0/0', 1]]],
  ])('%s', async (_what, scope, asked) => {
    const t = stage(() => scope)
    assert.deepEqual(
      await t.all(asked.map(([text]) => text)),
      asked.map(([, nth]) => nth),
    )
  }) // prettier-ignore

  test('comes with it from the cache too, the smallest network first (section 7.3.2)', async () => {
    const t = stage((subnet) => (subnet!.octets[6] === 2 ? 24 : 16))
    assert.deepEqual(await t.all(['192.0.3.0/24', '192.0.2.0/24']), [1, 1])
    assert.equal(scopeOf(await t.clock.run(t.ask('192.0.4.0/24'))), 16)
    const other = stage((subnet) => (subnet!.octets[6] === 2 ? 24 : 16))
    assert.deepEqual(await other.all(['192.0.2.0/24', '192.0.3.0/24', '192.0.2.0/24']), [1, 2, 1])
    assert.equal(scopeOf(await other.clock.run(other.ask('192.0.2.0/24'))), 24)
  })

  test.each<[string, Behaviour]>([
    ['NXDOMAIN', { rcode: 'NXDOMAIN', scope: 24 }],
    ['NODATA', { answers: [], authority: [soa()], scope: 24 }],
  ])('is for everybody where it is %s (section 7.4)', async (_what, behaviour) => {
    const t = stage(() => behaviour)
    for (const text of ['192.0.2.0/24', '203.0.113.0/24']) await t.clock.run(t.ask(text))
    assert.equal(t.fake.asked, 1)
  })

  test('that is missing is one of 0 (section 7.3)', async () => {
    const t = stage(() => ({ answers: ['10.9.0.1'] }))
    assert.deepEqual(await t.all(['192.0.2.0/24', '203.0.113.0/24', null]), [1, 1, 1])
    assert.equal(t.fake.asked, 2, 'who tells no subnet is asked for apart')
  })

  test('runs out, and is served stale to the same network only', async () => {
    let isDown = false
    const t = stage(() => (isDown ? 'refused' : 24))
    assert.deepEqual(await t.all(['192.0.2.0/24', '203.0.113.0/24']), [1, 2])
    await t.clock.advance(101_000)
    isDown = true
    const stale = await t.clock.run(t.ask('203.0.113.0/24'))
    assert.deepEqual([nthOf(stale), scopeOf(stale), stale.message.ede[0]!.code], [2, 24, 3])
    await assert.rejects(t.clock.run(t.ask('198.51.100.0/24')), { code: 'ERR_DNS_CONNECT' })
  })

  test('that may not be kept takes away what was kept for the same network', async () => {
    let ttl = 1
    const t = stage(() => ({ scope: 24, answers: [{ data: '192.0.2.1', ttl }] }))
    await t.all(['192.0.2.0/24', '203.0.113.0/24'])
    await t.clock.advance(2000)
    ttl = 0
    await t.all(['192.0.2.0/24'])
    assert.equal(t.cache.stats.entries, 1)
  })
})

describe('a scope that changes', () => {
  test.each<[string, Behaviour, string]>([
    ['16', { scope: 16, answers: [{ data: '10.9.0.2', ttl: 100 }] }, '10.9.0.2'],
    ['0', { scope: 0, answers: [{ data: '10.9.0.2', ttl: 100 }] }, '10.9.0.2'],
    ['all, as the name is gone', { rcode: 'NXDOMAIN', authority: [soa()] }, 'NXDOMAIN'],
  ])('from 24 to %s is not hidden by what has run out', async (_what, wider, said) => {
    const t = stage(() => (t.fake.asked === 1 ? { scope: 24, answers: [{ data: '10.9.0.1', ttl: 5 }] } : wider))
    const ask = async () => {
      const { message } = await t.clock.run(t.ask('192.0.2.0/24'))
      return message.rcode === 3 ? 'NXDOMAIN' : message.answers[0]!.data
    }
    assert.equal(await ask(), '10.9.0.1')
    await t.clock.advance(6000)
    for (let i = 0; i < 3; i++) assert.equal(await ask(), said)
    assert.deepEqual([t.fake.asked, t.cache.stats.hits], [2, 2])
    await t.clock.advance(101_000)
    t.fake.script = 'refused'
    assert.equal(await ask(), said, 'stale')
  })
})

describe('what is kept for networks', () => {
  test('is bounded for one name: 1,024 networks, and one each for those that tell nothing', async () => {
    const t = stage(() => 24)
    for (let i = 0; i < 3000; i++) await t.nth(`10.${i >> 8}.${i & 255}.0/24`)
    assert.ok(t.cache.stats.entries <= 1024)
    for (const text of [null, '0.0.0.0/0']) await t.nth(text)
    assert.ok(t.cache.stats.entries <= 1026)
  })

  test('never gets to another network, in 2,000 questions for random networks', async () => {
    const below = seeded(7)
    const clock = new FakeClock()
    const scopeFor = (octet: number): number => [0, 8, 9, 15, 16, 20, 24, 32][octet]!
    // The address and the TTL say which network was asked for.
    const fake = new FakeUpstream('up', ({ message }) => ({
      scope: scopeFor(message.subnet!.octets[4]!),
      answers: [{ data: [...message.subnet!.octets.subarray(4), 0, 0, 0].slice(0, 4).join('.'), ttl: 100 + message.subnet!.source }],
    }), { clock }) // prettier-ignore
    const cache = new Cache(new Upstream(fake, { clock, ecs: 'keep', ecsPrefix: { ipv4: 32 } }), { clock })
    for (let i = 0; i < 2000; i++) {
      const source = 8 + below(25)
      const whole = Subnet.parse(`${below(8)}.${below(3)}.${below(3)}.${below(3)}/32`)!
      const asked = whole.shortened({ ipv4: source, ipv6: 0 })
      const query = Message.query('www.example', 'A', { edns: { options: [{ code: 8, data: asked.octets }] } })
      const { answers } = (await clock.run(cache.exchange({ message: query }))).message
      const from = Subnet.parse(`${answers[0]!.data as string}/32`)!.shortened({ ipv4: answers[0]!.ttl - 100, ipv6: 0 })
      const scope = scopeFor(from.octets[4]!)
      assert.ok(scope <= from.source ? scope === 0 || from.shares(asked, scope) : from.equals(asked))
    }
    assert.ok(cache.stats.hits > 500, `${cache.stats.hits} hits`)
  })

  test('is for who tells as little, where it would be better for who tells more', async () => {
    const t = stage(() => 24)
    assert.deepEqual(await t.all(['0.0.0.0/1', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/1']), [1, 2, 3, 1])
  })

  test('is in a dump', async () => {
    const t = stage(() => 24)
    await t.all(['192.0.2.0/24', '203.0.113.0/24', '0.0.0.0/0', null])
    const other = stage(() => 24)
    assert.equal(other.cache.load(t.cache.dump()), 4)
    assert.deepEqual(await other.all(['203.0.113.9/32', '192.0.2.9/32', '0.0.0.0/0', null]), [2, 1, 3, 4])
    assert.equal(other.fake.asked, 0)
  })

  test('is flushed with its name', async () => {
    const t = stage(() => 24)
    await t.all(['192.0.2.0/24', '203.0.113.0/24'])
    t.cache.flush('example')
    assert.deepEqual(await t.all(['192.0.2.0/24', '203.0.113.0/24']), [3, 4])
  })

  test('is in no store that others share, which has one reply to a question', async () => {
    const store = new Map<string, string>()
    const t = stage(() => 24, { cache: { store } })
    await t.all(['192.0.2.0/24', '0.0.0.0/0'])
    assert.equal(store.size, 0)
    await t.nth(null)
    assert.equal(store.size, 1)
    assert.equal(await t.nth('198.51.100.0/24'), 4)
  })

  test('is a failure for one network, not for another', async () => {
    const t = stage((subnet) => (subnet!.octets[4] === 10 ? { rcode: 'SERVFAIL' } : 24))
    for (let i = 0; i < 3; i++) assert.equal((await t.clock.run(t.ask('10.0.0.0/24'))).message.rcode, 2)
    assert.equal(t.fake.asked, 1)
    assert.equal(await t.nth('192.0.2.0/24'), 2)
  })
})

describe('where clients’ subnets make no difference', () => {
  test.each<[string, UpstreamOptions]>([
    ['none goes on', { ecs: 'strip' }],
    ['the same one goes with every query', { ecs: '203.0.113.0/24' }],
  ])('as %s, all share one reply', async (_what, options) => {
    const t = stage(() => 24, { options })
    assert.deepEqual(await t.all([null, '192.0.2.0/24', '198.51.100.0/24', '2001:db8::/56']), [1, 1, 1, 1])
  })

  test('one who wants nothing told has its own reply beside a fixed subnet', async () => {
    const t = stage(() => 24, { options: { ecs: '203.0.113.0/24' } })
    assert.deepEqual(await t.all(['0.0.0.0/0', null, '::/0']), [1, 2, 1])
  })

  test('as no member of the pool is told, all share one reply, until one is', async () => {
    const clock = new FakeClock()
    const pool = new Pool({ upstreams: [new Upstream(new FakeUpstream('a', {}, { clock }), { clock })], clock })
    const coalescer = new Coalescer(pool, clock)
    const query = queryFor('192.0.2.77/32')
    assert.equal(coalescer.subnetOf(query), null)
    pool.add(new Upstream(new FakeUpstream('b', {}, { clock }), { clock, ecs: 'keep', ecsPrefix: { ipv4: 16 } }))
    assert.equal(coalescer.subnetOf(query)!.source, 16)
    await pool.remove('b')
    assert.equal(coalescer.subnetOf(query), null)
  })
})

describe('questions under way', () => {
  test('for one network are asked once, for all that would be told the same of it', async () => {
    const t = stage(() => 24, { after: 100 })
    const replies = await t.clock.run(Promise.all([1, 2, 3, 254].map((i) => t.ask(`192.0.2.${i}/32`))))
    assert.deepEqual([replies.map(nthOf), t.fake.asked], [[1, 1, 1, 1], 1])
  })

  test('for different networks are asked apart, 8 of one name at once (A07)', async () => {
    const t = stage(() => 24, { after: 100 })
    const all = Promise.all(Array.from({ length: 100 }, (_, i) => t.ask(`10.0.${i}.0/24`)))
    let most = 0
    for (let i = 0; i < 100; i++) {
      most = Math.max(most, t.fake.outstanding)
      await t.clock.advance(50)
    }
    const replies = await all
    assert.deepEqual([most, t.fake.asked], [8, 100])
    assert.equal(new Set(replies.map(nthOf)).size, 100)
  })

  test('for different networks share a reply that is for all of them', async () => {
    const t = stage(() => 0, { after: 100 })
    const all = Array.from({ length: 100 }, (_, i) => t.ask(`10.0.${i}.0/24`))
    await t.clock.run(Promise.all(all))
    assert.equal(t.fake.asked, 8)
  })

  test('of which one is slow wait for the others’ places', async () => {
    const t = stage((subnet) => ({ scope: 24, after: subnet!.octets[6] === 0 ? 1500 : 20 }))
    const all = Array.from({ length: 100 }, (_, i) => t.ask(`10.0.${i}.0/24`))
    await t.clock.run(Promise.all(all.slice(1)))
    assert.equal(t.clock.now(), 300, 'fifteen times seven of them, side by side')
    await t.clock.run(all[0]!)
  })

  test('are joined by nobody who wants nothing told', async () => {
    const t = stage(() => 24, { after: 100 })
    const replies = await t.clock.run(Promise.all(['192.0.2.0/24', '0.0.0.0/0', null].map((text) => t.ask(text))))
    assert.deepEqual(replies.map(nthOf), [1, 2, 3])
  })
})

function soa() {
  const data = { mname: 'ns', rname: 'admin', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 }
  return { name: 'example', type: 'SOA', ttl: 60, data }
}
