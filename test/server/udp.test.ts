import assert from 'node:assert/strict'
import { Socket } from 'node:dgram'
import { describe, test, vi } from 'vitest'
import { Message } from '../../src/wire/message.js'
import { MALFORMED, UNANSWERABLE } from '../helpers/bad-packets.js'
import { buildQuery, isTruncated, nameOctets, optOf, rcodeOf, records } from '../helpers/raw-dns.js'
import { later, serve, TestRoot, UdpClient } from './stage.js'

const query = (edns?: number, more: { id?: number; flags?: number; dnssecOk?: boolean } = {}): Buffer =>
  buildQuery('X.Example', 1, edns === undefined ? more : { edns, ...more })
const texts = (octets: number) => ({
  answers: Array.from({ length: Math.ceil(octets / 200) }, () => ({
    name: 'x.example',
    type: 'TXT',
    ttl: 60,
    data: ['t'.repeat(187)],
  })),
})

function withOptions(...options: readonly (readonly [code: number, data: number[]])[]): Buffer {
  const rdata = options.flatMap(([code, data]) => [code >> 8, code & 255, data.length >> 8, data.length & 255, ...data])
  const octets = Buffer.concat([query(1232), Buffer.from(rdata)])
  octets.writeUInt16BE(rdata.length, query(1232).length - 2)
  return octets
}

describe('a UDP client', () => {
  test('gets its own ID and its own spelling back, and the upstream is asked in that spelling (R-1035-1)', async () => {
    const root = new TestRoot()
    const { port } = await serve(root)
    const reply = await new UdpClient(port).ask(query(undefined, { id: 0xbeef }))
    assert.equal(reply.readUInt16BE(0), 0xbeef)
    assert.deepEqual(reply.subarray(12, 23), nameOctets('X.Example'))
    assert.equal(Message.from(reply).answers.length, 1)
    assert.equal(root.asked[0]!.query.message.question!.name, 'X.Example')
  })

  test('is named in the context, with a deadline of the root’s timeout', async () => {
    const root = Object.assign(new TestRoot(), { timeout: 1234 })
    const { port } = await serve(root)
    const before = performance.now()
    await new UdpClient(port).ask(query())
    const { ctx } = root.asked[0]!
    assert.deepEqual(
      [ctx.client!.address, ctx.client!.transport, ctx.purpose, ctx.scope, ctx.trace],
      ['127.0.0.1', 'udp', 'query', null, null],
    )
    assert.ok(ctx.client!.port > 0)
    assert.ok(ctx.deadline >= before + 1234 && ctx.deadline < before + 1234 + 5000)
  })

  test.each([
    ['no OPT', query(), false, false],
    ['OPT', query(1232), true, false],
    ['OPT with DO', query(1232, { dnssecOk: true }), true, true],
  ])('that sends %s gets the same (R-6891-1)', async (_what, octets, hasOpt, dnssecOk) => {
    const { port } = await serve(new TestRoot())
    const opt = optOf(await new UdpClient(port).ask(octets))
    assert.equal(opt !== null, hasOpt)
    if (opt === null) return
    assert.equal(opt.rrclass, 1232, 'our own payload size')
    assert.equal(opt.ttl, dnssecOk ? 0x8000 : 0, 'version 0, no extended RCODE, DO echoed')
  })

  test('does not get an upstream’s OPT (R-6891-5), nor its own options back (R-6891-6)', async () => {
    const root = new TestRoot()
    root.reply = { ...root.reply, edns: { udpPayloadSize: 4000, options: [{ code: 65001, data: Buffer.from('x') }] } }
    const { port } = await serve(root)
    const reply = Message.from(await new UdpClient(port).ask(withOptions([65001, [1, 2]], [11, []])))
    assert.deepEqual(reply.edns!.options, [])
    assert.equal(Message.from(await new UdpClient(port).ask(query())).edns, null)
  })

  test.each([
    ['no OPT', query(), 1232, 600, true],
    ['512 (R-6891-4: less counts as 512)', query(100), 1232, 400, false],
    ['512 and too little room', query(100), 1232, 600, true],
    ['1232', query(1232), 1232, 1000, false],
    ['4096 where we send at most 1232 (R-9715-2)', query(4096), 1232, 2000, true],
    ['4096 where we send as much (R-5625-5)', query(4096), 4096, 4000, false],
    ['1400 where we would send more', query(1400), 4096, 2000, true],
  ])(
    'that takes %s gets what fits, else TC=1 and no records (R-5625-3)',
    async (_what, octets, maxUdpSize, size, cut) => {
      const root = new TestRoot()
      root.reply = texts(size)
      const { port } = await serve(root, { maxUdpSize })
      const reply = await new UdpClient(port).ask(octets)
      assert.equal(isTruncated(reply), cut)
      assert.equal(records(reply).filter(({ section }) => section === 'answer').length > 0, !cut)
    },
  )

  test('gets TC=1 and no records when the root could not complete the reply', async () => {
    const root = new TestRoot()
    root.reply = { ...root.reply, truncated: true }
    const { port } = await serve(root)
    const reply = await new UdpClient(port).ask(query())
    assert.ok(isTruncated(reply))
    assert.equal(rcodeOf(reply), 0)
    assert.equal(records(reply).length, 0)
  })

  test('gets TTLs lowered by the reply’s age', async () => {
    const { port } = await serve({
      exchange: (asked) =>
        Promise.resolve({
          message: Message.reply(asked, { answers: [{ name: 'x.example', type: 'A', ttl: 300, data: '192.0.2.1' }] }),
          upstream: null,
          age: 40,
        }),
    })
    assert.equal(Message.from(await new UdpClient(port).ask(query())).answers[0]!.ttl, 260)
  })

  test('gets the extended error of a reply that failed (RFC 8914), if it sent OPT', async () => {
    const root = new TestRoot()
    root.reply = { rcode: 'SERVFAIL', ede: [{ code: 6, text: 'bogus' }], edns: { ede: [{ code: 6, text: 'bogus' }] } }
    const { port } = await serve(root)
    assert.deepEqual(Message.from(await new UdpClient(port).ask(query(1232))).ede, [{ code: 6, text: 'bogus' }])
    assert.deepEqual(Message.from(await new UdpClient(port).ask(query())).ede, [])
  })

  test.each([
    ['AD, CD and Z set (R-5625-1)', query(undefined, { flags: 0x0170 }), 0],
    ['an unknown EDNS option (R-6891-6)', withOptions([65000, [1]]), 0],
    ['a keepalive with a timeout, which UDP ignores (R-7828-3)', withOptions([11, [0, 5]]), 0],
    ['a cookie of 9 octets (R-CK-1)', withOptions([10, [1, 2, 3, 4, 5, 6, 7, 8, 9]]), 1],
    ['a client subnet with stray bits (R-ECS-6)', withOptions([8, [0, 1, 20, 0, 192, 0, 0xff]]), 1],
    ['EDNS version 1 (R-6891-2)', Buffer.from(query(1232)).fill(1, query(1232).length - 5, query(1232).length - 4), 16],
    [
      'two questions (R-9619-1)',
      Buffer.concat([Buffer.from([0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0]), query().subarray(12), query().subarray(12)]),
      1,
    ],
    ['no question (R-9619-2)', Buffer.from([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1],
    ['two OPTs (R-6891-1)', Buffer.concat([query(1232).fill(2, 11, 12), query(1232).subarray(-11)]), 1],
    ['opcode NOTIFY', query(undefined, { flags: 0x2000 }), 4],
    ['AXFR', buildQuery('x.example', 252), 4],
    ['type 65280 (R-5625-2)', buildQuery('x.example', 65280), 0],
  ])('with %s is answered with the right RCODE', async (_what, octets, rcode) => {
    const root = new TestRoot()
    root.reply = {}
    const { port, server } = await serve(root)
    const reply = await new UdpClient(port).ask(octets)
    assert.equal(rcodeOf(reply), rcode)
    assert.equal(root.asked.length, rcode === 0 ? 1 : 0)
    assert.equal(server.stats.malformed, rcode === 0 ? 0 : 1)
  })

  test('that is malformed gets FORMERR in at least 50 of 54 ways and nothing is asked (T9)', async () => {
    const root = new TestRoot()
    const { port } = await serve(root)
    const client = new UdpClient(port)
    let formerr = 0
    for (const { octets } of MALFORMED) {
      client.send(octets)
      client.send(query(undefined, { id: 7 }))
      const first = await client.next()
      if ((first[3]! & 15) === 1) formerr++
      if (first.readUInt16BE(0) !== 7) await client.next()
    }
    assert.ok(formerr >= 50, String(formerr))
    assert.equal(root.asked.length, MALFORMED.length)
  })

  test('that sends what is no query gets nothing', async () => {
    const root = new TestRoot()
    const { port, server } = await serve(root)
    const malformed: (number | null)[] = []
    server.on('malformed', ({ rcode }) => malformed.push(rcode))
    const client = new UdpClient(port)
    for (const { octets } of UNANSWERABLE) client.send(octets)
    const reply = await client.ask(query(undefined, { id: 7 }))
    assert.equal(reply.readUInt16BE(0), 7)
    assert.equal(root.asked.length, 1)
    assert.ok(malformed.length > 0 && malformed.every((rcode) => rcode === null))
  })

  test('gets many replies, each to its own question', async () => {
    const { port } = await serve({
      exchange: (asked) =>
        Promise.resolve({
          message: Message.reply(asked, {
            answers: [{ name: asked.message.question!.name, type: 'TXT', data: [asked.message.question!.name] }],
          }),
          upstream: null,
          age: 0,
        }),
    })
    const client = new UdpClient(port)
    for (let i = 0; i < 200; i++) client.send(buildQuery(`n${i}.example`, 16, { id: i }))
    for (let i = 0; i < 200; i++) {
      const reply = Message.from(await client.next())
      assert.equal(reply.answers[0]!.name, `n${reply.id}.example`)
    }
  })

  test('gets the replies of one turn together at its end', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root)
    const client = new UdpClient(port)
    for (let id = 0; id < 20; id++) client.send(query(undefined, { id }))
    await root.until(20)
    const send = vi.spyOn(Socket.prototype, 'send')
    later(() => send.mockRestore())
    root.release()
    await new Promise((resolve) => process.nextTick(resolve))
    assert.equal(send.mock.calls.length, 0)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(send.mock.calls.length, 20)
    for (let id = 0; id < 20; id++) assert.equal((await client.next()).readUInt16BE(0), id)
  })

  test('gets what was in hand when the server is destroyed', async () => {
    const { server, port } = await serve(new TestRoot())
    server.on('reply', () => server.destroy())
    assert.equal(rcodeOf(await new UdpClient(port).ask(query())), 0)
  })
})

describe('special names', () => {
  test.each([
    ['localhost', 'A', 0],
    ['foo.invalid', 'A', 3],
    ['abc.onion', 'AAAA', 3],
    ['_dns.resolver.arpa', 'SVCB', 0],
    ['1.0.0.10.in-addr.arpa', 'PTR', 3],
  ])('%s %s is answered here, asking nobody (A29)', async (name, type, rcode) => {
    const root = new TestRoot()
    const { port } = await serve(root)
    const reply = await new UdpClient(port).ask(Message.query(name, type, { edns: true }).wire)
    assert.equal(rcodeOf(reply), rcode)
    assert.notEqual(optOf(reply), null)
    assert.equal(root.asked.length, 0)
  })

  test.each(['test', 'local', 'home.arpa'] as const)(
    'under %s are asked unless the server is told to answer them',
    async (suffix) => {
      const root = new TestRoot()
      const [plain, local] = [await serve(root), await serve(root, { localNames: [suffix] })]
      await new UdpClient(plain.port).ask(Message.query(`a.${suffix}`).wire)
      assert.equal(root.asked.length, 1)
      assert.equal(rcodeOf(await new UdpClient(local.port).ask(Message.query(`a.${suffix}`).wire)), 3)
      assert.equal(root.asked.length, 1)
    },
  )

  test('are asked with specialUse: false, where a route covers them, and private ranges where an upstream is private', async () => {
    const off = new TestRoot()
    await new UdpClient((await serve(off, { specialUse: false })).port).ask(Message.query('foo.invalid').wire)
    assert.equal(off.asked.length, 1)
    const hints = { covers: () => true, hasPrivateUpstream: false, upstreams: [] }
    const routed = Object.assign(new TestRoot(), { hints })
    await new UdpClient((await serve(routed)).port).ask(Message.query('foo.invalid').wire)
    assert.equal(routed.asked.length, 1)
    const inside = Object.assign(new TestRoot(), { hints: { ...hints, covers: () => false, hasPrivateUpstream: true } })
    await new UdpClient((await serve(inside)).port).ask(Message.query('1.0.0.10.in-addr.arpa', 'PTR').wire)
    assert.equal(inside.asked.length, 1)
  })

  test.each([
    ['pass', 1, 0],
    ['notimp', 0, 4],
    ['hinfo', 0, 0],
  ] as const)('ANY with any: %s asks the root %d times (R-8482-1)', async (any, asked, rcode) => {
    const root = new TestRoot()
    const { port } = await serve(root, { any })
    assert.equal(rcodeOf(await new UdpClient(port).ask(Message.query('x.example', 'ANY').wire)), rcode)
    assert.equal(root.asked.length, asked)
  })
})
