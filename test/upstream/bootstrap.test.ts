import assert from 'node:assert/strict'
import { beforeAll, describe, test } from 'vitest'
import { Message, Pool, Upstream, type DnsError, type Exchanger } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { askForAddresses } from '../../src/upstream/address-lookup.js'

const HOST = 'dns.example'

// Loaded on first use, in real time.
beforeAll(() => import('../../src/transport/tcp.js'))

function ask(clock: FakeClock, resolvers: readonly Exchanger[], family: 4 | 6 = 4) {
  return clock.run(askForAddresses(resolvers, HOST, family, clock, 2000))
}
const fake = (clock: FakeClock, name: string, script: ConstructorParameters<typeof FakeUpstream>[1]) =>
  new FakeUpstream(name, script, { clock })

describe('asking bootstrap resolvers for a name', () => {
  test('asks all at once, believes the first with an address, and calls the others off', async () => {
    const clock = new FakeClock()
    const slow = fake(clock, 'slow', { after: 500 })
    const fast = fake(clock, 'fast', { after: 10, answers: [{ type: 'A', data: '192.0.2.7', ttl: 90 }] })
    assert.deepEqual(await ask(clock, [slow, fast]), { addresses: ['192.0.2.7'], ttl: 90 })
    assert.deepEqual([clock.now(), slow.asked, slow.cancelled, clock.pending], [10, 1, 1, 0])
  })

  test('asks for AAAA where IPv6 is wanted', async () => {
    const clock = new FakeClock()
    assert.deepEqual((await ask(clock, [fake(clock, 'a', {})], 6)).addresses, ['2001:db8::1'])
  })

  test.each<[string, ConstructorParameters<typeof FakeUpstream>[1]]>([
    ['refuses', { rcode: 'REFUSED' }],
    ['says NXDOMAIN', { rcode: 'NXDOMAIN' }],
    ['says SERVFAIL', { rcode: 'SERVFAIL' }],
    ['has no such records', { answers: [] }],
    ['says 0.0.0.0, as blocklists do', { answers: ['0.0.0.0'] }],
    ['sends a truncated reply', { truncated: true }],
    ['cannot be reached', 'refused'],
  ])('waits for a better one where the first %s', async (_what, script) => {
    const clock = new FakeClock()
    const better = fake(clock, 'better', { after: 300, answers: ['192.0.2.7'] })
    assert.deepEqual((await ask(clock, [fake(clock, 'bad', script), better])).addresses, ['192.0.2.7'])
  })

  test('believes NODATA where nobody knows better', async () => {
    const clock = new FakeClock()
    const found = await ask(clock, [fake(clock, 'a', { answers: [] }), fake(clock, 'b', 'refused')])
    assert.deepEqual(found.addresses, [])
  })

  test('fails where nobody replies, in time', async () => {
    const clock = new FakeClock()
    await assert.rejects(ask(clock, [fake(clock, 'a', 'silent'), fake(clock, 'b', 'refused')]))
    assert.equal(clock.now(), 2000)
  })

  test('follows the chain of aliases, takes the lowest TTL on it, and nothing beside it (A08)', async () => {
    const clock = new FakeClock()
    const chain = fake(clock, 'a', {
      answers: [
        { name: HOST, type: 'CNAME', ttl: 20, data: 'edge.example' },
        { name: 'edge.example', type: 'A', ttl: 300, data: '192.0.2.7' },
        { name: 'victim.test', type: 'A', ttl: 5, data: '203.0.113.9' },
      ],
    })
    assert.deepEqual(await ask(clock, [chain]), { addresses: ['192.0.2.7'], ttl: 20 })
  })

  test('lowers the TTL by the age of the reply', async () => {
    const clock = new FakeClock()
    const cached: Exchanger = {
      exchange: async (query) => ({
        message: Message.reply(query, { answers: [{ name: HOST, type: 'A', ttl: 90, data: '192.0.2.7' }] }),
        upstream: null,
        age: 30,
      }),
    }
    assert.equal((await ask(clock, [cached])).ttl, 60)
  })
})

describe('the option bootstrap', () => {
  test.each<[unknown, string, RegExp]>([
    [[], 'ERR_DNS_INVALID_OPTION', /"bootstrap" must be at least one resolver/],
    [42, 'ERR_DNS_INVALID_ADDRESS', /must be text or an object/],
    [null, 'ERR_DNS_INVALID_ADDRESS', /must be text or an object/],
    ['1.1.1', 'ERR_DNS_INVALID_ADDRESS', /not an IPv4 address/],
    ['9.9.9.9,,1.1.1.1', 'ERR_DNS_INVALID_ADDRESS', /empty entry/],
    [{ exchange: 'no' }, 'ERR_DNS_INVALID_ADDRESS', /must be text or an object/],
  ])('refuses %j', (bootstrap, code, message) => {
    assert.throws(
      () => new Upstream(`tcp://${HOST}`, { bootstrap: bootstrap as never }),
      (error: DnsError) => error.code === code && message.test(error.message),
    )
  })

  test('takes an address, several, objects and exchangers', () => {
    const all = ['9.9.9.9', '1.1.1.1,tcp://[2620:fe::fe]', { addr: '8.8.8.8', tag: 'g' }, new FakeUpstream('fake')]
    for (const bootstrap of [...all, all]) new Upstream(`tcp://${HOST}`, { bootstrap })
  })

  test('is of no concern to an upstream with an IP address', () => {
    assert.equal(new Upstream('192.0.2.1', { bootstrap: '9.9.9.9' }).bootstrap, null)
  })

  test('a garbled reply of a user’s own exchanger is refused like anybody’s', async () => {
    const clock = new FakeClock()
    const bootstrap = { exchange: async () => 'nonsense' } as never as Exchanger
    const up = new Upstream(`tcp://${HOST}`, { clock, bootstrap })
    await assert.rejects(clock.run(up.query('www.example.com')), {
      code: 'ERR_DNS_CONNECT',
      message: `tcp://${HOST}:53: its bootstrap finds no address of ${HOST}`,
    })
  })
})

describe('a name that would be resolved through itself is refused (R-DOH-7)', () => {
  const refused = (bootstrap: unknown) => {
    assert.throws(() => new Upstream(`tcp://${HOST}`, { bootstrap: bootstrap as never }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /would look up dns\.example by asking dns\.example: give the IP address/,
    })
  }
  const inner = (address: string, bootstrap?: string) =>
    new Upstream(address, bootstrap === undefined ? {} : { bootstrap })

  test('directly, as text', () => refused([`udp://${HOST}`]))
  test('whatever the spelling, transport and port', () => refused([`tcp://DNS.Example.:5353`, '9.9.9.9']))
  test('as an upstream', () => refused(inner(`udp://${HOST}`)))
  test('as the bootstrap of the bootstrap', () => refused(inner('tcp://other.example', `udp://${HOST}`)))
  test('as a member of a pool', () => refused(new Pool({ upstreams: ['9.9.9.9', `tcp://${HOST}`] })))
  test('deep down', () => {
    const pool = new Pool({ upstreams: [inner('tcp://other.example', `udp://${HOST}`)] })
    refused(new Pool({ name: 'outer', upstreams: [pool] }))
  })

  test('another name, and the same host by its IP address, are not', () => {
    for (const bootstrap of ['udp://other.example', '192.0.2.1', inner('tcp://other.example', '9.9.9.9')])
      new Upstream(`tcp://${HOST}`, { bootstrap })
  })

  test('a pool that gets such a member later fails the lookup instead of waiting for itself', async () => {
    const clock = new FakeClock()
    const pool = new Pool({ upstreams: [{ name: 'silent', exchange: () => new Promise(() => undefined) }], clock })
    const up = new Upstream(`tcp://${HOST}`, { bootstrap: pool, clock })
    pool.add(up)
    await assert.rejects(clock.run(up.query('www.example.com')), { code: 'ERR_DNS_CONNECT' })
    assert.equal(clock.now(), 0)
  })
})
