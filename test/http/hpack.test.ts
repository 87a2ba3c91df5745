import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HeaderBlockError } from '../../src/http/error.js'
import { HpackTable } from '../../src/http/hpack-table.js'
import { HPACK_STATIC } from '../../src/http/hpack-static.js'
import type { Field } from '../../src/http/field.js'
import { decodeHpack, encodeHpack, encodeVarying } from '../../src/http/hpack.js'
import { LiteralReader, writeInteger, writeString } from '../../src/http/literals.js'

const REQUEST: Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
]
const RESPONSE: Field[] = [
  [':status', '302'],
  ['cache-control', 'private'],
  ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
  ['location', 'https://www.example.com'],
]

function decode(octets: Buffer, table = new HpackTable()): Field[] {
  const fields: Field[] = []
  decodeHpack(octets, 0, octets.length, table, { field: (name, value) => fields.push([name, value]) })
  return fields
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const refused = (octets: Buffer): void => assert.throws(() => decode(octets), HeaderBlockError)

describe('integers', () => {
  test.each([
    [10, 5, '0a'],
    [1337, 5, '1f9a0a'],
    [42, 8, '2a'],
    [30, 5, '1e'],
    [31, 5, '1f00'],
    [2 ** 28, 7, '7f81ffff7f'],
  ])('RFC 7541, appendix C.1: %d in %d bits', (value, prefix, coded) => {
    const out: number[] = []
    writeInteger(out, value, prefix, 0)
    assert.equal(Buffer.from(out).toString('hex'), coded)
    const reader = new LiteralReader()
    reader.reset(Buffer.from(out), 0, out.length)
    assert.equal(reader.integer(prefix), value)
    assert.ok(reader.done)
  })

  test.each([
    ['cut short', '1f'],
    ['cut short later', '1f9a'],
    ['too large', '1fffffffff7f'],
    ['padded without end', '1f8080808080808000'],
  ])('%s is refused', (_, coded) => {
    const reader = new LiteralReader()
    reader.reset(hex(coded), 0, coded.length / 2)
    assert.throws(() => reader.integer(5), HeaderBlockError)
  })
})

describe('strings', () => {
  test('are coded where that is shorter', () => {
    const out: number[] = []
    writeString(out, 'www.example.com', 7, 0)
    writeString(out, '\xff\xfe', 7, 0)
    assert.equal(Buffer.from(out).toString('hex'), '8cf1e3c2e5f23a6ba0ab90f4ff02fffe')
    const reader = new LiteralReader()
    reader.reset(Buffer.from(out), 0, out.length)
    assert.equal(reader.string(7), 'www.example.com')
    assert.equal(reader.string(7), '\xff\xfe')
  })
})

describe('blocks', () => {
  test.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', [['custom-key', 'custom-header']]],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [[':path', '/sample/path']]],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', [['password', 'secret']]],
    ['C.2.4', '82', [[':method', 'GET']]],
    ['C.3.1', '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', REQUEST],
    ['C.4.1', '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', REQUEST],
    [
      'C.5.1',
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      RESPONSE,
    ],
    [
      'C.6.1',
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      RESPONSE,
    ],
  ])('RFC 7541, appendix %s', (_, block, fields) => assert.deepEqual(decode(hex(block)), fields))

  test('what is encoded is decoded, each entry of the static table and others', () => {
    const fields: Field[] = [...HPACK_STATIC, ['x', 'y'.repeat(300)], [':path', '/a?dns=AAAB'], ['content-type', 'a/b']]
    assert.deepEqual(decode(encodeHpack(fields)), fields)
    assert.deepEqual(decode(encodeVarying(':path', '/a?dns=AAAB')), [[':path', '/a?dns=AAAB']])
  })

  test('RFC 7541, 6.2.3: literals are never to be indexed, entries take one octet', () => {
    assert.equal(encodeHpack([[':method', 'POST']]).toString('hex'), '83')
    assert.equal(encodeHpack([['age', '7']])[0]! & 0xf0, 0x10)
    assert.equal(encodeHpack([['zzz', '7']])[0], 0x10)
    assert.equal(encodeVarying('content-length', '40').toString('latin1'), '\x1f\x0d\x0240')
  })

  test('RFC 7541, 4.2: the table may be set to 0, twice, at the start', () => {
    assert.deepEqual(decode(hex('20 20 82')), [[':method', 'GET']])
    assert.deepEqual(decode(hex('')), [])
  })

  test.each([
    ['a table over 4096 octets', '3f e2 1f 82'],
    ['three size updates', '20 20 20 82'],
    ['a size update after a field', '82 20'],
    ['index 0', '80'],
    ['an index past the static table', 'be'],
    ['a name past the static table', '7e 01 61'],
    ['a literal that ends after its name', '40 01 61'],
    ['a string longer than the block', '40 05 61'],
    ['an index cut short', 'ff'],
    ['a string of 2^28 octets', '40 7f 81 ff ff 7f'],
    ['Huffman code that is cut short', '40 81 ff 01 61'],
  ])('%s is refused', (_, block) => refused(hex(block)))
})

describe('the dynamic table', () => {
  const CUSTOM: Field[] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ]
  const later = (date: string, ...more: Field[]): Field[] => [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', date],
    ['location', 'https://www.example.com'],
    ...more,
  ]
  const COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
  const RESPONSES = [
    RESPONSE,
    [[':status', '307'], ...RESPONSE.slice(1)],
    later('Mon, 21 Oct 2013 20:13:22 GMT', ['content-encoding', 'gzip'], ['set-cookie', COOKIE]),
  ]

  test.each<[string, number, readonly string[], readonly unknown[]]>([
    [
      'C.4',
      4096,
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
      [REQUEST, [...REQUEST, ['cache-control', 'no-cache']], CUSTOM],
    ],
    [
      'C.6, with evictions',
      256,
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
      RESPONSES,
    ],
  ])('RFC 7541, appendix %s', (_, size, blocks, expected) => {
    const table = new HpackTable(size)
    const byName = (fields: unknown): unknown => [...(fields as Field[])].sort()
    for (const [i, block] of blocks.entries()) {
      assert.deepEqual(byName(decode(hex(block), table)), byName(expected[i]))
    }
  })

  test('one that was set to 0 keeps nothing; an entry larger than the table empties it', () => {
    const table = new HpackTable(64)
    decode(hex('40 01 61 01 62'), table)
    assert.deepEqual(table.get(0), ['a', 'b'])
    decode(encodeAdding('x', 'y'.repeat(64)), table)
    assert.equal(table.get(0), undefined)
    decode(hex('20 40 01 61 01 62'), table)
    assert.equal(table.get(0), undefined)
  })

  function encodeAdding(name: string, value: string): Buffer {
    const out = [0x40]
    writeString(out, name, 7, 0)
    writeString(out, value, 7, 0)
    return Buffer.from(out)
  }
})
