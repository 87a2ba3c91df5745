import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  className,
  classNumber,
  RCODE,
  rcodeName,
  rcodeNumber,
  TYPE,
  typeName,
  typeNumber,
} from '../../src/wire/constants.js'

test('every name leads to its number and back', () => {
  for (const [name, code] of Object.entries(TYPE))
    assert.deepEqual([typeName(code), typeNumber(name), typeNumber(name.toLowerCase())], [name, code, code])
  for (const [name, code] of Object.entries(RCODE)) assert.deepEqual([rcodeName(code), rcodeNumber(name)], [name, code])
  assert.deepEqual([className(1), classNumber('ch'), className(254)], ['IN', 3, 'NONE'])
})

test('RFC 3597, section 5: what has no name is written by number', () => {
  assert.deepEqual(
    [typeName(65280), typeNumber('TYPE65280'), typeNumber('type1'), typeNumber(65280)],
    ['TYPE65280', 65280, 1, 65280],
  )
  assert.deepEqual([className(42), classNumber('CLASS42'), classNumber('class1')], ['CLASS42', 42, 1])
  assert.deepEqual([rcodeName(12), rcodeNumber('RCODE12'), rcodeNumber(4095)], ['RCODE12', 12, 4095])
})

describe('anything else is refused, and told what is allowed', () => {
  const wrong: readonly unknown[] = [
    '',
    'AAAAA A',
    'TYPE',
    'TYPE65536',
    'TYPE-1',
    'TYPE1.5',
    -1,
    65536,
    1.5,
    NaN,
    null,
    undefined,
    {},
    '__proto__',
    'constructor',
    'toString',
  ]
  test.each(wrong)('%j as a type', (given) => {
    assert.throws(() => typeNumber(given as string), {
      code: 'ERR_DNS_INVALID_OPTION',
      option: 'type',
      message: /TYPE and a number/,
    })
  })

  test('with a hint when it is nearly right', () => {
    assert.throws(() => typeNumber('AAA'), /did you mean "A+"/)
    assert.throws(() => rcodeNumber('NXDOMIAN'), /did you mean "NXDOMAIN"/)
    assert.throws(() => classNumber('IM'), /did you mean "IN"/)
  })
})
