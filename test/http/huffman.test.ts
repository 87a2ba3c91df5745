import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HeaderBlockError } from '../../src/http/error.js'
import { CODE_LENGTHS, CODES } from '../../src/http/huffman-code.js'
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../src/http/huffman.js'

/** Text and its code (RFC 7541, appendix C.4 and C.6). */
const VECTORS = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-key', '25a849e95ba97d7f'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['302', '6402'],
  ['private', 'aec3771a4b'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
  ['307', '640eff'],
  ['gzip', '9bd9ab'],
  [
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ],
  ['', ''],
] as const

const decode = (hex: string): string => {
  const octets = Buffer.from(`aa${hex}aa`, 'hex')
  return huffmanDecode(octets, 1, octets.length - 1)
}
const malformed = (hex: string): void =>
  assert.throws(
    () => decode(hex),
    (error) => error instanceof HeaderBlockError && error.code === 'ERR_DNS_CONNECT',
  )

describe('the code', () => {
  test('RFC 7541, appendix B: is complete, and ends with 30 ones', () => {
    assert.equal(CODE_LENGTHS.length, 257)
    assert.equal(
      CODE_LENGTHS.reduce((sum, length) => sum + 2 ** (30 - length), 0),
      2 ** 30,
    )
    assert.deepEqual(
      [48, 97, 58, 88, 0, 10, 13, 22, 249, 255, 256].map((symbol) => CODES[symbol]!.toString(16)),
      ['0', '3', '5c', 'fc', '1ff8', '3ffffffc', '3ffffffd', '3ffffffe', 'ffffffe', '3ffffee', '3fffffff'],
    )
  })
})

describe('strings', () => {
  test.each(VECTORS)('RFC 7541, appendix C: %s', (text, hex) => {
    assert.equal(decode(hex), text)
    assert.equal(huffmanEncode(Buffer.from(text)).toString('hex'), hex)
    assert.equal(huffmanLength(Buffer.from(text)), hex.length / 2)
  })

  test('every octet comes back, alone and beside every other', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        const octets = Buffer.from([first, second, first])
        const coded = huffmanEncode(octets)
        assert.equal(huffmanDecode(coded, 0, coded.length), octets.toString('latin1'))
      }
    }
  })

  test('a long string of the shortest code fits', () => {
    const text = '0'.repeat(20_000)
    const coded = huffmanEncode(Buffer.from(text))
    assert.equal(huffmanDecode(coded, 0, coded.length), text)
  })
})

describe('what is refused', () => {
  test.each([
    ['EOS as padding', 'ffffffff'],
    ['EOS after a symbol', '1fffffffffff'],
    ['eight bits of padding', '1fff'],
    ['padding of a whole octet', 'ff'],
    ['padding with a zero in it', '00'],
    ['padding that is all zeroes but the last', '19'],
    ['a long code cut short', 'fffffffe'],
  ])('%s', (_, hex) => malformed(hex))
})
