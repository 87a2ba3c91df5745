import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import {
  Cache,
  DnsError,
  Forwarder,
  InvalidOptionError,
  Message,
  Pool,
  Resolver,
  ResolverError,
  Upstream,
  type Exchanger,
  type ResolverOptions,
} from 'headrace'
import { FakeServer, FakeUpstream } from 'headrace/testing'
import { describe, test } from 'vitest'
import { candidates, reverseName } from '../../src/resolver/question.js'
import { reply, Stage, type Zone } from './stage.js'

async function rejected(promise: Promise<unknown>): Promise<ResolverError> {
  return promise.then(
    () => assert.fail('it resolves'),
    (error: unknown) => error as ResolverError,
  )
}

describe('{ ttl: true }', () => {
  const SOA = { mname: 'ns', rname: 'host', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 }
  const answer = (type: string, data: unknown) => ({ answers: [{ name: 'a', type, ttl: 60, data: data as never }] })
  const ZONE: Zone = {
    'a A': answer('A', '192.0.2.1'),
    'a AAAA': answer('AAAA', '2001:db8::1'),
    'a CAA': answer('CAA', { flags: 0, tag: 'issue', value: 'x' }),
    'a CNAME': answer('CNAME', 'b'),
    'a MX': answer('MX', { preference: 1, exchange: 'mx' }),
    'a NS': answer('NS', 'ns'),
    'a PTR': answer('PTR', 'p'),
    'a SOA': answer('SOA', SOA),
    'a SRV': answer('SRV', { priority: 1, weight: 2, port: 3, target: 't' }),
    'a TXT': answer('TXT', ['one', 'two']),
    'a ANY': answer('TXT', ['one']),
    'a HTTPS': answer('HTTPS', { priority: 1, target: '.', params: [{ key: 3, value: Buffer.from([1, 187]) }] }),
  }
  const TIMED: readonly (readonly [type: 'A', found: unknown])[] = [
    ['A', [{ address: '192.0.2.1', ttl: 60 }]],
    ['AAAA', [{ address: '2001:db8::1', ttl: 60 }]],
    ['CAA', [{ critical: 0, issue: 'x', ttl: 60 }]],
    ['CNAME', [{ value: 'b', ttl: 60 }]],
    ['MX', [{ exchange: 'mx', priority: 1, ttl: 60 }]],
    ['NS', [{ value: 'ns', ttl: 60 }]],
    ['PTR', [{ value: 'p', ttl: 60 }]],
    ['SOA', { nsname: 'ns', hostmaster: 'host', serial: 1, refresh: 2, retry: 3, expire: 4, minttl: 5, ttl: 60 }],
    ['SRV', [{ name: 't', port: 3, priority: 1, weight: 2, ttl: 60 }]],
    ['TXT', [{ entries: ['one', 'two'], ttl: 60 }]],
    ['ANY', [{ entries: ['one'], ttl: 60, type: 'TXT' }]],
    ['HTTPS', [{ priority: 1, target: '', params: { port: 443 }, ttl: 60 }]],
  ] as never

  test.each(TIMED)('is for %s as well', async (type, found) => {
    const stage = new Stage(ZONE)
    assert.deepEqual(await stage.run(stage.resolver.resolve('a', type, { ttl: true })), found)
  })

  test('TTLs are lowered by the age of the reply, never below 0', async () => {
    const old: Exchanger = {
      exchange: (query) =>
        Promise.resolve(reply(query, [{ name: 'a', type: 'A', ttl: 50, data: '192.0.2.1' }, { name: 'a', type: 'A', ttl: 10, data: '192.0.2.2' }], 20)), // prettier-ignore
    }
    assert.deepEqual(await new Resolver(old).resolve4('a', { ttl: true }), [
      { address: '192.0.2.1', ttl: 30 },
      { address: '192.0.2.2', ttl: 0 },
    ])
  })
})

test('what is told is the caller’s own, though the reply is another’s as well', async () => {
  const forwarder = new Forwarder({ upstreams: [new FakeUpstream('fake')], cache: {} })
  const resolver = new Resolver(forwarder, { hosts: false })
  for (let n = 0; n < 6; n++) {
    const found = await resolver.resolve4('www.example')
    assert.equal(found.length, 1)
    found.push('192.0.2.77')
    const listed = await resolver.lookup('www.example', { all: true, family: 4 })
    assert.deepEqual(listed, [{ address: found[0], family: 4 }])
    listed[0]!.address = '192.0.2.88'
    assert.deepEqual(await resolver.resolve4('www.example', { ttl: true }), [{ address: found[0], ttl: 300 }])
  }
  await forwarder.close()
})

test('so are service parameters that are octets', async () => {
  const params = [5, 65_333].map((key) => ({ key, value: Buffer.from('octets') }))
  const upstream = new FakeUpstream('fake', { answers: [{ data: { priority: 1, target: '.', params } }] })
  const resolver = new Resolver(new Cache(upstream))
  for (let n = 0; n < 6; n++) {
    const { ech, key65333 } = (await resolver.resolveHttps('www.example'))[0]!.params
    assert.deepEqual([ech, key65333].map(String), ['octets', 'octets'])
    for (const octets of [ech!, key65333!]) octets.fill(0)
  }
})

describe('errors say more than those of node:dns', () => {
  test('the upstream, RCODE and extended errors where there was a reply', async () => {
    const stage = new Stage({ 'a A': { rcode: 'SERVFAIL' } })
    const error = await stage.run(rejected(stage.resolver.resolve4('a')))
    assert.ok(error instanceof ResolverError)
    assert.deepEqual([error.message, error.upstream, error.rcode, error.ede], ['queryA ESERVFAIL a', 'fake', 'SERVFAIL', []])
    assert.equal('cause' in error, false)
  }) // prettier-ignore

  test('extended errors come from the wire', async () => {
    await using server = await FakeServer.listen({
      answer: () => ({ rcode: 'NXDOMAIN', ede: [{ code: 15, text: 'blocked' }] }),
    })
    await using resolver = new Resolver(server.address)
    const error = await rejected(resolver.resolveMx('a.example'))
    assert.deepEqual([error.code, error.rcode, error.ede], ['ENOTFOUND', 'NXDOMAIN', [{ code: 15, text: 'blocked' }]])
  })

  const CAUSES: readonly (readonly [error: DnsError, code: string])[] = [
    [new DnsError('ERR_DNS_TIMEOUT', 'x', { upstream: 'u' }), 'ETIMEOUT'],
    [new DnsError('ERR_DNS_MALFORMED', 'x'), 'EBADRESP'],
    [new DnsError('ERR_DNS_CONNECT', 'x'), 'ECONNREFUSED'],
    [new DnsError('ERR_DNS_TLS', 'x'), 'ECONNREFUSED'],
    [new DnsError('ERR_DNS_NO_UPSTREAM', 'x'), 'ECONNREFUSED'],
    [new DnsError('ERR_DNS_OVERLOADED', 'x'), 'ECONNREFUSED'],
    [new DnsError('ERR_DNS_CLOSED', 'x'), 'EDESTRUCTION'],
    [new DnsError('ERR_DNS_CANCELLED', 'x'), 'ECANCELLED'],
  ]
  test.each(CAUSES)('%s becomes %s, itself the cause', async (cause, code) => {
    const { resolver } = new Stage({ 'a A': { error: cause } })
    const error = await rejected(resolver.resolve4('a'))
    assert.deepEqual([error.code, error.cause, error.upstream, error.rcode], [code, cause, cause.upstream, null])
  })

  test.each([
    [['silent', 'refused'], 'ETIMEOUT'],
    [['refused', 'silent'], 'ETIMEOUT'],
    [['refused', 'refused'], 'ECONNREFUSED'],
  ] as const)('where all of %j failed it is %s', async (scripts, code) => {
    const { clock } = new Stage()
    const upstreams = scripts.map((script, i) => new FakeUpstream(`u${i}`, script, { clock }))
    const pool = new Pool({ upstreams, clock, strategy: 'parallel', health: false })
    const resolver = new Resolver(pool, { clock })
    assert.equal((await clock.run(rejected(resolver.resolve4('a')))).code, code)
    await pool.close()
  })

  test('a foreign exchanger that throws, answers nonsense or says nothing is a failure like any other', async () => {
    const throwing = { exchange: () => { throw new Error('no') } } // prettier-ignore
    const nonsense = { exchange: () => Promise.resolve(5) }
    assert.equal((await rejected(new Resolver(throwing as never).resolve4('a'))).code, 'ECONNREFUSED')
    assert.equal((await rejected(new Resolver(nonsense as never).resolve4('a'))).code, 'EBADRESP')
    const { clock } = new Stage()
    const silent = new Resolver({ exchange: () => new Promise(() => undefined) }, { clock, timeout: 300 })
    assert.equal((await clock.run(rejected(silent.resolve4('a')))).code, 'ETIMEOUT')
    assert.equal(clock.now(), 300)
  })

  test.each([
    ['HTTPS', [0, 1, 0, 0, 3, 0, 1, 5]],
    ['SVCB', [0, 1, 0, 0, 1, 0, 2, 5, 65]],
    ['SVCB', [0, 1, 0, 0, 1, 0, 0]],
    ['SVCB', [0, 1, 0, 0, 4, 0, 3, 1, 2, 3]],
    ['SVCB', [0, 1, 0, 0, 2, 0, 1, 0]],
    ['CAA', [0, 9, 65]],
    ['TLSA', [3]],
    ['SOA', null],
  ] as const)('%s with the octets %j is EBADRESP', async (type, octets) => {
    const record = octets === null ? { name: 'a', type: 'A', data: '192.0.2.1' } : { name: 'a', type, data: Buffer.from(octets) } // prettier-ignore
    const broken: Exchanger = { exchange: (query) => Promise.resolve(reply(query, [record])) }
    assert.equal((await rejected(new Resolver(broken).resolve('a', type))).code, 'EBADRESP')
  })
})

describe('what belongs to other names (A08)', () => {
  test('is not an answer, whoever lets it through', async () => {
    const careless: Exchanger = {
      exchange: (query) =>
        Promise.resolve(reply(query, [{ name: 'victim.example', type: 'A', data: '192.0.2.66' }, { name: 'a', type: 'A', data: '192.0.2.1' }])), // prettier-ignore
    }
    assert.deepEqual(await new Resolver(careless).resolve4('a'), ['192.0.2.1'])
  })
})

describe('a reply that is none', () => {
  const question = Message.query('a')
  const NONE: readonly (readonly [what: string, message: Message])[] = [
    ['to another question', Message.reply(Message.query('victim.example'))],
    ['that is a query', question],
    ['of cut octets', new Message(Message.reply(question, { answers: [{ name: 'a', type: 'A', data: '192.0.2.1' }] }).wire.subarray(0, -1))],
  ] // prettier-ignore

  test.each(NONE)('%s is not believed, and ends the call', async (_what, message) => {
    const exchanger: Exchanger = { exchange: () => Promise.resolve({ message, upstream: null, age: 0 }) }
    for (const given of [exchanger, new Cache(exchanger)]) {
      const resolver = new Resolver(given, { hosts: false })
      assert.equal((await rejected(resolver.resolve4('a'))).code, 'EBADRESP')
      assert.equal((await rejected(resolver.lookup('a', 4))).code, 'EAI_AGAIN')
      assert.equal((await rejected(resolver.query('a'))).code, 'ERR_DNS_MALFORMED')
    }
  })
})

describe('search domains', () => {
  test.each([
    ['host', ['one', 'two'], 1, ['host.one', 'host.two', 'host']],
    ['a.b', ['one', 'two'], 1, ['a.b', 'a.b.one', 'a.b.two']],
    ['a.b', ['one'], 2, ['a.b.one', 'a.b']],
    ['a.b.c', ['one'], 2, ['a.b.c', 'a.b.c.one']],
    ['host.', ['one'], 1, ['host.']],
    ['host', [], 1, ['host']],
    ['', ['one'], 1, ['']],
    ['host', ['one'], 0, ['host', 'host.one']],
  ])('%s in %j with ndots %d is asked for as %j', (name, search, ndots, expected) => {
    assert.deepEqual(candidates(name, search, ndots), expected)
  })

  test('the first name with records is the answer', async () => {
    const stage = new Stage({ 'host.one A': [], 'host.two A': ['192.0.2.2'] }, { search: ['one', 'two.'] })
    assert.deepEqual(await stage.run(stage.resolver.resolve4('host')), ['192.0.2.2'])
    assert.deepEqual(stage.asked, ['host.one A', 'host.two A'])
  })

  test('a name without such records counts for more than that others are not there', async () => {
    const stage = new Stage({ 'host.one A': [] }, { search: ['one', 'two'] })
    const error = await stage.run(rejected(stage.resolver.resolve4('host')))
    assert.deepEqual([error.code, error.hostname, error.rcode], ['ENODATA', 'host', 'NOERROR'])
    assert.equal(stage.asked.length, 3)
  })

  test('a failure ends the search', async () => {
    const stage = new Stage({ 'host.one A': { rcode: 'SERVFAIL' } }, { search: ['one', 'two'] })
    assert.equal((await stage.run(rejected(stage.resolver.resolve4('host')))).code, 'ESERVFAIL')
    assert.deepEqual(stage.asked, ['host.one A'])
  })

  test('a name that gets too long is passed over', async () => {
    const long = Array.from({ length: 4 }, () => 'x'.repeat(60)).join('.')
    const stage = new Stage({ 'host A': ['192.0.2.1'] }, { search: [long, `${'x'.repeat(20)}.example`] })
    const name = 'y'.repeat(60)
    assert.equal((await stage.run(rejected(stage.resolver.resolve4(name)))).code, 'ENOTFOUND')
    assert.deepEqual(stage.asked, [`${name}.${'x'.repeat(20)}.example A`, `${name} A`])
  })
})

test.each([
  ['192.0.2.1', '1.2.0.192.in-addr.arpa.'],
  ['::1', `1.${'0.'.repeat(31)}ip6.arpa.`],
  ['2001:db8::567:89ab', 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.'],
  ['fe80::1%eth0', `1.${'0.'.repeat(28)}8.e.f.ip6.arpa.`],
  ['1.2.3', null],
  ['', null],
])('%s has its names at %s', (ip, name) => {
  assert.equal(reverseName(ip), name)
})

describe('ending early', () => {
  test('an AbortSignal ends a query with ECANCELLED, its reason as the cause, and what was asked', async () => {
    const stage = new Stage({ 'a A': 'silent' })
    const controller = new AbortController()
    const error = rejected(stage.resolver.resolve4('a', { signal: controller.signal }))
    const reason = new Error('enough')
    controller.abort(reason)
    const { message, cause } = await error
    assert.deepEqual([message, (cause as Error).cause], ['queryA ECANCELLED a', reason])
    assert.deepEqual([stage.upstream.cancelled, stage.clock.pending], [1, 0])
  })

  test('one that has aborted before asks nobody', async () => {
    const stage = new Stage({ 'a A': ['192.0.2.1'] })
    assert.equal((await rejected(stage.resolver.resolve4('a', { signal: AbortSignal.abort() }))).code, 'ECANCELLED')
    assert.equal((await rejected(stage.resolver.reverse('192.0.2.1', { signal: AbortSignal.abort() }))).code, 'ECANCELLED') // prettier-ignore
    assert.deepEqual(stage.asked, [])
  })

  test.each([null, 'x', 5, {}, { aborted: true }])('a signal %j is refused before anything begins', async (given) => {
    const stage = new Stage({ a: ['192.0.2.1'] })
    const signal = given as never
    const refused = { code: 'ERR_DNS_INVALID_OPTION', message: /"signal" must be an AbortSignal/ }
    assert.throws(() => stage.resolver.resolve4('a', { signal }), refused)
    assert.throws(() => stage.resolver.reverse('192.0.2.1', { signal }), refused)
    assert.throws(() => stage.resolver.lookup('a', { signal }), refused)
    assert.throws(() => stage.resolver.lookup('192.0.2.1', { signal }, () => assert.fail('called')), refused)
    await assert.rejects(stage.resolver.query('a', 'A', { signal }), refused)
    assert.deepEqual([stage.asked, stage.clock.pending], [[], 0])
    await stage.resolver.close()
  })

  test('no listener stays on a signal (N08)', async () => {
    const stage = new Stage({ a: ['192.0.2.1'] })
    const { signal } = new AbortController()
    for (let i = 0; i < 1000; i++) {
      await stage.run(stage.resolver.resolve4('a', { signal }))
      await stage.run(stage.resolver.lookup('a', { signal, family: 4 }))
      await stage.run(rejected(stage.resolver.resolve4('nowhere', { signal })))
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('cancel() ends everything under way, and nothing that comes later', async () => {
    const stage = new Stage({ 'a A': 'silent', 'b A': ['192.0.2.2'] })
    const ended = ['resolve4', 'resolve4'].map(() => rejected(stage.resolver.resolve4('a')))
    stage.resolver.cancel()
    assert.deepEqual((await Promise.all(ended)).map(({ code }) => code), ['ECANCELLED', 'ECANCELLED']) // prettier-ignore
    assert.deepEqual(await stage.run(stage.resolver.resolve4('b')), ['192.0.2.2'])
  })

  test('no call lasts longer than the timeout', async () => {
    const stage = new Stage({ 'a A': 'silent' }, { timeout: 700 })
    assert.equal((await stage.run(rejected(stage.resolver.resolve4('a')))).code, 'ETIMEOUT')
    assert.deepEqual([stage.clock.now(), stage.clock.pending], [700, 0])
  })

  test('without one it is the exchanger’s own', async () => {
    const { clock } = new Stage()
    const silent = { timeout: 9000, exchange: () => new Promise<never>(() => undefined) }
    assert.equal((await clock.run(rejected(new Resolver(silent, { clock }).resolve4('a')))).code, 'ETIMEOUT')
    assert.equal(clock.now(), 9000)
  })
})

describe('lifecycle', () => {
  test('what was given as addresses is closed with it', async () => {
    await using server = await FakeServer.listen()
    const resolver = new Resolver([server.address, server.address])
    assert.deepEqual(await resolver.resolve4('a.example'), ['192.0.2.1'])
    await resolver.close()
    assert.equal((await rejected(resolver.resolve4('a.example'))).code, 'EDESTRUCTION')
    assert.equal((await rejected(resolver.query('a.example'))).code, 'ERR_DNS_CLOSED')
  })

  test('an exchanger that was given is not', async () => {
    const stage = new Stage({ 'a A': ['192.0.2.1'] })
    const forwarder = new Forwarder({ upstreams: [stage.upstream], clock: stage.clock, health: false })
    const resolver = new Resolver(forwarder, { clock: stage.clock })
    await resolver.close()
    assert.equal((await rejected(resolver.resolve4('a'))).code, 'EDESTRUCTION')
    assert.equal((await stage.run(forwarder.query('a'))).rcode, 'NOERROR')
    await forwarder.close()
  })

  test('close() lets what is under way end, all search domains', async () => {
    await using server = await FakeServer.listen({ answer: ({ name }) => (name === 'host.two' ? ['192.0.2.1'] : 'NXDOMAIN') }) // prettier-ignore
    const options = { search: ['one', 'two'], hosts: false } as const
    const stage = new Stage({ 'host.two A': ['192.0.2.1'] }, options)
    const owner = new Resolver(server.address, options)
    for (const [resolver, asked, times] of [[owner, server.queries, 2], [stage.resolver, stage.asked, 4]] as const) {
      const under = [resolver.resolve4('host'), resolver.lookup('host', 4)]
      await Promise.all([resolver.close(), resolver.close()])
      assert.equal(asked.length, times)
      assert.deepEqual(await Promise.all(under), [['192.0.2.1'], { address: '192.0.2.1', family: 4 }])
    }
  }) // prettier-ignore

  test('destroy() ends a close() that waits', async () => {
    const stage = new Stage({ 'a A': 'silent' })
    const under = rejected(stage.resolver.resolve4('a'))
    const closed = stage.resolver.close()
    stage.resolver.destroy()
    await closed
    assert.equal((await under).code, 'EDESTRUCTION')
  })

  test('after close() nobody is asked any more, and no servers are taken', async () => {
    const stage = new Stage({ 'a A': ['192.0.2.1'] })
    const owner = new Resolver('192.0.2.1')
    for (const resolver of [stage.resolver, owner]) {
      await resolver.close()
      assert.equal((await rejected(resolver.query('a'))).code, 'ERR_DNS_CLOSED')
      assert.throws(() => resolver.setServers(['192.0.2.1']), { code: 'ERR_DNS_CLOSED' })
      assert.throws(() => resolver.setLocalAddress('127.0.0.1'), { code: 'ERR_DNS_CLOSED' })
    }
    assert.deepEqual(stage.asked, [])
  })

  test('destroy() ends what is under way', async () => {
    const stage = new Stage({ 'a A': 'silent' })
    const under = rejected(stage.resolver.resolve4('a'))
    stage.resolver.destroy()
    assert.equal((await under).message, 'queryA EDESTRUCTION a')
    assert.equal(stage.clock.pending, 0)
  })

  test('await using closes', async () => {
    let kept: Resolver
    {
      await using resolver = new Resolver('192.0.2.1')
      kept = resolver
    }
    assert.equal((await rejected(kept.resolve4('a'))).code, 'EDESTRUCTION')
  })
})

describe('servers', () => {
  test('getServers() lists upstreams however deep, in the form of addresses', () => {
    const doh = new Upstream('https://dns.example/dns-query|doh')
    const pool = new Pool({ upstreams: ['192.0.2.1', 'tls://192.0.2.2', doh], health: false })
    const listed = ['192.0.2.1', 'tls://192.0.2.2:853', 'https://dns.example/dns-query']
    for (const given of [pool, new Forwarder({ pools: [pool] }), new Forwarder({ upstreams: [pool], health: false })])
      assert.deepEqual(new Resolver(given).getServers(), listed)
    assert.deepEqual(new Resolver(doh).getServers(), listed.slice(2))
    assert.deepEqual(new Resolver(new FakeUpstream('fake')).getServers(), ['fake'])
    assert.deepEqual(new Resolver({ exchange: () => Promise.reject(new Error('no')) }).getServers(), [])
  })

  test('they are asked in their order', async () => {
    await using down = await FakeServer.listen({ answer: () => 'SERVFAIL' })
    await using up = await FakeServer.listen()
    await using resolver = new Resolver([down.address, up.address])
    for (let i = 0; i < 3; i++) assert.deepEqual(await resolver.resolve4('a.example'), ['192.0.2.1'])
    assert.deepEqual([down.asked > 0, up.asked], [true, 3])
  })

  test('setServers() replaces them, and what is under way still ends', async () => {
    await using one = await FakeServer.listen({ answer: () => ['192.0.2.1'] })
    await using two = await FakeServer.listen({ answer: () => ['192.0.2.2'] })
    await using resolver = new Resolver(one.address)
    const under = resolver.resolve4('a.example')
    resolver.setServers([two.address])
    assert.deepEqual(await under, ['192.0.2.1'])
    assert.deepEqual(await resolver.resolve4('a.example'), ['192.0.2.2'])
    assert.deepEqual(resolver.getServers(), [two.address])
  })

  test('those before are closed and destroyed with the others', async () => {
    await using slow = await FakeServer.listen({ faults: [{ kind: 'delay', ms: 50 }] })
    for (const end of ['close', 'destroy'] as const) {
      const resolver = new Resolver(slow.address)
      const under = resolver.query('a.example').then(({ rcode }) => rcode, ({ code }: DnsError) => code) // prettier-ignore
      let settled = ''
      const noted = under.then((what) => (settled = what))
      resolver.setServers(['127.0.0.1:9'])
      await resolver[end]()
      if (end === 'close') assert.equal(settled, 'NOERROR')
      else assert.match(await noted, /^ERR_DNS_/)
    }
  })

  test('setServers() also replaces an exchanger that was given', async () => {
    await using server = await FakeServer.listen()
    await using resolver = new Resolver(new FakeUpstream('fake', 'refused'))
    resolver.setServers([server.address])
    assert.deepEqual(await resolver.resolve4('a.example'), ['192.0.2.1'])
  })

  test('setLocalAddress() says where queries come from, also after setServers()', async () => {
    await using server = await FakeServer.listen()
    await using resolver = new Resolver(server.address)
    resolver.setLocalAddress('127.0.0.2')
    await resolver.resolve4('a.example')
    resolver.setServers([server.address])
    await resolver.resolve4('a.example')
    resolver.setLocalAddress('0.0.0.0', '::1')
    await resolver.resolve4('a.example')
    assert.deepEqual(server.queries.map(({ remoteAddress }) => remoteAddress), ['127.0.0.2', '127.0.0.2', '127.0.0.1']) // prettier-ignore
  })

  test('setLocalAddress() is not for an exchanger that was given', () => {
    const { resolver } = new Stage()
    assert.throws(() => resolver.setLocalAddress('127.0.0.1'), InvalidOptionError)
  })

  test.each([[undefined], [null], [5], [{}], [[]], [['nonsense://x']], [''], [true]])(
    '%j is nobody to ask',
    (given) => {
      assert.throws(() => new Resolver(given as never), DnsError)
    },
  )

  test.each([[{ timeout: 0 }], [{ timeuot: 5 }], [{ ndots: 16 }], [{ ndots: -1 }], [{ search: 'x' }], [{ search: ['a..b'] }], [{ search: [''] }], [{ search: [5] }], [{ clock: 5 }]])(
    'the options %j are refused',
    (options) => {
      assert.throws(() => new Resolver('192.0.2.1', options as ResolverOptions), InvalidOptionError)
    },
  ) // prettier-ignore
})

describe('the callback face', () => {
  test('its methods need no this, take options, and what a callback throws is no rejection', async () => {
    const { resolver } = new Stage({ 'a A': ['192.0.2.1'] })
    const { resolve4 } = resolver.callbacks
    const told = await new Promise((resolve) => resolve4('a', { ttl: true }, (...args) => resolve(args)))
    assert.deepEqual(told, [null, [{ address: '192.0.2.1', ttl: 300 }]])
    assert.equal(resolver.callbacks, resolver.callbacks)
  })

  test('an error comes alone', async () => {
    const { resolver } = new Stage()
    const told = await new Promise<unknown[]>((resolve) =>
      resolver.callbacks.resolveMx('a', (...args) => resolve(args)),
    )
    assert.deepEqual([told.length, (told[0] as ResolverError).code], [1, 'ENOTFOUND'])
  })
})

test('query() asks for any type, in presentation form, and keeps our own errors', async () => {
  const stage = new Stage({ 'a TYPE65280': { answers: [{ name: 'a', type: 65_280, data: Buffer.from('x') }] } })
  const { answers, rcode, upstream } = await stage.run(stage.resolver.query('a', 'TYPE65280'))
  assert.deepEqual([answers[0]?.data, rcode, upstream], [Buffer.from('x'), 'NOERROR', 'fake'])
  await assert.rejects(stage.run(stage.resolver.query('a..b')), { code: 'ERR_DNS_MALFORMED' })
})
