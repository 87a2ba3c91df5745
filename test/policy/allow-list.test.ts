import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { AllowList, DEFAULT_ALLOW } from '../../src/policy/allow-list.js'

describe('AllowList', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['10.0.0.1', true],
    ['172.16.0.1', true],
    ['172.31.255.255', true],
    ['172.32.0.1', false],
    ['192.168.7.7', true],
    ['fd00::1', true],
    ['fc00::1', true],
    ['fe80::1', true],
    ['fe80::1%eth0', true],
    ['169.254.3.4', true],
    ['203.0.113.1', false],
    ['8.8.8.8', false],
    ['100.64.0.1', false],
    ['2001:db8::1', false],
    ['0.0.0.0', false],
    ['::', false],
    ['::ffff:10.0.0.1', true],
    ['::ffff:8.8.8.8', false],
    ['::FFFF:a00:1', true],
    ['::ffff:8.8.8.8%eth0', false],
    ['', false],
    ['localhost', false],
    ['10.0.0', false],
    ['10.0.0.1, 8.8.8.8', false],
  ])('R-5625-7, A16: by default %s may ask: %s', (address, allowed) => {
    const list = new AllowList()
    assert.equal(list.allows(address), allowed)
    assert.equal(list.allows(address), allowed, 'the second time, from memory')
  })

  test('takes single addresses, and networks whatever their host bits', () => {
    const list = new AllowList(['203.0.113.9', '198.51.100.77/25', '2001:db8::1', '2001:DB8:1::f/64'])
    assert.equal(list.allows('203.0.113.9'), true)
    assert.equal(list.allows('203.0.113.10'), false)
    assert.equal(list.allows('198.51.100.1'), true)
    assert.equal(list.allows('198.51.100.128'), false)
    assert.equal(list.allows('2001:db8::1'), true)
    assert.equal(list.allows('2001:db8::2'), false)
    assert.equal(list.allows('2001:db8:1::2'), true)
    assert.equal(list.allows('127.0.0.1'), false, 'a list replaces the default one')
  })

  test('prefix 0 is everybody of that family, and an empty list nobody', () => {
    const list = new AllowList(['0.0.0.0/0'])
    assert.equal(list.allows('8.8.8.8'), true)
    assert.equal(list.allows('2001:db8::1'), false)
    assert.equal(new AllowList(['::/0']).allows('2001:db8::1'), true)
    assert.equal(new AllowList([]).allows('127.0.0.1'), false)
  })

  test.each<[unknown, RegExp]>([
    [
      ['10.0.0.0/33'],
      /^createServer: option "allow\[0\]" must be .*; an IPv4 prefix is 0 to 32; got "10\.0\.0\.0\/33"$/,
    ],
    [['::1', 'fd00::/129'], /option "allow\[1\]".*an IPv6 prefix is 0 to 128/],
    [['10.0.0.0/'], /an IPv4 prefix is 0 to 32/],
    [['10.0.0.0/-1'], /an IPv4 prefix/],
    [['10.0.0.0/8/8'], /an IPv4 prefix/],
    [['10.0.0.0/255.0.0.0'], /an IPv4 prefix/],
    [['10.0.0/8'], /must be an IP address or a network such as "192\.168\.0\.0\/16"/],
    [['localhost'], /must be an IP address or a network/],
    [['*'], /must be an IP address or a network/],
    [[''], /must be an IP address or a network/],
    [['fe80::1%eth0/64'], /must be an IP address or a network/],
    [['::ffff:10.0.0.0/104'], /write an IPv4-mapped address as IPv4/],
    [[10], /must be an IP address or a network.*got 10/],
    [[null], /must be an IP address or a network/],
    ['10.0.0.0/8', /option "allow" must be an array/],
  ])('refuses %j', (networks, message) => {
    assert.throws(() => new AllowList(networks as string[], 'createServer'), {
      code: 'ERR_DNS_INVALID_OPTION',
      message,
    })
  })

  test('answers the same after more addresses than it remembers', () => {
    const list = new AllowList(['10.0.0.0/9'])
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 10_000; i++) {
        const address = `10.${i & 255}.${i >> 8}.1`
        assert.equal(list.allows(address), (i & 255) < 128)
      }
    }
  })

  test('the default list cannot be changed by who reads it', () => {
    assert.ok(Object.isFrozen(DEFAULT_ALLOW))
  })
})
