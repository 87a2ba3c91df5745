import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { canonicalIp, isLoopback, isPrivateAddress } from '../../src/address/ip.js'

describe('canonicalIp (N04)', () => {
  test.each([
    ['1.1.1.1', '1.1.1.1'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['::ffff:1.2.3.4%eth0', '1.2.3.4'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['FE80::1%Eth0', 'fe80::1%Eth0'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1.2.3.4', '::1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['', null],
    ['1.1.1', null],
    ['01.1.1.1', null],
    ['1.1.1.1%eth0', null],
    ['fe80::1%', null],
    ['localhost', null],
  ])('%s is %s', (text, canonical) => {
    assert.equal(canonicalIp(text), canonical)
  })
})

describe('which addresses are private, and which loopback', () => {
  test.each([
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['9.255.255.255', ''],
    ['11.0.0.0', ''],
    ['172.15.255.255', ''],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', ''],
    ['192.168.0.1', 'private'],
    ['192.169.0.1', ''],
    ['169.254.1.1', 'private'],
    ['100.64.0.1', ''],
    ['fc00::1', 'private'],
    ['fdff::1', 'private'],
    ['fe00::1', ''],
    ['fe80::1', 'private'],
    ['fe80::1%eth0', 'private'],
    ['febf::1', 'private'],
    ['fec0::1', ''],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:8.8.8.8', ''],
    ['8.8.8.8', ''],
    ['2001:db8::1', ''],
    ['0.0.0.0', ''],
    ['::', ''],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['126.0.0.1', ''],
    ['::1', 'loopback'],
    ['::2', ''],
    ['::ffff:127.0.0.1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['0000::0001', 'loopback'],
    ['0:0::ffff:127.0.0.1', 'loopback'],
    ['127.0.0.1.', ''],
    ['127.1', ''],
    ['localhost', ''],
    ['', ''],
    ['10.0.0', ''],
  ])('%s: %j', (ip, kind) => {
    assert.equal(isPrivateAddress(ip), kind === 'private')
    assert.equal(isLoopback(ip), kind === 'loopback')
  })
})
