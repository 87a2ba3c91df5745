import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { HealthMonitor } from '../../src/health/monitor.js'
import { connectError, stage } from './stage.js'

const { presets } = HealthMonitor
const seconds = (times: readonly number[]): readonly number[] => times.map((ms) => ms / 1000)

describe('active check', () => {
  test('a good member is probed at once, again after 1 s, and from then on at the interval', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    await clock.advance(100_000)
    assert.deepEqual(seconds(a.probes), [0, 1, 31, 61, 91])
    assert.deepEqual(a.told, ['up at 1010'])
    monitor.stop()
  })

  test('one that fails at once is down at the third probe, and probed after 1, 2, 4 … s up to the interval', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = { error: connectError('ECONNREFUSED'), after: 0 }
    monitor.start()
    await clock.advance(125_000)
    assert.deepEqual(seconds(a.probes), [0, 1, 3, 7, 15, 31, 61, 91, 121])
    assert.deepEqual(a.told, ['down at 3000'])
    monitor.stop()
  })

  test('waits are from start to start: a probe that times out delays none but those due meanwhile', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(65_000)
    assert.deepEqual(seconds(a.probes), [0, 2, 4, 8, 16, 32, 62])
    assert.deepEqual(a.told, ['down at 6000'])
    monitor.stop()
  })

  test('it is back two good probes after it is back: within 2 s of the next probe', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(12_000)
    a.behaviour = 'good'
    await clock.advance(9000)
    assert.deepEqual(a.told, ['down at 6000', 'up at 17010'])
    monitor.stop()
  })

  test('presets.ferrous probes at the interval whatever the state', async () => {
    const { clock, monitor, a } = stage(presets.ferrous)
    a.behaviour = { error: connectError('ECONNREFUSED'), after: 0 }
    monitor.start()
    await clock.advance(90_000)
    a.behaviour = 'good'
    await clock.advance(90_000)
    assert.deepEqual(seconds(a.probes), [0, 30, 60, 90, 120, 150, 180])
    assert.deepEqual(a.told, ['down at 60000', 'up at 150010'])
    monitor.stop()
  })

  test('presets.dnsdist goes by one probe a second, the first included', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(2500)
    a.behaviour = 'good'
    await clock.advance(2000)
    assert.deepEqual(a.told, ['down at 1000', 'up at 3010'])
    monitor.stop()
  })

  test('members are probed each on their own clock: a slow one delays nobody', async () => {
    const { clock, monitor, a, b } = stage(presets.dnsdist, ['a', 'b'])
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(9900)
    assert.equal(b.probes.length, 10)
    assert.deepEqual(b.told, ['up at 10'])
    monitor.stop()
  })

  test('intervals stray by up to 10 %, so that members are not probed in step', async () => {
    for (const [random, wait] of [
      [0, 27_000],
      [1 - 2 ** -53, 33_000],
    ] as const) {
      const { clock, monitor, a } = stage({ ...presets.ferrous, random: () => random })
      monitor.start()
      await clock.advance(40_000)
      assert.deepEqual(a.probes, [0, wait])
      monitor.stop()
    }
  })

  test('a suspicion has a member that is up probed at once, and soon again while it fails', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    await clock.advance(10_000)
    a.behaviour = { error: connectError('ECONNREFUSED'), after: 0 }
    a.suspect()
    assert.equal(a.probes.length, 2)
    await clock.advance(10_000)
    assert.deepEqual(seconds(a.probes), [0, 1, 10, 11, 13, 17])
    assert.deepEqual(a.told, ['up at 1010', 'down at 13000'])
    monitor.stop()
  })

  test('a suspicion that a good probe clears leaves the next one to the interval', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    await clock.advance(10_000)
    a.suspect()
    await clock.advance(60_000)
    assert.deepEqual(seconds(a.probes), [0, 1, 10, 40, 70])
    monitor.stop()
  })

  test('a thousand suspicions a second are one probe a second', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    await clock.advance(10_000)
    for (let ms = 0; ms < 3000; ms++) {
      a.suspect()
      await clock.advance(1)
    }
    assert.deepEqual(seconds(a.probes), [0, 1, 10, 11, 12, 13])
    monitor.stop()
  })

  test('a suspicion while a probe is out waits for that', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    a.suspect()
    await clock.advance(5)
    a.suspect()
    await clock.advance(2000)
    assert.deepEqual(a.probes, [0, 1000])
    monitor.stop()
  })

  test('a good reply of a member that is down has it probed at once', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(50_000)
    a.behaviour = 'good'
    a.traffic('failure', 'servfail')
    await clock.advance(100)
    assert.equal(a.probes.at(-1), 32_000)
    a.traffic('reply', 'reply')
    await clock.advance(2000)
    assert.deepEqual(a.told, ['down at 6000', 'up at 51110'])
    monitor.stop()
  })

  test('traffic alone changes no state', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    await clock.advance(2000)
    for (let i = 0; i < 1000; i++) a.traffic('failure', 'servfail', 'reply')
    await clock.advance(1000)
    assert.deepEqual([a.told, a.probes.length], [['up at 1010'], 2])
    monitor.stop()
  })

  test('every figure of an outage of hours holds, for a day, in no time', async () => {
    const { clock, monitor, a, b } = stage({}, ['a', 'b'])
    monitor.start()
    await clock.advance(6 * 3_600_000)
    b.behaviour = 'silent'
    await clock.advance(6 * 3_600_000)
    b.behaviour = 'good'
    await clock.advance(12 * 3_600_000)
    assert.deepEqual(a.told, ['up at 1010'])
    assert.equal(b.told.length, 3)
    const back = Number(b.told[2]!.split(' ')[2]) - 12 * 3_600_000
    assert.ok(back > 0 && back <= 31_020, `${back}`)
    // Active probing is every 30 s: 2,880 a day, and two more at the start.
    assert.ok(Math.abs(a.probes.length - 2881) <= 2)
    monitor.stop()
    assert.equal(clock.pending, 0)
  })
})
