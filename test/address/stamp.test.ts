import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { parseAddress } from '../../src/address/address.js'

const HASH = 'c3846bf24b9e93ca64274c0ec67c1ecc5e024ffcacd2d74019350e81fe546ae4'

const lp = (text: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text as string, 'latin1')])
const vlp = (...items: (string | Buffer)[]): Buffer =>
  Buffer.concat(
    items.flatMap((item, i) => [
      Buffer.from([item.length | (i < items.length - 1 ? 0x80 : 0)]),
      Buffer.from(item as string, 'latin1'),
    ]),
  )
const props = (bits: number): Buffer => Buffer.from([bits, 0, 0, 0, 0, 0, 0, 0])
const stamp = (protocol: number, ...parts: Buffer[]): string =>
  `sdns://${Buffer.concat([Buffer.from([protocol]), ...parts]).toString('base64url')}`
const none = vlp('')
const hash = Buffer.from(HASH, 'hex')

describe('a DNS stamp', () => {
  test('plain: is the address in it', () => {
    const address = parseAddress('sdns://AAcAAAAAAAAABzguOC44Ljg')
    assert.equal(address.text, '8.8.8.8:53')
    assert.deepEqual(address.stamp, {
      address: '8.8.8.8',
      hashes: [],
      bootstrap: [],
      dnssec: true,
      noLog: true,
      noFilter: true,
    })
    assert.equal(parseAddress('sdns://AAcAAAAAAAAADDguOC44Ljg6ODA1Mw').text, '8.8.8.8:8053')
  })

  test('DoH: is the URL of its host name and path, with the address and hashes beside it', () => {
    const address = parseAddress(
      'sdns://AgcAAAAAAAAACTEyNy4wLjAuMSDDhGvyS56TymQnTA7GfB7MXgJP_KzS10AZNQ6B_lRq5AtleGFtcGxlLmNvbQovZG5zLXF1ZXJ5|doh',
    )
    assert.equal(address.text, 'https://example.com/dns-query')
    assert.equal(address.tag, 'doh')
    assert.deepEqual(address.stamp, {
      address: '127.0.0.1',
      hashes: [HASH],
      bootstrap: [],
      dnssec: true,
      noLog: true,
      noFilter: true,
    })
  })

  test('DoH: the port may stand with the host name, and hashes may be left out', () => {
    const address = parseAddress('sdns://AgYAAAAAAAAACDkuOS45LjEwABJkbnM5LnF1YWQ5Lm5ldDo0NDMKL2Rucy1xdWVyeQ')
    assert.equal(address.text, 'https://dns9.quad9.net/dns-query')
    assert.deepEqual(address.stamp, {
      address: '9.9.9.10',
      hashes: [],
      bootstrap: [],
      dnssec: false,
      noLog: true,
      noFilter: true,
    })
  })

  test('DoT and DoQ: have port 853 unless the address says another', () => {
    assert.equal(
      parseAddress('sdns://AwcAAAAAAAAACTEyNy4wLjAuMSDDhGvyS56TymQnTA7GfB7MXgJP_KzS10AZNQ6B_lRq5A9kbnMuZXhhbXBsZS5jb20')
        .text,
      'tls://dns.example.com:853',
    )
    assert.equal(
      parseAddress(
        'sdns://AwcAAAAAAAAADDEuMS4xLjE6ODg1MyDDhGvyS56TymQnTA7GfB7MXgJP_KzS10AZNQ6B_lRq5BJjbG91ZGZsYXJlLWRucy5jb20',
      ).text,
      'tls://cloudflare-dns.com:8853',
    )
    const doq = parseAddress(
      'sdns://BAcAAAAAAAAACTEyNy4wLjAuMSDDhGvyS56TymQnTA7GfB7MXgJP_KzS10AZNQ6B_lRq5A9kbnMuZXhhbXBsZS5jb20',
    )
    assert.equal(doq.text, 'doq://dns.example.com:853')
    assert.equal(doq.stamp?.address, '127.0.0.1')
  })

  test('an address that is left out, or only a port, leaves the host name to be looked up', () => {
    const without = parseAddress(stamp(2, props(0), lp(''), none, lp('dns.example'), lp('/q')))
    assert.equal(without.text, 'https://dns.example/q')
    assert.equal(without.stamp?.address, null)
    assert.equal(parseAddress(stamp(3, props(0), lp(':8853'), none, lp('dns.example'))).port, 8853)
  })

  test('a host name that is left out leaves the address', () => {
    const address = parseAddress(stamp(3, props(0), lp('[2620:fe::fe]'), none, lp('')))
    assert.equal(address.text, 'tls://[2620:fe::fe]:853')
    assert.equal(address.family, 6)
  })

  test('several hashes and bootstrap addresses come in their order', () => {
    const other = Buffer.alloc(32, 7)
    const address = parseAddress(
      stamp(
        4,
        props(1),
        lp('1.1.1.1'),
        vlp(hash, other),
        lp('dns.example'),
        vlp('9.9.9.9', '2620:FE::FE', '[2620:fe::9]:5353'),
      ),
    )
    assert.deepEqual(address.stamp?.hashes, [HASH, '07'.repeat(32)])
    assert.deepEqual(address.stamp?.bootstrap, ['9.9.9.9', '2620:fe::fe', '[2620:fe::9]:5353'])
    assert.ok(
      Object.isFrozen(address.stamp) &&
        Object.isFrozen(address.stamp.hashes) &&
        Object.isFrozen(address.stamp.bootstrap),
    )
  })

  test('a zone in it is kept', () => {
    assert.equal(parseAddress(stamp(0, props(0), lp('[fe80::1%eth0]:5353'))).host, 'fe80::1%eth0')
  })

  test.each<[string, string, RegExp]>([
    ['nothing', 'sdns://', /base64url without padding must follow/],
    ['other letters', 'sdns://AAcAAAAAAAAABzguOC44Lj+', /base64url/],
    ['padding', 'sdns://AAcAAAAAAAAABzguOC44Ljg=', /base64url/],
    ['an impossible length', 'sdns://AAcAA', /base64url/],
    ['a protocol alone', 'sdns://AA', /ends within its properties/],
    ['no address', stamp(0, props(0)), /ends within its address/],
    ['an address cut short', stamp(0, props(0), Buffer.from([9, 49])), /ends within its address/],
    ['an empty plain address', stamp(0, props(0), lp('')), /names no host/],
    ['a host name as address', stamp(0, props(0), lp('dns.example')), /is not an IP address/],
    ['a bad port', stamp(0, props(0), lp('8.8.8.8:99999')), /the port "99999"/],
    ['octets after the end', stamp(0, props(0), lp('8.8.8.8'), Buffer.from([0])), /octets after its end/],
    ['no hashes', stamp(3, props(0), lp('1.1.1.1')), /ends within its hashes/],
    ['a hash set without an end', stamp(3, props(0), lp('1.1.1.1'), Buffer.from([0x80])), /ends within its hashes/],
    [
      'a short hash',
      stamp(3, props(0), lp('1.1.1.1'), vlp(hash.subarray(1)), lp('dns.example')),
      /a certificate hash that isn't 32 octets/,
    ],
    ['no host name', stamp(3, props(0), lp('1.1.1.1'), none), /ends within its host name/],
    ['neither address nor host name', stamp(3, props(0), lp(''), none, lp('')), /neither an address nor a host name/],
    ['no path', stamp(2, props(0), lp(''), none, lp('dns.example')), /ends within its path/],
    [
      'a path that is not absolute',
      stamp(2, props(0), lp(''), none, lp('dns.example'), lp('dns-query')),
      /a path starts with "\/"/,
    ],
    ['a host name that is none', stamp(2, props(0), lp(''), none, lp('a b'), lp('/')), /which is not a host name/],
    ['two ports', stamp(3, props(0), lp('1.1.1.1:853'), none, lp('dns.example:8853')), /two ports, 853 and 8853/],
    [
      'a bootstrap name',
      stamp(3, props(0), lp('1.1.1.1'), none, lp('dns.example'), vlp('dns.other')),
      /bootstrap address "dns.other" is not an IP address/,
    ],
    ['port 53 for DoQ (R-DOQ-1)', stamp(4, props(0), lp('1.1.1.1:53'), none, lp('dns.example')), /RFC 9250/],
    [
      'DNSCrypt',
      stamp(1, props(0), lp('1.1.1.1'), lp(hash), lp('2.dnscrypt-cert.example')),
      /a kind that headrace doesn't speak: DNSCrypt;/,
    ],
    ['Oblivious DoH', stamp(5, props(0), lp('odoh.example'), lp('/')), /Oblivious DoH;/],
    ['an unknown protocol', stamp(0x42, props(0)), /unknown \(protocol 0x42\)/],
  ])('with %s is refused', (_what, text, message) => {
    assert.throws(() => parseAddress(text), { code: 'ERR_DNS_INVALID_ADDRESS', message })
  })

  test('cut short anywhere is refused, or is one without bootstrap addresses', () => {
    const whole = Buffer.concat([
      Buffer.from([2]),
      props(7),
      lp('1.1.1.1'),
      vlp(hash),
      lp('dns.example'),
      lp('/q'),
      vlp('9.9.9.9'),
    ])
    const optional = whole.length - 8
    for (let size = 0; size < whole.length; size++) {
      const text = `sdns://${whole.subarray(0, size).toString('base64url')}`
      if (size === optional) assert.equal(parseAddress(text).text, 'https://dns.example/q')
      else assert.throws(() => parseAddress(text), { code: 'ERR_DNS_INVALID_ADDRESS' }, `cut at ${size}`)
    }
  })
})
