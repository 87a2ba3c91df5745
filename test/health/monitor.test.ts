import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { ChangeEvent, ProbeEvent } from '../../src/health/events.js'
import { HealthMonitor } from '../../src/health/monitor.js'
import type { HealthOptions } from '../../src/health/options.js'
import { Message } from '../../src/wire/message.js'
import { connectError, FakeGroup, FakeMember, stage } from './stage.js'

const { presets } = HealthMonitor
const TAKEN = { code: 'ERR_DNS_INVALID_OPTION', message: /"a" has a monitor already/ }

describe('HealthMonitor: when it runs', () => {
  test('construction sets no timer and sends nothing; the first query of any member begins', async () => {
    const { clock, monitor, a, b } = stage({}, ['a', 'b'])
    await clock.advance(60_000)
    assert.deepEqual([monitor.running, a.probes], [false, []])
    b.traffic('failure')
    assert.equal(monitor.running, true)
    await clock.advance(100)
    assert.deepEqual([a.probes, b.probes], [[60_000], [60_000]])
    monitor.stop()
  })

  test.each([undefined, null, '192.0.2.1', ['192.0.2.1'], { pools: [] }])(
    'what has no members to check is refused: %j',
    (target) => {
      assert.throws(() => new HealthMonitor(target as unknown as FakeGroup), {
        code: 'ERR_DNS_INVALID_OPTION',
        message: /"target" must be a Pool or an Upstream; got/,
      })
    },
  )

  test('its timers never hold the process, and start() twice is once', async () => {
    const { clock, monitor, a } = stage()
    monitor.start()
    monitor.start()
    assert.deepEqual([clock.pending, a.probes], [0, [0]])
    await clock.advance(500)
    assert.equal(clock.pending, 0)
    monitor.stop()
  })

  test('stop() takes back the probe that is out, and all that was found', async () => {
    const { clock, group, monitor, a, b } = stage({}, ['a', 'b'])
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(9000)
    assert.equal(a.state, 'down')
    monitor.stop()
    monitor.stop()
    assert.deepEqual([a.cancelled, a.state, b.state], [1, 'unknown', 'unknown'])
    assert.deepEqual([a.observer, group.watchers, monitor.running], [null, 0, false])
    await assert.rejects(clock.run(new Promise(() => undefined)), /no timer is set/)
  })

  test('stopped, it can be started again, and begins anew', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(1500)
    monitor.stop()
    a.behaviour = 'good'
    await clock.advance(10_000)
    monitor.start()
    await clock.advance(100)
    assert.deepEqual(a.told, ['down at 1000', 'unknown at 1500', 'up at 11510'])
    monitor.stop()
  })

  test("mode 'off' looks after nobody", async () => {
    const { clock, monitor, a } = stage({ mode: 'off' })
    monitor.start()
    await clock.advance(60_000)
    assert.deepEqual([a.probes, a.observer, monitor.stats], [[], null, []])
    monitor.stop()
  })

  test('it may be stopped from within an event, from makeQuery and from a member', async () => {
    for (const within of ['probe', 'change', 'makeQuery', 'checkReply', 'setChecked'] as const) {
      const stop = (): void => monitor.stop()
      const options: HealthOptions = {
        ...presets.dnsdist,
        ...(within === 'makeQuery' ? { makeQuery: (_upstream, query) => (stop(), query) } : {}),
        ...(within === 'checkReply' ? { checkReply: () => (stop(), true) } : {}),
      }
      const { clock, monitor, a } = stage(options)
      if (within === 'probe') monitor.on('probe', stop)
      if (within === 'change') monitor.on('change', stop)
      if (within === 'setChecked') {
        a.setChecked = (state) => {
          a.state = state
          if (state === 'up') stop()
        }
      }
      monitor.start()
      await clock.advance(5000)
      assert.equal(a.state, 'unknown', within)
      assert.ok(a.probes.length <= 1, within)
      await assert.rejects(clock.run(new Promise(() => undefined)), /no timer is set/, within)
    }
  })
})

describe('HealthMonitor: whom it looks after', () => {
  test('members that come are probed at once, those that go are left as they were never checked', async () => {
    const { clock, group, monitor, a } = stage(presets.dnsdist)
    a.behaviour = 'silent'
    monitor.start()
    await clock.advance(1500)
    const b = new FakeMember('b', clock)
    group.members = [a, b]
    await clock.advance(1000)
    group.members = [b]
    assert.deepEqual([a.state, a.observer, a.outstanding], ['unknown', null, 0])
    const probes = a.probes.length
    await clock.advance(10_000)
    assert.deepEqual([a.probes.length, b.probes[0], b.state], [probes, 1500, 'up'])
    monitor.stop()
  })

  test('members may come and go before it begins', async () => {
    const { clock, group, monitor, a } = stage()
    const b = new FakeMember('b', clock)
    group.members = [b]
    a.traffic('reply')
    assert.equal(monitor.running, false)
    b.traffic('reply')
    assert.equal(monitor.running, true)
    monitor.stop()
  })

  test('what cannot be checked, and what does not want to be, is left alone', async () => {
    const { clock, group, monitor, a } = stage()
    const b = new FakeMember('b', clock)
    b.healthOptions = false
    const c = new FakeMember('c', clock)
    c.healthOptions = { mode: 'off' }
    group.members = [a, { name: 'a pool' }, b, c]
    monitor.start()
    await clock.advance(60_000)
    assert.deepEqual([b.probes, c.probes, b.observer], [[], [], null])
    assert.deepEqual(
      monitor.stats.map(({ upstream }) => upstream),
      ['a'],
    )
    monitor.stop()
  })

  test("a member's own options lie over the monitor's", async () => {
    const { clock, group, monitor, a } = stage(presets.dnsdist)
    const b = new FakeMember('b', clock)
    b.healthOptions = { interval: 10_000, initialDecides: false, successThreshold: 2 }
    group.members = [a, b]
    monitor.start()
    await clock.advance(15_000)
    assert.deepEqual([b.probes, b.told], [[0, 10_000], ['up at 10010']])
    assert.equal(a.probes.length, 16)
    monitor.stop()
  })

  test('one upstream by itself will do', async () => {
    const { clock } = stage()
    const up = new FakeMember('up', clock)
    const monitor = new HealthMonitor(up, { ...presets.dnsdist, clock })
    up.traffic('reply')
    await clock.advance(100)
    assert.deepEqual(up.told, ['up at 10'])
    monitor.stop()
    assert.equal(up.observer, null)
  })

  test('a member has one monitor: a second one throws, and takes nobody', () => {
    const { clock, group, monitor, a } = stage()
    const b = new FakeMember('b', clock)
    assert.throws(() => new HealthMonitor(group), TAKEN)
    assert.throws(() => new HealthMonitor(a), TAKEN)
    assert.throws(() => new HealthMonitor(new FakeGroup([b, a])), TAKEN)
    assert.equal(b.observer, null)
    const own = a.observer
    monitor.stop()
    const second = new HealthMonitor(group)
    assert.notEqual(a.observer, own)
    assert.throws(() => monitor.start(), TAKEN)
    second.stop()
    monitor.start()
    monitor.stop()
  })

  test('a member that joins with a monitor of its own stays with that', async () => {
    const { clock, group, monitor, a } = stage()
    const b = new FakeMember('b', clock)
    const own = new HealthMonitor(b, { ...presets.dnsdist, clock })
    const observer = b.observer
    group.members = [a, b]
    monitor.start()
    await clock.advance(100)
    assert.deepEqual([b.observer, b.probes], [observer, []])
    group.members = [a]
    assert.equal(b.observer, observer)
    monitor.stop()
    own.stop()
  })

  test('a stand-in gives way to any other, and leaves alone who has one', async () => {
    const { clock } = stage()
    const a = new FakeMember('a', clock)
    const b = new FakeMember('b', clock)
    const standIn = new HealthMonitor(new FakeGroup([a, b]), { clock, random: () => 0.5 }, true)
    const second = new HealthMonitor(new FakeGroup([a]), { clock }, true)
    standIn.start()
    second.start()
    await clock.advance(5000)
    assert.deepEqual([a.probes, a.state], [[0, 1000], 'up'])
    const asked = new HealthMonitor(a, { ...presets.dnsdist, clock })
    assert.equal(a.state, 'unknown')
    asked.start()
    await clock.advance(100)
    assert.deepEqual([a.probes, a.state], [[0, 1000, 5000], 'up'])
    assert.deepEqual(
      standIn.stats.map(({ upstream }) => upstream),
      ['b'],
    )
    for (const monitor of [standIn, second, asked]) monitor.stop()
  })

  test("options of a member that can't be used take nobody", () => {
    const { clock } = stage()
    const [a, b] = [new FakeMember('a', clock), new FakeMember('b', clock)]
    b.healthOptions = { interval: 0 }
    assert.throws(() => new HealthMonitor(new FakeGroup([a, b])), { code: 'ERR_DNS_INVALID_OPTION' })
    assert.equal(a.observer, null)
    new HealthMonitor(a).stop()
  })
})

describe('HealthMonitor: what it asks', () => {
  test('the address of a root server, a query like any other', async () => {
    const { monitor, a } = stage()
    monitor.start()
    const [query] = a.queries
    assert.deepEqual(query!.question, { name: 'a.root-servers.net', type: 'A', class: 'IN' })
    assert.deepEqual([query!.recursionDesired, query!.checkingDisabled], [true, false])
    monitor.stop()
  })

  test('makeQuery is given the member and the query option, and returns such options or a message', async () => {
    const own = Message.query('version.bind', 'TXT', { class: 'CH' })
    const seen: unknown[] = []
    const { clock, monitor, a, b } = stage(
      {
        ...presets.dnsdist,
        checkingDisabled: true,
        query: { type: 'NS' },
        makeQuery: (upstream, query) => {
          seen.push([upstream.name, query])
          return upstream.name === 'a' ? { ...query, name: 'example.com' } : own
        },
      },
      ['a', 'b'],
    )
    monitor.start()
    assert.deepEqual(a.queries[0]!.question, { name: 'example.com', type: 'NS', class: 'IN' })
    assert.equal(a.queries[0]!.checkingDisabled, true)
    assert.equal(b.queries[0], own)
    const query = { name: 'a.root-servers.net.', type: 'NS', class: 'IN' }
    assert.deepEqual(seen, [
      ['a', query],
      ['b', query],
    ])
    await clock.advance(100)
    assert.deepEqual([a.state, b.state], ['up', 'up'])
    monitor.stop()
  })

  test('makeQuery that throws, or makes nothing that can be asked, is a rejected probe', async () => {
    const faults: readonly unknown[] = [
      () => { throw new Error('a bug') }, // prettier-ignore
      () => null,
      () => ({ name: `${'a'.repeat(64)}.example` }),
      () => ({ name: 'a', type: 'NO SUCH TYPE' }),
      () => Promise.resolve({ name: 'example.com' }),
      () => ({}),
    ]
    for (const makeQuery of faults) {
      const { clock, monitor, a } = stage({ ...presets.dnsdist, makeQuery: makeQuery as never })
      monitor.start()
      await clock.advance(2500)
      assert.deepEqual([a.probes, a.told], [[], ['down at 0']])
      assert.equal(monitor.stats[0]!.failures.rejected, 3)
      monitor.stop()
    }
  })

  test('checkReply may say no', async () => {
    let verdict = true
    const { clock, monitor, a } = stage({ ...presets.dnsdist, checkReply: () => verdict })
    monitor.start()
    await clock.advance(500)
    verdict = false
    await clock.advance(1000)
    assert.deepEqual(a.told, ['up at 10', 'down at 1010'])
    monitor.stop()
  })
})

describe('HealthMonitor: what it tells', () => {
  test('each probe, with what came of it and when the next is due', async () => {
    const { clock, monitor, a } = stage()
    const events: ProbeEvent[] = []
    monitor.on('probe', (event) => events.push(event))
    monitor.start()
    await clock.advance(10)
    a.behaviour = 'silent'
    await clock.advance(3000)
    assert.deepEqual(events[0], {
      upstream: 'a',
      result: 'good',
      failure: null,
      excuse: null,
      rcode: 0,
      error: null,
      elapsed: 10,
      state: 'unknown',
      nextProbe: 990,
    })
    const { error, ...rest } = events[1]!
    assert.equal((error as Error & { code: string }).code, 'ERR_DNS_TIMEOUT')
    assert.deepEqual(rest, {
      upstream: 'a',
      result: 'bad',
      failure: 'timeout',
      excuse: null,
      rcode: null,
      elapsed: 2000,
      state: 'unknown',
      // Due 1 s after the one that took 2.
      nextProbe: 0,
    })
    monitor.stop()
  })

  test('each change, with from, to, cause, evidence and when the next probe is due', async () => {
    const { clock, monitor, a } = stage({ mode: 'lazy', failureThreshold: 2, lazy: { threshold: 50 } })
    const events: ChangeEvent[] = []
    monitor.on('change', (event) => events.push(event))
    monitor.start()
    await clock.advance(10_000)
    a.behaviour = { rcode: 'SERVFAIL' }
    a.traffic('reply', 'failure')
    await clock.advance(5000)
    monitor.networkChanged('resume')
    assert.deepEqual(
      events.map((event) => ({ ...event })),
      [
        {
          upstream: 'a',
          from: 'unknown',
          to: 'up',
          nextProbe: Infinity,
          cause: 'probe',
          evidence: { good: 1, bad: 0, failure: null },
        },
        {
          upstream: 'a',
          from: 'up',
          to: 'suspect',
          nextProbe: 0,
          cause: 'queries',
          evidence: { samples: 2, failed: 1 },
        },
        {
          upstream: 'a',
          from: 'suspect',
          to: 'down',
          nextProbe: 30_000,
          cause: 'probe',
          evidence: { good: 0, bad: 2, failure: 'rcode' },
        },
        { upstream: 'a', from: 'down', to: 'unknown', nextProbe: 0, cause: 'network', evidence: { reason: 'resume' } },
      ],
    )
    monitor.stop()
  })

  test('what it counted: bad probes by what was wrong', async () => {
    const { clock, monitor, a } = stage(presets.dnsdist)
    monitor.start()
    await clock.advance(500)
    for (const behaviour of [
      'good',
      'silent',
      { error: connectError('ECONNREFUSED') },
      { error: connectError('ENETUNREACH') },
      { rcode: 'SERVFAIL' },
    ] as const) {
      a.behaviour = behaviour
      await clock.advance(1000)
    }
    const { failures, ...rest } = monitor.stats[0]!
    assert.deepEqual(rest, { upstream: 'a', state: 'down', probes: 6, good: 2, void: 1, nextProbe: 500 })
    assert.deepEqual(failures, { timeout: 1, network: 1, tls: 0, malformed: 0, mismatch: 0, rcode: 1, rejected: 0 })
    monitor.stop()
  })
})
