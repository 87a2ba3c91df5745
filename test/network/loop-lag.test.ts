import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { LoopLag } from '../../src/network/loop-lag.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** Stalls as [when, how long], in ms, within a measurement of `length` ms. */
const CASES: readonly {
  readonly what: string
  readonly length: number
  readonly stalls: readonly (readonly [number, number])[]
  readonly lag: number
}[] = [
  { what: 'an idle loop has no lag', length: 2000, stalls: [], lag: 0 },
  { what: 'a stall counts', length: 2000, stalls: [[500, 1200]], lag: 1200 },
  {
    what: 'stalls add up',
    length: 2000,
    stalls: [
      [100, 300],
      [1000, 500],
    ],
    lag: 800,
  },
  { what: 'a stall that lasts to the end counts', length: 2000, stalls: [[1000, 1000]], lag: 1000 },
  { what: 'what is shorter than a tick goes unseen', length: 300, stalls: [[100, 50]], lag: 0 },
]

describe('LoopLag (N07)', () => {
  test.each(CASES)('$what', async ({ length, stalls, lag }) => {
    const clock = new FakeClock()
    const loop = new LoopLag(clock)
    const begun = loop.begin()
    for (const [at, ms] of stalls) {
      await clock.advance(at - clock.now())
      clock.stall(ms)
    }
    await clock.advance(Math.max(0, length - clock.now()))
    const found = loop.end(begun)
    assert.ok(found <= lag && found >= lag - 50 * stalls.length, `${found}, not about ${lag}`)
    assert.equal(clock.pending, 0)
  })

  test('a sleep counts, though the monotonic clock stood still', async () => {
    const clock = new FakeClock()
    const loop = new LoopLag(clock)
    const begun = loop.begin()
    await clock.advance(500)
    clock.sleep(3_600_000)
    await clock.advance(100)
    assert.ok(loop.end(begun) > 3_599_000)
  })

  test('a clock without a date will do, and so will one that is set back', async () => {
    const clock = new FakeClock()
    const { now, setTimeout, clearTimeout, afterPoll } = clock
    const dateless = new LoopLag({ now, setTimeout, clearTimeout, afterPoll })
    const dated = new LoopLag(clock)
    const begun = [dateless.begin(), dated.begin()] as const
    clock.sleep(-500_000)
    await clock.advance(1000)
    assert.deepEqual([dateless.end(begun[0]), dated.end(begun[1])], [0, 0])
  })

  test('two measurements at once each find what happened in their own time', async () => {
    const clock = new FakeClock()
    const loop = new LoopLag(clock)
    const first = loop.begin()
    clock.stall(400)
    await clock.advance(10)
    const second = loop.begin()
    await clock.advance(100)
    assert.ok(loop.end(first) >= 350)
    assert.equal(loop.end(second), 0)
  })

  test('a stall before the measurement counts for nothing, one right before its end does', async () => {
    const clock = new FakeClock()
    const loop = new LoopLag(clock)
    loop.begin()
    clock.stall(400)
    const begun = loop.begin()
    clock.stall(400)
    assert.equal(loop.end(begun), 400)
  })

  test('nothing is set when nobody measures, nor does a measurement hold the process', async () => {
    const clock = new FakeClock()
    const loop = LoopLag.of(clock)
    assert.equal(LoopLag.of(clock), loop)
    const begun = loop.begin()
    assert.equal(clock.pending, 0)
    loop.end(begun)
    await assert.rejects(clock.run(new Promise(() => undefined)), /no timer is set/)
  })
})
