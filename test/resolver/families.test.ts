import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Interfaces } from '../../src/base/interfaces.js'
import { Families } from '../../src/resolver/families.js'

const eth0 = (...addresses: string[]): Interfaces => ({
  lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true } as never],
  eth0: addresses.map((address) => {
    return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', internal: false } as never
  }),
})

const told = (families: Families, now = 0): boolean[] => [
  families.isConfigured(4, now),
  families.isConfigured(6, now),
  families.prefers6(now),
]

describe('which families this machine has', () => {
  test.each([
    [['192.0.2.1'], [true, false, false]],
    [['2001:db8::1'], [false, true, true]],
    [
      ['192.0.2.1', '2001:db8::1'],
      [true, true, true],
    ],
    [
      ['192.0.2.1', 'fe80::1'],
      [true, true, false],
    ],
    [[], [true, true, false]],
  ])('with %j it is %j: IPv4, IPv6, and whether that comes first', (addresses, expected) => {
    assert.deepEqual(told(new Families(() => eth0(...addresses))), expected)
  })

  test('a system that doesn’t tell has both, IPv4 first', () => {
    assert.deepEqual(told(new Families(() => null)), [true, true, false])
  })

  test('what it told once stays while it doesn’t, and it is asked again every 5 s', () => {
    const answers = [eth0('2001:db8::1'), null, eth0('192.0.2.1')]
    const families = new Families(() => answers.shift()!)
    for (const now of [0, 4999, 5000, 9999]) assert.deepEqual(told(families, now), [false, true, true])
    assert.deepEqual(told(families, 10_000), [true, false, false])
    assert.deepEqual(answers, [])
  })
})
