import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import { hostPort, parseListenAddress } from '../../src/server/listen-address.js'

describe('an address to listen on', () => {
  for (const [text, ...expected] of [
    ['127.0.0.1:5353', '127.0.0.1:5353'],
    ['127.0.0.1', '127.0.0.1:53'],
    ['127.0.0.1:0', '127.0.0.1:0'],
    ['[::1]:5353', '[::1]:5353'],
    ['[::1]', '[::1]:53'],
    ['::1', '[::1]:53'],
    ['fe80::1%eth0', '[fe80::1%eth0]:53'],
    ['0.0.0.0:53', '0.0.0.0:53'],
    [':5353', '0.0.0.0:5353', '[::]:5353'],
    ['*:5353', '0.0.0.0:5353', '[::]:5353'],
    ['localhost:5353', '127.0.0.1:5353', '[::1]:5353'],
    ['LocalHost', '127.0.0.1:53', '[::1]:53'],
  ] as const) {
    test(`${text} is ${expected.join(' and ')}`, () => {
      const read = parseListenAddress(text).map(({ host, port }) => hostPort(host, port))
      assert.deepEqual(read, expected)
    })
  }

  test('an address of both families may lack its IPv6 half', () => {
    assert.deepEqual(
      parseListenAddress(':53').map(({ optional }) => optional),
      [false, true],
    )
    assert.deepEqual(
      parseListenAddress('[::]:53').map(({ optional }) => optional),
      [false],
    )
  })

  for (const [text, problem] of [
    ['', /cannot be listened on/],
    ['dns.example:53', /cannot be listened on.*expected an IP address/],
    ['udp://127.0.0.1:53', /without one/],
    ['127.0.0.1:', /has the port ""/],
    ['127.0.0.1:65536', /has the port "65536"/],
    ['127.0.0.1:-1', /has the port "-1"/],
    ['127.0.0.1:5e1', /has the port "5e1"/],
    ['[127.0.0.1]:53', /in brackets, which is not an IPv6 address/],
    ['[::1', /cannot be listened on/],
    ['::1:53:99999999', /cannot be listened on/],
    ['300.1.1.1:53', /cannot be listened on/],
  ] as const) {
    test(`${JSON.stringify(text)} is refused, saying why`, () => {
      assert.throws(
        () => parseListenAddress(text),
        (error) => error instanceof DnsError && error.code === 'ERR_DNS_INVALID_ADDRESS' && problem.test(error.message),
      )
    })
  }
})
