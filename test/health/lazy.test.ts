import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { HealthOptions, LazyOptions } from '../../src/health/options.js'
import type { QueryOutcome } from '../../src/health/subject.js'
import { stage } from './stage.js'

const times = (count: number, outcome: QueryOutcome): readonly QueryOutcome[] => Array(count).fill(outcome)

/** A member that is up in lazy mode, its first probe done. */
async function healthy(options: HealthOptions = {}, lazy: LazyOptions = {}) {
  const t = stage({ mode: 'lazy', ...options, lazy })
  t.monitor.start()
  await t.clock.advance(10_000)
  assert.deepEqual(t.a.told.splice(0), ['up at 10'])
  assert.deepEqual(t.a.probes.splice(0), [0])
  return t
}

describe('lazy check', () => {
  test('one probe at the start, and none while queries succeed', async () => {
    const { clock, monitor, a } = await healthy()
    for (let hour = 0; hour < 24; hour++) {
      a.traffic(...times(100, 'reply'))
      await clock.advance(3_600_000)
    }
    assert.deepEqual([a.probes, a.told], [[], []])
    assert.equal(monitor.stats[0]!.nextProbe, Infinity)
    monitor.stop()
  })

  test('the first probe after the start takes it down at once, thresholds ignored', async () => {
    const { clock, monitor, a } = stage({ mode: 'lazy', failureThreshold: 5 })
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(2000)
    assert.deepEqual(a.told, ['down at 1000'])
    monitor.stop()
  })

  test('defaults: 1 timeout, and it is suspect and probed at once; that probe good, it is healthy', async () => {
    const { clock, monitor, a } = await healthy()
    a.traffic('failure')
    assert.deepEqual(a.told, ['suspect at 10000'])
    await clock.advance(60_000)
    assert.deepEqual([a.probes, a.told], [[10_000], ['suspect at 10000', 'up at 10010']])
    monitor.stop()
  })

  test('a good sample may be the one that is needed', async () => {
    const { monitor, a } = await healthy({}, { minSampleCount: 11 })
    a.traffic(...times(5, 'reply'), ...times(5, 'failure'))
    assert.deepEqual(a.told, [])
    a.traffic('reply')
    assert.deepEqual(a.told, ['suspect at 10000'])
    monitor.stop()
  })

  test('SERVFAIL is a failure, unless the mode is timeout-only', async () => {
    const both = await healthy()
    both.a.traffic('servfail')
    assert.deepEqual(both.a.told, ['suspect at 10000'])
    both.monitor.stop()
    const timeouts = await healthy({}, { mode: 'timeout-only' })
    timeouts.a.traffic('servfail')
    assert.deepEqual(timeouts.a.told, [])
    timeouts.a.traffic('failure')
    assert.deepEqual(timeouts.a.told, ['suspect at 10000'])
    timeouts.monitor.stop()
  })

  test('suspect: it is probed each second, and 100 good replies do not clear that', async () => {
    const { clock, monitor, a } = await healthy({ failureThreshold: 10 })
    a.behaviour = { rcode: 'SERVFAIL' }
    a.traffic('failure')
    await clock.advance(500)
    a.traffic(...times(100, 'reply'))
    await clock.advance(3000)
    assert.deepEqual([a.probes, a.told], [[10_000, 11_000, 12_000, 13_000], ['suspect at 10000']])
    monitor.stop()
  })

  test('failureThreshold 3: down at the third bad probe; successThreshold 5: one good one was enough before', async () => {
    const { clock, monitor, a } = await healthy({ failureThreshold: 3, successThreshold: 5 })
    a.behaviour = 'silent'
    a.traffic('failure')
    await clock.advance(1500)
    a.behaviour = 'good'
    await clock.advance(10_000)
    assert.deepEqual(a.told.splice(0), ['suspect at 10000', 'up at 12010'])
    a.behaviour = 'silent'
    a.traffic('failure')
    await clock.advance(10_000)
    assert.deepEqual(a.told, ['suspect at 21500', 'down at 24500'])
    monitor.stop()
  })

  test('the window is empty after a good probe', async () => {
    const { clock, monitor, a } = await healthy({}, { minSampleCount: 4, threshold: 50 })
    a.traffic('reply', 'failure', 'reply', 'failure')
    await clock.advance(5000)
    a.traffic('failure', 'failure', 'failure')
    assert.deepEqual(a.told, ['suspect at 10000', 'up at 10010'])
    a.traffic('failure')
    assert.equal(a.told.at(-1), 'suspect at 15000')
    monitor.stop()
  })

  const schedules: readonly (readonly [string, LazyOptions, readonly number[]])[] = [
    ['fixed 30 s', {}, [30, 60, 90, 120]],
    [
      'exponential 30 s, at most 3600 s',
      { exponentialBackoff: true },
      [30, 90, 210, 450, 930, 1890, 3810, 7410, 11_010],
    ],
    [
      'exponential 15 s, at most 600 s',
      { exponentialBackoff: true, failedInterval: 15_000, maxBackoff: 600_000 },
      [15, 45, 105, 225, 465, 945, 1545, 2145],
    ],
  ]
  test.each(schedules)('down, %s, bad for ever', async (_what, lazy, expected) => {
    const { clock, monitor, a } = await healthy({}, lazy)
    a.behaviour = 'silent'
    a.traffic('failure')
    await clock.advance(1000)
    assert.deepEqual(a.told, ['suspect at 10000', 'down at 11000'])
    await clock.advance(expected.at(-1)! * 1000 + 500)
    assert.deepEqual(
      a.probes.slice(1).map((ms) => ms / 1000 - 11),
      expected,
    )
    monitor.stop()
  })

  test('down, successThreshold 2: a good one schedules the next after 30 s, and a bad one starts the count again', async () => {
    const { clock, monitor, a } = await healthy({ successThreshold: 2 })
    const script = ['silent', 'good', 'silent', 'good', 'good'] as const
    a.behaviour = script[0]
    a.traffic('failure')
    for (const next of script.slice(1)) {
      await clock.advance(1100)
      a.behaviour = next
      await clock.advance(28_900)
    }
    await clock.advance(10_000)
    assert.deepEqual(a.probes, [10_000, 41_000, 71_000, 101_000, 131_000])
    assert.deepEqual(a.told, ['suspect at 10000', 'down at 11000', 'up at 131010'])
    monitor.stop()
  })

  test('down, traffic changes nothing', async () => {
    const { clock, monitor, a } = await healthy()
    a.behaviour = 'silent'
    a.traffic('failure')
    await clock.advance(5000)
    a.traffic(...times(100, 'reply'), ...times(100, 'failure'))
    a.suspect()
    await clock.advance(5000)
    assert.deepEqual([a.probes, a.told], [[10_000], ['suspect at 10000', 'down at 11000']])
    monitor.stop()
  })

  test('a window that trips again and again is one probe a second', async () => {
    const { clock, monitor, a } = await healthy()
    for (let ms = 0; ms < 3000; ms += 10) {
      a.traffic('failure')
      await clock.advance(10)
    }
    await clock.advance(1000)
    assert.deepEqual(a.probes, [10_000, 11_000, 12_000, 13_000])
    monitor.stop()
  })

  test('a suspicion is not its business', async () => {
    const { clock, monitor, a } = await healthy()
    a.suspect()
    await clock.advance(10_000)
    assert.deepEqual(a.probes, [])
    monitor.stop()
  })
})
