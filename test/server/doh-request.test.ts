import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { BODY, readRequest } from '../../src/server/doh-request.js'

const DNS = 'application/dns-message'
const get = (path: string) => readRequest({ ':method': 'GET', ':path': path }, '/dns-query')
const post = (type?: string, length?: string) =>
  readRequest(
    { ':method': 'POST', ':path': '/dns-query', 'content-type': type, 'content-length': length },
    '/dns-query',
  )

describe('a GET request (RFC 8484, section 4.1)', () => {
  test.each([
    ['/dns-query?dns=AAABAAABAAAAAAAA', '000001000001000000000000'],
    ['/dns-query?dns=AA', '00'],
    ['/dns-query?dns=-_-_', 'fbffbf'],
    ['/dns-query?ct=x&dns=AA', '00'],
    ['/dns-query?dns=AA&dns=AB', '00'],
    ['/dns-query?&&dns=AA&', '00'],
  ])('%s asks %s', (path, hex) => {
    assert.equal((get(path) as Buffer).toString('hex'), hex)
  })

  test.each([
    ['/dns-query', 400],
    ['/dns-query?', 400],
    ['/dns-query?dns', 400],
    ['/dns-query?dns=', 400],
    ['/dns-query?DNS=AA', 400],
    ['/dns-query?xdns=AA', 400],
    ['/dns-query?dns=AA==', 400],
    ['/dns-query?dns=AAAAA', 400],
    ['/dns-query?dns=A+A/', 400],
    ['/dns-query?dns=A%41', 400],
    ['/dns-query?dns=A A', 400],
    ['/dns-query?dns=AA#x', 400],
    ['/dns-query?dns=\u00e9\u00e9', 400],
    [`/dns-query?dns=${'A'.repeat(87_384)}`, 413],
    ['', 404],
    ['/', 404],
    ['*', 404],
    ['/dns-query/', 404],
    ['/dns-query/x?dns=AA', 404],
    ['/DNS-QUERY?dns=AA', 404],
    ['//dns-query?dns=AA', 404],
    ['/./dns-query?dns=AA', 404],
    ['/dns%2Dquery?dns=AA', 404],
    ['https://localhost/dns-query?dns=AA', 404],
  ])('%s is refused with %d', (path, status) => {
    assert.equal(get(path), status)
  })

  test('for the longest message is taken', () => {
    assert.equal((get(`/dns-query?dns=${'A'.repeat(87_380)}`) as Buffer).length, 65_535)
  })
})

describe('a POST request (RFC 8484, section 4.1)', () => {
  test.each([
    [DNS, undefined, BODY],
    [DNS, '65535', BODY],
    ['Application/DNS-Message', '12', BODY],
    [`${DNS}; charset=x`, '12', BODY],
    [` ${DNS} ;q=1`, '12', BODY],
    [DNS, '65536', 413],
    [DNS, '1e9', 413],
    [undefined, '12', 415],
    ['', '12', 415],
    ['application/dns-json', '12', 415],
    [`text/plain, ${DNS}`, '12', 415],
    [`${DNS}x`, '12', 415],
    ['application/dns-udpwireformat', '99999', 415],
  ] as const)('of %s and %s octets: %d', (type, length, expected) => {
    assert.equal(post(type, length), expected)
  })

  test('may have a query part', () => {
    const headers = { ':method': 'POST', ':path': '/dns-query?x', 'content-type': DNS }
    assert.equal(readRequest(headers, '/dns-query'), BODY)
  })
})

test.each(['PUT', 'HEAD', 'OPTIONS', 'DELETE', 'get', 'CONNECT', undefined])(
  'a %s request is refused with 405',
  (method) => {
    assert.equal(readRequest({ ':method': method, ':path': '/dns-query?dns=AA' }, '/dns-query'), 405)
  },
)

test('a path of our own is looked for exactly', () => {
  assert.equal(readRequest({ ':method': 'GET', ':path': '/?dns=AA' }, '/').toString(), '\0')
  assert.equal(readRequest({ ':method': 'GET', ':path': '/dns-query?dns=AA' }, '/'), 404)
  assert.equal(readRequest({}, '/'), 404)
})
