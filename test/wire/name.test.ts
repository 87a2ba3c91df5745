import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { nameFromWire, nameToWire, sameName, skipName } from '../../src/wire/name.js'
import { concat, name, pointer } from '../fixtures/packets.js'

const MALFORMED = { code: 'ERR_DNS_MALFORMED' }
const long = (octets: number): string => 'a'.repeat(octets)

describe('a name in presentation form and its octets', () => {
  const both: readonly (readonly [text: string, wire: Buffer])[] = [
    ['.', name()],
    ['com', name('com')],
    ['example.com', name('example', 'com')],
    ['eXaMpLe.CoM', name('eXaMpLe', 'CoM')],
    ['a\\.b.test', name('a.b', 'test')],
    ['a.b.test', name('a', 'b', 'test')],
    ['a\\\\b.test', name('a\\b', 'test')],
    ['\\"x\\"\\;\\(\\)\\@\\$', name('"x";()@$')],
    ['\\000.\\010.\\032', name('\0', '\n', ' ')],
    ['\\255\\128\\127', name('\xff\x80\x7f')],
    ['\\027[31m\\013\\010', name('\x1b[31m\r\n')],
    ['__proto__.constructor.toString', name('__proto__', 'constructor', 'toString')],
    ['*._tcp.example', name('*', '_tcp', 'example')],
    [`${long(63)}.${long(63)}.${long(63)}.${long(61)}`, name(long(63), long(63), long(63), long(61))],
    [Array.from({ length: 127 }, () => 'x').join('.'), name(...Array.from({ length: 127 }, () => 'x'))],
  ]
  test.each(both)('A22, A24: %j both ways', (text, wire) => {
    assert.deepEqual(nameToWire(text), wire)
    assert.equal(nameFromWire(wire, 0), text)
    assert.ok(/^[\x21-\x7e]+$/.test(nameFromWire(wire, 0)))
  })

  const onlyIn: readonly (readonly [text: string, wire: Buffer])[] = [
    ['', name()],
    ['example.com.', name('example', 'com')],
    ['\\101\\x', name('ex')],
    ['a\\046b', name('a.b')],
    ['a b', name('a b')],
    ['a\\..', name('a.')],
  ]
  test.each(onlyIn)('%j is read', (text, wire) => assert.deepEqual(nameToWire(text), wire))

  test('A23: a label with a dot and two labels differ', () => {
    assert.equal(sameName(nameToWire('a\\.b'), 0, nameToWire('a.b'), 0), false)
  })

  const refused: readonly (readonly [text: string, why: RegExp])[] = [
    ['..', /empty label/],
    ['a..b', /empty label/],
    ['.a', /empty label/],
    ['a.b..', /empty label/],
    [long(64), /63/],
    [`${long(64)}.com`, /63/],
    [`${long(63)}.${long(63)}.${long(63)}.${long(62)}`, /255/],
    [long(300), /255|63/],
    [Array.from({ length: 128 }, () => 'x').join('.'), /255/],
    ['a\\', /backslash/],
    ['a\\25', /three digits/],
    ['a\\256', /three digits/],
    ['a\\2x5', /three digits/],
    ['münchen.de', /ASCII/],
    ['a\\ü', /ASCII/],
    ['日本.jp', /ASCII/],
    ['a\nb', /control/],
    ['a\0b', /control/],
  ]
  test.each(refused)('%j is refused', (text, why) => {
    assert.throws(() => nameToWire(text), { ...MALFORMED, message: why })
  })
})

describe('names in a message', () => {
  // At 0 "example.com", at 13 "www" and a pointer to it, at 19 a pointer to that.
  const wire = concat(name('example', 'com'), Buffer.from([3]), Buffer.from('www'), pointer(0), pointer(13))

  test('pointers are followed', () => {
    assert.equal(nameFromWire(wire, 13), 'www.example.com')
    assert.equal(nameFromWire(wire, 19), 'www.example.com')
    assert.equal(nameFromWire(wire, 8), 'com')
  })

  test('skipName stops behind a pointer', () => {
    assert.deepEqual([skipName(wire, 0), skipName(wire, 13), skipName(wire, 19)], [13, 19, 21])
  })

  test('sameName follows pointers on both sides', () => {
    assert.ok(sameName(wire, 13, wire, 19))
    assert.ok(sameName(wire, 19, nameToWire('WWW.example.COM'), 0))
    assert.equal(sameName(wire, 0, wire, 13), false)
    assert.equal(sameName(wire, 13, wire, 0), false)
  })

  test('R-4343-1: only ASCII letters are compared without case', () => {
    const same = (a: string, b: string): boolean => sameName(name(a), 0, name(b), 0)
    assert.ok(same('aZ', 'Az'))
    for (const [a, b] of [
      ['@', '`'],
      ['[', '{'],
      ['\xc0', '\xe0'],
      ['\0', ' '],
      ['1', '\x11'],
    ])
      assert.equal(same(a!, b!), false)
  })

  const bad: readonly (readonly [what: string, wire: Buffer, at: number])[] = [
    ['nothing', Buffer.alloc(0), 0],
    ['an offset past the end', name('a'), 9],
    ['a label past the end', Buffer.from([5, 0x61]), 0],
    ['no root label', Buffer.from([1, 0x61]), 0],
    ['a pointer to itself', pointer(0), 0],
    ['a pointer forwards', concat(pointer(2), name('a')), 0],
    ['half a pointer', Buffer.from([0xc0]), 0],
    ['a label and a pointer back to it', concat(Buffer.from([1, 0x61]), pointer(0)), 0],
    ['a reserved label type', Buffer.from([0x41, 0x61, 0]), 0],
    [
      'too long by pointers',
      concat(
        name(long(63), long(63), long(63)).subarray(0, 192),
        name(long(61)),
        Buffer.from([60]),
        Buffer.alloc(60, 0x61),
        pointer(0),
      ),
      255,
    ],
  ]
  test.each(bad)('%s is malformed', (_what, octets, at) => {
    assert.throws(() => nameFromWire(octets, at), MALFORMED)
    assert.equal(sameName(octets, at, Buffer.from(octets), at), false)
  })
})
