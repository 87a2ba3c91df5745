import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'vitest'
import { Upstream } from 'headrace'
import { FakeClock, FakeServer } from 'headrace/testing'
import { parseSource } from '../../src/address/source.js'
import type { Interfaces } from '../../src/base/interfaces.js'
import { LocalAddress } from '../../src/upstream/local-address.js'

const loopback = Object.hasOwn(networkInterfaces(), 'lo')
const transports = ['udp', 'tcp'] as const
const interfaces = (address: string): Interfaces => ({ eth1: [{ family: 'IPv4', address, internal: false } as never] })

describe.each(transports)('over %s', (transport) => {
  test.skipIf(!loopback).each([
    ['an address', '127.0.0.3', '127.0.0.3'],
    ['an interface', 'lo', '127.0.0.1'],
    ['an address on an interface', '127.0.0.2@lo', '127.0.0.2'],
  ])('source is %s: %s is bound', async (_what, source, from) => {
    await using server = await FakeServer.listen()
    await using up = new Upstream(`${transport}://${server.address}`, { source })
    await up.query('www.example.com')
    const { remoteAddress, transport: used } = server.queries[0]!
    assert.deepEqual([remoteAddress, used], [from, transport])
  })

  test.each([
    ['no-such0', /names no interface of this machine/],
    ['192.0.2.1', /no interface has that address/],
    ['::1', /is IPv6, the upstream's address is IPv4/],
  ])('source %s, which cannot be bound, fails the query and says why', async (source, message) => {
    await using server = await FakeServer.listen()
    await using up = new Upstream(`${transport}://${server.address}`, { source })
    await assert.rejects(up.query('www.example.com'), { code: 'ERR_DNS_CONNECT', message })
    assert.equal(server.asked, 0)
  })

  test('a host name is looked up by the system', async () => {
    await using server = await FakeServer.listen()
    await using up = new Upstream(`${transport}://localhost:${server.port}`)
    assert.equal((await up.query('www.example.com')).rcode, 'NOERROR')
  })
})

test("of a host's addresses only those of the source's family are asked, though the one in use fails", async () => {
  await using server = await FakeServer.listen()
  const lookup = async (_host: string, family: 4 | 6) => (family === 4 ? ['127.0.0.1'] : ['::1'])
  await using up = new Upstream(`udp://host.example:${server.port}`, { source: '127.0.0.1', lookup })
  await up.query('www.example.com')
  await server.refuse()
  for (let i = 0; i < 3; i++) await assert.rejects(up.query('www.example.com'), { code: 'ERR_DNS_CONNECT' })
  await server.resume()
  assert.equal((await up.query('www.example.com')).rcode, 'NOERROR')
})

describe('the address of an interface', () => {
  test('is read again when it may have changed', () => {
    const clock = new FakeClock()
    let held: Interfaces | null = interfaces('192.0.2.1')
    const local = new LocalAddress(parseSource('eth1'), 4, clock, () => held)
    held = interfaces('192.0.2.2')
    assert.equal(local.current, '192.0.2.1')
    clock.stall(1000)
    assert.equal(local.current, '192.0.2.2')
    for (const gone of [{}, null]) {
      held = gone
      clock.stall(1000)
      assert.equal(local.current, '192.0.2.2')
    }
  })

  test('has to be there at first', () => {
    for (const held of [{}, null])
      assert.throws(() => new LocalAddress(parseSource('eth1'), 4, new FakeClock(), () => held), {
        code: 'ERR_DNS_CONNECT',
      })
  })

  test('is not looked for where the source names none', () => {
    const local = new LocalAddress(parseSource('192.0.2.1'), 4, new FakeClock(), () => assert.fail('looked'))
    assert.equal(local.current, '192.0.2.1')
  })
})

test.each(['udp', 'tcp', 'tls', 'https', 'doq', 'h3'])(
  'over %s, an address that the system refuses to send to is ERR_DNS_CONNECT at once (N02, N03)',
  async (transport) => {
    const upstream = new Upstream(`${transport}://255.255.255.255`, { timeout: 5000 })
    const began = performance.now()
    await assert.rejects(upstream.query('a.example'), { code: 'ERR_DNS_CONNECT' })
    assert.ok(performance.now() - began < 4000)
    await upstream.close()
  },
)
