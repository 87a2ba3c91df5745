import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { acceptReply } from '../../src/wire/accept.js'
import type { OptOut } from '../../src/wire/edns.js'
import { Message } from '../../src/wire/message.js'
import type { ResourceRecordInput } from '../../src/wire/record.js'
import { concat, EXAMPLE, header, name, opt, option, pointer, question, record, u16 } from '../fixtures/packets.js'

const OPT: OptOut = Object.freeze({ udpPayloadSize: 1232, dnssecOk: false, ede: [], options: [], padTo: 0 })
const QUERY = Message.query('example.com', 'A', { id: 0xbeef })
const A = (owner: string, ttl = 300): ResourceRecordInput => ({ name: owner, type: 'A', ttl, data: '192.0.2.1' })
const octets = (fields: Parameters<typeof header>[0], ...parts: Buffer[]): Buffer =>
  concat(header({ flags: 0x8180, ...fields }), ...parts)
const send = (
  reply: Message,
  { query = QUERY, age = 0, out = null as OptOut | null, maxSize = 65_535 } = {},
): Message => {
  const wire = reply.copyFor(query, age, { opt: out, maxSize })
  assert.ok(wire.length <= maxSize)
  const sent = Message.from(wire)
  assert.equal(sent.wire.length, sent.layout.end)
  return sent
}
const ttls = (message: Message): number[] => message.answers.map(({ ttl }) => ttl)

describe('R-1035-1: what goes to the client has its ID, RD and spelling', () => {
  const upstream = Message.reply(Message.query('example.com', 'A', { id: 1 }), { answers: [A('example.com')] })

  test('whatever the upstream sent', () => {
    const query = Message.query('eXaMpLe.CoM', 'A', { id: 0xcafe, recursionDesired: false })
    const sent = send(upstream, { query })
    assert.deepEqual([sent.id, sent.recursionDesired, sent.question?.name], [0xcafe, false, 'eXaMpLe.CoM'])
    assert.equal(sent.answers[0]!.name, 'eXaMpLe.CoM')
  })

  test("AA, RA, AD, CD, Z and RCODE are the upstream's", () => {
    for (const flags of [0x8400, 0x8080, 0x8020, 0x8010, 0x8040, 0x8003, 0x85f5]) {
      const sent = send(Message.from(octets({ flags }, question())))
      assert.equal(sent.wire.readUInt16BE(2), (flags & 0xfeff) | 0x0100)
    }
  })

  test('the reply itself is not written to', () => {
    const before = Buffer.from(upstream.wire)
    send(upstream, { age: 100, out: OPT })
    assert.deepEqual(upstream.wire, before)
  })
})

describe('TTLs', () => {
  const reply = Message.reply(QUERY, {
    answers: [A('example.com', 300)],
    authority: [{ ...A('example.com', 5), type: 'NS', data: 'ns' }],
  })

  test.each([
    [0, 300, 5],
    [4, 296, 1],
    [5, 295, 0],
    [100_000, 0, 0],
  ])('are lowered by an age of %i s, never below 0', (age, answer, authority) => {
    const sent = send(reply, { age, out: OPT })
    assert.deepEqual([sent.answers[0]!.ttl, sent.authority[0]!.ttl], [answer, authority])
  })

  test('R-6891-3: the flags of an OPT record in the middle are no TTL', () => {
    const middle = Message.from(
      octets({ an: 1, ar: 2 }, question(), record(), opt({ flags: 0x8000, extendedRcode: 1 }), record()),
    )
    const sent = send(middle, { age: 10, out: { ...OPT, dnssecOk: true } })
    assert.deepEqual([sent.edns?.dnssecOk, sent.rcode, sent.additional[0]!.ttl], [true, 16, 290])
  })

  test.each([
    [0x8000_0001, 604_800],
    [0xffff_ffff, 604_800],
    [0x7fff_ffff, 0x7fff_ffff],
    [604_801, 604_801],
  ])('R-2181-4: %i counts as %i', (ttl, counts) => {
    const message = Message.from(octets({ an: 1 }, question(), record({ ttl })))
    assert.equal(message.minTtl, counts)
    assert.deepEqual(ttls(message), [counts])
    assert.equal(send(message).wire.readUInt32BE(send(message).questionEnd + 6), counts)
    assert.deepEqual(ttls(send(message, { age: 10 })), [counts - 10])
  })

  test('R-2181-1: an RRset of several TTLs goes out with the lowest, others keep theirs', () => {
    const mixed = Message.reply(QUERY, {
      answers: [
        A('example.com', 300),
        { name: 'example.com', type: 'TXT', ttl: 900, data: 'x' },
        A('EXAMPLE.com', 60),
        A('example.com', 200),
        A('other.test', 5),
      ],
    })
    assert.deepEqual(ttls(mixed), [60, 900, 60, 60, 5])
    assert.deepEqual(ttls(send(mixed)), [60, 900, 60, 60, 5])
    assert.deepEqual(ttls(send(mixed, { age: 10, out: OPT })), [50, 890, 50, 50, 0])
  })

  test('R-2181-1: two RRsets of one type stay apart, and RRSIG records are no RRset', () => {
    const rrsig = (ttl: number): Buffer =>
      record({ type: 46, ttl, rdata: concat(Buffer.alloc(18), name('s'), Buffer.alloc(4)) })
    const apart = Message.from(
      octets({ an: 4 }, question(), record({ ttl: 9 }), record({ owner: name('b'), ttl: 8 }), rrsig(7), rrsig(6)),
    )
    assert.deepEqual(ttls(send(apart)), [9, 8, 7, 6])
  })

  test('the lowest of all sections is minTtl, OPT and TSIG apart; 0 where there is none', () => {
    assert.equal(reply.minTtl, 5)
    assert.equal(Message.from(octets({ ar: 1 }, question(), opt())).minTtl, 0)
    assert.equal(Message.from(octets({ an: 1, ar: 1 }, question(), record({ ttl: 50 }), opt())).minTtl, 50)
  })
})

describe('R-6891-1, R-6891-5: OPT of one hop does not reach the next', () => {
  const withTheirs = Message.from(
    octets(
      { an: 1, ar: 1 },
      question(),
      record(),
      opt({ size: 4096, flags: 0x8000, rdata: option(65001, Buffer.from('secret')) }),
    ),
  )
  const without = Message.from(octets({ an: 1 }, question(), record()))

  test.each([
    ['theirs', withTheirs],
    ['none', without],
  ])('a client without OPT gets none, the upstream having sent %s', (_what, reply) => {
    const sent = send(reply)
    assert.deepEqual([sent.edns, sent.wire.readUInt16BE(10), sent.answers.length], [null, 0, 1])
  })

  test.each([
    ['theirs', withTheirs],
    ['none', without],
  ])('a client with OPT gets ours, the upstream having sent %s', (_what, reply) => {
    const sent = send(reply, { out: { ...OPT, options: [{ code: 11, data: u16(300) }] } })
    assert.deepEqual(sent.edns, {
      udpPayloadSize: 1232,
      version: 0,
      dnssecOk: false,
      extendedRcode: 0,
      options: [{ code: 11, data: u16(300) }],
    })
    assert.equal(sent.wire.includes('secret'), false)
  })

  test('an OPT record before others is cut without breaking compression', () => {
    const reply = Message.from(
      octets(
        { an: 1, ar: 3 },
        question(),
        record(),
        opt({ rdata: option(3, Buffer.alloc(30)) }),
        record({ owner: name('ns', 'test') }),
        record({ owner: pointer(12 + question().length + 16 + 45) }),
      ),
    )
    assert.deepEqual(
      reply.additional.map(({ name }) => name),
      ['ns.test', 'ns.test'],
    )
    assert.deepEqual(
      send(reply).additional.map(({ name }) => name),
      ['ns.test', 'ns.test'],
    )
    assert.deepEqual(
      send(reply, { out: OPT }).additional.map(({ name }) => name),
      ['ns.test', 'ns.test'],
    )
  })

  test('an RCODE over 15 reaches clients with OPT whole, others as SERVFAIL', () => {
    const badcookie = Message.from(octets({ flags: 0x8187, ar: 1 }, question(), opt({ extendedRcode: 1 })))
    assert.equal(badcookie.rcode, 23)
    assert.equal(send(badcookie, { out: OPT }).rcode, 23)
    assert.equal(send(badcookie).rcode, 2)
    assert.equal(send(badcookie, { maxSize: badcookie.questionEnd }).rcode, 2)
  })

  test('R-EDE-2: our extended errors reach the client', () => {
    const ede = [
      { code: 3, text: '' },
      { code: 22, text: 'nobody ánswered' },
    ]
    assert.deepEqual(send(without, { out: { ...OPT, ede } }).ede, ede)
  })

  test.each([1, 128, 468])('R-PAD-2, R-PAD-3: padding to %i octets, of zeros, at most once', (padTo) => {
    const sent = send(without, { out: { ...OPT, padTo } })
    assert.equal(sent.wire.length % padTo, 0)
    const pads = sent.edns!.options.filter(({ code }) => code === 12)
    assert.equal(pads.length, 1)
    assert.ok(pads[0]!.data.every((octet) => octet === 0))
  })

  test('R-PAD-3: padding never exceeds what the client takes', () => {
    for (let maxSize = 45; maxSize < 80; maxSize++) send(without, { out: { ...OPT, padTo: 468 }, maxSize })
    assert.equal(send(without, { out: { ...OPT, padTo: 468 }, maxSize: 100 }).wire.length, 100)
  })
})

describe('a reply larger than the client takes', () => {
  const extra = (owner: string): ResourceRecordInput => ({ name: owner, type: 'AAAA', ttl: 60, data: '2001:db8::1' })
  const big = Message.reply(QUERY, {
    answers: [A('example.com')],
    authority: [{ name: 'example.com', type: 'NS', ttl: 60, data: 'ns1.example.com' }],
    additional: [extra('ns1.example.com'), extra('ns2.example.com'), extra('ns2.example.com')],
  })
  const { authorityEnd, end } = big.layout
  const loud: OptOut = { ...OPT, ede: [{ code: 22, text: 'a long story' }], options: [{ code: 11, data: u16(1) }] }

  test('fits to the octet', () => assert.equal(send(big, { maxSize: end }).additional.length, 3))

  test('R-EDE-1: loses the text of extended errors first, then these, then options', () => {
    const told = (maxSize: number): unknown[] => {
      const sent = send(big, { out: loud, maxSize })
      return [
        sent.ede,
        sent.edns!.options.filter(({ code }) => code !== 15).length,
        sent.additional.length,
        sent.truncated,
      ]
    }
    assert.deepEqual(told(end + 11 + 6 + 18), [loud.ede, 1, 3, false])
    assert.deepEqual(told(end + 11 + 6 + 17), [[{ code: 22, text: '' }], 1, 3, false])
    assert.deepEqual(told(end + 11 + 6 + 5), [[], 1, 3, false])
    assert.deepEqual(told(end + 11 + 5), [[], 0, 3, false])
  })

  test('then whole RRsets of the additional section, without TC (RFC 2181, section 9)', () => {
    const sent = send(big, { maxSize: end - 1 })
    assert.deepEqual([sent.truncated, sent.additional.map(({ name }) => name)], [false, ['ns1.example.com']])
    assert.deepEqual(send(big, { maxSize: end - 1, out: OPT }).edns?.version, 0)
    assert.deepEqual(
      [send(big, { maxSize: authorityEnd }).additional.length, send(big, { maxSize: authorityEnd }).truncated],
      [0, false],
    )
  })

  test('never part of an RRset, wherever its records are', () => {
    const strewn = Message.reply(QUERY, { additional: [extra('a.test'), extra('b.test'), extra('a.test')] })
    assert.equal(send(strewn, { maxSize: strewn.layout.end - 1 }).additional.length, 0)
  })

  test('R-5625-3: and then all records, with TC', () => {
    for (let maxSize = big.questionEnd + 11; maxSize < authorityEnd; maxSize++) {
      const sent = send(big, { maxSize, out: OPT, age: 3 })
      assert.deepEqual([sent.truncated, sent.answers, sent.authority, sent.additional], [true, [], [], []])
      assert.equal(sent.sameQuestion(QUERY), true)
    }
  })
})

test('R-5625-3: a reply with TC goes out with TC and no records', () => {
  const sent = send(Message.from(octets({ flags: 0x8380, an: 1, ar: 1 }, question(), record(), opt())), { out: OPT })
  assert.deepEqual([sent.truncated, sent.answers, sent.edns?.udpPayloadSize], [true, [], 1232])
})

describe('a reply that asks something else than the query, from an exchanger of somebody else', () => {
  test.each([
    [
      'another name',
      Message.reply(Message.query('a.much.longer.name.test', 'A'), { answers: [A('a.much.longer.name.test')] }),
      ['a.much.longer.name.test'],
    ],
    [
      'no question',
      Message.from(octets({ qd: 0, an: 2 }, record({ owner: EXAMPLE }), record({ owner: pointer(12) }))),
      ['example.com', 'example.com'],
    ],
  ])('%s: it goes out with the question of the query and every name whole', (_what, reply, owners) => {
    const sent = send(reply, { age: 1 })
    assert.equal(sent.sameQuestion(QUERY), true)
    assert.equal(sent.id, QUERY.id)
    assert.deepEqual(
      sent.answers.map(({ name }) => name),
      owners,
    )
  })
})

describe('signed replies', () => {
  const tsig = record({ owner: name('key'), type: 250, class: 255, ttl: 0, rdata: Buffer.alloc(20, 7) })
  const signed = Message.from(octets({ an: 1, ar: 1 }, question(), record(), tsig))

  test('R-5625-6: pass untouched but for the ID', () => {
    const wire = signed.copyFor(QUERY, 50, { opt: OPT, maxSize: 512 })
    assert.deepEqual(wire.subarray(2), signed.wire.subarray(2))
    assert.equal(wire.readUInt16BE(0), QUERY.id)
    assert.equal(signed.signed, true)
  })

  test('too large, they become TC', () => {
    const sent = send(signed, { maxSize: signed.wire.length - 1 })
    assert.deepEqual([sent.truncated, sent.signed], [true, false])
  })
})

describe('a compression pointer to octets that change on the way', () => {
  const ttlAt = 12 + question().length + 6

  test('keeps the name that the upstream wrote, whatever becomes of the TTL', () => {
    // TTL 0x01610000 reads as the name "a".
    const reply = acceptReply(
      octets({ an: 2 }, question(), record({ ttl: 0x0161_0000 }), record({ owner: pointer(ttlAt), ttl: 77 })),
      QUERY,
    )!
    assert.equal(reply.answers[1]!.name, 'a')
    assert.deepEqual(
      send(reply, { age: 5 }).answers.map(({ name }) => name),
      ['example.com', 'a'],
    )
  })
})

describe('forUpstream', () => {
  const UP = { udpPayloadSize: 1232, edns: true }

  test('R-6891-5: asks the question as spelt, with our ID and our own OPT', () => {
    const query = Message.query('eXaMpLe.CoM', 'AAAA', {
      id: 1,
      edns: { udpPayloadSize: 4096, options: [{ code: 10, data: Buffer.alloc(8) }] },
    })
    const asked = Message.from(query.forUpstream(0xabcd, UP))
    assert.deepEqual(
      [asked.id, asked.isReply, asked.opcode, asked.question],
      [0xabcd, false, 0, { name: 'eXaMpLe.CoM', type: 'AAAA', class: 'IN' }],
    )
    assert.deepEqual(asked.edns, { udpPayloadSize: 1232, version: 0, dnssecOk: false, extendedRcode: 0, options: [] })
  })

  test("DO, RD, AD and CD are the client's; Z and all else are cleared (R-6891-6)", () => {
    const client = Message.from(concat(header({ flags: 0x07f5, ar: 1 }), question(), opt({ flags: 0xffff })))
    const asked = Message.from(client.forUpstream(1, UP))
    assert.equal(asked.wire.readUInt16BE(2), 0x0130)
    assert.equal(asked.wire.readUInt16BE(asked.layout.opt + 7), 0x8000)
  })

  test('without EDNS there is no OPT', () => {
    const asked = Message.from(Message.query('a', 'A', { dnssecOk: true }).forUpstream(1, { ...UP, edns: false }))
    assert.deepEqual([asked.edns, asked.wire.length], [null, asked.questionEnd])
  })

  test('R-5625-6: a signed query goes whole but for the ID', () => {
    const tsig = record({ owner: name('key'), type: 250, class: 255, ttl: 0, rdata: Buffer.alloc(20, 7) })
    const client = Message.from(concat(header({ ar: 2 }), question(), opt({ size: 4096 }), tsig))
    const asked = client.forUpstream(0x4242, UP)
    assert.deepEqual(asked.subarray(2), client.wire.subarray(2))
    assert.equal(asked.readUInt16BE(0), 0x4242)
  })

  const PADDED = { ...UP, padTo: 128 }

  test('R-PAD-2: every length of name is padded to a multiple of 128 octets, by the least that does, with zeros', () => {
    for (let length = 1; length <= 240; length++) {
      const labels = Array.from({ length: Math.ceil(length / 60) }, (_, i) => 'x'.repeat(Math.min(60, length - 60 * i)))
      const query = Message.query(labels.join('.'), 'A')
      const bare = query.forUpstream(1, UP)
      const wire = query.forUpstream(1, PADDED)
      assert.equal(wire.length % 128, 0)
      assert.ok(wire.length - bare.length >= 4 && wire.length - bare.length < 128 + 4)
      const { options, ...rest } = Message.from(wire).edns!
      assert.deepEqual(options, [{ code: 12, data: Buffer.alloc(wire.length - bare.length - 4) }])
      assert.deepEqual({ ...rest, options: [] }, Message.from(bare).edns)
    }
  })

  test('R-7828-1: a keepalive is empty, and comes before the padding', () => {
    const query = Message.query('example.com', 'A', { dnssecOk: true })
    const options = (how: object): unknown => Message.from(query.forUpstream(1, { ...UP, ...how })).edns!.options
    const keepalive = { code: 11, data: Buffer.alloc(0) }
    assert.deepEqual(options({ keepalive: true }), [keepalive])
    assert.deepEqual(options({ keepalive: true, padTo: 128 }), [keepalive, { code: 12, data: Buffer.alloc(80) }])
    assert.deepEqual(options({ keepalive: false, padTo: 0 }), [])
    assert.equal(Message.from(query.forUpstream(1, { ...PADDED, keepalive: true })).dnssecOk, true)
  })

  test('framed: the very same octets behind their length', () => {
    const tsig = record({ owner: name('key'), type: 250, class: 255, ttl: 0, rdata: Buffer.alloc(300, 7) })
    const signed = Message.from(concat(header({ ar: 1 }), question(), tsig))
    for (const query of [Message.query('example.com', 'A', { dnssecOk: true }), signed]) {
      for (const how of [UP, PADDED, { ...PADDED, keepalive: true }, { ...UP, edns: false }]) {
        const wire = query.forUpstream(0xabcd, how)
        const framed = query.forUpstream(0xabcd, { ...how, framed: true })
        assert.equal(framed.readUInt16BE(0), wire.length)
        assert.deepEqual(framed.subarray(2), wire)
      }
    }
  })

  test('R-PAD-4: what a client pads is not passed on, and its keepalive neither', () => {
    const options = [
      { code: 11, data: Buffer.alloc(0) },
      { code: 12, data: Buffer.alloc(300, 7) },
    ]
    const query = Message.query('example.com', 'A', { edns: { options } })
    assert.deepEqual(Message.from(query.forUpstream(1, UP)).edns!.options, [])
    assert.deepEqual(query.forUpstream(1, PADDED), Message.query('example.com').forUpstream(1, PADDED))
  })

  test('R-5625-6, RFC 6891, section 6.2.2: nothing is added to a signed query, nor without EDNS', () => {
    const tsig = record({ owner: name('key'), type: 250, class: 255, ttl: 0, rdata: Buffer.alloc(20, 7) })
    const signed = Message.from(concat(header({ ar: 1 }), question(), tsig))
    const all = { ...PADDED, keepalive: true }
    assert.deepEqual(signed.forUpstream(1, all), signed.forUpstream(1, UP))
    const query = Message.query('example.com')
    assert.deepEqual(query.forUpstream(1, { ...all, edns: false }), query.forUpstream(1, { ...UP, edns: false }))
  })

  test('A25: every octet that goes out was written, whatever the pool of buffers held', () => {
    const query = Message.query('example.com', 'A', { id: 9, dnssecOk: true })
    const reply = Message.reply(query, { answers: [A('example.com')] })
    const poison = (): void => void Array.from({ length: 4 }, () => Buffer.allocUnsafe(3000).fill(0xaa))
    const run = (): Buffer[] => [
      query.forUpstream(1, UP),
      query.forUpstream(1, { ...PADDED, keepalive: true }),
      reply.copyFor(query, 1, { opt: { ...OPT, padTo: 128, ede: [{ code: 1, text: 'x' }] }, maxSize: 1232 }),
    ]
    const clean = run()
    for (let i = 0; i < 50; i++) {
      poison()
      assert.deepEqual(run(), clean)
    }
    assert.ok(clean.every((wire) => !wire.includes(0xaa)))
  })
})
