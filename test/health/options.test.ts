import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { HealthMonitor } from '../../src/health/monitor.js'
import { checkHealthOptions, readHealthOptions, type HealthOptions } from '../../src/health/options.js'
import { FakeGroup } from './stage.js'

const NAMES = ['interval', 'timeout', 'failureThreshold', 'successThreshold'] as const

describe('readHealthOptions', () => {
  test('defaults are those of the default preset', () => {
    const settings = readHealthOptions('test', {})
    const { default: preset } = HealthMonitor.presets
    assert.deepEqual(
      NAMES.map((name) => settings[name]),
      [30_000, 2000, 3, 2],
    )
    for (const [name, value] of Object.entries(preset)) assert.equal(settings[name as keyof typeof preset], value)
    assert.deepEqual(settings.message.question, { name: 'a.root-servers.net', type: 'A', class: 'IN' })
    assert.equal(settings.message.checkingDisabled, false)
  })

  test('in lazy mode they are those of dnsdist', () => {
    const settings = readHealthOptions('test', { mode: 'lazy' })
    assert.deepEqual(
      NAMES.map((name) => settings[name]),
      [1000, 1000, 1, 1],
    )
    assert.deepEqual(settings.lazy, {
      threshold: 20,
      sampleSize: 100,
      minSampleCount: 1,
      failedInterval: 30_000,
      mode: 'timeout-or-servfail',
      exponentialBackoff: false,
      maxBackoff: 3_600_000,
    })
  })

  test('presets are options like any, and can be spread', () => {
    const { presets } = HealthMonitor
    const figures = Object.entries(presets).map(([name, preset]) => [name, ...NAMES.map((n) => preset[n])])
    assert.deepEqual(figures, [
      ['default', 30_000, 2000, 3, 2],
      ['ferrous', 30_000, 2000, 3, 2],
      ['dnsdist', 1000, 1000, 1, 1],
    ])
    const settings = readHealthOptions('test', { ...presets.dnsdist, mustResolve: true })
    assert.deepEqual([settings.interval, settings.initialDecides, settings.mustResolve], [1000, true, true])
    assert.throws(() => Object.assign(presets.dnsdist, { interval: 1 }), TypeError)
  })

  test("a member's own options lie over the monitor's, those of query and lazy one by one", () => {
    const settings = readHealthOptions(
      'test',
      { interval: 5000, query: { name: 'example.com', type: 'AAAA' }, lazy: { threshold: 50, sampleSize: 10 } },
      { mode: 'lazy', query: { type: 'NS' }, lazy: { threshold: 40 } },
    )
    assert.deepEqual([settings.mode, settings.interval, settings.timeout], ['lazy', 5000, 1000])
    assert.deepEqual(settings.message.question, { name: 'example.com', type: 'NS', class: 'IN' })
    assert.deepEqual([settings.lazy.threshold, settings.lazy.sampleSize], [40, 10])
  })

  test('type, class and CD of the query are as asked', () => {
    const query = { name: '.', type: 'NS', class: 'CH' }
    const { message } = readHealthOptions('test', { query, checkingDisabled: true })
    assert.deepEqual(message.question, { name: '.', type: 'NS', class: 'CH' })
    assert.equal(message.checkingDisabled, true)
  })
})

const BAD: readonly (readonly [string, unknown, RegExp])[] = [
  ['an unknown name', { intervall: 1 }, /option "intervall" is not known; did you mean "interval"/],
  ['an unknown name within lazy', { lazy: { treshold: 1 } }, /option "lazy.treshold" is not known; did you mean/],
  ['a mode', { mode: 'passive' }, /"active", "lazy", "off"/],
  ['an interval of 0', { interval: 0 }, /from 1 to/],
  ['an interval that no timer takes', { interval: 2 ** 31 }, /to 2147483647/],
  ['a timeout of NaN', { timeout: NaN }, /timeout/],
  ['a failureThreshold of 0', { failureThreshold: 0 }, /of at least 1; got 0/],
  ['half a successThreshold', { successThreshold: 1.5 }, /whole number/],
  ['a negative recoveryInterval', { recoveryInterval: -1 }, /recoveryInterval/],
  ['a threshold of 0', { lazy: { threshold: 0 } }, /lazy.threshold/],
  ['a threshold of 101', { lazy: { threshold: 101 } }, /lazy.threshold/],
  [
    'more samples needed than are kept',
    { lazy: { sampleSize: 10, minSampleCount: 11 } },
    /at most sampleSize, 10; got 11/,
  ],
  ['a lazy mode', { lazy: { mode: 'servfail' } }, /timeout-only/],
  ['makeQuery that is none', { makeQuery: 'a' }, /a function/],
  ['an empty name', { query: { name: '' } }, /query.name/],
  ['a name that can’t be encoded', { query: { name: `${'a'.repeat(64)}.example` } }, /"query" can't be asked/],
  ['a type that nobody knows', { query: { type: 'AAAAA' } }, /"query" can't be asked/],
  ['a class that nobody knows', { query: { class: 'XX' } }, /"query" can't be asked/],
  ['options that are no object', 'lazy', /an object/],
  ['null', null, /an object/],
]

describe('wrong options', () => {
  test.each(BAD)('%s: ERR_DNS_INVALID_OPTION', (_what, given, message) => {
    assert.throws(() => new HealthMonitor(new FakeGroup([]), given as HealthOptions), {
      code: 'ERR_DNS_INVALID_OPTION',
      message,
    })
  })

  test('are refused under the name that they have where they are handed on', () => {
    assert.throws(() => checkHealthOptions({ interval: 0 }, 'Pool', 'health'), {
      code: 'ERR_DNS_INVALID_OPTION',
      owner: 'Pool',
      option: 'health.interval',
    })
    for (const given of [true, 'lazy', 30_000]) {
      assert.throws(() => checkHealthOptions(given, 'Pool', 'health'), {
        code: 'ERR_DNS_INVALID_OPTION',
        message: /^Pool: option "health" must be an object of options, or false; got /,
      })
    }
    assert.throws(() => checkHealthOptions({ query: { name: 'a..b' } }, 'Upstream', 'health'), {
      code: 'ERR_DNS_INVALID_OPTION',
      owner: 'Upstream',
      option: 'health.query',
    })
    assert.equal(checkHealthOptions(false, 'Pool', 'health'), false)
    const given = { mode: 'lazy', lazy: { threshold: 5 } }
    assert.equal(checkHealthOptions(given, 'Pool', 'health'), given)
  })
})
