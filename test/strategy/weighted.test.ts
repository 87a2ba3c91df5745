import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { ConsistentHashStrategy } from '../../src/strategy/consistent-hash.js'
import type { Candidate } from '../../src/strategy/strategy.js'
import { WeightedStrategy } from '../../src/strategy/weighted.js'
import { asking, candidate, candidates, first, firsts, order, seeded } from './candidates.js'

const WEIGHTS: number[][] = [
  [1, 1],
  [3, 1],
  [1, 2, 3, 4],
  [0.5, 0.25, 0.25],
  [1000, 500, 500],
]

function weighing(weights: readonly number[]): Candidate[] {
  return weights.map((weight, i) => candidate(`192.0.2.${i}:53`, { weight }))
}

function assertShares(counts: Record<string, number>, members: readonly Candidate[], tolerance: number): void {
  const queries = Object.values(counts).reduce((a, b) => a + b)
  const total = members.reduce((sum, { weight }) => sum + weight, 0)
  for (const { name, weight } of members) {
    const off = counts[name]! / queries - weight / total
    assert.ok(Math.abs(off) < tolerance, `${name} of weight ${weight} is off its share by ${off}`)
  }
}

describe('weighted', () => {
  for (const weights of WEIGHTS) {
    test(`draws in proportion to ${weights.join(' : ')} within 2 %`, () => {
      const members = weighing(weights)
      assertShares(firsts(new WeightedStrategy({ random: seeded(7) }), members, 20_000), members, 0.02)
    })
  }

  test('draws the second in proportion among those that are left', () => {
    const strategy = new WeightedStrategy({ random: seeded(3) })
    const members = [candidate('a', { weight: 8 }), candidate('b', { weight: 3 }), candidate('c', { weight: 1 })]
    let afterA = 0
    let b = 0
    for (let i = 0; i < 20_000; i++) {
      const drawn = order(strategy, members)
      if (drawn[0] !== 'a') continue
      afterA++
      if (drawn[1] === 'b') b++
    }
    assert.ok(Math.abs(b / afterA - 0.75) < 0.02, String(b / afterA))
  })

  test('a random number at either end draws a member all the same', () => {
    for (const random of [0, 1 - 2 ** -53]) {
      const drawn = order(new WeightedStrategy({ random: () => random }), weighing([0.1, 0.2, 0.7]))
      assert.equal(drawn.length, 3 * '192.0.2.0:53'.length)
    }
  })

  test('bounded load passes over a member with more outstanding than its share times the factor', () => {
    const members = [candidate('a', { weight: 3, outstanding: 90 }), candidate('b', { outstanding: 3 })]
    // 1.1 · (1 + 93) / 4 · 3 = 77.6 < 90
    assert.deepEqual(firsts(new WeightedStrategy({ balancingFactor: 1.1, random: seeded(1) }), members, 100), {
      a: 0,
      b: 100,
    })
    // 1.3 · 94 / 4 · 3 = 91.7 > 90
    assert.ok(firsts(new WeightedStrategy({ balancingFactor: 1.3, random: seeded(1) }), members, 100)['a']! > 50)
  })

  test('a member over the bound is still offered after the others', () => {
    const members = [candidate('a', { outstanding: 90 }), candidate('b')]
    assert.equal(order(new WeightedStrategy({ balancingFactor: 1.1 }), members), 'ba')
  })

  test('a bound that nobody is within binds nobody', () => {
    const strategy = new WeightedStrategy({ balancingFactor: 0.1, random: seeded(1) })
    const counts = firsts(strategy, candidates('ab', { outstanding: 50 }), 1000)
    assert.ok(Math.abs(counts['a']! - 500) < 60, String(counts['a']))
  })

  for (const [option, value] of [
    ['balancingFactor', -1],
    ['balancingFactor', NaN],
    ['balancingFactor', '2'],
    ['random', 4],
  ] as const) {
    test(`refuses ${option}: ${value}`, () => {
      assert.throws(() => new WeightedStrategy({ [option]: value }), { code: 'ERR_DNS_INVALID_OPTION', option })
    })
  }
})

describe('consistent-hash', () => {
  const NAMES = Array.from({ length: 20_000 }, (_, i) => `name-${i}.example`)

  function owners(strategy: ConsistentHashStrategy, members: readonly Candidate[]): string[] {
    return NAMES.map((name) => first(strategy, members, asking(name)).name)
  }

  for (const weights of WEIGHTS) {
    test(`spreads names in proportion to ${weights.join(' : ')} within 2 %`, () => {
      const members = weighing(weights)
      assertShares(
        firsts(new ConsistentHashStrategy(), members, NAMES.length, (i) => asking(NAMES[i])),
        members,
        0.02,
      )
    })
  }

  test('the same question goes to the same member, in any order of the list and from any instance', () => {
    const members = weighing([1, 2, 3, 4, 5])
    const here = owners(new ConsistentHashStrategy(), members)
    assert.deepEqual(owners(new ConsistentHashStrategy(), [...members].reverse()), here)
  })

  test('one member leaving moves only its own names, and returning brings back the same ones', () => {
    const strategy = new ConsistentHashStrategy()
    const members = weighing([1, 2, 3, 4, 1])
    const before = owners(strategy, members)
    const gone = members[2]!
    const after = owners(
      strategy,
      members.filter((m) => m !== gone),
    )
    const moved = before.filter((owner, i) => owner !== gone.name && after[i] !== owner)
    assert.equal(moved.length, 0)
    assert.deepEqual(owners(strategy, members), before)
  })

  test('the names of one that left go to the others in proportion', () => {
    const strategy = new ConsistentHashStrategy()
    const members = weighing([2, 1, 1])
    const before = owners(strategy, members)
    const rest = members.slice(1)
    const after = owners(strategy, rest)
    const heirs = after.filter((_, i) => before[i] === members[0]!.name)
    const share = heirs.filter((owner) => owner === rest[0]!.name).length / heirs.length
    assert.ok(Math.abs(share - 0.5) < 0.02, String(share))
  })

  test('more weight only draws names, and never moves one between the others', () => {
    const strategy = new ConsistentHashStrategy()
    const members = weighing([1, 1, 1])
    const before = owners(strategy, members)
    const heavier = [{ ...members[0]!, weight: 2 }, members[1]!, members[2]!]
    for (const [i, owner] of owners(strategy, heavier).entries())
      assert.ok(owner === before[i] || owner === members[0]!.name)
  })

  test('the second drawn is who would be first without the first', () => {
    const strategy = new ConsistentHashStrategy()
    const members = weighing([1, 2, 3])
    for (const name of NAMES.slice(0, 200)) {
      const [one, two] = [...strategy.order(members, asking(name))]
      assert.equal(
        two,
        first(
          new ConsistentHashStrategy(),
          members.filter((m) => m !== one),
          asking(name),
        ),
      )
    }
  })

  test('a list that is changed in place is noticed', () => {
    const strategy = new ConsistentHashStrategy()
    const members = weighing([1, 1, 1, 1])
    owners(strategy, members)
    members.shift()
    assert.deepEqual(owners(strategy, members), owners(new ConsistentHashStrategy(), members))
  })

  test('names and keys of any text are spread, those of objects too (A22)', () => {
    const members = ['__proto__', 'constructor', 'toString', ''].map((name) => candidate(name))
    const counts = NAMES.map((name) => first(new ConsistentHashStrategy(), members, asking(name)).name)
    for (const { name } of members) assert.ok(counts.filter((n) => n === name).length > 4000)
    assert.equal(typeof first(new ConsistentHashStrategy(), members, asking('')).name, 'string')
    assert.equal(typeof first(new ConsistentHashStrategy(), members, asking('\u0000\u00ff.')).name, 'string')
  })

  test('bounded load sends a name on to its next member while the first has too much to do', () => {
    const strategy = new ConsistentHashStrategy({ balancingFactor: 1.5 })
    const members = candidates('abc')
    const [one, two] = [...strategy.order(members, asking('hot'))] as [(typeof members)[0], (typeof members)[0]]
    one.outstanding = 30
    assert.equal(first(strategy, members, asking('hot')), two)
    one.outstanding = 0
    assert.equal(first(strategy, members, asking('hot')), one)
  })

  test('refuses an option that it does not know, with the nearest that it does', () => {
    assert.throws(() => new ConsistentHashStrategy({ balancingFactro: 1 } as object), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: 'ConsistentHashStrategy: option "balancingFactro" is not known; did you mean "balancingFactor"?',
    })
  })
})
