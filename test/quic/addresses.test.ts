import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { ADDRESS, Addresses } from '../../src/quic/addresses.js'

describe('addresses of the core', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['2001:db8::', '2001:db8::'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['fe80::1%eth1', 'fe80::1%eth1'],
  ]
  for (const [given, canonical] of cases) {
    test(`${given} goes there and back`, () => {
      const addresses = new Addresses()
      const octets = addresses.encode(given, 853)
      assert.equal(octets.length, ADDRESS)
      assert.deepEqual(addresses.decode(octets, 0), { address: canonical, port: 853 })
    })
  }

  test('more of them than are remembered are translated as well', () => {
    const addresses = new Addresses()
    for (let i = 0; i < 10_000; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
      assert.equal(addresses.decode(addresses.encode(address, i), 0).address, address)
    }
  })

  test('zones keep their numbers', () => {
    const addresses = new Addresses()
    const first = addresses.encode('fe80::1%eth0', 1)
    addresses.encode('fe80::1%eth1', 1)
    assert.equal(addresses.decode(first, 0).address, 'fe80::1%eth0')
  })
})
