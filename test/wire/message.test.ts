import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message } from '../../src/wire/message.js'
import type { ResourceRecordInput } from '../../src/wire/record.js'
import { concat, EXAMPLE, header, name, opt, option, question, record, u16, u32 } from '../fixtures/packets.js'

const MALFORMED = { code: 'ERR_DNS_MALFORMED' }
const INVALID = { code: 'ERR_DNS_INVALID_OPTION' }

test.each([undefined, null, 42, {}])('a query for %s, which is no text, says that a name is needed', (name) => {
  assert.throws(() => Message.query(name as string), {
    code: 'ERR_DNS_INVALID_OPTION',
    message: /"name" must be a domain/,
  })
})

describe('the header is read in place', () => {
  const fields = [
    'isReply',
    'authoritative',
    'truncated',
    'recursionDesired',
    'recursionAvailable',
    'authenticData',
    'checkingDisabled',
  ] as const
  test.each([
    [0x8000, 'isReply'],
    [0x0400, 'authoritative'],
    [0x0200, 'truncated'],
    [0x0100, 'recursionDesired'],
    [0x0080, 'recursionAvailable'],
    [0x0020, 'authenticData'],
    [0x0010, 'checkingDisabled'],
  ] as const)('flag %i is %s', (flags, field) => {
    const message = new Message(header({ id: 0xfffe, flags, qd: 0 }))
    assert.equal(message.id, 0xfffe)
    assert.deepEqual(
      fields.filter((each) => message[each]),
      [field],
    )
  })

  test('opcode and RCODE, too', () => {
    const message = new Message(header({ flags: 0x2805, qd: 0 }))
    assert.deepEqual([message.opcode, message.rcode], [5, 5])
  })

  test('less than a header is no message', () => {
    assert.throws(() => new Message(Buffer.alloc(11)), MALFORMED)
    assert.throws(() => Message.from(new Uint8Array(0)), MALFORMED)
  })
})

describe('Message.from', () => {
  test('copies', () => {
    const octets = new Uint8Array(concat(header(), question()))
    const message = Message.from(octets)
    octets.fill(0xff)
    assert.equal(message.question?.name, 'example.com')
  })

  test('checks everything at once', () => {
    assert.throws(() => Message.from(concat(header({ an: 1 }), question())), { ...MALFORMED, message: /more records/ })
  })
})

describe('Message.query', () => {
  test('asks with RD for class IN and without EDNS', () => {
    const query = Message.query('example.com')
    assert.deepEqual(query.wire, concat(header({ id: 0 }), question()))
  })

  test('takes every option', () => {
    const query = Message.query('version.bind.', 'TXT', {
      class: 'CH',
      id: 7,
      recursionDesired: false,
      checkingDisabled: true,
      authenticData: true,
      dnssecOk: true,
      edns: { udpPayloadSize: 4096, options: [{ code: 10, data: Buffer.alloc(8, 1) }], padTo: 128 },
    })
    query.guard()
    assert.deepEqual(
      [query.id, query.wire.readUInt16BE(2), query.qtype, query.qclass, query.dnssecOk],
      [7, 0x0030, 16, 3, true],
    )
    assert.deepEqual(query.question, { name: 'version.bind', type: 'TXT', class: 'CH' })
    assert.deepEqual(
      [query.edns?.udpPayloadSize, query.edns?.options.map(({ code }) => code), query.wire.length],
      [4096, [10, 12], 128],
    )
  })

  test('dnssecOk alone brings EDNS with it', () =>
    assert.equal(Message.query('a', 'A', { dnssecOk: true }).edns?.dnssecOk, true))

  test.each([
    [() => Message.query('a..b'), MALFORMED],
    [() => Message.query('a', 'AAAAAA'), INVALID],
    [() => Message.query('a', 'A', { class: 'INN' }), INVALID],
    [() => Message.query('a', 'A', { id: 65536 }), INVALID],
    [() => Message.query('a', 'A', { edns: { udpPayloadSize: -1 } }), INVALID],
    [() => Message.query('a', 'A', { dnsecOk: true } as never), { ...INVALID, message: /did you mean "dnssecOk"/ }],
  ])('refuses what it cannot ask (%#)', (run, error) => assert.throws(run, error))
})

describe('Message.reply', () => {
  const query = Message.query('example.com', 'A', { id: 0x0102, checkingDisabled: true })

  test('repeats ID, opcode, RD, CD and question', () => {
    const reply = Message.reply(query)
    assert.deepEqual(reply.wire, concat(header({ id: 0x0102, flags: 0x8190 }), question()))
    assert.deepEqual(Message.reply({ message: query }).wire, reply.wire)
  })

  test('sets what it is told to', () => {
    const reply = Message.reply(query, {
      rcode: 'NXDOMAIN',
      authoritative: true,
      recursionAvailable: false,
      authenticData: true,
      truncated: true,
    })
    assert.equal(reply.wire.readUInt16BE(2), 0x8733)
  })

  test('points at the QNAME wherever a record belongs to it, whatever its spelling', () => {
    const reply = Message.reply(query, { answers: [{ name: 'EXAMPLE.com.', type: 'A', ttl: 300, data: '192.0.2.1' }] })
    assert.deepEqual(reply.wire, concat(header({ id: 0x0102, flags: 0x8190, an: 1 }), question(), record()))
  })

  test('R-6891-1: has OPT when the query has, and extended errors only then (R-EDE-2)', () => {
    const ede = [{ code: 22, text: 'x' }, { code: 3 }]
    assert.deepEqual([Message.reply(query, { ede }).edns, Message.reply(query, { ede }).ede], [null, []])
    const asked = Message.query('a', 'A', { edns: true })
    assert.deepEqual(Message.reply(asked, { ede }).ede, [
      { code: 22, text: 'x' },
      { code: 3, text: '' },
    ])
    assert.equal(Message.reply(asked, { edns: false }).edns, null)
  })

  test('what was read last is remembered, and a throw is not', () => {
    const message = Message.query('a')
    const reads: string[] = []
    const reader = (what: string) => (given: Message) => {
      assert.equal(given, message)
      if (reads.push(what) === 2) throw new Error('once')
      return [what]
    }
    const [one, other] = [reader('one'), reader('other')]
    const found = message.remembered(one)
    assert.throws(() => message.remembered(other), /once/)
    assert.equal(message.remembered(one), found)
    assert.deepEqual(message.remembered(other), ['other'])
    assert.deepEqual(message.remembered(one), ['one'])
    assert.deepEqual(reads, ['one', 'other', 'other', 'one'])
  })

  test('an option is found by its code, wherever it stands', () => {
    const options = [12, 8, 10].map((code) => ({ code, data: Buffer.alloc(code) }))
    const query = Message.query('a', 'A', { edns: { options } })
    for (const code of [0, 8, 9, 10, 11, 12, 15]) assert.equal(query.hasOption(code), [8, 10, 12].includes(code))
    assert.equal(Message.query('a', 'A', { edns: true }).hasOption(0), false)
    assert.equal(Message.query('a').hasOption(8), false)
  })

  test('an RCODE over 15 needs OPT and gets it', () => {
    assert.deepEqual(
      [Message.reply(query, { rcode: 'BADCOOKIE' }).rcode, Message.reply(query, { rcode: 3841 }).rcode],
      [23, 3841],
    )
  })

  test.each([
    [{ rcode: 'NOPE' }, INVALID],
    [{ rcode: 4096 }, INVALID],
    [{ anwsers: [] }, { ...INVALID, message: /did you mean "answers"/ }],
    [{ answers: [{ name: 'a', type: 'A', data: '192.0.2.256' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: '192.0.2' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: '2001:db8::1' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: Buffer.alloc(3) }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'AAAA', data: 'fe80::1::2' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'AAAA', data: 'zz' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'CNAME', data: 'x..y' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'CNAME', data: Buffer.from([3, 1]) }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'CNAME', data: 7 }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'MX', data: { preference: 70_000, exchange: 'x' } }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'MX', data: { preference: 1 } }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'TXT', data: 'x'.repeat(256) }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'TYPE65280', data: 'text' }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'OPT', data: Buffer.alloc(0) }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: '192.0.2.1', ttl: -1 }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: '192.0.2.1', ttl: 2 ** 31 }] }, MALFORMED],
    [{ answers: [{ name: 'a', type: 'A', data: '192.0.2.1', class: 'XX' }] }, INVALID],
    [
      { answers: Array.from({ length: 300 }, () => ({ name: 'a', type: 'TYPE65280', data: Buffer.alloc(300) })) },
      { ...MALFORMED, message: /65535/ },
    ],
  ])('refuses what it cannot write: %j', (options, error) => {
    assert.throws(() => Message.reply(query, options as never), error)
  })

  test('does not write to what it is given', () => {
    const data = Object.freeze(['a', Buffer.from('b')])
    Message.reply(query, { answers: [{ name: 'a', type: 'TXT', data }] })
    assert.deepEqual(data, ['a', Buffer.from('b')])
  })

  test('A20: 5,000 records of different names are written in time', () => {
    const answers = Array.from({ length: 2000 }, (_, i): ResourceRecordInput => ({
      name: `n${i}.a.b.c.d.e.f.example.com`,
      type: 'A',
      data: '192.0.2.1',
    }))
    assert.equal(Message.reply(query, { answers }).answers.length, 2000)
  })
})

describe('the question', () => {
  test('none has null, 0 and 12', () => {
    const message = new Message(header({ qd: 0 }))
    assert.deepEqual(
      [message.question, message.qtype, message.qclass, message.questionEnd, message.questionKey],
      [null, 0, 0, 12, ''],
    )
  })

  test('R-4343-1: its key folds ASCII letters of the QNAME and nothing else', () => {
    const key = (qname: Buffer, type = 1): string => new Message(concat(header(), question(qname, type))).questionKey
    assert.equal(key(name('WWW', 'Example')), key(name('www', 'exAMPLE')))
    assert.notEqual(key(name('\xc0')), key(name('\xe0')))
    assert.notEqual(key(name('@')), key(name('`')))
    assert.notEqual(key(EXAMPLE, 0x41), key(EXAMPLE, 0x61))
  })

  test('A22, A23: its key tells apart what looks alike as text', () => {
    const texts = [
      'a.b',
      'a\\.b',
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '\\000',
      '\\010',
      '\\000.a',
      '.',
      '\\255',
    ]
    const keys = texts.map((text) => Message.query(text).questionKey)
    assert.equal(new Set(keys).size, texts.length)
    const map = new Map(keys.map((each, i) => [each, i]))
    assert.deepEqual(
      keys.map((each) => map.get(each)),
      texts.map((_, i) => i),
    )
    assert.equal(({} as Record<string, unknown>)['x'], undefined)
  })

  test('sameQuestion compares all of it', () => {
    const a = Message.query('example.com', 'A')
    const same = (b: Message): boolean => a.sameQuestion(b) && b.sameQuestion(a)
    assert.ok(same(Message.query('EXAMPLE.com', 'A', { id: 9, edns: true })))
    for (const other of [
      Message.query('example.org'),
      Message.query('example.com', 'AAAA'),
      Message.query('example.com', 'A', { class: 'CH' }),
      Message.query('xample.com'),
      new Message(header({ qd: 0 })),
    ]) {
      assert.equal(same(other), false)
    }
    assert.equal(Message.query('a', 0x41).sameQuestion(Message.query('a', 0x61)), false)
  })

  test('one that is malformed says so when it is read', () => {
    const message = new Message(concat(header(), Buffer.from([9, 1])))
    for (const read of [
      () => message.questionEnd,
      () => message.qtype,
      () => message.questionKey,
      () => message.question,
      () => message.guard(),
    ]) {
      assert.throws(read, MALFORMED)
    }
  })
})

describe('EDNS', () => {
  const withOpt = (fields: Parameters<typeof opt>[0]): Message =>
    new Message(concat(header({ flags: 0x8003, ar: 1 }), question(), opt(fields)))

  test('is read field by field', () => {
    const message = withOpt({
      size: 1400,
      extendedRcode: 1,
      version: 3,
      flags: 0x8001,
      rdata: concat(option(3, Buffer.from('id')), option(12)),
    })
    assert.deepEqual(message.edns, {
      udpPayloadSize: 1400,
      version: 3,
      dnssecOk: true,
      extendedRcode: 1,
      options: [
        { code: 3, data: Buffer.from('id') },
        { code: 12, data: Buffer.alloc(0) },
      ],
    })
    assert.equal(message.rcode, 19)
  })

  test.each([
    [0, 512],
    [511, 512],
    [512, 512],
    [65535, 65535],
  ])('R-6891-4: a payload size of %i counts as %i', (size, counts) => {
    assert.equal(withOpt({ size }).edns?.udpPayloadSize, counts)
  })

  test('extended errors are read, one without a code is not one', () => {
    const message = withOpt({
      rdata: concat(
        option(15, concat(u16(3), Buffer.from('old\0'))),
        option(15, Buffer.from([1])),
        option(15, u16(22)),
      ),
    })
    assert.deepEqual(message.ede, [
      { code: 3, text: 'old' },
      { code: 22, text: '' },
    ])
  })

  test('additional leaves OPT out', () => {
    const message = new Message(concat(header({ flags: 0x8000, ar: 3 }), question(), record(), opt(), record()))
    assert.equal(message.additional.length, 2)
  })
})

describe('records are decoded on demand', () => {
  test('hasData and hasSoa', () => {
    const soa = record({ type: 6, rdata: concat(name(), name(), u32(1), Buffer.alloc(16)) })
    const negative = new Message(concat(header({ flags: 0x8183, ns: 1 }), question(), soa))
    assert.deepEqual([negative.hasData, negative.hasSoa], [false, true])
    const positive = new Message(concat(header({ flags: 0x8180, an: 1 }), question(), soa))
    assert.deepEqual([positive.hasData, positive.hasSoa], [true, false])
  })

  test('once', () => {
    const message = Message.reply(Message.query('a'), { answers: [{ name: 'a', type: 'A', data: '192.0.2.1' }] })
    assert.equal(message.answers, message.answers)
    assert.equal(message.question, message.question)
  })

  test('a message that is malformed says so', () => {
    const message = new Message(concat(header({ flags: 0x8180, an: 1 }), question(), record({ length: 9 })))
    for (const read of [
      () => message.answers,
      () => message.authority,
      () => message.additional,
      () => message.minTtl,
      () => message.hasSoa,
      () => message.signed,
    ]) {
      assert.throws(read, MALFORMED)
    }
  })
})
