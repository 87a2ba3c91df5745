import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { DecayingAverage } from '../../src/base/decaying-average.js'

describe('decaying average', () => {
  test('is NaN before the first sample, and the first sample after it', () => {
    const average = new DecayingAverage(60_000)
    assert.ok(Number.isNaN(average.value))
    average.add(50, 123)
    assert.equal(average.value, 50)
  })

  test('moves by the gain while samples come quickly (RFC 6298, section 2)', () => {
    const average = new DecayingAverage(60_000)
    average.add(80, 0)
    average.add(160, 1)
    assert.equal(average.value, 90)
    const eager = new DecayingAverage(60_000, 0.5)
    eager.add(80, 0)
    eager.add(160, 1)
    assert.equal(eager.value, 120)
  })

  test('after one half-life without samples the next one counts half, after long ones nearly all', () => {
    for (const [idle, expected] of [
      [1000, 150],
      [2000, 175],
      [10_000, 199.9],
    ] as const) {
      const average = new DecayingAverage(1000)
      average.add(100, 0)
      average.add(200, idle)
      assert.ok(Math.abs(average.value - expected) < 0.1, `${idle}: ${average.value}`)
    }
  })

  test('one outlier an hour ago says nothing now', () => {
    const average = new DecayingAverage(60_000)
    average.add(5000, 0)
    average.add(10, 3_600_000)
    assert.ok(average.value < 10.001)
  })

  test('stays between the lowest and the highest sample', () => {
    const average = new DecayingAverage(500)
    for (let i = 0; i < 1000; i++) {
      average.add(i % 2 === 0 ? 10 : 20, i * (i % 7) * 13)
      assert.ok(average.value >= 10 && average.value <= 20)
    }
  })

  test('a clock that stands still or steps back never lets a sample count less than the gain or more than all', () => {
    const average = new DecayingAverage(1000)
    average.add(100, 5000)
    average.add(200, 5000)
    assert.equal(average.value, 112.5)
    average.add(200, 1000)
    assert.equal(average.value, 112.5 + 87.5 / 8)
  })

  test('reset forgets everything before', () => {
    const average = new DecayingAverage(1000)
    average.add(500, 0)
    average.reset(20, 1)
    assert.equal(average.value, 20)
    average.add(28, 2)
    assert.equal(average.value, 21)
  })
})
