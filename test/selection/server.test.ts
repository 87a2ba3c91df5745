import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { FakeClock } from 'headrace/testing'
import { probe, within } from '../../benchmarks/selection/contestant.js'
import { bimodal, drifting, logNormal, withTail, type Latency } from '../../benchmarks/selection/latency.js'
import { gaussian, seeded, seededFor } from '../../benchmarks/selection/random.js'
import { Server, type Fault } from '../../benchmarks/selection/server.js'
import { exactly } from './stage.js'

const draws = (latency: Latency, now = 0): number[] => {
  const random = seeded(3)
  return Array.from({ length: 10_000 }, () => latency(now, random)).sort((a, b) => a - b)
}
const between = (value: number, least: number, most: number): void =>
  assert.ok(value >= least && value <= most, `${value} is not from ${least} to ${most}`)

describe('seeded', () => {
  test('gives the same numbers for the same seed, others for another, all from 0 to below 1', () => {
    const list = (seed: number): number[] => Array.from({ length: 100 }, seeded(seed))
    assert.deepEqual(list(1), list(1))
    assert.notDeepEqual(list(1), list(2))
    assert.ok(list(1).every((number) => number >= 0 && number < 1))
  })

  test('is uniform, by tenths', () => {
    const random = seeded(1)
    const tenths = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) tenths[Math.floor(random() * 10)]!++
    for (const count of tenths) between(count, 9700, 10_300)
  })

  test('has a generator for each name', () => {
    assert.equal(seededFor(1, 'near')(), seededFor(1, 'near')())
    assert.notEqual(seededFor(1, 'near')(), seededFor(1, 'far')())
    assert.notEqual(seededFor(1, 'near')(), seededFor(2, 'near')())
  })

  test('gaussian has mean 0 and deviation 1', () => {
    const random = seeded(5)
    const values = Array.from({ length: 20_000 }, () => gaussian(random))
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    between(mean, -0.03, 0.03)
    between(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length, 0.97, 1.03)
  })
})

describe('latency', () => {
  test('log-normal has the median that is given, and 98 % within its spread', () => {
    const sorted = draws(logNormal(20, 0.1))
    between(sorted[5000]!, 19.8, 20.2)
    between(sorted[9900]!, 20 * Math.exp(0.22), 20 * Math.exp(0.25))
  })

  test('a tail is as long and as frequent as it is said to be', () => {
    const slow = draws(withTail(exactly(10), 0.02, 10)).filter((ms) => ms === 100).length
    between(slow, 150, 250)
  })

  test('two peaks come in their proportion', () => {
    between(draws(bimodal(exactly(10), exactly(60), 0.3)).filter((ms) => ms === 60).length, 2850, 3150)
  })

  test.each([
    [0, 10],
    [250, 30],
    [500, 50],
    [1000, 10],
  ])('a drift of period 1 s is at %d ms at %d', (now, expected) => {
    assert.equal(Math.round(drifting(exactly(10), 5, 1000)(now, seeded(1)) * 1e6) / 1e6, expected)
  })
})

describe('server', () => {
  const stage = (faults: readonly Fault[], loss = 0) => {
    const clock = new FakeClock()
    const server = new Server({ name: 'a', latency: exactly(10), faults, loss }, clock, seeded(2))
    return { clock, server, ask: () => clock.run(within(clock, server, 500)) }
  }

  test.each([
    ['silent', null, 500],
    ['closed', 'refused', 1],
    ['servfail', 'servfail', 10],
    ['slow', 'reply', 200],
  ] as const)('that is %s answers %s after %d ms, and is well before and after', async (kind, outcome, elapsed) => {
    const { clock, ask } = stage([{ kind, from: 100, to: 5000 }])
    assert.equal(await ask(), 'reply')
    await clock.advance(100)
    const before = clock.now()
    assert.equal(await ask(), outcome)
    assert.equal(clock.now() - before, elapsed)
    await clock.advance(5000)
    assert.equal(await ask(), 'reply')
    assert.equal(clock.pending, 0)
  })

  test('loses as many as it is said to', async () => {
    const { ask } = stage([], 0.3)
    let lost = 0
    for (let i = 0; i < 1000; i++) lost += Number((await ask()) === null)
    between(lost, 250, 350)
  })

  test('counts queries by when they came, and checks not at all', async () => {
    const { clock, server, ask } = stage([])
    await ask()
    await clock.advance(290)
    await ask()
    await clock.run(probe(clock, server, 500))
    assert.equal(server.asked, 2)
    assert.deepEqual([server.askedIn(0, 300), server.askedIn(300, 400), server.askedIn(400, 900)], [1, 1, 0])
  })
})
