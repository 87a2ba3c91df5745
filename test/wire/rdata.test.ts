import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { typeNumber } from '../../src/wire/constants.js'
import { Message } from '../../src/wire/message.js'
import type { ResourceRecord } from '../../src/wire/record.js'
import { concat, EXAMPLE, header, name, pointer, question, record, u16, u32 } from '../fixtures/packets.js'

const MALFORMED = { code: 'ERR_DNS_MALFORMED' }
const hex = (text: string): Buffer => Buffer.from(text, 'hex')

function read(type: number, rdata: Buffer): ResourceRecord {
  return new Message(concat(header({ flags: 0x8180, an: 1 }), question(EXAMPLE, type), record({ type, rdata })))
    .answers[0]!
}

describe('RDATA both ways', () => {
  const cases: readonly (readonly [type: string, rdata: Buffer, data: unknown])[] = [
    ['A', Buffer.from([192, 0, 2, 1]), '192.0.2.1'],
    ['AAAA', hex('20010db8000000000000000000000001'), '2001:db8::1'],
    ['NS', name('a.b', 'test'), 'a\\.b.test'],
    ['CNAME', name('\xff\0'), '\\255\\000'],
    ['PTR', name('host', 'test'), 'host.test'],
    ['DNAME', name(), '.'],
    ['MX', concat(u16(10), name('mx')), { preference: 10, exchange: 'mx' }],
    [
      'SOA',
      concat(name('ns'), name('host.master', 'test'), u32(4294967295), u32(2), u32(3), u32(4), u32(5)),
      { mname: 'ns', rname: 'host\\.master.test', serial: 4294967295, refresh: 2, retry: 3, expire: 4, minimum: 5 },
    ],
    ['SRV', concat(u16(1), u16(2), u16(853), name('srv')), { priority: 1, weight: 2, port: 853, target: 'srv' }],
    ['TXT', Buffer.from('\x01a\x00\x02bc', 'latin1'), [Buffer.from('a'), Buffer.alloc(0), Buffer.from('bc')]],
    ['HINFO', Buffer.from('\x07RFC8482\x00', 'latin1'), { cpu: 'RFC8482', os: '' }],
    ['RP', concat(name('a.b', 'c'), name()), { mbox: 'a\\.b.c', txt: '.' }],
    ['AFSDB', concat(u16(1), name('afs')), { subtype: 1, hostname: 'afs' }],
    [
      'NAPTR',
      concat(u16(1), u16(2), Buffer.from('\x01u\x07E2U+sip\x05!^.*!', 'latin1'), name('x')),
      { order: 1, preference: 2, flags: 'u', services: 'E2U+sip', regexp: '!^.*!', replacement: 'x' },
    ],
    [
      'CAA',
      Buffer.from('\x80\x05issueca.test', 'latin1'),
      { flags: 128, issuerCritical: true, tag: 'issue', value: 'ca.test' },
    ],
    [
      'URI',
      concat(u16(1), u16(2), Buffer.from('https://a.test/')),
      { priority: 1, weight: 2, target: 'https://a.test/' },
    ],
    ['DS', hex('0102080201020304'), { keyTag: 258, algorithm: 8, digestType: 2, digest: hex('01020304') }],
    ['CDS', hex('0000000000'), { keyTag: 0, algorithm: 0, digestType: 0, digest: hex('00') }],
    ['DNSKEY', hex('010103080a0b'), { flags: 257, algorithm: 8, key: hex('0a0b') }],
    ['TLSA', hex('030101aabb'), { usage: 3, selector: 1, matchingType: 1, certificate: hex('aabb') }],
    ['SSHFP', concat(hex('0401'), Buffer.alloc(20, 0xab)), { algorithm: 4, hash: 1, fingerprint: 'AB'.repeat(20) }],
    [
      'RRSIG',
      concat(hex('0041080200000e10'), u32(4000000000), u32(5), u16(7), name('signer'), hex('0102')),
      {
        typeCovered: 'HTTPS',
        algorithm: 8,
        labels: 2,
        originalTTL: 3600,
        expiration: 4000000000,
        inception: 5,
        keyTag: 7,
        signersName: 'signer',
        signature: hex('0102'),
      },
    ],
    [
      'NSEC',
      concat(name('next'), hex('0006400000000003'), hex('ff0180')),
      { nextDomain: 'next', rrtypes: ['A', 'RRSIG', 'NSEC', 'TYPE65280'] },
    ],
    [
      'NSEC3',
      concat(hex('01000005'), hex('02aabb'), hex('0401020304'), hex('000140')),
      { algorithm: 1, flags: 0, iterations: 5, salt: hex('aabb'), nextDomain: hex('01020304'), rrtypes: ['A'] },
    ],
    [
      'HTTPS',
      concat(u16(1), name(), hex('000100030268320004000400000000')),
      {
        priority: 1,
        target: '.',
        params: [
          { key: 1, value: hex('026832') },
          { key: 4, value: hex('00000000') },
        ],
      },
    ],
    ['SVCB', concat(u16(0), name('alias')), { priority: 0, target: 'alias', params: [] }],
    ['LOC', hex('00120013aabb'), hex('00120013aabb')],
    ['TYPE65280', hex('deadbeef'), hex('deadbeef')],
    ['NULL', Buffer.alloc(0), Buffer.alloc(0)],
  ]

  test.each(cases)('%s is read', (type, rdata, data) => {
    const answer = read(typeNumber(type), rdata)
    assert.equal(answer.type, type)
    assert.deepEqual(JSON.parse(JSON.stringify(answer.data)), JSON.parse(JSON.stringify(data)))
  })

  test.each(cases)('%s is written and read again', (type, rdata, data) => {
    const reply = Message.reply(Message.query('q'), { answers: [{ name: 'example.com', type, data: data as never }] })
    assert.deepEqual(JSON.parse(JSON.stringify(reply.answers[0]!.data)), JSON.parse(JSON.stringify(data)))
    if (!['CNAME', 'NS', 'PTR'].includes(type)) assert.ok(reply.wire.includes(concat(u16(rdata.length), rdata)))
  })

  test.each(cases.filter(([type]) => type !== 'TXT'))('%s is written from octets', (type, rdata) => {
    const reply = Message.reply(Message.query('q'), { answers: [{ name: 'example.com', type, data: rdata }] })
    assert.ok(reply.wire.includes(concat(u16(rdata.length), rdata)))
  })
})

test('R-3597-1: RDATA of an unknown type is its octets, and passes byte-identical', () => {
  const rdata = hex('c00cdeadbeef')
  assert.deepEqual(read(65280, rdata).data, rdata)
  const message = new Message(concat(header({ flags: 0x8180, an: 1 }), question(), record({ type: 65280, rdata })))
  assert.deepEqual(
    message.copyFor(Message.query('example.com', 'A', { id: 0x1234 }), 0, { opt: null, maxSize: 512 }),
    concat(header({ flags: 0x8180, an: 1 }), question(), record({ type: 65280, rdata })),
  )
})

test('compressed names in known RDATA are read whole', () => {
  assert.equal(read(5, pointer(12)).data, 'example.com')
  assert.deepEqual(read(33, concat(Buffer.alloc(6), Buffer.from([1, 0x78]), pointer(12))).data, {
    priority: 0,
    weight: 0,
    port: 0,
    target: 'x.example.com',
  })
})

test('R-3597-2: names in RDATA are compressed in types of RFC 1035 only', () => {
  const reply = Message.reply(Message.query('example.com'), {
    answers: [
      { name: 'example.com', type: 'CNAME', data: 'example.com' },
      { name: 'example.com', type: 'SRV', data: { port: 1, target: 'example.com' } },
      { name: 'example.com', type: 'DNAME', data: 'example.com' },
    ],
  })
  assert.deepEqual(
    reply.wire.subarray(reply.questionEnd),
    concat(
      record({ ttl: 0, type: 5, rdata: pointer(12) }),
      record({ ttl: 0, type: 33, rdata: concat(hex('000000000001'), EXAMPLE) }),
      record({ ttl: 0, type: 39, rdata: EXAMPLE }),
    ),
  )
})

describe('what a type does not allow is malformed when it is read', () => {
  test.each<[string, number, string]>([
    ['DS of 3 octets', 43, '010203'],
    ['DNSKEY of 2 octets', 48, '0101'],
    ['DNSKEY of another protocol', 48, '0101040801'],
    ['TLSA of 2 octets', 52, '0301'],
    ['SSHFP of one octet', 44, '04'],
    ['NSEC with windows in disorder', 47, '00010140000140'],
    ['CAA without a tag', 257, '00'],
    ['CAA whose tag runs past the end', 257, '0009aa'],
    ['NSEC3 whose salt runs past the end', 50, '0100000509aa'],
    ['NSEC3 with an empty bitmap window', 50, '0100000000000000'],
    ['NSEC3 with a bitmap past the end', 50, '01000000000000ff40'],
    ['HTTPS of 2 octets', 65, '0001'],
    ['HTTPS with a key twice', 65, '0001000001000000010000'],
    ['HTTPS with a value past the end', 65, '00010000010009aa'],
    ['HTTPS whose target runs past the end', 65, '000109'],
    ['URI of 3 octets', 256, '000100'],
  ])('%s', (_what, type, rdata) => {
    assert.throws(() => read(type, hex(rdata)), MALFORMED)
  })

  test('the other sections can still be read', () => {
    const message = new Message(
      concat(header({ flags: 0x8180, an: 1, ns: 1 }), question(), record({ type: 43, rdata: hex('01') }), record()),
    )
    assert.throws(() => message.answers, MALFORMED)
    assert.equal(message.authority[0]!.data, '192.0.2.1')
  })
})

test('A25: Buffers of records are copies, and hold nothing but their RDATA', () => {
  const wire = concat(header({ flags: 0x8180, an: 1 }), question(), record({ type: 65280, rdata: hex('0102') }))
  const { data } = new Message(wire).answers[0]!
  wire.fill(0xaa)
  assert.deepEqual(data, hex('0102'))
})
