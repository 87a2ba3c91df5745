import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HpackTable } from '../../src/http/hpack-table.js'
import { decodeHpack } from '../../src/http/hpack.js'
import { HPACK } from '../../src/http/hpack.js'
import { HttpsTarget } from '../../src/transport/https-target.js'

const TARGET = { host: 'dns.example', port: 443, path: '/dns-query', method: 'POST' } as const
const QUERY = Buffer.from('fb\xff\xfe?', 'latin1')

function fieldsOf(target: HttpsTarget): Record<string, string> {
  const block = target.head.block(target.path(QUERY), target.body(QUERY))
  const fields: Record<string, string> = {}
  const sink = { field: (name: string, value: string) => (fields[name] = value) }
  decodeHpack(block, 0, block.length, new HpackTable(), sink)
  return fields
}

describe('R-DOH-1: what is asked for', () => {
  test('POST: the query is the content', () => {
    const target = new HttpsTarget(TARGET, HPACK)
    assert.equal(target.body(QUERY), QUERY)
    assert.equal(target.path(QUERY), null)
    assert.deepEqual(fieldsOf(target), {
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': 'dns.example',
      ':path': '/dns-query',
      accept: 'application/dns-message',
      'content-type': 'application/dns-message',
      'content-length': '5',
    })
  })

  test('GET: the query is in the path, in base64url without padding', () => {
    const target = new HttpsTarget({ ...TARGET, method: 'GET' }, HPACK)
    assert.equal(target.body(QUERY), null)
    assert.deepEqual(fieldsOf(target), {
      ':method': 'GET',
      ':scheme': 'https',
      ':authority': 'dns.example',
      ':path': '/dns-query?dns=ZmL__j8',
      accept: 'application/dns-message',
    })
  })

  test.each([
    ['/', '/?dns='],
    ['/a/b', '/a/b?dns='],
    ['/q?token=1', '/q?token=1&dns='],
    [null, '/?dns='],
  ])('GET: path %s', (path, start) => {
    assert.equal(new HttpsTarget({ ...TARGET, method: 'GET', path }, HPACK).path(QUERY), `${start}ZmL__j8`)
  })

  test.each([
    ['dns.example', 443, 'dns.example'],
    ['dns.example', 8443, 'dns.example:8443'],
    ['192.0.2.1', 443, '192.0.2.1'],
    ['192.0.2.1', 853, '192.0.2.1:853'],
    ['2001:db8::1', 443, '[2001:db8::1]'],
    ['2001:db8::1', 8443, '[2001:db8::1]:8443'],
    ['fe80::1%eth0', 8443, '[fe80::1]:8443'],
  ])('authority of %s, port %s', (host, port, authority) => {
    assert.equal(fieldsOf(new HttpsTarget({ ...TARGET, host, port }, HPACK))[':authority'], authority)
  })
})
