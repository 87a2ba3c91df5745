import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message, Upstream } from 'headrace'
import type { ProbeEvent } from '../../src/health/events.js'
import { HealthMonitor } from '../../src/health/monitor.js'
import type { HealthOptions } from '../../src/health/options.js'
import type { HealthSubject } from '../../src/health/subject.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { connectError, stage } from './stage.js'

const { presets } = HealthMonitor

function listen(monitor: HealthMonitor): string[] {
  const told: string[] = []
  monitor.on('probe', ({ result, failure, excuse }) => told.push([result, failure, excuse].filter(Boolean).join(' ')))
  return told
}

describe('a stalled loop is not charged to a member (N07)', () => {
  test('a probe during which it lagged over half the timeout is thrown away and repeated at once', async () => {
    const { clock, monitor, a } = stage({ ...presets.dnsdist, timeout: 2000 })
    const told = listen(monitor)
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(500)
    clock.stall(1100)
    await clock.advance(400)
    assert.deepEqual([told, a.probes, a.told], [['void timeout stall'], [0, 2000], []])
    a.behaviour = { rcode: 'SERVFAIL' }
    await clock.advance(2100)
    assert.deepEqual(told, ['void timeout stall', 'bad timeout', 'bad rcode'])
    monitor.stop()
  })

  test('half the timeout is not over half', async () => {
    const { clock, monitor, a } = stage({ ...presets.dnsdist, timeout: 2000 })
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(500)
    clock.stall(1000)
    await clock.advance(500)
    assert.deepEqual(a.told, ['down at 2000'])
    monitor.stop()
  })

  test('a good reply counts however late we read it', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    monitor.start()
    clock.stall(900)
    await clock.advance(100)
    assert.deepEqual(a.told, ['up at 900'])
    monitor.stop()
  })

  test('200 ms every second for 60 s change nobody’s health (T14)', async () => {
    for (const options of [presets.default, presets.dnsdist, { mode: 'lazy' }] as const) {
      const { clock, monitor, a, b } = stage(options, ['a', 'b'])
      monitor.start()
      await clock.advance(2000)
      for (let second = 0; second < 60; second++) {
        clock.stall(200)
        await clock.advance(800)
      }
      assert.deepEqual([a.told.length, b.told.length, a.state], [1, 1, 'up'])
      monitor.stop()
    }
  })

  test('a loop that stalls for good takes nobody down, and is not made worse', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    a.behaviour = 'silent'
    monitor.start()
    for (let i = 0; i < 60; i++) {
      clock.stall(800)
      await clock.advance(200)
    }
    assert.deepEqual(a.told, [])
    assert.ok(a.probes.length <= 61)
    monitor.stop()
  })

  test('a sleep is a stall', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    const told = listen(monitor)
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(500)
    clock.sleep(8 * 3_600_000)
    await clock.advance(500)
    assert.deepEqual(told, ['void timeout stall'])
    monitor.stop()
  })
})

describe('errors of our own side are not charged to a member', () => {
  test.each(['ENETUNREACH', 'EHOSTUNREACH', 'EMFILE', 'ENOBUFS'])('%s takes nobody down', async (code) => {
    for (const options of [presets.default, presets.ferrous, presets.dnsdist, { mode: 'lazy' }] as const) {
      const { clock, monitor, a, b } = stage(options, ['a', 'b'])
      const told = listen(monitor)
      for (const member of [a, b]) member.behaviour = { error: connectError(code), after: 0 }
      monitor.start()
      await clock.advance(600_000)
      assert.deepEqual([a.told, b.told], [[], []])
      assert.deepEqual([...new Set(told)], ['void network our side'])
      for (const member of [a, b]) member.behaviour = 'good'
      await clock.advance(90_000)
      assert.deepEqual([a.state, b.state], ['up', 'up'])
      monitor.stop()
    }
  })

  test('without a network, members that nobody knows of are probed less and less', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = { error: connectError('ENETUNREACH'), after: 0 }
    monitor.start()
    await clock.advance(600_000)
    assert.ok(a.probes.length < 26)
    monitor.stop()
  })

  test('a port that nobody listens on is the member’s', async () => {
    const { clock, monitor, a, b } = stage(presets.dnsdist, ['a', 'b'])
    for (const member of [a, b]) member.behaviour = { error: connectError('ECONNREFUSED') }
    monitor.start()
    await clock.advance(500)
    assert.deepEqual([a.state, b.state], ['down', 'down'])
    monitor.stop()
  })
})

describe('a new network', () => {
  test('makes everybody unknown, and each is probed at once', async () => {
    const { clock, monitor, a, b } = stage({}, ['a', 'b'])
    b.behaviour = 'silent'
    monitor.start()
    await clock.advance(100_000)
    assert.deepEqual([a.state, b.state], ['up', 'down'])
    b.behaviour = 'good'
    monitor.networkChanged('interfaces')
    assert.deepEqual([a.state, b.state], ['unknown', 'unknown'])
    await clock.advance(0)
    assert.deepEqual([a.probes.at(-1), b.probes.at(-1)], [100_000, 100_000])
    await clock.advance(1100)
    assert.deepEqual([a.told.at(-1), b.told.at(-1)], ['up at 101010', 'up at 101010'])
    monitor.stop()
  })

  test.each([
    ['default', presets.default],
    ['dnsdist', presets.dnsdist],
    ['lazy', { mode: 'lazy' }],
  ] as readonly [string, HealthOptions][])(
    'probes that begin within 3 s of it may fail: %s',
    async (_name, options) => {
      const { clock, monitor, a } = stage(options)
      const told = listen(monitor)
      monitor.start()
      await clock.advance(10_500)
      monitor.networkChanged('resume')
      told.length = 0
      a.behaviour = { error: connectError('ECONNREFUSED'), after: 0 }
      await clock.advance(2999)
      assert.deepEqual([a.state, ...new Set(told)], ['unknown', 'void network new network'])
      await clock.advance(60_000)
      assert.equal(a.state, 'down')
      monitor.stop()
    },
  )

  test('the probe that was out is called back: what it finds is of the network before', async () => {
    const { clock, monitor, a } = stage()
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(500)
    a.behaviour = 'good'
    monitor.networkChanged('sleep')
    monitor.networkChanged('interfaces')
    await clock.advance(1100)
    assert.deepEqual([a.cancelled, a.probes, a.told], [1, [0, 500, 1500], ['up at 1510']])
    monitor.stop()
  })

  test('empties the lazy window', async () => {
    const { clock, monitor, a } = stage({ mode: 'lazy', lazy: { minSampleCount: 2, threshold: 100 } })
    monitor.start()
    await clock.advance(1000)
    a.traffic('failure')
    monitor.networkChanged('resume')
    a.traffic('failure', 'failure', 'failure')
    await clock.advance(1000)
    a.traffic('failure')
    assert.equal(a.state, 'up')
    a.traffic('failure')
    assert.equal(a.state, 'suspect')
    monitor.stop()
  })

  test('is nothing to a monitor that has not begun', async () => {
    const { clock, monitor, a } = stage()
    monitor.networkChanged('resume')
    await clock.advance(10_000)
    assert.deepEqual([a.probes, a.told], [[], []])
    monitor.stop()
  })
})

/** An upstream as the subject of a monitor. */
function subjectOf(up: Upstream): HealthSubject {
  return {
    name: up.name,
    health: up.health,
    healthOptions: null,
    probedByDefault: true,
    setChecked: () => undefined,
    observe: () => undefined,
    ask: (query, ctx, asking) => up.ask(query, ctx, asking),
  }
}

describe('probing a real upstream', () => {
  const outcomes: readonly (readonly [string, (query: { message: Message }) => unknown, string])[] = [
    ['that answers', (query) => Message.reply(query), 'good'],
    ['that is silent', () => new Promise(() => undefined), 'bad timeout'],
    ['that answers another question', () => Message.reply(Message.query('example.com')), 'bad malformed'],
    ['that throws', () => assert.fail('a bug'), 'bad network'],
    ['that has no network', () => Promise.reject(connectError('ENETUNREACH')), 'void network our side'],
  ]
  test.each(outcomes)('%s', async (_what, exchange, expected) => {
    const clock = new FakeClock()
    const up = new Upstream({ name: 'a', exchange: exchange as never }, { clock, timeout: 10_000 })
    const monitor = new HealthMonitor(subjectOf(up), { clock, timeout: 500, interval: 60_000, recoveryInterval: 0 })
    const told = listen(monitor)
    monitor.start()
    await clock.advance(501)
    assert.deepEqual(told, [expected])
    const { queries, replies, failures, outstanding, srtt } = up.stats
    assert.deepEqual([queries, replies, failures, outstanding, srtt], [0, 0, 0, 0, NaN])
    monitor.stop()
    await up.close()
    assert.equal(clock.pending, 0)
  })

  test('stop() takes back a probe that is out', async () => {
    const clock = new FakeClock()
    const up = new Upstream({ name: 'a', exchange: () => new Promise<Message>(() => undefined) }, { clock })
    const monitor = new HealthMonitor(subjectOf(up), { clock })
    monitor.start()
    monitor.stop()
    await up.close()
    assert.equal(clock.pending, 0)
  })

  test('on a port that nobody listens on, and one that was closed', async () => {
    const up = new Upstream('tcp://127.0.0.1:1')
    const monitor = new HealthMonitor(subjectOf(up), { recoveryInterval: 10 })
    const probed = (): Promise<ProbeEvent> => new Promise((resolve) => monitor.once('probe', resolve))
    monitor.start()
    const { result, failure } = await probed()
    assert.deepEqual([result, failure], ['bad', 'network'])
    await up.close()
    const after = await probed()
    assert.deepEqual([after.result, after.failure, after.excuse], ['void', null, 'our side'])
    monitor.stop()
  })
})
