import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Cache, Message, Pool, TimeoutError, type CacheOptions, type DnsError, type Exchanger } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { soa, stage } from './stage.js'

const A = (ttl: number, name = 'www.example', data = '192.0.2.1') => ({ name, type: 'A', ttl, data })

describe('a reply', () => {
  test('is asked for once while its TTL lasts, and ages', async () => {
    const t = stage()
    assert.equal((await t.query()).upstream, 'up')
    await t.clock.advance(299_999)
    const hit = await t.query()
    assert.deepEqual([hit.upstream, hit.age, hit.answers[0]!.ttl, t.upstream.asked], [null, 299, 1, 1])
    await t.clock.advance(1)
    assert.deepEqual([(await t.query()).upstream, t.upstream.asked], ['up', 2])
  })

  test('goes to a client with its own spelling, ID and RD, and aged TTLs (R-1035-1, R-4343-2)', async () => {
    const t = stage()
    await t.query('WWW.Example')
    await t.clock.advance(100_000)
    const query = Message.query('wWw.eXample', 'A', { id: 4711 })
    const reply = await t.clock.run(t.cache.exchange({ message: query }))
    const out = Message.from(reply.message.copyFor(query, reply.age, { opt: null, maxSize: 512 }))
    assert.deepEqual([out.id, out.question!.name, out.answers[0]!.ttl, out.recursionDesired], [4711, 'wWw.eXample', 200, true]) // prettier-ignore
    assert.equal(t.upstream.asked, 1)
  })

  test('with TTL 0 is asked for each time', async () => {
    const t = stage({ answers: [A(0)] })
    for (let i = 0; i < 3; i++) assert.equal((await t.query()).answers[0]!.ttl, 0)
    assert.deepEqual([t.upstream.asked, t.cache.stats.entries], [3, 0])
  })

  test('is no longer authoritative when it comes from memory', async () => {
    const t = stage({ authoritative: true, answers: [A(300)] })
    assert.equal((await t.query()).message.authoritative, true)
    assert.equal((await t.query()).message.authoritative, false)
  })

  test('with AD keeps it for those who asked the same way, and no other (RFC 6840, section 5.7)', async () => {
    const t = stage((query) => ({ answers: [A(300)], authenticData: query.message.authenticData }))
    assert.equal((await t.query('www.example', 'A', { authenticData: true })).message.authenticData, true)
    assert.equal((await t.query()).message.authenticData, false)
    assert.equal((await t.query('www.example', 'A', { authenticData: true })).message.authenticData, true)
    assert.equal(t.upstream.asked, 2)
  })

  test('loses the OPT record of the upstream but for what it says of the answer (R-6891-3)', async () => {
    const t = stage({ answers: [A(300)], ede: [{ code: 17, text: 'filtered' }] })
    const first = await t.query('www.example', 'A', { edns: { udpPayloadSize: 4096 } })
    assert.equal(first.message.edns!.options.length, 1)
    const hit = await t.query('www.example', 'A', { edns: true })
    assert.deepEqual(hit.message.ede, [{ code: 17, text: 'filtered' }])
    const plain = stage({ answers: [A(300)] })
    await plain.query('www.example', 'A', { edns: true })
    assert.equal((await plain.query('www.example', 'A', { edns: true })).message.hasOpt, false)
  })

  test('never shows records that belong to other names (A08, R-2181-2)', async () => {
    const t = stage({ answers: [A(300), A(300, 'victim.test', '203.0.113.66')] })
    await t.query()
    assert.deepEqual((await t.query()).answers.map(({ name }) => name), ['www.example']) // prettier-ignore
    t.upstream.script = 'refused'
    await assert.rejects(t.query('victim.test'), { code: 'ERR_DNS_CONNECT' })
  })

  test('to another question is never kept', async () => {
    const t = stage('wrong-question')
    await assert.rejects(t.query(), { code: 'ERR_DNS_MALFORMED' })
    assert.equal(t.cache.stats.entries, 0)
  })

  test('negative carries its SOA, counting down (R-2308-1, R-2308-4)', async () => {
    const t = stage({ rcode: 'NXDOMAIN', authority: [soa('example', 900, 60)] })
    const first = await t.query()
    assert.equal(first.authority[0]!.ttl, 60)
    await t.clock.advance(50_000)
    const hit = await t.query()
    assert.deepEqual([hit.rcode, hit.authority[0]!.type, hit.authority[0]!.ttl, t.upstream.asked], ['NXDOMAIN', 'SOA', 10, 1]) // prettier-ignore
    await t.clock.advance(10_000)
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })

  test('with mixed TTLs in an RRset is served with the lowest (R-2181-1)', async () => {
    const t = stage({ answers: [A(300), A(60, 'www.example', '192.0.2.2')] })
    await t.query()
    assert.deepEqual((await t.query()).answers.map(({ ttl }) => ttl), [60, 60]) // prettier-ignore
  })

  test.each<[string, CacheOptions, number, number]>([
    ['maxTtl lowers', { maxTtl: 60 }, 300, 60],
    ['minTtl raises', { minTtl: 60 }, 5, 60],
  ])('%s the TTL, of the first reply as well', async (_what, options, ttl, expected) => {
    const t = stage({ answers: [A(ttl)] }, options)
    assert.equal((await t.query()).answers[0]!.ttl, expected)
    assert.equal((await t.query()).answers[0]!.ttl, expected)
    await t.clock.advance(expected * 1000 - 1)
    assert.equal((await t.query()).answers[0]!.ttl, 1)
    await t.clock.advance(1)
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })

  test('that came with an age runs out that much sooner (R-DOH-2)', async () => {
    const clock = new FakeClock()
    let asked = 0
    const exchanger: Exchanger = {
      exchange: async (query) => {
        asked++
        return { message: Message.reply(query, { answers: [A(100)] }), upstream: 'aged', age: 70 }
      },
    }
    const cache = new Cache(exchanger, { clock })
    await clock.run(cache.query('www.example'))
    await clock.advance(29_000)
    assert.equal((await clock.run(cache.query('www.example'))).answers[0]!.ttl, 1)
    await clock.advance(1000)
    await clock.run(cache.query('www.example'))
    assert.equal(asked, 2)
  })
})

test.each([0, 1, 9])(
  'a reply of a user with %d octets after its end, and OPT or not, is kept as what it says',
  async (extra) => {
    for (const edns of [false, true]) {
      const clock = new FakeClock()
      const exchange: Exchanger['exchange'] = async (query) => {
        const { wire } = Message.reply(query, { answers: [A(300)], additional: [A(300, 'ns.example')], edns })
        return { message: new Message(Buffer.concat([wire, Buffer.alloc(extra, 7)])), upstream: 'x', age: 0 }
      }
      const cache = new Cache({ exchange }, { clock })
      await clock.run(cache.query('www.example'))
      const { message, upstream } = await clock.run(cache.query('www.example'))
      assert.deepEqual(
        [upstream, message.answers.length, message.additional.length, message.hasOpt],
        [null, 1, 1, false],
      )
      assert.equal(message.wire.readUInt16BE(10), 1)
    }
  },
)

describe('what tells questions apart', () => {
  test.each<[string, Parameters<ReturnType<typeof stage>['query']>, number]>([
    ['another case', ['WWW.EXAMPLE'], 1],
    ['a trailing dot', ['www.example.'], 1],
    ['another type', ['www.example', 'AAAA'], 2],
    ['another class', ['www.example', 'A', { class: 'CH' }], 2],
    ['DO', ['www.example', 'A', { dnssecOk: true }], 2],
    ['CD', ['www.example', 'A', { checkingDisabled: true }], 2],
    ['EDNS alone', ['www.example', 'A', { edns: true }], 1],
    ['RD=0, which may have what others asked for', ['www.example', 'A', { recursionDesired: false }], 1],
  ])('%s', async (_what, second, asked) => {
    const t = stage()
    await t.query()
    await t.query(...second)
    await t.query(...second)
    assert.equal(t.upstream.asked, asked)
  })

  test('octets of labels never collide (A23)', async () => {
    const t = stage()
    const names = ['a\\.b.example', 'a.b.example', 'a\\000b.example', 'ab.example', '\\001a.example', 'a.example']
    for (const name of names) await t.query(name)
    assert.equal(t.upstream.asked, names.length)
    for (const name of names) await t.query(name)
    assert.equal(t.upstream.asked, names.length)
  })

  test('letters with a sign are octets like others: only ASCII has case (R-4343-1)', async () => {
    const t = stage()
    for (const name of ['\\195.example', '\\227.example', '@.example', '`.example', '[.example', '{.example'])
      await t.query(name)
    assert.equal(t.upstream.asked, 6)
  })

  test('names such as __proto__ are names (A22)', async () => {
    const t = stage()
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      await t.query(name)
      await t.query(name)
    }
    assert.deepEqual([t.upstream.asked, t.cache.stats.entries], [4, 4])
    assert.equal(({} as Record<string, unknown>)['A'], undefined)
  })

  test('what a client without RD brings home is kept for nobody', async () => {
    const t = stage()
    await t.query('www.example', 'A', { recursionDesired: false })
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })
})

describe('what passes untouched', () => {
  test('probes', async () => {
    const t = stage()
    const query = { message: Message.query('www.example', 'A') }
    const ctx = { deadline: 5000, scope: null, client: null, purpose: 'probe', trace: null } as const
    await t.query()
    for (let i = 0; i < 2; i++) assert.equal((await t.clock.run(t.cache.exchange(query, ctx))).upstream, 'up')
    assert.equal(t.upstream.asked, 3)
  })

  test('zone transfers and messages without a question', async () => {
    const t = stage()
    for (let i = 0; i < 2; i++) {
      await t.query('example', 'AXFR')
      const bare = Buffer.alloc(12)
      await t.clock.run(t.cache.exchange({ message: Message.from(bare) })).catch(() => undefined)
    }
    assert.deepEqual([t.upstream.asked, t.cache.stats.entries], [4, 0])
  })
})

describe('time', () => {
  test('slept ages entries (N07)', async () => {
    const t = stage()
    await t.query()
    t.clock.sleep(100_000)
    assert.equal((await t.query()).age, 100)
    t.clock.sleep(200_000)
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })

  test('set back keeps nothing alive, and set forward twice counts twice (N07)', async () => {
    const t = stage()
    await t.query()
    t.clock.sleep(-86_400_000)
    assert.equal((await t.query()).age, 0)
    await t.clock.advance(299_000)
    assert.equal((await t.query()).age, 299)
    await t.clock.advance(1000)
    await t.query()
    assert.equal(t.upstream.asked, 2)
  })
})

describe('a failure', () => {
  test.each(['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR'] as const)(
    '%s is remembered for a second, then twice as long, up to 30 s (R-9520-2)',
    async (rcode) => {
      const t = stage({ rcode })
      for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
        const { asked } = t.upstream
        assert.equal((await t.query()).rcode, rcode)
        await t.clock.advance(seconds * 1000 - 1)
        assert.equal((await t.query()).rcode, rcode)
        assert.equal(t.upstream.asked, asked + 1)
        await t.clock.advance(1)
      }
    },
  )

  test('that nobody replied is remembered as well, and rejects with the same error, marked', async () => {
    const t = stage('silent')
    const first = (await t.query().catch((error: unknown) => error)) as DnsError
    assert.equal(first.code, 'ERR_DNS_TIMEOUT')
    const again = (await t.query().catch((error: unknown) => error)) as DnsError
    assert.ok(again instanceof TimeoutError)
    assert.deepEqual([again.message, again.elapsed], [first.message, 5000])
    assert.deepEqual([first.cached, again.cached], [false, true])
    assert.equal(t.upstream.asked, 1)
    assert.equal(t.clock.now(), 5000)
  })

  test('of one who was in a hurry says nothing to the others', async () => {
    const t = stage({ after: 100 })
    await assert.rejects(t.query('www.example', 'A', { timeout: 50 }), { code: 'ERR_DNS_TIMEOUT' })
    assert.equal((await t.query()).rcode, 'NOERROR')
  })

  test('of one who was in a hurry counts where it wasn’t for want of time', async () => {
    const t = stage('refused')
    for (let i = 0; i < 3; i++)
      await assert.rejects(t.query('www.example', 'A', { timeout: 2000 }), { code: 'ERR_DNS_CONNECT' })
    assert.equal(t.upstream.asked, 1)
  })

  test('of one who was in a hurry doesn’t where anybody of several had too little time', async () => {
    const clock = new FakeClock()
    const upstreams = [new FakeUpstream('a', 'refused', { clock }), new FakeUpstream('b', 'silent', { clock })]
    const cache = new Cache(new Pool({ upstreams, health: false, clock }), { clock })
    for (let i = 0; i < 3; i++)
      await assert.rejects(clock.run(cache.query('www.example', 'A', { timeout: 2000 })), { code: 'ERR_DNS_ALL_FAILED' })
    assert.equal(upstreams[1]!.asked, 3)
  }) // prettier-ignore

  test('from memory says so, and keeps the reason (R-EDE-2, 13)', async () => {
    const t = stage({ rcode: 'SERVFAIL', ede: [{ code: 6, text: 'bogus' }] })
    await t.query('www.example', 'A', { edns: true })
    const again = await t.query('www.example', 'A', { edns: true })
    assert.deepEqual(again.message.ede.map(({ code }) => code), [13, 6]) // prettier-ignore
    assert.deepEqual([again.upstream, t.upstream.asked, t.cache.stats.failures], [null, 1, 1])
  })

  test('is forgotten by a success, by a flush and by another network', async () => {
    const t = stage([{ rcode: 'SERVFAIL' }, { answers: [A(0)] }, { rcode: 'SERVFAIL' }])
    await t.query()
    await t.clock.advance(1000)
    assert.equal((await t.query()).rcode, 'NOERROR')
    for (const forget of [() => t.cache.networkChanged(), () => t.cache.flush(), () => t.cache.flush('example')]) {
      const { asked } = t.upstream
      await t.query()
      await t.query()
      assert.equal(t.upstream.asked, asked + 1)
      forget()
    }
    await t.query()
    await t.clock.advance(1000)
    const { asked } = t.upstream
    await t.query()
    assert.equal(t.upstream.asked, asked + 1, 'the delay began anew')
  })

  test('of one question is none of another', async () => {
    const t = stage([{ rcode: 'SERVFAIL' }, {}])
    await t.query()
    assert.equal((await t.query('www.example', 'AAAA')).rcode, 'NOERROR')
    assert.equal((await t.query('ftp.example')).rcode, 'NOERROR')
  })

  test('10,000 of them take bounded memory and change nothing for what is kept', async () => {
    const t = stage((query) => (query.message.question!.name.startsWith('bad') ? { rcode: 'SERVFAIL' } : {}))
    await t.query()
    for (let i = 0; i < 10_000; i++) await t.cache.query(`bad${i}.example`)
    assert.equal((await t.query()).upstream, null)
    await t.query('bad0.example')
    assert.equal(t.upstream.asked, 10_002, 'the oldest was forgotten')
  })
})

describe('flush', () => {
  test('forgets a name and those below it, whole labels only, in any case', async () => {
    const t = stage()
    const names = ['example', 'www.example', 'a.b.example', 'notexample', 'example.net', 'wwwexample']
    for (const name of names) await t.query(name)
    t.cache.flush('EXAMPLE.')
    assert.equal(t.cache.stats.entries, 3)
    for (const name of names) await t.query(name)
    assert.equal(t.upstream.asked, 9)
  })

  test('forgets everything without a name', async () => {
    const t = stage()
    for (const name of ['a.example', 'b.test', '.']) await t.query(name)
    t.cache.flush()
    assert.equal(t.cache.stats.entries, 0)
  })

  test('is no longer heard by what was under way: it is not kept, and nobody joins it', async () => {
    const t = stage([
      { after: 100, answers: [A(300)] },
      { after: 10, answers: [A(300, 'www.example', '192.0.2.2')] },
    ])
    const first = t.cache.query('www.example')
    await t.clock.advance(50)
    t.cache.flush('www.example')
    const second = await t.clock.run(t.cache.query('www.example'))
    assert.equal(second.answers[0]!.data, '192.0.2.2')
    assert.equal((await t.clock.run(first)).answers[0]!.data, '192.0.2.1')
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.2')
  })

  test.each([null, 5, {}])('of %j is an error', (name) => {
    assert.throws(() => stage().cache.flush(name as never), { code: 'ERR_DNS_INVALID_OPTION', message: /^Cache\.flush: option "name"/ }) // prettier-ignore
  })

  test('of what is no name is an error', () => {
    assert.throws(() => stage().cache.flush('a..b'), { code: 'ERR_DNS_MALFORMED' })
  })
})

describe('what can be seen', () => {
  test('stats count what became of each query', async () => {
    const t = stage()
    await t.query()
    await t.query()
    await t.clock.run(Promise.all([t.cache.query('x.example'), t.cache.query('x.example')]))
    const { size, ...stats } = t.cache.stats
    assert.deepEqual(stats, { hits: 1, misses: 3, stale: 0, failures: 0, coalesced: 1, prefetches: 0, evicted: 0, entries: 2 }) // prettier-ignore
    assert.ok(size > 0 && size <= 64 * 2 ** 20)
  })

  test('events tell the query and the age', async () => {
    const t = stage([{}, { rcode: 'SERVFAIL' }])
    const seen: unknown[] = []
    for (const event of ['hit', 'miss', 'failure'] as const)
      t.cache.on(event, (e) => seen.push([event, e.query.question!.name, e.age]))
    await t.query()
    await t.clock.advance(7000)
    await t.query()
    await t.query('bad.example')
    await t.query('bad.example')
    assert.deepEqual(seen, [
      ['miss', 'www.example', 0],
      ['hit', 'www.example', 7],
      ['miss', 'bad.example', 0],
      ['failure', 'bad.example', 0],
    ])
  })

  test('a trace has the step', async () => {
    const t = stage()
    const steps = async () => (await t.query('www.example', 'A', { trace: true })).trace
    assert.deepEqual(await steps(), [{ step: 'cache', result: 'miss', age: 0 }])
    await t.clock.advance(2000)
    assert.deepEqual(await steps(), [{ step: 'cache', result: 'hit', age: 2 }])
  })
})

describe('an exchanger that breaks its contract', () => {
  test.each<[string, Exchanger['exchange']]>([
    ['throws', () => { throw new Error('oh') }],
    ['resolves with nothing', async () => undefined as never],
    ['resolves with a malformed message', async () => ({ message: new Message(Buffer.from('0000818000010001000000000000', 'hex')), upstream: null, age: 0 })],
    ['resolves with an age that is none', async (query) => ({ message: Message.reply(query, { answers: [A(300)] }), upstream: null, age: NaN })],
  ])('that %s harms one query and no other', async (_what, exchange) => {
    const clock = new FakeClock()
    let isBad = true
    const good = new FakeUpstream('good', {}, { clock })
    const cache = new Cache({ exchange: (query, ctx) => (isBad ? exchange(query, ctx) : good.exchange(query, ctx)) }, { clock })
    await clock.run(cache.exchange({ message: Message.query('www.example') }).catch(() => undefined))
    isBad = false
    assert.equal((await clock.run(cache.query('other.example'))).rcode, 'NOERROR')
    assert.equal(clock.pending, 0)
  }) // prettier-ignore
})

describe('options', () => {
  test.each<[unknown, RegExp]>([
    [{ maxSize: 1000 }, /"maxSize" must be a whole number from 1048576/],
    [{ maxsize: 2 ** 20 }, /"maxsize" is not known; did you mean "maxSize"/],
    [{ minTtl: -1 }, /"minTtl"/],
    [{ minTtl: 100, maxTtl: 50 }, /"minTtl" must not be over maxTtl/],
    [{ prefetch: 1 }, /"prefetch" must be true or false/],
    [{ store: {} }, /"store" must be an object with get\(\) and set\(\), such as a Keyv/],
    [null, /options/],
  ])('%j is refused', (options, message) => {
    assert.throws(() => new Cache(new FakeUpstream('x'), options as CacheOptions), { code: 'ERR_DNS_INVALID_OPTION', message }) // prettier-ignore
  })

  test.each([undefined, null, 'x', {}, { exchange: 5 }, { ask: () => 7 }])('%j is no exchanger', (given) => {
    assert.throws(() => new Cache(given as never), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test.each([{}, 'x', 7])('%j is no predecessor', (given) => {
    assert.throws(() => new Cache(new FakeUpstream('x'), {}, given as never), { code: 'ERR_DNS_INVALID_OPTION', message: /"predecessor" must be a Cache/ }) // prettier-ignore
  })
})

describe('the end', () => {
  test('close lets what is under way settle, takes nothing more, and forgets', async () => {
    const t = stage({ after: 100 })
    const waiting = t.cache.query('www.example')
    await t.clock.advance(1)
    const closed = t.cache.close()
    await assert.rejects(t.query('other.example'), { code: 'ERR_DNS_CLOSED' })
    assert.equal((await t.clock.run(waiting)).rcode, 'NOERROR')
    await closed
    assert.deepEqual([t.cache.stats.entries, t.clock.pending], [0, 0])
  })

  test('destroy fails what is under way', async () => {
    const t = stage({ after: 100 })
    const all = Promise.allSettled([t.cache.query('www.example'), t.cache.query('www.example'), t.cache.query('x.example')])
    await t.clock.advance(1)
    t.cache.destroy()
    for (const one of await all) assert.equal(((one as PromiseRejectedResult).reason as DnsError).code, 'ERR_DNS_CLOSED')
    await assert.rejects(t.query(), { code: 'ERR_DNS_CLOSED' })
  }) // prettier-ignore
})

describe('a popular reply', () => {
  test('is the same as any other: it ages, runs out, and is replaced', async () => {
    const t = stage((_query, nth) => ({ answers: [A(100, 'www.example', `192.0.2.${nth}`)] }), { prefetch: false })
    for (let nth = 1; nth <= 3; nth++) {
      for (let i = 0; i < 10; i++) {
        const { answers } = await t.query()
        assert.deepEqual([answers[0]!.data, answers[0]!.ttl], [`192.0.2.${nth}`, 100 - i * 10])
        await t.clock.advance(10_000)
      }
    }
    assert.equal(t.upstream.asked, 3)
  })

  test('is flushed like any other', async () => {
    const t = stage((_query, nth) => ({ answers: [A(100, 'www.example', `192.0.2.${nth}`)] }))
    for (let i = 0; i < 10; i++) await t.query()
    t.cache.flush('www.example')
    assert.equal((await t.query()).answers[0]!.data, '192.0.2.2')
  })

  test('is removed by an answer that may not be kept', async () => {
    const t = stage((_query, nth) => (nth === 1 ? { answers: [A(100)] } : { answers: [A(0)] }))
    for (let i = 0; i < 10; i++) await t.query()
    await t.clock.advance(100_000)
    for (let i = 0; i < 3; i++) assert.equal((await t.query()).answers[0]!.ttl, 0)
    t.upstream.script = 'refused'
    await assert.rejects(t.query())
  })

  test('is told apart by its flags, its route and octets as any other', async () => {
    const t = stage((query) => ({ answers: [A(100, query.message.question!.name, query.message.dnssecOk ? '192.0.2.2' : '192.0.2.1')] })) // prettier-ignore
    for (let i = 0; i < 10; i++) {
      assert.equal((await t.query()).answers[0]!.data, '192.0.2.1')
      assert.equal((await t.query('www.example', 'A', { dnssecOk: true })).answers[0]!.data, '192.0.2.2')
    }
    assert.equal(t.upstream.asked, 2)
  })

  test('stale does not change what is remembered', async () => {
    const t = stage([{ answers: [A(100)] }, 'refused', { answers: [A(100)] }])
    for (let i = 0; i < 10; i++) await t.query()
    await t.clock.advance(100_000)
    for (let i = 0; i < 3; i++) {
      const { answers, message } = await t.query('www.example', 'A', { edns: true })
      assert.deepEqual([answers[0]!.ttl, message.ede.length], [30, 1])
    }
    await t.clock.advance(30_000)
    const { answers, message } = await t.query()
    assert.deepEqual([answers[0]!.ttl, message.ede.length], [100, 0])
  })
})
