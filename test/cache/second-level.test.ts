import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import Keyv from 'keyv'
import { Cache, type CacheOptions, type KeyValueStore } from 'headrace'
import { sharedKey, sharedValue } from '../../src/cache/shared-entry.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import type { Script } from '../../src/testing/behaviour.js'
import { Message } from '../../src/wire/message.js'

const QUERY = { message: Message.query('www.example', 'A') }
const KEY = sharedKey('', QUERY.message)
const A = { name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.7' }

function stage(store: KeyValueStore, script: Script = {}, options: CacheOptions = {}, clock = new FakeClock()) {
  const upstream = new FakeUpstream('up', script, { clock })
  const cache = new Cache(upstream, { clock, store, ...options })
  return { clock, upstream, cache, query: (name = 'www.example', more = {}) => clock.run(cache.query(name, 'A', more)) }
}

/** A store that does what it is told with each read. */
const reading = (get: (key: string) => unknown): KeyValueStore => ({ get, set: () => undefined })

describe('a second level', () => {
  test.each<[string, () => KeyValueStore]>([
    ['a Keyv', () => new Keyv()],
    ['a Map', () => new Map<string, string>()],
  ])('%s hands replies from one process to the next, with their age', async (_what, make) => {
    const store = make()
    const clock = new FakeClock()
    const one = stage(store, {}, {}, clock)
    await one.query()
    await clock.advance(100_000)
    const two = stage(store, 'refused', {}, clock)
    const first = await two.query()
    assert.deepEqual([first.upstream, first.age, first.answers[0]!.ttl], [null, 100, 200])
    await clock.advance(100_000)
    assert.equal((await two.query()).age, 200)
    assert.equal(two.upstream.asked, 0)
    assert.deepEqual([two.cache.stats.misses, two.cache.stats.hits], [1, 1])
  })

  test('is written with the time left, once, and not by who read it there', async () => {
    const writes: [string, number | undefined][] = []
    const map = new Map<string, string>()
    const store = { get: (key: string) => map.get(key), set: (key: string, value: string, ttl?: number) => { writes.push([key, ttl]); map.set(key, value) } } // prettier-ignore
    const clock = new FakeClock()
    await stage(store, {}, {}, clock).query()
    await clock.advance(10_000)
    await stage(store, 'refused', {}, clock).query()
    assert.deepEqual(writes, [[KEY, 300_000]])
    assert.match(KEY, /^headrace:1:[\w-]*:0:[\w-]+$/)
  })

  test('gets no failure, nothing without TTL, and nothing of a query without RD', async () => {
    const map = new Map<string, string>()
    const t = stage(map, [{ rcode: 'SERVFAIL' }, { answers: [{ ...A, ttl: 0 }] }, { answers: [A] }])
    await t.query('a.example')
    await t.query('b.example')
    await t.query('www.example', { recursionDesired: false })
    assert.equal(map.size, 0)
  })

  test('is read once for equal questions under way', async () => {
    let reads = 0
    const t = stage(reading(async () => void reads++))
    await t.clock.run(Promise.all(Array.from({ length: 100 }, () => t.cache.query('www.example'))))
    assert.deepEqual([reads, t.upstream.asked], [1, 1])
  })

  test('is forgotten by a flush here: what was there before counts no more', async () => {
    const map = new Map<string, string>()
    const t = stage(map)
    await t.query()
    await t.clock.advance(1000)
    t.cache.flush('www.example')
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })
})

describe('what a second level has from the future', () => {
  const ahead = (ms: number) => reading(() => sharedValue(Message.reply(QUERY, { answers: [A] }).wire, ms))

  test('by no more than clocks of processes differ is new', async () => {
    const t = stage(ahead(5000))
    const reply = await t.query()
    assert.deepEqual([reply.upstream, reply.age], [null, 0])
  })

  test('by more is not believed: its age is anybody’s guess', async () => {
    const t = stage(ahead(5001))
    assert.equal((await t.query()).upstream, 'up')
  })

  test('is kept alive by no date that is set back, and is reached by a flush', async () => {
    const t = stage(new Map<string, string>(), { answers: [{ ...A, ttl: 5 }] })
    for (const back of [-4000, -3_600_000]) {
      await t.query()
      t.clock.sleep(back)
      const { asked } = t.upstream
      t.cache.flush()
      await t.query()
      assert.equal(t.upstream.asked, asked + 1)
      for (let i = 0; i < 10; i++) {
        await t.clock.advance(6000)
        await t.query()
      }
      assert.ok(t.upstream.asked > asked + 10)
    }
  })
})

describe('a store that misbehaves', () => {
  test.each<[string, () => unknown]>([
    ['never answers', () => new Promise(() => undefined)],
    ['is late', () => 'late'],
  ])('and %s costs a query 20 ms', async (_what, get) => {
    const clock = new FakeClock()
    const t = stage(
      reading(() => (get() === 'late' ? new Promise((resolve) => clock.setTimeout(() => resolve('x'), 21)) : get())),
      {},
      {},
      clock,
    )
    assert.equal((await t.query()).upstream, 'up')
    assert.equal(t.clock.now(), 20)
  })

  test.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('down') }],
    ['rejects', () => Promise.reject(new Error('down'))],
    ['has a thenable that throws', () => ({ then: () => { throw new Error('down') } })],
  ])('and %s costs it nothing', async (_what, get) => {
    const t = stage({ get, set: get })
    assert.equal((await t.query()).upstream, 'up')
    assert.equal((await t.query('b.example')).upstream, 'up')
    assert.equal(t.clock.now(), 0)
  }) // prettier-ignore

  test('and hangs is left alone after 256 reads, and tried again after 10 s', async () => {
    let reads = 0
    const t = stage(reading(() => (reads++, new Promise(() => undefined))))
    for (let i = 0; i < 300; i++) await t.query(`n${i}.example`)
    assert.equal(reads, 256)
    const { clock } = t
    const began = clock.now()
    await t.query('free.example')
    assert.equal(clock.now(), began)
    await clock.advance(10_000)
    await t.query('again.example')
    assert.equal(reads, 257)
  })

  test('and hangs on writes gets 256 of them at once', async () => {
    let writes = 0
    const t = stage({ get: () => undefined, set: () => (writes++, new Promise(() => undefined)) })
    for (let i = 0; i < 1000; i++) await t.query(`n${i}.example`)
    assert.equal(writes, 256)
  })

  const octets = (message: Message) => sharedValue(message.wire, 0)
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', { message: 'x' }],
    ['a text that is no base64', '§§§'],
    ['an empty text', ''],
    ['a text that is much too long', 'A'.repeat(10 ** 6)],
    ['octets that are no message', Buffer.from('hello world, hello').toString('base64')],
    ['a query', octets(QUERY.message)],
    ['a reply to another name', octets(Message.reply(Message.query('evil.example'), { answers: [{ ...A, name: 'evil.example' }] }))],
    ['a reply to another type', octets(Message.reply(Message.query('www.example', 'AAAA'), { answers: [A] }))],
    ['SERVFAIL', octets(Message.reply(QUERY, { rcode: 'SERVFAIL' }))],
    ['a truncated reply', octets(Message.reply(QUERY, { truncated: true, answers: [A] }))],
    ['NXDOMAIN without SOA', octets(Message.reply(QUERY, { rcode: 'NXDOMAIN' }))],
    ['a reply whose time is over', sharedValue(Message.reply(QUERY, { answers: [A] }).wire, -300_000)],
    ['a date that is none', sharedValue(Message.reply(QUERY, { answers: [A] }).wire, NaN)],
  ])('and has %s is not believed', async (_what, value) => {
    const t = stage(reading(() => value))
    assert.deepEqual([(await t.query()).upstream, t.upstream.asked], ['up', 1])
  }) // prettier-ignore

  test('and adds records of other names loses these (A08)', async () => {
    const message = Message.reply(QUERY, { answers: [A, { ...A, name: 'victim.test' }] })
    const t = stage(reading(() => sharedValue(message.wire, 0)))
    const reply = await t.query()
    assert.deepEqual([reply.upstream, reply.age, reply.answers.length], [null, 0, 1])
  })

  test('and answers after the client lost interest does no harm', async () => {
    const clock = new FakeClock()
    const t = stage(reading(() => new Promise((resolve) => clock.setTimeout(() => resolve(undefined), 15))), {}, {}, clock) // prettier-ignore
    const aborting = new AbortController()
    const query = t.cache.query('www.example', 'A', { signal: aborting.signal })
    await clock.advance(5)
    aborting.abort()
    await assert.rejects(query, { code: 'ERR_DNS_CANCELLED' })
    await clock.advance(100)
    assert.deepEqual([t.upstream.asked, clock.pending], [0, 0])
  })
})
