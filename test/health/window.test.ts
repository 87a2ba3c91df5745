import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { SampleWindow, type WindowPolicy } from '../../src/health/window.js'

const DEFAULTS: WindowPolicy = { sampleSize: 100, minSampleCount: 1, threshold: 20 }

/** Samples as runs, `5g 5b`; the number of the sample that trips, counted from 1, or null. */
const CASES: readonly {
  readonly policy?: Partial<WindowPolicy>
  readonly runs: string
  readonly trips: number | null
}[] = [
  { runs: '1b', trips: 1 },
  { runs: '1g', trips: null },
  { runs: '1g 1b', trips: 2 },
  { policy: { minSampleCount: 11 }, runs: '5g 5b', trips: null },
  { policy: { minSampleCount: 11 }, runs: '5g 5b 1g', trips: 11 },
  { runs: '80g 20b', trips: 100 },
  { runs: '81g 19b', trips: null },
  { policy: { minSampleCount: 10, threshold: 30 }, runs: '7g 3b', trips: 10 },
  { policy: { minSampleCount: 10, threshold: 30 }, runs: '8g 2b', trips: null },
  { policy: { threshold: 100, minSampleCount: 3 }, runs: '1g 200b', trips: 101 },
  { policy: { threshold: 100 }, runs: '1b', trips: 1 },
  { policy: { sampleSize: 1, threshold: 50 }, runs: '9g 1b', trips: 10 },
  { policy: { sampleSize: 5, minSampleCount: 5, threshold: 60 }, runs: '2b 3g 1b 1g', trips: null },
  { policy: { sampleSize: 5, minSampleCount: 5, threshold: 60 }, runs: '3g 3b', trips: 6 },
  { policy: { threshold: 33.4, minSampleCount: 3 }, runs: '2g 1b', trips: null },
  { policy: { threshold: 33.3, minSampleCount: 3 }, runs: '2g 1b', trips: 3 },
]

describe('SampleWindow', () => {
  test.each(CASES)('$runs with $policy trips at $trips', ({ policy, runs, trips }) => {
    const window = new SampleWindow({ ...DEFAULTS, ...policy })
    const samples = runs.split(' ').flatMap((run) => Array<boolean>(parseInt(run)).fill(run.endsWith('b')))
    const at = samples.findIndex((failed) => window.add(failed))
    assert.equal(at === -1 ? null : at + 1, trips)
  })

  test('counts what it holds, the oldest making room', () => {
    const window = new SampleWindow({ sampleSize: 3, minSampleCount: 3, threshold: 100 })
    const counts: string[] = []
    for (const failed of [true, false, true, true, false, false, false]) {
      window.add(failed)
      counts.push(`${window.failed}/${window.samples}`)
    }
    assert.deepEqual(counts, ['1/1', '1/2', '2/3', '2/3', '2/3', '1/3', '0/3'])
  })

  test('cleared, it has forgotten everything', () => {
    const window = new SampleWindow({ sampleSize: 3, minSampleCount: 2, threshold: 50 })
    window.add(true)
    window.add(true)
    window.clear()
    assert.deepEqual([window.samples, window.failed], [0, 0])
    assert.equal(window.add(true), false)
    assert.equal(window.add(false), true)
    window.add(false)
    assert.equal(window.add(false), false)
    assert.equal(window.failed, 0)
  })
})
