import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.js'

describe('FakeClock', () => {
  test('stands still until it is told to move', async () => {
    const clock = new FakeClock(500)
    assert.equal(clock.now(), 500)
    await clock.advance(0)
    assert.equal(clock.now(), 500)
    await clock.advance(12.5)
    assert.equal(clock.now(), 512.5)
  })

  test('fires timers in order of time, and those of one instant in the order set', async () => {
    const clock = new FakeClock()
    const fired: string[] = []
    clock.setTimeout(() => fired.push(`c${clock.now()}`), 20)
    clock.setTimeout(() => fired.push(`a${clock.now()}`), 10)
    clock.setTimeout(() => fired.push(`b${clock.now()}`), 10)
    assert.equal(clock.pending, 3)
    await clock.advance(15)
    assert.deepEqual(fired, ['a10', 'b10'])
    await clock.advance(5)
    assert.deepEqual(fired, ['a10', 'b10', 'c20'])
    assert.equal(clock.pending, 0)
  })

  test('a cleared timer does not fire; clearing it twice or after it fired is harmless', async () => {
    const clock = new FakeClock()
    let fired = 0
    const [cleared, kept] = [clock.setTimeout(() => fired++, 5), clock.setTimeout(() => fired++, 5)]
    clock.clearTimeout(cleared)
    clock.clearTimeout(cleared)
    await clock.advance(10)
    clock.clearTimeout(kept)
    assert.equal(fired, 1)
  })

  test('timers set by timers fire on the way, and negative waits count as none', async () => {
    const clock = new FakeClock()
    const fired: number[] = []
    clock.setTimeout(() => {
      clock.setTimeout(() => fired.push(clock.now()), 3)
      clock.setTimeout(() => fired.push(clock.now()), -5)
    }, 10)
    await clock.advance(100)
    assert.deepEqual(fired, [10, 13])
  })

  test('promises settle between timers', async () => {
    const clock = new FakeClock()
    const seen: string[] = []
    clock.setTimeout(() => void Promise.resolve().then(() => seen.push('promise')), 1)
    clock.setTimeout(() => seen.push('timer'), 2)
    await clock.advance(2)
    assert.deepEqual(seen, ['promise', 'timer'])
  })

  test('run jumps from timer to timer until the promise settles, and leaves later ones alone', async () => {
    const clock = new FakeClock()
    clock.setTimeout(() => {}, 7_200_000)
    const value = await clock.run(new Promise((resolve) => clock.setTimeout(() => resolve('done'), 3_600_000)))
    assert.equal(value, 'done')
    assert.equal(clock.now(), 3_600_000)
    assert.equal(clock.pending, 1)
  })

  test('run rejects with what the promise rejects with, now or later', async () => {
    const clock = new FakeClock()
    await assert.rejects(clock.run(Promise.reject(new Error('at once'))), /at once/)
    await assert.rejects(
      clock.run(new Promise((_, reject) => clock.setTimeout(() => reject(new Error('later')), 5))),
      /later/,
    )
  })

  test('run refuses to wait for what nothing can settle', async () => {
    await assert.rejects(new FakeClock().run(new Promise(() => {})), /the promise is pending and no timer is set/)
  })

  test('a stall moves time without firing; what fell due fires late, at the time it is then', async () => {
    const clock = new FakeClock()
    const fired: number[] = []
    clock.setTimeout(() => fired.push(clock.now()), 10)
    clock.stall(300)
    assert.deepEqual(fired, [])
    await clock.advance(0)
    assert.deepEqual(fired, [300])
    assert.equal(clock.now(), 300)
  })

  test('afterPoll comes after the timers that are due already', async () => {
    const clock = new FakeClock()
    const seen: string[] = []
    clock.setTimeout(() => seen.push('due'), 0)
    clock.afterPoll(() => seen.push('after the poll'))
    await clock.advance(0)
    assert.deepEqual(seen, ['due', 'after the poll'])
  })

  test('time never goes back when a timer that is overdue fires', async () => {
    const clock = new FakeClock()
    clock.setTimeout(() => clock.stall(50), 10)
    clock.setTimeout(() => {}, 20)
    await clock.advance(30)
    assert.equal(clock.now(), 60)
  })

  test('in a sleep only the wall clock goes on', async () => {
    const clock = new FakeClock(100)
    assert.equal(clock.wall(), 100)
    clock.sleep(60_000)
    assert.deepEqual([clock.now(), clock.wall()], [100, 60_100])
    await clock.advance(50)
    assert.deepEqual([clock.now(), clock.wall()], [150, 60_150])
  })
})
