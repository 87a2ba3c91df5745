import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HeaderBlockError } from '../../src/http/error.js'
import type { Field } from '../../src/http/field.js'
import { QPACK_STATIC } from '../../src/http/qpack-static.js'
import { decodeQpack, encodeQpack, QPACK } from '../../src/http/qpack.js'

function decode(octets: Buffer): Field[] {
  const fields: Field[] = []
  decodeQpack(octets, 0, octets.length, { field: (name, value) => fields.push([name, value]) })
  return fields
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const section = (fields: readonly Field[]): Buffer => Buffer.concat([QPACK.prefix, encodeQpack(fields)])

describe('the static table', () => {
  // RFC 9204, appendix A, at the ends and where an entry left out would be noticed.
  test.each<[number, string, string]>([
    [0, ':authority', ''],
    [1, ':path', '/'],
    [4, 'content-length', '0'],
    [17, ':method', 'GET'],
    [20, ':method', 'POST'],
    [23, ':scheme', 'https'],
    [25, ':status', '200'],
    [30, 'accept', 'application/dns-message'],
    [36, 'cache-control', 'max-age=0'],
    [44, 'content-type', 'application/dns-message'],
    [63, ':status', '100'],
    [71, ':status', '500'],
    [83, 'alt-svc', 'clear'],
    [98, 'x-frame-options', 'sameorigin'],
  ])('has at %d %s: %s', (index, name, value) => {
    assert.deepEqual(QPACK_STATIC[index], [name, value])
  })

  test('has 99 entries, no two of them alike', () => {
    assert.equal(QPACK_STATIC.length, 99)
    assert.equal(new Set(QPACK_STATIC.map((entry) => entry.join(':'))).size, 99)
  })
})

describe('field sections', () => {
  test.each<[string, string, Field[]]>([
    ['RFC 9204, appendix B.1', '0000 510b 2f69 6e64 6578 2e68 746d 6c', [[':path', '/index.html']]],
    [
      'an index of one octet and one of two',
      '0000 d9 ff00',
      [
        [':status', '200'],
        [':status', '100'],
      ],
    ],
    ['a value in Huffman code', '0000 50 8c f1e3c2e5f23a6ba0ab90f4ff', [[':authority', 'www.example.com']]],
    ['a name of its own', '0000 23 616263 01 78', [['abc', 'x']]],
    ['a base that says nothing', '0085 d9', [[':status', '200']]],
    ['no field', '0000', []],
  ])('%s', (_, octets, fields) => {
    assert.deepEqual(decode(hex(octets)), fields)
  })

  test('literals with the bit that forbids tables are read as the others are', () => {
    assert.deepEqual(decode(hex('0000 7001 78 33 616263 01 79')), [
      [':authority', 'x'],
      ['abc', 'y'],
    ])
  })

  test('come back as they were sent, each static entry in one or two octets', () => {
    for (const [index, field] of QPACK_STATIC.entries()) {
      const coded = encodeQpack([field])
      assert.equal(coded.length, index < 63 ? 1 : 2)
      assert.deepEqual(decode(section([field])), [field])
    }
    const fields: Field[] = [
      [':path', '/dns-query'],
      ['x-long', 'z'.repeat(300)],
      ['x-\x7f', '\xff\xfe'],
      ['empty', ''],
    ]
    assert.deepEqual(decode(section(fields)), fields)
  })

  test('none that we send forbids tables, which some take for the dynamic one', () => {
    const fields: Field[] = [[':authority', 'dns.test'], ['x-own', '1']] // prettier-ignore
    const coded = encodeQpack(fields)
    assert.equal(coded[0]! & 0x20, 0)
    assert.equal(encodeQpack([['x-own', '1']])[0]! & 0x10, 0)
    assert.equal(QPACK.varying('content-length', '33').toString('hex'), '5402' + '3333')
  })

  test.each([
    ['a required insert count', '0100 d9'],
    ['an indexed field of the dynamic table', '0000 80'],
    ['an indexed field after the base', '0000 10'],
    ['a name of the dynamic table', '0000 40 01 78'],
    ['a name after the base', '0000 00 01 78'],
    ['an index beyond the table', '0000 ff24'],
    ['a name beyond the table', '0000 5f54 01 78'],
    ['nothing at all', ''],
    ['half a prefix', '00'],
    ['a name that is cut short', '0000 23 6162'],
    ['a field without a value', '0000 50'],
    ['a value that is cut short', '0000 50 05 78'],
    ['an integer without an end', '0000 ffffffffffffffff'],
    ['padding of a Huffman code that is none', '0000 50 81 00'],
  ])('%s is refused', (_, octets) => {
    assert.throws(() => decode(hex(octets)), HeaderBlockError)
  })

  test('one that is cut short anywhere is a shorter one or refused', () => {
    const whole = section([
      [':status', '200'],
      ['content-type', 'text/plain; charset=x'],
      ['age', '17'],
    ])
    for (let end = 0; end < whole.length; end++) {
      try {
        assert.ok(decode(whole.subarray(0, end)).length < 3)
      } catch (error) {
        assert.ok(error instanceof HeaderBlockError)
      }
    }
  })
})
