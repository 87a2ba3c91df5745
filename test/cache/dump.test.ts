import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Cache, Forwarder, type CacheOptions } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { stage } from './stage.js'

/** Another process, at a date of its own, that loads a dump and can't reach anybody. */
function after(dump: Buffer, date: number, options: CacheOptions = {}) {
  const clock = new FakeClock()
  clock.sleep(date)
  const upstream = new FakeUpstream('down', 'refused', { clock })
  const cache = new Cache(upstream, { clock, ...options })
  return { clock, cache, loaded: cache.load(dump), query: (name: string) => clock.run(cache.query(name)) }
}

describe('a dump', () => {
  test('lets another process begin warm; entries age while they lie on the disk', async () => {
    const t = stage()
    await t.query('a.example')
    await t.clock.advance(50_000)
    await t.query('b.example')
    const other = after(t.cache.dump(), t.clock.wall() + 100_000)
    assert.equal(other.loaded, 2)
    assert.deepEqual([(await other.query('a.example')).age, (await other.query('b.example')).age], [150, 100])
    await other.clock.advance(150_000)
    assert.equal((await other.query('a.example')).answers[0]!.ttl, 30, 'stale')
    assert.equal((await other.query('b.example')).answers[0]!.ttl, 50)
  })

  test('of a date that lies ahead ages nothing; too old entries are left out', async () => {
    const t = stage()
    await t.clock.advance(1_000_000)
    await t.query()
    assert.equal((await after(t.cache.dump(), 0).query('www.example')).age, 0)
    assert.equal(after(t.cache.dump(), t.clock.wall() + 86_700_000).loaded, 0)
  })

  test('tells flags apart as the cache does', async () => {
    const t = stage((query) => ({ answers: [{ name: 'www.example', type: 'A', data: '192.0.2.1', ttl: query.message.dnssecOk ? 60 : 300 }] })) // prettier-ignore
    await t.query()
    await t.query('www.example', 'A', { dnssecOk: true })
    const other = after(t.cache.dump(), 0)
    const secure = await other.clock.run(other.cache.query('www.example', 'A', { dnssecOk: true }))
    assert.deepEqual([secure.answers[0]!.ttl, (await other.query('www.example')).answers[0]!.ttl], [60, 300])
  })

  test('obeys the limits of who loads it', async () => {
    const t = stage()
    await t.query()
    assert.equal((await after(t.cache.dump(), 0, { maxTtl: 60 }).query('www.example')).answers[0]!.ttl, 60)
  })

  test('larger than the memory fills it and no more', async () => {
    const t = stage({}, { maxSize: 2 ** 23 })
    for (let i = 0; i < 40_000; i++) await t.cache.query(`name${i}.example`)
    const other = after(t.cache.dump(), 0, { maxSize: 2 ** 20 })
    assert.ok(other.cache.stats.size <= 2 ** 20)
    assert.ok(other.cache.stats.entries > 4000)
  })

  test('leaves what is younger here', async () => {
    const t = stage([{}, { answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.2' }] }])
    await t.query()
    const dump = t.cache.dump()
    await t.clock.advance(300_000)
    await t.query()
    assert.equal(t.cache.load(dump), 0)
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.2')
  })

  test('is taken as an ArrayBuffer too; what is no octets is refused', async () => {
    const t = stage()
    await t.query()
    const dump = t.cache.dump()
    assert.equal(stage().cache.load(dump.buffer.slice(dump.byteOffset, dump.byteOffset + dump.length) as ArrayBuffer), 1)
    for (const given of [undefined, null, 'x', [1], new DataView(new ArrayBuffer(1))])
      assert.throws(() => t.cache.load(given as never), { code: 'ERR_DNS_INVALID_OPTION', message: /^Cache\.load: option "octets" must be/ })
  }) // prettier-ignore

  test('of nothing can be loaded', () => {
    const t = stage()
    assert.equal(t.cache.load(t.cache.dump()), 0)
  })

  test('of any part of a larger buffer is read where it is', async () => {
    const t = stage()
    await t.query()
    const dump = t.cache.dump()
    const larger = new Uint8Array(dump.length + 20)
    larger.set(dump, 11)
    assert.equal(after(Buffer.from(larger.subarray(11, 11 + dump.length)), 0).loaded, 1)
    assert.equal(new Cache(new FakeUpstream('x'), { clock: t.clock }).load(larger.subarray(11, 11 + dump.length)), 1)
  })
})

test('a dump has the most popular replies, whatever else was asked for meanwhile', async () => {
  const t = stage({}, { maxSize: 2 ** 20 })
  const popular = Array.from({ length: 10 }, (_, i) => `popular${i}.example`)
  for (let i = 0; i < 30_000; i++) {
    if (i % 20 === 0) for (const name of popular) await t.cache.query(name)
    for (let twice = 0; twice < 2; twice++) await t.cache.query(`other${i}.example`)
  }
  const other = after(t.cache.dump(), 0)
  for (const name of popular) assert.equal((await other.query(name)).rcode, 'NOERROR')
  assert.ok(t.upstream.asked <= 30_000 + 2 * popular.length)
})

describe('a dump that is damaged', () => {
  test('in any octet, or cut anywhere, is refused whole, and nothing changes', async () => {
    const t = stage()
    for (const name of ['a.example', 'b.example', 'c.example']) await t.query(name)
    const dump = t.cache.dump()
    const other = stage()
    await other.query('mine.example')
    for (let at = 0; at < dump.length; at++) {
      const bad = Buffer.from(dump)
      bad[at]! ^= 0x41
      assert.throws(() => other.cache.load(bad), { code: 'ERR_DNS_MALFORMED' }, `octet ${at}`)
      assert.throws(() => other.cache.load(dump.subarray(0, at)), { code: 'ERR_DNS_MALFORMED' }, `cut at ${at}`)
    }
    assert.equal(other.cache.stats.entries, 1)
    assert.equal((await other.query('mine.example')).upstream, null)
  })
})

test('a dump of a Forwarder keeps each route for itself, whatever the order, and drops those that are gone (A10)', async () => {
  const clock = new FakeClock()
  const up = (name: string, data: string) =>
    new FakeUpstream(name, { answers: [{ type: 'A', ttl: 300, data }] }, { clock })
  const make = (routes: Record<string, FakeUpstream>, main = up('main', '192.0.2.1')) =>
    new Forwarder({ upstreams: [main], routes, cache: {}, clock })
  const first = make({ 'a.corp': up('a', '192.0.2.2'), 'B.Corp.': up('b', '192.0.2.3') })
  for (const name of ['www.example', 'x.a.corp', 'x.b.corp']) await clock.run(first.query(name))
  const dump = first.cache!.dump()
  const down = new FakeUpstream('down', 'refused', { clock })
  const second = make({ 'z.corp': down, 'b.corp': down }, down)
  assert.equal(second.cache!.load(dump), 2)
  assert.equal((await clock.run(second.query('x.b.corp'))).upstream, null)
  assert.equal((await clock.run(second.query('www.example'))).upstream, null)
  await assert.rejects(clock.run(second.query('x.a.corp')))
})
