import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'vitest'
import { parseSource, resolveSource } from '../../src/address/source.js'
import type { Interfaces } from '../../src/base/interfaces.js'

const v4 = (address: string, internal = false) => ({
  address,
  netmask: '255.255.255.0',
  family: 'IPv4' as const,
  mac: '02:00:00:00:00:01',
  internal,
  cidr: `${address}/24`,
})
const v6 = (address: string, scopeid = 0, internal = false) => ({
  address,
  netmask: 'ffff::',
  family: 'IPv6' as const,
  mac: '02:00:00:00:00:01',
  internal,
  cidr: `${address}/64`,
  scopeid,
})
const INTERFACES: Interfaces = {
  lo: [v4('127.0.0.1', true), v6('::1', 0, true)],
  eth0: [v4('192.0.2.2'), v4('192.0.2.3'), v6('fe80::a', 2), v6('2001:db8::a')],
  eth1: [v4('169.254.7.7'), v6('fe80::b', 3)],
  'eth0.100': [v4('198.51.100.9')],
  'Ethernet 2': [v4('10.9.9.9')],
  none: undefined,
}

describe('parseSource', () => {
  test.each([
    ['192.0.2.127', '192.0.2.127', 4, null],
    ['2001:DB8::1', '2001:db8::1', 6, null],
    ['::ffff:192.0.2.1', '192.0.2.1', 4, null],
    ['eth1', null, null, 'eth1'],
    ['eth0.100', null, null, 'eth0.100'],
    ['eth0:1', null, null, 'eth0:1'],
    ['Ethernet 2', null, null, 'Ethernet 2'],
    ['192.0.2.127@eth1', '192.0.2.127', 4, 'eth1'],
    ['2001:db8::1@eth1', '2001:db8::1', 6, 'eth1'],
    ['fe80::1%eth1', 'fe80::1', 6, 'eth1'],
    ['fe80::1%eth1@eth1', 'fe80::1', 6, 'eth1'],
  ])('reads %s', (text, address, family, name) => {
    const source = parseSource(text)
    assert.deepEqual(source, { address, family, interface: name, text })
    assert.ok(Object.isFrozen(source))
  })

  test.each<[string, RegExp]>([
    ['', /is not a source; expected an IP address, an interface name or address@interface/],
    ['  ', /is not a source/],
    ['eth\n0', /is not a source/],
    ['x'.repeat(256), /is not a source/],
    [7 as never, /is not a source/],
    ['192.0.2', /looks too much like one/],
    ['999.0.2.1', /looks too much like one/],
    ['2001:db8::zz', /looks too much like one/],
    ['@eth1', /"" before "@", which is not an IP address/],
    ['eth0@192.0.2.1', /"eth0" before "@"/],
    ['192.0.2.1@', /"" after "@"/],
    ['192.0.2.1@a@b', /"a@b" after "@"/],
    ['fe80::1%eth0@eth1', /two interfaces, eth0 and eth1/],
  ])('refuses %j', (text, message) => {
    assert.throws(() => parseSource(text), { code: 'ERR_DNS_INVALID_ADDRESS', message })
  })
})

describe('resolveSource', () => {
  test.each<[string, 4 | 6, string]>([
    ['192.0.2.127', 4, '192.0.2.127'],
    ['2001:db8::127', 6, '2001:db8::127'],
    ['eth0', 4, '192.0.2.2'],
    ['eth0', 6, '2001:db8::a'],
    ['eth1', 4, '169.254.7.7'],
    ['eth1', 6, 'fe80::b%eth1'],
    ['eth0.100', 4, '198.51.100.9'],
    ['Ethernet 2', 4, '10.9.9.9'],
    ['192.0.2.3@eth0', 4, '192.0.2.3'],
    ['169.254.7.7@eth1', 4, '169.254.7.7'],
    ['fe80::a@eth0', 6, 'fe80::a%eth0'],
    ['fe80::b%3', 6, 'fe80::b%3'],
    ['127.0.0.2@lo', 4, '127.0.0.2'],
  ])('%s for IPv%d is %s', (text, family, expected) => {
    assert.equal(resolveSource(parseSource(text), family, INTERFACES), expected)
  })

  test.each<[string, 4 | 6, RegExp]>([
    ['192.0.2.127', 6, /^source "192\.0\.2\.127" is IPv4, the upstream's address is IPv6$/],
    ['2001:db8::1@eth0', 4, /is IPv6, the upstream's address is IPv4/],
    ['eth9', 4, /^source "eth9" names no interface of this machine; there are lo, eth0, eth1/],
    ['none', 4, /names no interface/],
    ['__proto__', 4, /names no interface/],
    ['eth0.100', 6, /^source "eth0\.100" has no IPv6 address$/],
    ['192.0.2.127@eth0', 4, /doesn't hold: eth0 has 192\.0\.2\.2, 192\.0\.2\.3$/],
    ['2001:db8::1@eth0.100', 6, /doesn't hold: eth0\.100 has no IPv6 address/],
    ['192.0.2.2@eth7', 4, /names no interface/],
  ])('%s for IPv%d is an error that says what is missing', (text, family, message) => {
    assert.throws(() => resolveSource(parseSource(text), family, INTERFACES), { code: 'ERR_DNS_CONNECT', message })
  })

  test('an address alone needs no interfaces, which may not be known', () => {
    assert.equal(resolveSource(parseSource('192.0.2.127'), 4, null), '192.0.2.127')
    assert.throws(() => resolveSource(parseSource('192.0.2.127@eth0'), 4, null), {
      code: 'ERR_DNS_CONNECT',
      message: /^source "192\.0\.2\.127@eth0" names an interface, and the system doesn't tell which there are$/,
    })
  })

  test('sees an address that came later, since it reads the interfaces each time', () => {
    const source = parseSource('eth1')
    assert.equal(resolveSource(source, 4, { eth1: [v4('192.0.2.50')] }), '192.0.2.50')
    assert.equal(resolveSource(source, 4, { eth1: [v4('192.0.2.51')] }), '192.0.2.51')
  })

  test("reads this machine's interfaces when none are given", () => {
    const loopback = Object.entries(networkInterfaces()).find(([, entries]) =>
      entries?.some((entry) => entry.address === '127.0.0.1'),
    )
    assert.equal(resolveSource(parseSource(loopback![0]), 4), '127.0.0.1')
  })
})
