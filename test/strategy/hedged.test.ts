import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { HedgedStrategy } from '../../src/strategy/hedged.js'
import type { Candidate, Outcome } from '../../src/strategy/strategy.js'
import { asking, candidate, first, order } from './candidates.js'

const a = candidate('a', { srtt: 5, p95: 40 })
const b = candidate('b', { srtt: 10, p95: 60 })
const both = [a, b]

function stagger(
  strategy: HedgedStrategy,
  more: { of?: Candidate; remaining?: number; now?: number; candidates?: Candidate[] } = {},
): number {
  return strategy.stagger(more.of ?? a, {
    remaining: more.remaining ?? 5000,
    now: more.now ?? 0,
    candidates: more.candidates ?? both,
  })
}

function outcome(of: Candidate, result: Outcome['result'], more: Partial<Outcome> = {}): Outcome {
  return { candidate: of, result, elapsed: 10, won: result === 'reply', hedge: false, now: 0, ...more }
}

/** Lets `wins` of `hedges` hedges win, losses first. */
function hedge(strategy: HedgedStrategy, hedges: number, wins: number, now = 0): void {
  for (let i = 0; i < hedges; i++) {
    const won = i >= hedges - wins
    strategy.settled(outcome(b, won ? 'reply' : 'cancelled', { hedge: true, won, now }))
  }
}

/** How many hedges may go out right now. */
function allowance(strategy: HedgedStrategy, now = 0): number {
  let hedges = 0
  while (hedges < 1000 && strategy.mayHedge(now)) hedges++
  return hedges
}

describe('hedged', () => {
  test('asks one at a time, the fastest first', () => {
    const strategy = new HedgedStrategy()
    assert.equal(strategy.width(2), 1)
    assert.equal(order(strategy, [b, a]), 'ab')
  })

  const delays: [string, number, number, number][] = [
    ['its p95', 40, 5000, 40],
    ['15 ms when its p95 is shorter', 3, 5000, 15],
    ['half of what is left when its p95 is longer', 800, 1000, 500],
    ['half of what is left even under 15 ms', 40, 20, 10],
  ]
  for (const [what, p95, remaining, expected] of delays) {
    test(`waits ${what}`, () =>
      assert.equal(stagger(new HedgedStrategy(), { of: candidate('a', { p95 }), remaining }), expected))
  }

  test('takes the floor from its options', () => {
    assert.equal(stagger(new HedgedStrategy({ floor: 2 }), { of: candidate('a', { p95: 1 }) }), 2)
  })

  test('does not hedge an unmeasured member: nobody knows yet what is late for it', () => {
    assert.equal(stagger(new HedgedStrategy(), { of: candidate('a', { p95: NaN }) }), Infinity)
  })

  test('does not hedge when there is nobody else', () => {
    assert.equal(stagger(new HedgedStrategy(), { candidates: [a] }), Infinity)
    assert.equal(stagger(new HedgedStrategy(), { candidates: [] }), Infinity)
  })
})

describe('hedge budget', () => {
  test('ten hedges are saved up at first, and no more ever', () => {
    const strategy = new HedgedStrategy()
    for (let i = 0; i < 1000; i++) first(strategy, both)
    assert.equal(allowance(strategy), 10)
    assert.equal(strategy.mayHedge(0), false)
  })

  test('twenty queries earn one hedge', () => {
    const strategy = new HedgedStrategy()
    allowance(strategy)
    for (let i = 0; i < 19; i++) strategy.order(both, asking())
    assert.equal(strategy.mayHedge(0), false)
    strategy.order(both, asking())
    assert.equal(strategy.mayHedge(0), true)
    assert.equal(strategy.mayHedge(0), false)
  })

  test('when every query wants to be hedged, 5 % are', () => {
    const strategy = new HedgedStrategy()
    let hedges = 0
    for (let i = 0; i < 10_000; i++) {
      strategy.order(both, asking())
      if (strategy.mayHedge(0)) hedges++
    }
    // The first query finds the bucket full: what it would earn is lost.
    assert.equal(hedges, Math.floor(10 + 9999 * 0.05))
  })

  test('budget and cap are options', () => {
    const strategy = new HedgedStrategy({ budget: 0.5, cap: 2 })
    assert.equal(allowance(strategy), 2)
    for (let i = 0; i < 2; i++) strategy.order(both, asking())
    assert.equal(allowance(strategy), 1)
    assert.equal(allowance(new HedgedStrategy({ budget: 0, cap: 1 })), 1)
  })

  for (const [option, value] of [
    ['budget', -0.1],
    ['budget', 2],
    ['cap', 0],
    ['floor', -1],
    ['floor', '15ms'],
    ['bugdet', 0.1],
  ] as const) {
    test(`refuses ${option}: ${value}`, () => {
      assert.throws(() => new HedgedStrategy({ [option]: value }), { code: 'ERR_DNS_INVALID_OPTION', option })
    })
  }
})

describe('no hedge', () => {
  test('while nobody else is quick: late replies and failures speak against a member for five seconds', () => {
    for (const slow of [
      outcome(b, 'reply', { elapsed: 150 }),
      outcome(b, 'failure'),
      outcome(b, 'cancelled', { elapsed: 100 }),
    ]) {
      const strategy = new HedgedStrategy()
      strategy.settled(slow)
      assert.equal(stagger(strategy, { now: 4999 }), Infinity, slow.result)
      assert.equal(stagger(strategy, { now: 5000 }), 40, slow.result)
    }
  })

  test('for a slow member there is one as long as another is quick', () => {
    const strategy = new HedgedStrategy()
    strategy.settled(outcome(a, 'reply', { elapsed: 900 }))
    assert.equal(stagger(strategy), 40)
    const c = candidate('c')
    strategy.settled(outcome(b, 'reply', { elapsed: 900 }))
    assert.equal(stagger(strategy), Infinity)
    assert.equal(stagger(strategy, { candidates: [a, b, c] }), 40)
  })

  test('a reply in time clears a member at once, whatever its RCODE; losing a race sooner says nothing', () => {
    const strategy = new HedgedStrategy()
    strategy.settled(outcome(b, 'cancelled', { elapsed: 50 }))
    assert.equal(stagger(strategy), 40)
    strategy.settled(outcome(b, 'failure'))
    strategy.settled(outcome(b, 'cancelled', { elapsed: 50 }))
    assert.equal(stagger(strategy), Infinity)
    strategy.settled(outcome(b, 'reply'))
    assert.equal(stagger(strategy), 40)
  })

  test('while the network looks down: three failures in a row with no reply between them', () => {
    const strategy = new HedgedStrategy()
    const many = Array.from({ length: 10 }, (_, i) => candidate(`m${i}`))
    for (let i = 0; i < 2; i++) strategy.settled(outcome(many[i]!, 'failure'))
    assert.equal(stagger(strategy, { candidates: many }), 40)
    strategy.settled(outcome(many[2]!, 'failure'))
    assert.equal(stagger(strategy, { candidates: many, now: 99_999 }), Infinity)
    assert.equal(strategy.mayHedge(99_999), false)
    strategy.settled(outcome(many[3]!, 'reply'))
    assert.equal(stagger(strategy, { candidates: many }), 40)
    assert.equal(allowance(strategy), 10)
  })
})

describe('hedging that does not pay', () => {
  test('goes on while 5 % of the last 200 win', () => {
    const strategy = new HedgedStrategy()
    hedge(strategy, 200, 10)
    assert.equal(strategy.mayHedge(0), true)
  })

  test('is switched off when fewer do, but not before there were 200', () => {
    const strategy = new HedgedStrategy()
    hedge(strategy, 199, 0)
    assert.equal(strategy.mayHedge(0), true)
    hedge(strategy, 1, 0)
    assert.equal(strategy.mayHedge(0), false)
    assert.equal(stagger(strategy), Infinity)
  })

  test('counts the last 200 only: old wins are worth nothing', () => {
    const strategy = new HedgedStrategy()
    hedge(strategy, 300, 300)
    hedge(strategy, 190, 0)
    assert.equal(strategy.mayHedge(0), true)
    hedge(strategy, 1, 0)
    assert.equal(strategy.mayHedge(0), false)
  })

  test('is tried again after a minute on a fresh record, and stays when it pays', () => {
    const strategy = new HedgedStrategy()
    hedge(strategy, 200, 0, 1000)
    assert.equal(strategy.mayHedge(60_999), false)
    assert.equal(strategy.mayHedge(61_000), true)
    hedge(strategy, 199, 0, 61_000)
    assert.equal(strategy.mayHedge(61_000), true)
    hedge(strategy, 1, 0, 61_000)
    assert.equal(strategy.mayHedge(120_999), false)
    hedge(strategy, 200, 100, 121_000)
    assert.equal(strategy.mayHedge(121_000), true)
  })

  test('attempts that are no hedges count neither way', () => {
    const strategy = new HedgedStrategy()
    for (let i = 0; i < 500; i++) strategy.settled(outcome(a, 'cancelled', { won: false }))
    assert.equal(strategy.mayHedge(0), true)
  })
})
