import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Field } from '../../src/http/field.js'
import { MAX_HEADER_LIST } from '../../src/http/header-section.js'
import { ResponseHead } from '../../src/http/response-head.js'

function head(...fields: Field[]): ResponseHead {
  const made = new ResponseHead(['content-type', 'age'])
  for (const [name, value] of fields) made.field(name, value)
  return made
}
const STATUS: Field = [':status', '200']

test('keeps the fields that are wanted, several of one name in one value', () => {
  const made = head(STATUS, ['Age'.toLowerCase(), '7'], ['server', 'x'], ['age', '8'], ['content-length', '40'])
  assert.equal(made.faultAsHead(), null)
  assert.equal(made.status, 200)
  assert.equal(made.contentLength, 40)
  assert.equal(made.get('age'), '7, 8')
  assert.equal(made.get('content-type'), null)
  assert.equal(made.get('server'), null)
})

describe('RFC 9113, 8.2 and 8.3: malformed', () => {
  test.each<[string, Field[]]>([
    ['no status', [['age', '1']]],
    ['nothing at all', []],
    ['status twice', [STATUS, STATUS]],
    ['status after a field', [['age', '1'], STATUS]],
    ['a status of two digits', [[':status', '20']]],
    ['a status with a sign', [[':status', '+20']]],
    ['a pseudo-field of requests', [STATUS, [':path', '/']]],
    ['an unknown pseudo-field', [[':x', '/']]],
    ['an empty name', [STATUS, ['', '']]],
    ['upper case', [STATUS, ['Age', '1']]],
    ['a space in a name', [STATUS, ['a b', '1']]],
    ['a line break in a value', [STATUS, ['a', '1\r\n2']]],
    ['NUL in a value', [STATUS, ['a', '1\x002']]],
    ['a space before a value', [STATUS, ['a', ' 1']]],
    ['a tab after a value', [STATUS, ['a', '1\t']]],
    ['connection', [STATUS, ['connection', 'close']]],
    ['transfer-encoding', [STATUS, ['transfer-encoding', 'chunked']]],
    ['a content-length that is no number', [STATUS, ['content-length', '4x']]],
    ['an empty content-length', [STATUS, ['content-length', '']]],
    ['a list of content-lengths', [STATUS, ['content-length', '4, 4']]],
    ['two content-lengths', [STATUS, ['content-length', '4'], ['content-length', '5']]],
  ])('%s', (_, fields) => assert.notEqual(head(...fields).faultAsHead(), null))
})

test('trailers have no pseudo-fields', () => {
  assert.equal(head(['age', '1']).faultAsTrailers(), null)
  assert.notEqual(head(STATUS).faultAsTrailers(), null)
})

test('what is larger than was allowed is oversized, however it is cut into fields', () => {
  assert.ok(!head(STATUS, ['a', 'x'.repeat(MAX_HEADER_LIST - 43 - 32)]).oversized)
  assert.ok(head(STATUS, ['a', 'x'.repeat(MAX_HEADER_LIST)]).oversized)
  assert.ok(head(...Array.from({ length: 500 }, (): Field => ['a', ''])).oversized)
})
