import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { ResponseHead } from '../../src/http/response-head.js'
import { ageOf, responseFault, WANTED } from '../../src/transport/https-response.js'

function head(fields: readonly (readonly [string, string])[]): ResponseHead {
  const head = new ResponseHead(WANTED)
  for (const [name, value] of fields) head.field(name, value)
  return head
}
const typed = (type: string): ResponseHead => head([['content-type', type]])

describe('RFC 8484, 4.2.1: what may hold a reply (R-DOH-4, R-DOH-6)', () => {
  const OK = 'application/dns-message'
  const CASES: readonly [string, number, ResponseHead, number, string | null][] = [
    ['200', 200, typed(OK), 12, null],
    ['any 2xx', 299, typed(OK), 12, null],
    ['the largest message', 200, typed(OK), 65_535, null],
    ['another case', 200, typed('Application/DNS-Message'), 40, null],
    ['a parameter', 200, typed('application/dns-message; charset=utf-8'), 40, null],
    ['a parameter behind a space', 200, typed('application/DNS-message ;q'), 40, null],
    ['an interim status', 199, typed(OK), 40, 'answered HTTP 199'],
    ['400', 400, typed(OK), 40, 'answered HTTP 400'],
    ['429', 429, typed(OK), 40, 'answered HTTP 429'],
    ['503', 503, typed(OK), 40, 'answered HTTP 503'],
    ['304', 304, typed(OK), 0, 'answered HTTP 304, a redirect, and those are not followed'],
    [
      'A27: a redirect',
      302,
      head([['location', 'http://169.254.169.254/']]),
      0,
      'answered HTTP 302, a redirect to "http://169.254.169.254/", and those are not followed',
    ],
    [
      'A24: a redirect to what a terminal would act on',
      301,
      head([['location', '\x1b[31m\x9b"']]),
      0,
      'answered HTTP 301, a redirect to "?[31m?\\"", and those are not followed',
    ],
    ['HTML', 200, typed('text/html'), 900, 'sent "text/html", not application/dns-message'],
    ['JSON', 200, typed('application/dns-json'), 90, 'sent "application/dns-json", not application/dns-message'],
    ['a longer type', 200, typed(`${OK}s`), 90, 'sent "application/dns-messages", not application/dns-message'],
    ['two types', 200, typed(`${OK}, ${OK}`), 90, `sent "${OK}, ${OK}", not ${OK}`],
    ['no type', 200, head([]), 40, 'sent no content type, not application/dns-message'],
    ['nothing', 200, typed(OK), 0, 'sent 0 octets, which are no DNS message'],
    ['less than a header', 200, typed(OK), 11, 'sent 11 octets, which are no DNS message'],
  ]
  test.each(CASES)('%s', (_, status, headers, size, fault) => {
    assert.equal(responseFault(status, headers, Buffer.alloc(size)), fault)
  })
})

describe('RFC 9111, 5.1: Age (R-DOH-2)', () => {
  const CASES: readonly [string, string[], number][] = [
    ['none', [], 0],
    ['a number', ['250'], 250],
    ['zero', ['0'], 0],
    ['leading zeroes', ['007'], 7],
    ['of several the first', ['5, 9'], 5],
    ['of several fields the first', ['5', '9'], 5],
    ['as much as there can be', ['2147483647'], 2_147_483_647],
    ['more', ['2147483648'], 2_147_483_647],
    ['much more', ['9'.repeat(4000)], 2_147_483_647],
    ['a negative one', ['-1'], 0],
    ['a sign', ['+1'], 0],
    ['a fraction', ['1.5'], 0],
    ['an exponent', ['1e3'], 0],
    ['hexadecimal', ['0x10'], 0],
    ['words', ['old'], 0],
    ['nothing', [''], 0],
    ['nothing before the comma', [', 5'], 0],
    ['two numbers in one', ['1 2'], 0],
    ['a bad one before a good one', ['old, 5'], 0],
  ]
  test.each(CASES)('%s', (_, values, age) => {
    assert.equal(ageOf(head(values.map((value) => ['age', value] as const))), age)
  })
})
