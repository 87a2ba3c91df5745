import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { BalancedStrategy } from '../../src/strategy/balanced.js'
import { FailoverStrategy } from '../../src/strategy/failover.js'
import { FirstAvailableStrategy } from '../../src/strategy/first-available.js'
import { LeastOutstandingStrategy } from '../../src/strategy/least-outstanding.js'
import { ParallelStrategy } from '../../src/strategy/parallel.js'
import { RandomStrategy } from '../../src/strategy/random.js'
import { strategyFrom, type StrategyName } from '../../src/strategy/strategies.js'
import { candidate, candidates, first, firsts, order, seeded, asking } from './candidates.js'

const NAMES: StrategyName[] = [
  'parallel',
  'balanced',
  'failover',
  'random',
  'weighted',
  'fastest',
  'least-outstanding',
  'consistent-hash',
  'first-available',
  'hedged',
]

describe('every strategy', () => {
  for (const name of NAMES) {
    test(`${name} offers each member exactly once, and leaves the list as it was`, () => {
      const strategy = strategyFrom(name, 'Pool')
      for (const size of [1, 2, 3, 7, 100]) {
        const members = Array.from({ length: size }, (_, i) =>
          candidate(`m${i}`, {
            weight: 1 + (i % 3),
            order: i % 2,
            outstanding: i % 5,
            srtt: i % 4 === 0 ? NaN : i,
            available: i % 6 !== 0,
          }),
        )
        const before = [...members]
        for (let round = 0; round < 5; round++) {
          const drawn = [...strategy.order(members, asking(`q${round}`))]
          assert.equal(drawn.length, size)
          assert.equal(new Set(drawn).size, size)
        }
        assert.deepEqual(members, before)
      }
    })

    test(`${name} offers nobody when there is nobody, and goes on working`, () => {
      const strategy = strategyFrom(name, 'Pool')
      assert.equal(order(strategy, []), '')
      assert.equal(order(strategy, candidates('a')), 'a')
    })

    test(`${name} ends for good once every member was drawn`, () => {
      const drawn = strategyFrom(name, 'Pool').order(candidates('ab'), asking())[Symbol.iterator]()
      for (let i = 0; i < 2; i++) assert.equal(drawn.next().done, false)
      for (let i = 0; i < 3; i++) assert.deepEqual(drawn.next(), { done: true, value: undefined })
    })

    test(`${name} keeps the orders of two queries at once apart`, () => {
      const strategy = strategyFrom(name, 'Pool')
      const members = candidates('abcd')
      const one = strategy.order(members, asking('one'))[Symbol.iterator]()
      const two = strategy.order(members, asking('two'))[Symbol.iterator]()
      const drawn: [string[], string[]] = [[], []]
      for (let i = 0; i < 4; i++) {
        drawn[0].push((one.next().value as { name: string }).name)
        drawn[1].push((two.next().value as { name: string }).name)
      }
      for (const names of drawn) assert.deepEqual(names.sort(), ['a', 'b', 'c', 'd'])
    })
  }
})

describe('failover', () => {
  test('goes by the order given, and back to the first as soon as it is there again', () => {
    const strategy = new FailoverStrategy()
    const [a, b, c] = candidates('abc')
    assert.equal(order(strategy, [a!, b!, c!]), 'abc')
    assert.equal(order(strategy, [b!, c!]), 'bc')
    assert.equal(order(strategy, [a!, b!, c!]), 'abc')
  })
})

describe('parallel', () => {
  test('asks all members at once by default, in the order given', () => {
    const strategy = new ParallelStrategy()
    assert.equal(strategy.width(3), 3)
    assert.equal(strategy.width(1), 1)
    assert.equal(order(strategy, candidates('abc')), 'abc')
  })

  test('asks `width` at once, never more than there are', () => {
    const strategy = new ParallelStrategy({ width: 2 })
    assert.equal(strategy.width(3), 2)
    assert.equal(strategy.width(1), 1)
  })

  for (const width of [0, -1, 1.5, NaN, '2', null]) {
    test(`refuses a width of ${JSON.stringify(width)}`, () => {
      assert.throws(() => new ParallelStrategy({ width: width as number }), {
        code: 'ERR_DNS_INVALID_OPTION',
        option: 'width',
        owner: 'ParallelStrategy',
      })
    })
  }
})

describe('balanced', () => {
  const [a, b, c] = candidates('abc') as [
    ReturnType<typeof candidate>,
    ReturnType<typeof candidate>,
    ReturnType<typeof candidate>,
  ]

  test('rotates one step a query', () => {
    const strategy = new BalancedStrategy()
    const orders = Array.from({ length: 5 }, () => order(strategy, [a, b, c]))
    assert.deepEqual(orders, ['abc', 'bca', 'cab', 'abc', 'bca'])
  })

  const steps: [string, string[], string[]][] = [
    [
      'one that leaves is passed over and nobody is asked twice',
      ['abc', 'abc', 'ac', 'ac', 'ac'],
      ['a', 'b', 'c', 'a', 'c'],
    ],
    ['the one asked last leaves', ['abc', 'abc', 'ac', 'ac'], ['a', 'b', 'c', 'a']],
    ['the last of the list leaves after its turn', ['abc', 'abc', 'abc', 'ab', 'ab'], ['a', 'b', 'c', 'a', 'b']],
    ['the first leaves after its turn', ['abc', 'bc', 'bc', 'bc'], ['a', 'b', 'c', 'b']],
    ['one that returns takes its old place', ['abc', 'abc', 'ac', 'abc', 'abc', 'abc'], ['a', 'b', 'c', 'a', 'b', 'c']],
    [
      'one that returns just before its turn is asked',
      ['abc', 'ac', 'ac', 'abc', 'abc', 'abc'],
      ['a', 'c', 'a', 'b', 'c', 'a'],
    ],
    ['a list of others starts where it was', ['ab', 'c', 'c', 'ab'], ['a', 'c', 'c', 'a']],
    ['only one is left', ['abc', 'b', 'b', 'abc'], ['a', 'b', 'b', 'c']],
  ]
  for (const [what, lists, expected] of steps) {
    test(`when ${what}`, () => {
      const strategy = new BalancedStrategy()
      const byName = { a, b, c }
      const got = lists.map(
        (list) =>
          first(
            strategy,
            [...list].map((name) => byName[name as 'a']),
          ).name,
      )
      assert.deepEqual(got, expected)
    })
  }

  test('gives every member the same number of queries', () => {
    assert.deepEqual(firsts(new BalancedStrategy(), [a, b, c], 300), { a: 100, b: 100, c: 100 })
  })
})

describe('random', () => {
  test('gives every order equally often', () => {
    const strategy = new RandomStrategy({ random: seeded(1) })
    const counts = new Map<string, number>()
    for (let i = 0; i < 12_000; i++) {
      const key = order(strategy, candidates('abc'))
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    assert.equal(counts.size, 6)
    for (const [key, count] of counts) assert.ok(Math.abs(count / 2000 - 1) < 0.08, `${key}: ${count}`)
  })

  test('draws no more numbers than members', () => {
    let asked = 0
    const strategy = new RandomStrategy({ random: () => (asked++, 0.5) })
    first(strategy, candidates('abcdef'))
    assert.equal(asked, 1)
  })
})

describe('least-outstanding', () => {
  const rows: [string, Parameters<typeof candidate>[1][], string][] = [
    ['fewest outstanding is first', [{ outstanding: 2 }, { outstanding: 0 }, { outstanding: 1 }], 'bca'],
    ['equals go by order', [{ order: 2 }, { order: 1 }, { order: 3 }], 'bac'],
    ['equals of one order go by srtt', [{ srtt: 9 }, { srtt: 12 }, { srtt: 3 }], 'cab'],
    [
      'outstanding outweighs order, and order outweighs srtt',
      [
        { outstanding: 1, order: 0, srtt: 1 },
        { order: 2, srtt: 1 },
        { order: 1, srtt: 99 },
      ],
      'cba',
    ],
    ['full equals stay as given', [{}, {}, {}], 'abc'],
    ['an order may be negative', [{ order: 0 }, { order: -1 }, { order: 1 }], 'bac'],
  ]
  for (const [what, more, expected] of rows) {
    test(what, () => {
      const members = more.map((m, i) => candidate('abc'[i]!, m))
      assert.equal(order(new LeastOutstandingStrategy(), members), expected)
    })
  }

  test('an unmeasured member goes first once among equals, then last until it is measured', () => {
    const strategy = new LeastOutstandingStrategy()
    const [a, b] = [candidate('a'), candidate('b', { srtt: NaN })]
    assert.equal(first(strategy, [a, b]).name, 'b')
    assert.equal(first(strategy, [a, b]).name, 'a')
    b.srtt = 5
    assert.equal(first(strategy, [a, b]).name, 'b')
  })

  test('many outstanding are spread evenly', () => {
    const strategy = new LeastOutstandingStrategy()
    const members = candidates('abc')
    for (let i = 0; i < 300; i++) first(strategy, members).outstanding++
    assert.deepEqual(
      members.map((m) => m.outstanding),
      [100, 100, 100],
    )
  })
})

describe('first-available', () => {
  test('goes by order, then as given', () => {
    const members = [candidate('a', { order: 1 }), candidate('b'), candidate('c')]
    assert.equal(order(new FirstAvailableStrategy(), members), 'bca')
  })

  test('passes over a member that is over its qps, whatever its order, and comes to it last', () => {
    const members = [candidate('a', { available: false }), candidate('b', { order: 2 }), candidate('c', { order: 1 })]
    assert.equal(order(new FirstAvailableStrategy(), members), 'cba')
  })

  test('falls back to least outstanding when all are over their qps', () => {
    const members = [
      candidate('a', { outstanding: 3 }),
      candidate('b', { outstanding: 1, order: 9 }),
      candidate('c', { outstanding: 2 }),
    ]
    for (const member of members) member.available = false
    assert.equal(order(new FirstAvailableStrategy(), members), 'bca')
  })
})
