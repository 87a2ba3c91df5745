import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  formatAddress,
  parseAddress,
  parseAddressList,
  type Address,
  type AddressInput,
} from '../../src/address/address.js'

const invalid = (message: RegExp) => ({ code: 'ERR_DNS_INVALID_ADDRESS', message })

describe('parseAddress', () => {
  /** Input; transport, host, family, port, path; canonical form. */
  const accepted: readonly [string, string, string, 4 | 6 | null, number, string | null, string][] = [
    ['1.1.1.1', 'udp', '1.1.1.1', 4, 53, null, '1.1.1.1:53'],
    ['192.168.1.1:5353', 'udp', '192.168.1.1', 4, 5353, null, '192.168.1.1:5353'],
    ['2620:0:ccc::2', 'udp', '2620:0:ccc::2', 6, 53, null, '[2620:0:ccc::2]:53'],
    ['[2606:4700:4700::1111]', 'udp', '2606:4700:4700::1111', 6, 53, null, '[2606:4700:4700::1111]:53'],
    ['[2606:4700:4700::1111]:5353', 'udp', '2606:4700:4700::1111', 6, 5353, null, '[2606:4700:4700::1111]:5353'],
    ['2001:DB8:0:0:0:0:0:1', 'udp', '2001:db8::1', 6, 53, null, '[2001:db8::1]:53'],
    ['::ffff:192.0.2.1', 'udp', '192.0.2.1', 4, 53, null, '192.0.2.1:53'],
    ['[::ffff:c000:201]:53', 'udp', '192.0.2.1', 4, 53, null, '192.0.2.1:53'],
    ['fe80::1%eth0', 'udp', 'fe80::1%eth0', 6, 53, null, '[fe80::1%eth0]:53'],
    ['[FE80::1%eth0]:5353', 'udp', 'fe80::1%eth0', 6, 5353, null, '[fe80::1%eth0]:5353'],
    ['udp://[fe80::1%25eth0]', 'udp', 'fe80::1%eth0', 6, 53, null, '[fe80::1%eth0]:53'],
    ['udp://[fe80::1%eth0]', 'udp', 'fe80::1%eth0', 6, 53, null, '[fe80::1%eth0]:53'],
    ['udp://[fe80::1%25]', 'udp', 'fe80::1%25', 6, 53, null, '[fe80::1%25]:53'],
    ['udp://8.8.8.8', 'udp', '8.8.8.8', 4, 53, null, '8.8.8.8:53'],
    ['udp://[::1]', 'udp', '::1', 6, 53, null, '[::1]:53'],
    ['UDP://8.8.8.8:65535', 'udp', '8.8.8.8', 4, 65535, null, '8.8.8.8:65535'],
    ['tcp://9.9.9.9', 'tcp', '9.9.9.9', 4, 53, null, 'tcp://9.9.9.9:53'],
    ['tcp://[2620:fe::fe]:1', 'tcp', '2620:fe::fe', 6, 1, null, 'tcp://[2620:fe::fe]:1'],
    ['tls://dns.quad9.net', 'tls', 'dns.quad9.net', null, 853, null, 'tls://dns.quad9.net:853'],
    ['TLS://DNS.Quad9.NET.:8853', 'tls', 'dns.quad9.net', null, 8853, null, 'tls://dns.quad9.net:8853'],
    ['doq://dns.adguard-dns.com', 'doq', 'dns.adguard-dns.com', null, 853, null, 'doq://dns.adguard-dns.com:853'],
    ['quic://dns.adguard-dns.com:784', 'doq', 'dns.adguard-dns.com', null, 784, null, 'doq://dns.adguard-dns.com:784'],
    ['https://dns.google', 'https', 'dns.google', null, 443, '/dns-query', 'https://dns.google/dns-query'],
    ['https://dns.google/', 'https', 'dns.google', null, 443, '/dns-query', 'https://dns.google/dns-query'],
    ['https://dns.google/dns-query', 'https', 'dns.google', null, 443, '/dns-query', 'https://dns.google/dns-query'],
    [
      'https://dns.google/dns-query{?dns}',
      'https',
      'dns.google',
      null,
      443,
      '/dns-query',
      'https://dns.google/dns-query',
    ],
    [
      'https://dns.google:8443/q?token=a%20b',
      'https',
      'dns.google',
      null,
      8443,
      '/q?token=a%20b',
      'https://dns.google:8443/q?token=a%20b',
    ],
    [
      'https://dns.example?key=1',
      'https',
      'dns.example',
      null,
      443,
      '/dns-query?key=1',
      'https://dns.example/dns-query?key=1',
    ],
    [
      'https://[2606:4700:4700::1111]/dns-query',
      'https',
      '2606:4700:4700::1111',
      6,
      443,
      '/dns-query',
      'https://[2606:4700:4700::1111]/dns-query',
    ],
    ['h3://dns.google/dns-query', 'h3', 'dns.google', null, 443, '/dns-query', 'h3://dns.google/dns-query'],
    ['dns.quad9.net', 'udp', 'dns.quad9.net', null, 53, null, 'dns.quad9.net:53'],
    ['localhost', 'udp', 'localhost', null, 53, null, 'localhost:53'],
    ['localhost:5353', 'udp', 'localhost', null, 5353, null, 'localhost:5353'],
    ['coredns:53', 'udp', 'coredns', null, 53, null, 'coredns:53'],
    ['udp://coredns', 'udp', 'coredns', null, 53, null, 'coredns:53'],
    ['_dns.my_host.example', 'udp', '_dns.my_host.example', null, 53, null, '_dns.my_host.example:53'],
    ['tls://bücher.example', 'tls', 'xn--bcher-kva.example', null, 853, null, 'tls://xn--bcher-kva.example:853'],
    ['1.1.1.1.example', 'udp', '1.1.1.1.example', null, 53, null, '1.1.1.1.example:53'],
    ['0.0.0.0:5353', 'udp', '0.0.0.0', 4, 5353, null, '0.0.0.0:5353'],
  ]
  test.each(accepted)('reads %s', (input, transport, host, family, port, path, text) => {
    const address = parseAddress(input)
    assert.deepEqual({ ...address }, { transport, host, family, port, path, tag: null, stamp: null, text })
    assert.equal(formatAddress(address), text)
    assert.ok(Object.isFrozen(address))
  })

  test.each(accepted)('reads the canonical form of %s as the same place', (input) => {
    const address = parseAddress(input)
    assert.deepEqual({ ...parseAddress(address.text) }, { ...address })
  })

  const refused: readonly [AddressInput, RegExp][] = [
    ['', /^address "" is empty; expected something such as 1\.1\.1\.1/],
    [' ', /white space/],
    [' 1.1.1.1', /white space/],
    ['1.1.1.1\n', /white space/],
    ['1.1. 1.1', /white space/],
    ['1.1.1.1\0', /control character/],
    ['tls://dns.\u202equad9.net', /control character/],
    ['1.1.1', /"1\.1\.1", which is not an IPv4 address/],
    ['1.1.1.1.1', /not an IPv4 address/],
    ['999.1.1.1', /not an IPv4 address/],
    ['01.1.1.1', /not an IPv4 address/],
    ['1.1.1.1.', /not an IPv4 address/],
    ['0x7f.1', /not an IPv4 address/],
    ['2130706433', /not an IPv4 address/],
    ['udp://１.1.1.1', /not an IPv4 address/],
    ['tls://1.1.1.256:853', /not an IPv4 address/],
    ['1.1.1.1:0', /the port "0"; a port is a number from 1 to 65535/],
    ['1.1.1.1:65536', /the port "65536"/],
    ['1.1.1.1:', /the port ""/],
    ['1.1.1.1:-1', /the port "-1"/],
    ['1.1.1.1:5e1', /the port "5e1"/],
    ['1.1.1.1:dns', /the port "dns"/],
    ['1.1.1.1:53:53', /neither an IPv6 address nor host:port/],
    ['2001:db8::1::2', /neither an IPv6 address nor host:port/],
    [':53', /names no host/],
    ['.', /"\.", which is not a host name/],
    ['udp://', /names no host/],
    ['https:///dns-query', /names no host/],
    ['[::1', /"\[" without "\]"/],
    ['::1]', /brackets that do not match/],
    ['[::1]]', /after "\]"/],
    ['[::1]53', /"53" after "\]"/],
    ['[::1]:', /the port ""/],
    ['[1.1.1.1]:53', /in brackets, which is not an IPv6 address/],
    ['[]', /in brackets, which is not an IPv6 address/],
    ['[::g]', /in brackets, which is not an IPv6 address/],
    ['udp://2001:db8::1', /needs brackets around its IPv6 address: \[2001:db8::1\]/],
    ['quad9', /a single word; if it is a host name, write udp:\/\/quad9 or quad9:53/],
    ['primary|p', /a single word/],
    ['dns..example', /neither an IP address nor a host name/],
    ['-dns.example', /neither an IP address nor a host name/],
    ['*.example', /neither an IP address nor a host name/],
    [`${'a'.repeat(64)}.example`, /labels of up to 63/],
    [`${'a.'.repeat(127)}example`, /253 characters/],
    ['tls://exa%mple.com', /neither an IP address nor a host name/],
    ['tls://a\\b.example', /neither an IP address nor a host name/],
    ['tsl://1.1.1.1', /unknown scheme "tsl"; did you mean "tls"\?/],
    ['htps://1.1.1.1', /did you mean "https"\?/],
    ['dot://1.1.1.1', /did you mean "tls"\?/],
    ['doh://dns.google', /did you mean "https"\?/],
    ['gopher://1.1.1.1', /known are udp, tcp, tls, https, doq, quic, h3, sdns/],
    ['__proto__://1.1.1.1', /unknown scheme/],
    ['://1.1.1.1', /unknown scheme ""/],
    ['http://dns.google/dns-query', /plain HTTP is never used: write https:\/\//],
    ['tls:1.1.1.1', /a scheme without "\/\/"/],
    ['https:/dns.google', /has a path|a scheme without/],
    ['1.1.1.1#53', /a port is written after a colon/],
    ['1.1.1.1@53', /a port is written after a colon/],
    ['dns.google/dns-query', /only https:\/\/ and h3:\/\//],
    ['https://me:secret@dns.google/', /a user name before "@"/],
    ['tls://@1.1.1.1', /a user name before "@"/],
    ['https://dns.google/#top', /a fragment/],
    ['tls://1.1.1.1#name', /a fragment/],
    ['udp://1.1.1.1/', /"\/" after the host; udp:\/\/ takes no path/],
    ['tls://1.1.1.1/dns-query', /tls:\/\/ takes no path/],
    ['doq://dns.example?x=1', /doq:\/\/ takes no path/],
    ['https://dns.google/ü', /a URL character is written as %xx/],
    ['https://dns.google/{x}', /a URL character is written as %xx/],
    ['doq://dns.example:53', /port 53, on which DNS over QUIC is forbidden \(RFC 9250/],
    ['quic://dns.example:53', /forbidden \(RFC 9250/],
    ['tls://dns.example:53', /port 53, on which DNS over TLS is forbidden \(RFC 7858/],
    ['1.1.1.1:853', /port 853, on which DNS in the clear is forbidden.*write tls:\/\/ or doq:\/\//],
    ['tcp://1.1.1.1:853', /write tls:\/\/$/],
    ['1.1.1.1|', /the tag ""/],
    ['1.1.1.1|a|b', /the tag "a\|b"/],
    ['1.1.1.1|a\x1b[31m', /the tag/],
    ['|tag', /is empty/],
    [{ addr: '1.1.1.1|a', tag: 'b' }, /two tags/],
    [{ addr: '1.1.1.1', tag: '' }, /the tag ""/],
    [{ addr: '1.1.1.1', tag: 7 as never }, /a tag is text/],
    [{ tag: 'a' } as never, /must be text or an object such as/],
    [{ addr: 53 } as never, /must be text or an object such as/],
    [null as never, /must be text or an object such as/],
    [undefined as never, /must be text or an object such as/],
    [53 as never, /"53" must be text/],
    [`tls://${'a'.repeat(5000)}`, /longer than 4096 characters/],
  ]
  test.each(refused)('refuses %j', (input, message) => {
    assert.throws(() => parseAddress(input), invalid(message))
  })

  test('R-DOQ-1: port 53 is refused for DoQ only where it would be used', () => {
    assert.equal(parseAddress('doq://dns.example').port, 853)
  })

  test('keeps a tag from any form', () => {
    for (const form of [
      '8.8.8.8:53',
      '[::1]',
      'https://dns.google/dns-query',
      'tls://dns.quad9.net',
      'sdns://AAcAAAAAAAAABzguOC44Ljg',
    ]) {
      assert.equal(parseAddress(`${form}|primary`).tag, 'primary')
      assert.equal(parseAddress({ addr: form, tag: 'my resolver' }).tag, 'my resolver')
      assert.equal(parseAddress({ addr: `${form}|same`, tag: 'same' }).tag, 'same')
      assert.equal(parseAddress(`${form}|primary`).text, parseAddress(form).text)
    }
  })

  test('leaves other members of an object to whoever else reads it', () => {
    const input = { addr: '1.1.1.1:53', tag: 'cloudflare', weight: 2 }
    assert.equal(parseAddress(input).text, '1.1.1.1:53')
  })

  test('returns what it returned before unchanged', () => {
    const address = parseAddress('1.1.1.1|a')
    assert.equal(parseAddress(address), address)
  })

  test('defaultPort is for what has neither scheme nor port', () => {
    const options = { defaultPort: 5353 }
    assert.equal(parseAddress('1.1.1.1', options).port, 5353)
    assert.equal(parseAddress('[::1]', options).port, 5353)
    assert.equal(parseAddress('::1', options).port, 5353)
    assert.equal(parseAddress('dns.example', options).port, 5353)
    assert.equal(parseAddress('1.1.1.1:53', options).port, 53)
    assert.equal(parseAddress('udp://1.1.1.1', options).port, 53)
    assert.equal(parseAddress('tls://1.1.1.1', options).port, 853)
  })

  test.each([0, 65_536, 1.5, '53', null])('refuses the defaultPort %j', (defaultPort) => {
    assert.throws(() => parseAddress('1.1.1.1', { defaultPort: defaultPort as number }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /"defaultPort" must be a whole number from 1 to 65535/,
    })
  })

  test('refuses an option that it does not know', () => {
    assert.throws(() => parseAddress('1.1.1.1', { defaultport: 5 } as never), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /did you mean "defaultPort"/,
    })
  })

  test('A22: hostile text of any length is refused in linear time: quadratic would take longer than a test may', () => {
    const hostile = [
      'tls://' + 'a.'.repeat(500_000),
      '['.repeat(1_000_000),
      ':'.repeat(1_000_000),
      'a'.repeat(1_000_000) + '!',
      'sdns://' + 'A'.repeat(1_000_000),
      '1.1.1.1|' + ' '.repeat(1_000_000),
      'h'.repeat(1_000_000) + '://x',
      '%25'.repeat(300_000),
    ]
    for (const text of hostile) assert.throws(() => parseAddress(text), { code: 'ERR_DNS_INVALID_ADDRESS' })
  })
})

describe('parseAddressList', () => {
  const texts = (list: readonly Address[]): string[] => list.map((address) => address.text)

  test('reads every form that a configuration file lists', () => {
    assert.deepEqual(
      texts(parseAddressList('1.1.1.1,8.8.8.8:53,[2606:4700:4700::1111],[2001:4860:4860::8888]:53, 192.168.1.1:5353 ')),
      ['1.1.1.1:53', '8.8.8.8:53', '[2606:4700:4700::1111]:53', '[2001:4860:4860::8888]:53', '192.168.1.1:5353'],
    )
  })

  test('reads an array of mixed inputs with the same default port', () => {
    const list = parseAddressList(['1.1.1.1', { addr: 'tls://9.9.9.9', tag: 'q' }, parseAddress('8.8.8.8')], {
      defaultPort: 5300,
    })
    assert.deepEqual(texts(list), ['1.1.1.1:5300', 'tls://9.9.9.9:853', '8.8.8.8:53'])
    assert.deepEqual(parseAddressList([]), [])
  })

  test.each([
    ['', /is empty/],
    ['1.1.1.1,', /an empty entry/],
    ['1.1.1.1,,8.8.8.8', /an empty entry/],
    [',', /an empty entry/],
    ['1.1.1.1,8.8.8', /^address "8\.8\.8" has/],
    ['1.1.1.1 8.8.8.8', /white space/],
    [7 as never, /commas between addresses, or an array/],
    [{} as never, /commas between addresses, or an array/],
  ])('refuses %j', (input, message) => {
    assert.throws(() => parseAddressList(input), invalid(message))
  })
})
