import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  boolean,
  duration,
  func,
  integer,
  nearest,
  nested,
  notBuiltIn,
  number,
  oneOf,
  option,
  parsed,
  readOptions,
  reject,
  show,
  suggest,
  text,
} from '../../src/base/options.js'
import { InvalidOptionError } from '../../src/errors.js'

const noop = (): void => {}
const TABLE = {
  timeout: duration(2000),
  retries: integer(3, 0, 10),
  size: integer(1, 1),
  share: number(0.5, 0, 1),
  order: number(0, -Infinity),
  padding: boolean(true),
  tag: text(),
  method: oneOf('POST', 'POST', 'GET'),
  check: func(noop),
  source: parsed<string | null>(null, (given, owner, name) =>
    typeof given === 'string' ? given.trim() : reject(owner, name, given, 'an address'),
  ),
  tls: nested({
    pins: option<readonly string[]>([], 'an array', Array.isArray),
    minVersion: oneOf('1.2', '1.2', '1.3'),
  }),
  health: notBuiltIn(),
}

function read(given: unknown): Record<string, unknown> {
  return readOptions('Upstream', TABLE, given)
}

describe('options', () => {
  test('missing and undefined ones get their defaults, and the result is frozen', () => {
    const expected = {
      timeout: 2000,
      retries: 3,
      size: 1,
      share: 0.5,
      order: 0,
      padding: true,
      tag: null,
      method: 'POST',
      check: noop,
      source: null,
      tls: { pins: [], minVersion: '1.2' },
      health: null,
    }
    for (const given of [undefined, {}, { timeout: undefined, health: undefined, tls: undefined }]) {
      assert.deepEqual(read(given), expected)
      assert.ok(Object.isFrozen(read(given)))
    }
    assert.ok(Object.isFrozen(read({}).tls))
  })

  test('given ones are taken, and what is given is neither kept nor changed', () => {
    const given = { timeout: 5, tls: { minVersion: '1.3' }, source: ' 192.0.2.1 ' }
    const values = read(given)
    given.timeout = 9
    given.tls.minVersion = '1.2'
    assert.equal(values.timeout, 5)
    assert.deepEqual(values.tls, { pins: [], minVersion: '1.3' })
    assert.equal(values.source, '192.0.2.1')
    assert.equal(given.source, ' 192.0.2.1 ')
  })

  test('the edges of ranges are inside', () => {
    const values = read({ timeout: 1, retries: 10, share: 1, size: Number.MAX_SAFE_INTEGER, order: -1e9 })
    assert.deepEqual([values.timeout, values.retries, values.share], [1, 10, 1])
    assert.equal(read({ timeout: 2 ** 31 - 1 }).timeout, 2 ** 31 - 1)
  })

  const wrong: [object, string][] = [
    [{ timeout: 0 }, 'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got 0'],
    [
      { timeout: 2 ** 31 },
      'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got 2147483648',
    ],
    [{ timeout: NaN }, 'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got NaN'],
    [{ timeout: '5s' }, 'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got "5s"'],
    [{ timeout: null }, 'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got null'],
    [
      { timeout: Infinity },
      'Upstream: option "timeout" must be a number of milliseconds from 1 to 2147483647; got Infinity',
    ],
    [{ retries: 1.5 }, 'Upstream: option "retries" must be a whole number from 0 to 10; got 1.5'],
    [{ retries: 5n }, 'Upstream: option "retries" must be a whole number from 0 to 10; got 5'],
    [{ size: 0 }, 'Upstream: option "size" must be a whole number of at least 1; got 0'],
    [{ share: -0.1 }, 'Upstream: option "share" must be a number from 0 to 1; got -0.1'],
    [{ order: Infinity }, 'Upstream: option "order" must be a number; got Infinity'],
    [{ padding: 'yes' }, 'Upstream: option "padding" must be true or false; got "yes"'],
    [{ tag: '' }, 'Upstream: option "tag" must be a string that is not empty; got ""'],
    [{ method: 'get' }, 'Upstream: option "method" must be one of "POST", "GET"; got "get"'],
    [{ method: ['POST'] }, 'Upstream: option "method" must be one of "POST", "GET"; got an array of 1'],
    [{ check: {} }, 'Upstream: option "check" must be a function; got an object of Object'],
    [{ source: new Map() }, 'Upstream: option "source" must be an address; got an object of Map'],
    [
      { source: Object.create(null) as object },
      'Upstream: option "source" must be an address; got an object of no class',
    ],
    [{ tls: true }, 'Upstream: option "tls" must be an object; got true'],
    [{ tls: [] }, 'Upstream: option "tls" must be an object; got an array of 0'],
    [{ tls: { pins: 'x' } }, 'Upstream: option "tls.pins" must be an array; got "x"'],
    [{ tls: { pin: [] } }, 'Upstream: option "tls.pin" is not known; did you mean "pins"?'],
    [{ health: {} }, 'Upstream: option "health" is not built in yet'],
    [{ health: false }, 'Upstream: option "health" is not built in yet'],
    [{ timeuot: 5 }, 'Upstream: option "timeuot" is not known; did you mean "timeout"?'],
    [{ TIMEOUT: 5 }, 'Upstream: option "TIMEOUT" is not known; did you mean "timeout"?'],
    [{ colour: 1 }, `Upstream: option "colour" is not known; known are ${Object.keys(TABLE).join(', ')}`],
    [{ toString: 1 }, `Upstream: option "toString" is not known; known are ${Object.keys(TABLE).join(', ')}`],
    [{ timeuot: undefined }, 'Upstream: option "timeuot" is not known; did you mean "timeout"?'],
  ]
  for (const [given, message] of wrong) {
    test(message, () => {
      assert.throws(
        () => read(given),
        (error: InvalidOptionError) => {
          assert.ok(error instanceof InvalidOptionError)
          assert.equal(error.code, 'ERR_DNS_INVALID_OPTION')
          assert.equal(error.owner, 'Upstream')
          assert.equal(error.message, message)
          assert.ok(message.includes(`"${error.option}"`))
          return true
        },
      )
    })
  }

  for (const given of [null, 4, 'timeout', [], [{ timeout: 5 }], true, noop]) {
    test(`options that are ${show(given)} are refused`, () => {
      assert.throws(() => read(given), {
        code: 'ERR_DNS_INVALID_OPTION',
        option: 'options',
        message: `Upstream: option "options" must be an object; got ${show(given)}`,
      })
    })
  }

  test('an own property named __proto__ is unknown and touches nothing (A22)', () => {
    const given = JSON.parse('{ "__proto__": { "timeout": 5 } }') as object
    assert.throws(() => read(given), { code: 'ERR_DNS_INVALID_OPTION', option: '__proto__' })
    assert.equal(({} as { timeout?: number }).timeout, undefined)
  })

  test('inherited options are taken as given: a class of defaults works', () => {
    class Defaults {
      timeout = 7
    }
    assert.equal(read(new Defaults()).timeout, 7)
  })

  test('a name of a class without options says that there are none', () => {
    assert.throws(() => readOptions('FailoverStrategy', {}, { width: 1 }), {
      message: 'FailoverStrategy: option "width" is not known; there are none',
    })
  })
})

describe('suggestions', () => {
  const rows: [string, string | null][] = [
    ['timeout', 'timeout'],
    ['timeuot', 'timeout'],
    ['timout', 'timeout'],
    ['timeoutt', 'timeout'],
    ['Timeouts', 'timeout'],
    ['tmeot', 'timeout'],
    ['tmt', null],
    ['wieght', 'weight'],
    ['', null],
    ['x'.repeat(100_000), null],
  ]
  for (const [name, expected] of rows) {
    test(`${show(name)}: ${expected ?? 'nothing is near'}`, () =>
      assert.equal(nearest(name, ['timeout', 'weight', 'source']), expected))
  }

  test('the nearest is suggested, not the first that is near', () => {
    assert.equal(suggest('maxTTL', ['minTtl', 'maxTtl']), '; did you mean "maxTtl"?')
  })
})

describe('values in messages', () => {
  const rows: [unknown, string][] = [
    ['a', '"a"'],
    ['line\nbreak', '"line\\nbreak"'],
    ['x'.repeat(100), `"${'x'.repeat(60)}…"`],
    [noop, 'a function'],
    [[1, 2], 'an array of 2'],
    [{}, 'an object of Object'],
    [new Date(0), 'an object of Date'],
    [Object.create(null), 'an object of no class'],
    [null, 'null'],
    [undefined, 'undefined'],
    [-0.5, '-0.5'],
    [10n, '10'],
    [Symbol('x'), 'Symbol(x)'],
  ]
  for (const [value, expected] of rows)
    test(`${expected} is shown short and on one line`, () => assert.equal(show(value), expected))
})
