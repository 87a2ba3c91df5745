import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { FastestStrategy } from '../../src/strategy/fastest.js'
import { HedgedStrategy } from '../../src/strategy/hedged.js'
import { LeastOutstandingStrategy } from '../../src/strategy/least-outstanding.js'
import type { Strategy } from '../../src/strategy/strategy.js'
import { candidate, first, firsts, order, noRandom, seeded } from './candidates.js'
import { Simulation, type Behaviour } from './simulation.js'

const steady =
  (ms: number): Behaviour =>
  () =>
    ms
const dead: Behaviour = () => null

describe('fastest', () => {
  test('goes by srtt, the first of equals first', () => {
    const members = [
      candidate('a', { srtt: 30 }),
      candidate('b', { srtt: 10 }),
      candidate('c', { srtt: 20 }),
      candidate('d', { srtt: 10 }),
    ]
    assert.equal(order(new FastestStrategy({ epsilon: 0 }), members), 'bdca')
  })

  test('an unmeasured member goes first once, and last from then on until it is measured', () => {
    const strategy = new FastestStrategy({ epsilon: 0 })
    const members = [candidate('a'), candidate('b', { srtt: NaN }), candidate('c', { srtt: NaN })]
    assert.deepEqual(
      [first(strategy, members).name, first(strategy, members).name, first(strategy, members).name],
      ['b', 'c', 'a'],
    )
    members[2]!.srtt = 3
    assert.equal(order(strategy, members), 'cab')
  })

  test('an unmeasured member at its limit keeps its one turn until it can take a query', () => {
    const strategy = new FastestStrategy({ epsilon: 0 })
    const members = [candidate('a'), candidate('b', { srtt: NaN, available: false })]
    assert.equal(first(strategy, members).name, 'a')
    members[1]!.available = true
    assert.equal(first(strategy, members).name, 'b')
  })

  test('explores with the share epsilon, every member alike', () => {
    const members = [candidate('a', { srtt: 1 }), candidate('b'), candidate('c', { srtt: 500 })]
    const counts = firsts(new FastestStrategy({ epsilon: 0.3, random: seeded(5) }), members, 20_000)
    assert.ok(Math.abs(counts['b']! - 2000) < 150, String(counts['b']))
    assert.ok(Math.abs(counts['c']! - 2000) < 150, String(counts['c']))
  })

  test('asks for no random number where there is nothing to choose', () => {
    assert.equal(order(new FastestStrategy({ random: noRandom }), [candidate('a')]), 'a')
  })

  for (const epsilon of [-0.1, 1.1, NaN, 'often']) {
    test(`refuses an epsilon of ${epsilon}`, () => {
      assert.throws(() => new FastestStrategy({ epsilon: epsilon as number }), {
        code: 'ERR_DNS_INVALID_OPTION',
        option: 'epsilon',
      })
    })
  }
})

describe("mistakes of peers that strategies by round-trip time don't make", () => {
  const makers: [string, () => Strategy][] = [
    ['fastest', () => new FastestStrategy({ random: seeded(11) })],
    ['fastest without exploration', () => new FastestStrategy({ epsilon: 0 })],
    ['least-outstanding', () => new LeastOutstandingStrategy()],
    ['hedged', () => new HedgedStrategy()],
  ]
  for (const [name, make] of makers) {
    test(`${name}: a never-measured dead member does not hold the front`, () => {
      const world = new Simulation(make(), { dead, a: steady(20), b: steady(30) })
      world.run(10_000, 10)
      assert.equal(world.lost, 0)
      assert.ok(world.share('dead') < 0.03, `${world.share('dead')}`)
      assert.ok(world.share('a') > 0.9, `${world.share('a')}`)
    })

    test(`${name}: an unmeasured member does not draw the traffic of a faster one`, () => {
      const world = new Simulation(make(), { slow: steady(300), a: steady(20) })
      world.run(1000, 10)
      assert.ok(world.share('slow') < 0.05, `${world.share('slow')}`)
    })

    test(`${name}: a member that joins is measured within as many queries as there are newcomers`, () => {
      const world = new Simulation(make(), { a: steady(50), b: steady(40), c: steady(30) })
      world.run(3, 10)
      for (const member of world.members) assert.ok(member.srtt > 0, `${member.name} is not measured`)
    })

    test(`${name}: all members dead, the first that comes back is found`, () => {
      const world = new Simulation(make(), { a: dead, b: (now) => (now < 60_000 ? null : 15), c: dead })
      world.run(600, 100)
      assert.equal(world.lost, 600)
      world.lost = 0
      world.run(200, 100)
      assert.equal(world.lost, 0)
      assert.ok(world.share('b') > 0.9, `${world.share('b')}`)
    })
  }

  test('fastest: the worst member is sampled again, and leads again soon after it has become the best', () => {
    const world = new Simulation(new FastestStrategy({ random: seeded(2) }), {
      a: steady(20),
      b: (now) => (now < 60_000 ? 400 : 2),
    })
    world.run(6000, 10)
    assert.ok(world.share('b') < 0.06)
    world.run(3000, 10)
    world.run(3000, 10)
    assert.ok(world.share('b') > 0.9, `${world.share('b')}`)
  })

  test('fastest: one failure is forgiven with the first reply, not after hundreds', () => {
    const world = new Simulation(new FastestStrategy({ random: seeded(4) }), { a: steady(5), b: steady(50) })
    world.run(100, 10)
    world.member('a').trips.failure(2000, world.now)
    world.run(300, 10)
    const recovered = world.member('a').firsts
    assert.ok(recovered > 150, `only ${recovered} of 300`)
    assert.ok(world.member('a').srtt < 6)
  })

  test('hedged: the worst member is measured again through the second place', () => {
    const strategy = new HedgedStrategy()
    const members = [
      candidate('a', { srtt: 1 }),
      candidate('b', { srtt: 2 }),
      candidate('c', { srtt: 900 }),
      candidate('d', { srtt: 901 }),
    ]
    const seconds = Array.from({ length: 200 }, () => order(strategy, members)[1])
    assert.equal(order(strategy, members)[0], 'a')
    for (const name of 'cd') assert.ok(seconds.includes(name), `${name} was never second`)
    assert.ok(seconds.filter((name) => name === 'b').length >= 190)
  })

  test('a member that was fast in its lifetime and is slow now is left within seconds', () => {
    const world = new Simulation(new FastestStrategy({ random: seeded(6) }), {
      a: (now) => (now < 600_000 ? 5 : 200),
      b: steady(20),
    })
    world.run(60_000, 10)
    world.run(500, 10)
    assert.ok(world.share('b') > 0.85, `${world.share('b')}`)
  })
})
