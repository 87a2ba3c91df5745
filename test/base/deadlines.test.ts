import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'vitest'
import { MAX_TIMER, systemClock } from '../../src/base/clock.js'
import { Alarm, Deadlines } from '../../src/base/deadlines.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

class Bell extends Alarm {
  readonly rung: number[] = []
  readonly then: (now: number) => void

  constructor(then: (now: number) => void = () => {}) {
    super()
    this.then = then
  }

  ring(now: number): void {
    this.rung.push(now)
    this.then(now)
  }
}

function stage(start = 0): { clock: FakeClock; deadlines: Deadlines } {
  const clock = new FakeClock(start)
  return { clock, deadlines: new Deadlines(clock) }
}

describe('deadlines', () => {
  test('an alarm rings once, at its time, and is off by then', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    deadlines.set(bell, 100)
    assert.equal(deadlines.size, 1)
    await clock.advance(99)
    assert.deepEqual(bell.rung, [])
    await clock.advance(1000)
    assert.deepEqual(bell.rung, [100])
    assert.equal(deadlines.size, 0)
    assert.equal(clock.pending, 0)
  })

  test('a fraction of a millisecond is rounded up: never early, at most 1 ms late', async () => {
    const { clock, deadlines } = stage(0.5)
    const bell = new Bell()
    deadlines.set(bell, 10.2)
    await clock.advance(100)
    assert.equal(bell.rung.length, 1)
    assert.ok(bell.rung[0]! >= 10.2 && bell.rung[0]! <= 11.5, String(bell.rung[0]))
  })

  test('alarms ring in order of time, whatever order they were set in', async () => {
    const { clock, deadlines } = stage()
    const rung: number[] = []
    const times = [50, 10, 90, 30, 70, 20, 80, 40, 60, 100]
    for (const at of times) deadlines.set(new Bell(() => rung.push(at)), at)
    await clock.advance(200)
    assert.deepEqual(
      rung,
      [...times].sort((a, b) => a - b),
    )
  })

  test('one timer serves thousands of alarms', () => {
    const { clock, deadlines } = stage()
    for (let i = 0; i < 5000; i++) deadlines.set(new Bell(), 10 + (i % 977))
    assert.equal(deadlines.size, 5000)
    assert.equal(clock.pending, 1)
  })

  test('a cleared alarm does not ring, wherever it stands among those of its millisecond', async () => {
    for (const cleared of [0, 1, 2]) {
      const { clock, deadlines } = stage()
      const bells = [new Bell(), new Bell(), new Bell()]
      for (const bell of bells) deadlines.set(bell, 10)
      deadlines.clear(bells[cleared]!)
      deadlines.clear(bells[cleared]!)
      assert.equal(deadlines.size, 2)
      await clock.advance(20)
      assert.deepEqual(
        bells.map((bell) => bell.rung.length),
        [0, 1, 2].map((i) => (i === cleared ? 0 : 1)),
      )
    }
  })

  test('setting an alarm again moves it, to sooner and to later', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    deadlines.set(bell, 100)
    deadlines.set(bell, 20)
    assert.equal(deadlines.size, 1)
    await clock.advance(50)
    deadlines.set(bell, 60)
    deadlines.set(bell, 80)
    await clock.advance(200)
    assert.deepEqual(bell.rung, [20, 80])
  })

  test('an alarm in the past rings as soon as it can', async () => {
    const { clock, deadlines } = stage(1000)
    const bell = new Bell()
    deadlines.set(bell, 5)
    assert.deepEqual(bell.rung, [])
    await clock.advance(0)
    assert.equal(bell.rung.length, 1)
  })

  test('an alarm may set itself again while it rings', async () => {
    const { clock, deadlines } = stage()
    const bell: Bell = new Bell((now) => {
      if (bell.rung.length < 5) deadlines.set(bell, now + 10)
    })
    deadlines.set(bell, 10)
    await clock.advance(1000)
    assert.deepEqual(bell.rung, [10, 20, 30, 40, 50])
    assert.equal(clock.pending, 0)
  })

  test('an alarm set for now while ringing rings in the same round', async () => {
    const { clock, deadlines } = stage()
    const second = new Bell()
    deadlines.set(new Bell((now) => deadlines.set(second, now)), 10)
    await clock.advance(10)
    assert.deepEqual(second.rung, [10])
  })

  test('an alarm may clear and move others of its own millisecond while it rings', async () => {
    const { clock, deadlines } = stage()
    const victim = new Bell()
    const moved = new Bell()
    deadlines.set(victim, 10)
    deadlines.set(moved, 10)
    deadlines.set(
      new Bell(() => {
        deadlines.clear(victim)
        deadlines.set(moved, 50)
      }),
      10,
    )
    await clock.advance(100)
    assert.deepEqual(victim.rung, [])
    assert.deepEqual(moved.rung, [50])
  })

  test('an alarm that is set while others ring, for a time before theirs, is not overlooked', async () => {
    const { clock, deadlines } = stage()
    const soon = new Bell()
    const late = new Bell()
    deadlines.set(new Bell((now) => deadlines.set(soon, now + 1)), 10)
    deadlines.set(late, 500)
    await clock.advance(20)
    assert.deepEqual(soon.rung, [11])
    await clock.advance(500)
    assert.deepEqual(late.rung, [500])
  })

  test('one further off than the longest timer still rings at its time', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    deadlines.set(bell, MAX_TIMER + 5000)
    await clock.advance(MAX_TIMER + 4999)
    assert.deepEqual(bell.rung, [])
    await clock.advance(1)
    assert.deepEqual(bell.rung, [MAX_TIMER + 5000])
  })

  test('what Infinity sets never rings and can be cleared', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    const other = new Bell()
    deadlines.set(bell, Infinity)
    deadlines.set(other, 10)
    await clock.advance(100)
    assert.deepEqual([bell.rung, other.rung], [[], [10]])
    deadlines.clear(bell)
    assert.equal(deadlines.size, 0)
  })

  test('after a stall of the loop what has arrived is handed out before anybody is called late (T14, N07)', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    deadlines.set(bell, 100)
    clock.setTimeout(() => {
      clock.stall(200)
      // The reply that was waiting in the kernel's buffer: read in the poll after the timers.
      clock.setTimeout(() => deadlines.clear(bell), 0)
    }, 50)
    await clock.advance(1000)
    assert.deepEqual(bell.rung, [])
    assert.equal(deadlines.size, 0)
  })

  test('and so is what its taker hands out at the end of that turn, as QUIC does', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    deadlines.set(bell, 100)
    clock.setTimeout(() => {
      clock.stall(200)
      clock.setTimeout(() => clock.afterPoll(() => deadlines.clear(bell)), 0)
    }, 50)
    await clock.advance(1000)
    assert.deepEqual(bell.rung, [])
  })

  test('after a stall those that nothing came for ring, and those set meanwhile too', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    const between = new Bell()
    deadlines.set(bell, 100)
    clock.setTimeout(() => {
      clock.stall(200)
      clock.setTimeout(() => deadlines.set(between, 240), 0)
    }, 50)
    await clock.advance(1000)
    assert.deepEqual(bell.rung, [250])
    assert.equal(between.rung.length, 1)
    assert.equal(clock.pending, 0)
  })

  test('emptied milliseconds leave nothing behind once their time has come', async () => {
    const { clock, deadlines } = stage()
    const bell = new Bell()
    for (let i = 1; i <= 10_000; i++) {
      deadlines.set(bell, clock.now() + 2000)
      deadlines.clear(bell)
      clock.stall(1)
    }
    await clock.advance(5000)
    assert.equal(clock.pending, 0)
    assert.equal(deadlines.size, 0)
  })

  test('everybody on one clock shares one', () => {
    const [one, two] = [new FakeClock(), new FakeClock()]
    assert.equal(Deadlines.of(one), Deadlines.of(one))
    assert.notEqual(Deadlines.of(one), Deadlines.of(two))
  })

  test('random sets, moves and clears ring each alarm that is set exactly once, on time', async () => {
    let seed = 1
    const random = (n: number): number => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % n
    const { clock, deadlines } = stage()
    const due = new Map<Bell, number>()
    const bells = Array.from({ length: 200 }, () => {
      const bell: Bell = new Bell((now) => {
        assert.ok(now >= due.get(bell)! && now <= due.get(bell)! + 1, `due ${due.get(bell)}, rang ${now}`)
        due.delete(bell)
      })
      return bell
    })
    for (let i = 0; i < 5000; i++) {
      const bell = bells[random(bells.length)]!
      if (random(3) === 0) {
        deadlines.clear(bell)
        due.delete(bell)
      } else {
        const at = clock.now() + random(300)
        deadlines.set(bell, at)
        due.set(bell, at)
      }
      assert.equal(deadlines.size, due.size)
      if (random(10) === 0) await clock.advance(random(4))
    }
    await clock.advance(1000)
    assert.equal(due.size, 0)
    assert.equal(clock.pending, 0)
  })
})

describe('deadlines in real time', () => {
  test('rings within a few ms of its time, and never early', async () => {
    const deadlines = new Deadlines(systemClock)
    const at = systemClock.now() + 20
    const rung = await new Promise<number>((resolve) => deadlines.set(new Bell(resolve), at))
    assert.ok(rung >= at, `${at - rung} ms early`)
    assert.equal(deadlines.size, 0)
  })

  const script = (body: string): string => `
    import { Alarm, Deadlines } from '${new URL('../../src/base/deadlines.ts', import.meta.url).href}'
    import { systemClock } from '${new URL('../../src/base/clock.ts', import.meta.url).href}'
    class Bell extends Alarm { ring() { console.log('rang') } }
    const deadlines = new Deadlines(systemClock)
    const bell = new Bell()
    ${body}`
  const run = (body: string): { stdout: string; status: number | null } =>
    spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script(body)], {
      encoding: 'utf8',
      timeout: 15_000,
    })

  test('a pending alarm holds the process', () => {
    const { stdout, status } = run('deadlines.set(bell, systemClock.now() + 50)')
    assert.deepEqual({ stdout, status }, { stdout: 'rang\n', status: 0 })
  })

  test('none pending lets it exit, though the timer is left to run out (N12)', () => {
    const { stdout, status } = run('deadlines.set(bell, systemClock.now() + 60_000); deadlines.clear(bell)')
    assert.deepEqual({ stdout, status }, { stdout: '', status: 0 })
  })

  test('one set after a time with none holds it again', () => {
    const { stdout, status } = run(`
      deadlines.set(bell, systemClock.now() + 60_000); deadlines.clear(bell)
      deadlines.set(bell, systemClock.now() + 60_000); deadlines.clear(bell)
      deadlines.set(bell, systemClock.now() + 30)`)
    assert.deepEqual({ stdout, status }, { stdout: 'rang\n', status: 0 })
  })
})
