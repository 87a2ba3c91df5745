import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Message, Upstream, type ForwarderOptions, type UpstreamOptions } from 'headrace'
import { FakeServer, type AskedQuery } from 'headrace/testing'
import { Subnet } from '../../src/wire/subnet.js'
import { frame } from '../helpers/raw-dns.js'
import { later, serve, TcpClient, UdpClient } from './stage.js'

const queryFor = (octets: Buffer | null, more = {}): Message =>
  Message.query('www.example', 'A', {
    id: 7,
    edns: { ...(octets !== null && { options: [{ code: 8, data: octets }] }), ...more },
  })
const octetsOf = (text: string): Buffer => Subnet.parse(text)!.octets
const optionsOf = (octets: Buffer): string[] =>
  Message.from(octets).edns!.options.map(({ code, data }) => `${code} ${data.toString('hex')}`)

/** What a server was asked by clients, not by checks. */
const askedOf = ({ queries }: FakeServer): AskedQuery[] => queries.filter(({ name }) => name.startsWith('www.'))

/** A server before a server of names that replies for 16 bits, to all but who asks for nothing. */
async function stage(options: UpstreamOptions, more: Partial<ForwarderOptions> = {}) {
  const upstream = await FakeServer.listen({
    answer: ({ message }) => ({
      answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.1' }],
      edns: message.subnet === null ? true : { options: [{ code: 8, data: scoped(message.subnet).octets }] },
    }),
  })
  const forwarder = new Forwarder({ upstreams: [new Upstream(upstream.address, options)], cache: {}, ...more })
  later(async () => {
    await forwarder.close()
    await upstream.close()
  })
  const { port } = await serve(forwarder)
  const client = new UdpClient(port)
  const asked = (): number => askedOf(upstream).length
  return {
    upstream,
    asked,
    port,
    ask: async (octets: Buffer | null) => optionsOf(await client.ask(queryFor(octets).wire)),
  }
}

const scoped = (subnet: Subnet): Subnet => subnet.scoped(subnet.source === 0 ? 0 : 16)

describe('a client that sends its subnet', () => {
  test.each<[string, UpstreamOptions, Buffer, string[]]>([
    ['nothing, where it goes no further (R-ECS-1)', {}, octetsOf('192.0.2.0/24'), []],
    ['nothing, where another goes in its place', { ecs: '203.0.113.0/24' }, octetsOf('192.0.2.0/24'), []],
    ['all of it, with the scope of what was told', { ecs: 'keep' }, octetsOf('192.0.2.77/32'), ['8 00012010c000024d']],
    ['its IPv6 network', { ecs: 'keep' }, octetsOf('2001:db8::/32'), ['8 0002201020010db8']],
    ['SOURCE 0 (R-ECS-2)', { ecs: 'keep' }, octetsOf('0.0.0.0/0'), ['8 00010000']],
    ['SOURCE 0 of its own family', { ecs: 'keep' }, Buffer.from([0, 0, 0, 0]), ['8 00000000']],
    ['SOURCE 0 beside a fixed subnet', { ecs: '203.0.113.0/24' }, octetsOf('::/0'), ['8 00020000']],
  ])('gets back %s, from the upstream and from the cache', async (_what, options, octets, expected) => {
    const t = await stage(options)
    for (let i = 0; i < 2; i++) assert.deepEqual(await t.ask(octets), expected)
    assert.equal(t.asked(), 1)
  })

  test('gets its own back without a cache and over TCP, where padding and keepalive come along', async () => {
    const t = await stage({ ecs: 'keep' }, { cache: false })
    const client = new TcpClient(t.port)
    const query = queryFor(null, { options: [{ code: 8, data: octetsOf('192.0.2.0/24') }, { code: 11, data: Buffer.alloc(0) }] }) // prettier-ignore
    client.socket.write(frame(query.wire))
    const options = optionsOf((await client.next())!)
    assert.deepEqual(
      options.map((option) => option.slice(0, 3)),
      ['11 ', '8 0'],
    )
    assert.equal(options[1], '8 00011810c00002')
    client.socket.destroy()
  })

  test.each(['strip', 'keep', '192.0.2.0/24'])(
    'of one that is malformed gets FORMERR where upstreams have %s (R-ECS-6)',
    async (ecs) => {
      const t = await stage({ ecs })
      const client = new UdpClient(t.port)
      for (const octets of [
        [0, 1, 20, 0, 192, 0, 0xff],
        [0, 3, 8, 0, 10],
        [0, 1, 24, 0, 192, 0],
        [0, 1, 24, 24, 192, 0, 2],
      ]) {
        const reply = Message.from(await client.ask(queryFor(Buffer.from(octets)).wire))
        assert.equal(reply.rcode, 1)
      }
      assert.equal(t.asked(), 0)
    },
  )
})

describe('other clients', () => {
  test('see none, though the upstream says one', async () => {
    const t = await stage({ ecs: '203.0.113.0/24' })
    assert.deepEqual([await t.ask(null), await t.ask(null)], [[], []])
    assert.deepEqual(askedOf(t.upstream)[0]!.message.subnet!.octets, octetsOf('203.0.113.0/24'))
  })

  test('of another network get a reply of their own; of the same one they share it', async () => {
    const t = await stage({ ecs: 'keep' })
    for (const text of ['192.0.2.0/24', '192.0.77.0/24', '203.0.113.0/24']) await t.ask(octetsOf(text))
    assert.equal(t.asked(), 2)
  })
})

test('a route that keeps subnets changes nothing for the others', async () => {
  const kept = await FakeServer.listen()
  const stripped = await FakeServer.listen()
  const forwarder = new Forwarder({
    upstreams: [stripped.address],
    cache: {},
    routes: { 'geo.example': [{ addr: kept.address, ecs: 'keep' }] },
  })
  later(async () => {
    await forwarder.close()
    await Promise.all([kept.close(), stripped.close()])
  })
  const ask = async (name: string, text: string): Promise<unknown> =>
    forwarder.query(name, 'A', { edns: { options: [{ code: 8, data: octetsOf(text) }] } })
  for (const name of ['www.geo.example', 'www.example'])
    for (const text of ['192.0.2.0/24', '203.0.113.0/24']) await ask(name, text)
  assert.deepEqual([askedOf(kept).length, askedOf(stripped).length], [1, 1], 'a reply without a scope is for all')
  assert.deepEqual([askedOf(kept)[0]!.message.subnet?.source, askedOf(stripped)[0]!.message.subnet], [24, null])
})
