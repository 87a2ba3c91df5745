import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { show } from '../../src/base/options.js'
import { strategyFrom, type StrategyInput } from '../../src/strategy/strategies.js'
import { Strategy, type Candidate } from '../../src/strategy/strategy.js'
import { candidate, candidates, first, order } from './candidates.js'

const SPELLINGS: Record<string, string[]> = {
  parallel: ['parallel', 'Parallel', 'PARALLEL', 'concurrent'],
  balanced: ['balanced', 'round-robin', 'roundrobin', 'roundRobin', 'Round_Robin'],
  failover: ['failover', 'Failover', 'fail-over'],
  random: ['random'],
  weighted: ['weighted', 'wrandom', 'WRandom'],
  fastest: ['fastest'],
  'least-outstanding': ['least-outstanding', 'leastOutstanding', 'least_outstanding', 'LEASTOUTSTANDING'],
  'consistent-hash': ['consistent-hash', 'consistentHash', 'consistent_hash', 'chashed'],
  'first-available': ['first-available', 'firstAvailable', 'FirstAvailable', 'first_available'],
  hedged: ['hedged'],
}

class Backwards extends Strategy {
  readonly name = 'backwards';
  *order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    for (let i = candidates.length - 1; i >= 0; i--) yield candidates[i]!
  }
}

describe('strategyFrom', () => {
  for (const [name, spellings] of Object.entries(SPELLINGS)) {
    test(`${name} may be written ${spellings.join(', ')}`, () => {
      for (const spelling of spellings) {
        assert.equal(strategyFrom(spelling, 'Pool').name, name)
        assert.equal(strategyFrom({ name: spelling } as StrategyInput, 'Pool').name, name)
      }
    })
  }

  test('makes a new instance each time: one serves one pool', () => {
    const [one, two] = [strategyFrom('balanced', 'Pool'), strategyFrom('balanced', 'Pool')]
    const members = candidates('ab')
    assert.equal(first(one, members).name, 'a')
    assert.equal(first(two, members).name, 'a')
    assert.equal(first(one, members).name, 'b')
  })

  test('passes options on', () => {
    assert.equal(strategyFrom({ name: 'parallel', width: 2 }, 'Pool').width(5), 2)
    assert.equal(strategyFrom({ name: 'concurrent', width: 2 }, 'Pool').width(5), 2)
    const bounded = strategyFrom({ name: 'wrandom', balancingFactor: 1.1 }, 'Pool')
    assert.equal(first(bounded, [candidate('a', { outstanding: 50 }), candidate('b')]).name, 'b')
    const random = strategyFrom({ name: 'random', random: () => 0.99 }, 'Pool')
    assert.equal(order(random, candidates('abc')), 'cba')
    strategyFrom({ name: 'fastest', epsilon: 0 }, 'Pool')
    strategyFrom({ name: 'hedged', budget: 0.1, cap: 5, floor: 5 }, 'Pool')
  })

  test("takes an instance as it is, a user's own too", () => {
    const own = new Backwards()
    assert.equal(strategyFrom(own, 'Pool'), own)
    assert.equal(order(own, candidates('abc')), 'cba')
    assert.equal(own.width(3), 1)
    assert.equal(own.stagger(candidate('a'), { remaining: 1, now: 0, candidates: [] }), Infinity)
    assert.deepEqual([...own.order([])], [])
  })

  const known =
    'parallel, balanced, failover, random, weighted, fastest, least-outstanding, consistent-hash, first-available, hedged'
  const unknown: [string, string][] = [
    ['faylover', `Pool: option "strategy" must be one of ${known}; got "faylover"; did you mean "failover"?`],
    [
      'round-robbin',
      `Pool: option "strategy" must be one of ${known}; got "round-robbin"; did you mean "round-robin"?`,
    ],
    ['best', `Pool: option "strategy" must be one of ${known}; got "best"`],
    ['', `Pool: option "strategy" must be one of ${known}; got ""`],
    ['__proto__', `Pool: option "strategy" must be one of ${known}; got "__proto__"`],
    ['constructor', `Pool: option "strategy" must be one of ${known}; got "constructor"`],
  ]
  for (const [name, message] of unknown) {
    test(`refuses the name ${JSON.stringify(name)} and lists the ten`, () => {
      const expected = { code: 'ERR_DNS_INVALID_OPTION', owner: 'Pool', option: 'strategy', message }
      assert.throws(() => strategyFrom(name, 'Pool'), expected)
      assert.throws(() => strategyFrom({ name } as StrategyInput, 'Pool'), expected)
    })
  }

  test('a name of any length is refused shortly', () => {
    assert.throws(
      () => strategyFrom('x'.repeat(1e6), 'Pool'),
      (error: Error) => error.message.length < 400,
    )
  })

  for (const given of [
    null,
    undefined,
    7,
    true,
    [],
    ['failover'],
    {},
    { name: 4 },
    Backwards,
    { order: () => [] },
    Symbol('x'),
  ]) {
    test(`refuses ${show(given)}`, () => {
      assert.throws(() => strategyFrom(given as never, 'Pool'), {
        code: 'ERR_DNS_INVALID_OPTION',
        owner: 'Pool',
        option: 'strategy',
      })
    })
  }

  const badOptions: [object, string][] = [
    [{ name: 'failover', width: 2 }, 'FailoverStrategy: option "width" is not known; there are none'],
    [
      { name: 'weighted', balancingFactro: 1 },
      'WeightedStrategy: option "balancingFactro" is not known; did you mean "balancingFactor"?',
    ],
    [{ name: 'parallel', width: 0 }, 'ParallelStrategy: option "width" must be a whole number of at least 1; got 0'],
    [{ name: 'fastest', epsilon: 2 }, 'FastestStrategy: option "epsilon" must be a number from 0 to 1; got 2'],
  ]
  for (const [given, message] of badOptions) {
    test(`refuses ${JSON.stringify(given)}`, () => {
      assert.throws(() => strategyFrom(given as StrategyInput, 'Pool'), { code: 'ERR_DNS_INVALID_OPTION', message })
    })
  }
})
