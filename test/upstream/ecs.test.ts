import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { describe, test } from 'vitest'
import { Message, Upstream, type DnsError, type UpstreamOptions } from 'headrace'
import { FakeClock, FakeServer, FakeUpstream, type Script } from 'headrace/testing'
import { Subnet } from '../../src/wire/subnet.js'

const hex = (message: Message): string | null => message.subnet?.octets.toString('hex') ?? null
const queryFor = (text: string | null, more: object = {}): Message =>
  Message.query('www.example', 'A', {
    ...(text !== null && { edns: { options: [{ code: 8, data: Subnet.parse(text)!.octets }] } }),
    ...more,
  })

/** An upstream that is code, in virtual time, and the subnets that came there. */
function stage(options: UpstreamOptions, script: Script = { scope: 24 }) {
  const clock = new FakeClock()
  const seen: (string | null)[] = []
  const fake = new FakeUpstream(
    'up',
    (query, nth) => {
      seen.push(hex(query.message))
      return typeof script === 'function' ? script(query, nth) : (script as { scope: number })
    },
    { clock },
  )
  const upstream = new Upstream(fake, { clock, ...options })
  const ask = (text: string | null) => clock.run(upstream.exchange({ message: queryFor(text) }))
  return { upstream, seen, ask }
}

describe('the option ecs', () => {
  test.each(['192.0.2.1/24', '192.0.2.0', '2001:db8::1/64', 'Keep', '', 24, null, true])('refuses %j', (ecs) => {
    assert.throws(
      () => new Upstream('192.0.2.1', { ecs: ecs as string }),
      (error: DnsError) =>
        error.code === 'ERR_DNS_INVALID_OPTION' && /"strip", "keep", or a subnet such as/.test(error.message),
    )
  })

  test.each([
    [{ ipv4: 0 }, 'ecsPrefix.ipv4'],
    [{ ipv4: 33 }, 'ecsPrefix.ipv4'],
    [{ ipv6: 129 }, 'ecsPrefix.ipv6'],
    [{ v4: 24 }, 'ecsPrefix.v4'],
  ])('refuses ecsPrefix %j', (ecsPrefix, option) => {
    assert.throws(() => new Upstream('192.0.2.1', { ecs: 'keep', ecsPrefix: ecsPrefix as object }), { option })
  })

  test.each<[string, UpstreamOptions, string | null, string | null]>([
    ['strip tells nothing', {}, '192.0.2.0/24', null],
    ['strip tells nothing of an opt-out either', { ecs: 'strip' }, '0.0.0.0/0', null],
    ['keep tells nothing where the client doesn’t', { ecs: 'keep' }, null, null],
    ['keep shortens to 24 bits', { ecs: 'keep' }, '192.0.2.77/32', '00011800c00002'],
    ['keep lengthens nothing', { ecs: 'keep' }, '192.0.0.0/16', '00011000c000'],
    ['keep shortens to 56 bits of IPv6', { ecs: 'keep' }, '2001:db8::/64', '0002380020010db8000000'],
    ['keep shortens as it is told', { ecs: 'keep', ecsPrefix: { ipv4: 20 } }, '192.0.255.0/24', '00011400c000f0'],
    ['keep honours SOURCE 0 (R-ECS-2)', { ecs: 'keep' }, '::/0', '00010000'],
    ['a subnet goes with every query', { ecs: '203.0.113.0/24' }, null, '00011800cb0071'],
    ['a subnet takes the place of the client’s', { ecs: '203.0.113.0/24' }, '192.0.2.0/24', '00011800cb0071'],
    ['a subnet gives way to SOURCE 0 (R-ECS-2)', { ecs: '203.0.113.0/24' }, '0.0.0.0/0', '00010000'],
    ['no subnet at all', { ecs: '0.0.0.0/0' }, null, '00010000'],
  ])('%s', async (_what, options, sent, told) => {
    const t = stage(options)
    await t.ask(sent)
    assert.deepEqual(t.seen, [told])
  })

  test('tells a probe nothing', async () => {
    const t = stage({ ecs: '203.0.113.0/24' })
    const ctx = { deadline: 1000, scope: null, client: null, purpose: 'probe', trace: null } as const
    await t.upstream.exchange({ message: queryFor(null) }, ctx)
    assert.deepEqual(t.seen, [null])
  })
})

describe('a reply', () => {
  test('keeps the subnet that was asked for, with its scope', async () => {
    const { message } = await stage({ ecs: 'keep' }, { scope: 20 }).ask('192.0.2.77/32')
    assert.equal(hex(message), '00011814c00002')
  })

  test('loses one that nobody asked for (section 7.2.1)', async () => {
    const { message } = await stage({}, () => ({ subnet: '192.0.2.0/24', scope: 24 })).ask('192.0.2.0/24')
    assert.deepEqual([hex(message), message.answers.length], [null, 1])
  })

  test('for another subnet is none, be it of a function', async () => {
    const asked = stage({ ecs: 'keep' }, () => ({ subnet: '192.0.3.0/24' })).ask('192.0.2.0/24')
    await assert.rejects(asked, { code: 'ERR_DNS_MALFORMED' })
  })
})

/** A reply that is for `text`, whatever was asked. */
const answerFor = (text: string, scope = 0) => ({
  answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.1' }],
  edns: { options: [{ code: 8, data: Subnet.parse(text)!.scoped(scope).octets }] },
})

/** How many bits came over what, in order; what was sent again counts once. */
const told = ({ queries }: FakeServer): string[] => [
  ...new Set(queries.map(({ transport, message }) => `${transport} ${message.subnet!.source}`)),
]
/** The first query over QUIC loads its core, which takes a busy machine seconds. */
const patient = () =>
  ({ deadline: performance.now() + 15_000, scope: null, client: null, purpose: 'query', trace: null }) as const

describe('a server', () => {
  test.each(['udp', 'tcp', 'tls', 'https', 'doq', 'h3'] as const)('over %s gets it and is heard', async (transport) => {
    await using server = await FakeServer.listen({
      transports: [transport],
      answer: ({ message }) => answerFor(message.subnet === null ? '0.0.0.0/0' : '192.0.2.0/24', 16),
    })
    await using upstream = new Upstream(server.addressOf(transport), {
      ecs: 'keep',
      timeout: 15_000,
      tls: { ca: server.ca },
    })
    const { message } = await upstream.exchange({ message: queryFor('192.0.2.9/32') }, patient())
    assert.equal(hex(message), '00011810c00002')
    assert.equal(hex(server.queries[0]!.message), '00011800c00002')
  })

  test('that refuses the subnet is asked once more without an address (section 7.1.3)', async () => {
    await using server = await FakeServer.listen({
      answer: ({ message }) => (message.subnet!.source > 0 ? 'REFUSED' : ['192.0.2.1']),
    })
    for (const transport of ['udp', 'tcp'] as const) {
      await using upstream = new Upstream(server.addressOf(transport), { ecs: '203.0.113.0/24' })
      const { message } = await upstream.exchange({ message: queryFor(null) })
      assert.equal(message.rcode, 0)
    }
    assert.deepEqual(told(server), ['udp 24', 'udp 0', 'tcp 24', 'tcp 0'])
  })

  test('that refuses whatever is asked has refused', async () => {
    await using server = await FakeServer.listen({ answer: () => 'REFUSED' })
    await using upstream = new Upstream(server.address, { ecs: 'keep' })
    const { message } = await upstream.exchange({ message: queryFor('192.0.2.0/24') })
    assert.deepEqual([message.rcode, told(server)], [5, ['udp 24', 'udp 0']])
  })

  test('that truncates over UDP gets it over TCP as well, and may refuse it there', async () => {
    await using server = await FakeServer.listen({
      faults: [{ kind: 'truncated' }],
      answer: ({ message, transport }) =>
        transport === 'tcp' && message.subnet!.source > 0 ? 'REFUSED' : ['192.0.2.1'],
    })
    await using upstream = new Upstream(server.address, { ecs: 'keep' })
    const { message } = await upstream.exchange({ message: queryFor('192.0.2.0/24') })
    assert.equal(message.rcode, 0)
    assert.deepEqual(told(server), ['udp 24', 'tcp 24', 'tcp 0'])
  })

  test('that doesn’t do EDNS is asked without, and so without a subnet', async () => {
    await using server = await FakeServer.listen({
      answer: ({ message }) => (message.hasOpt ? { rcode: 'FORMERR', edns: false } : ['192.0.2.1']),
    })
    await using upstream = new Upstream(server.address, { ecs: '203.0.113.0/24' })
    const { message } = await upstream.exchange({ message: queryFor(null) })
    assert.deepEqual([message.rcode, hex(server.queries.at(-1)!.message)], [0, null])
  })

  test('is heard after a reply that is for another subnet, which is none (R-ECS-4)', async () => {
    const socket = createSocket('udp4')
    socket.on('message', (wire, { port, address }) => {
      const query = Message.from(wire)
      for (const text of ['192.0.3.0/24', '192.0.2.0/24'])
        socket.send(Message.reply(query, answerFor(text, 24)).wire, port, address)
    })
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    await using upstream = new Upstream(`127.0.0.1:${socket.address().port}`, { ecs: 'keep' })
    const { message } = await upstream.exchange({ message: queryFor('192.0.2.0/24') })
    assert.equal(hex(message), '00011818c00002')
    socket.close()
  })
})
