import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Contestant } from '../../benchmarks/selection/contestant.js'
import { figuresOf, percentile, type Figures } from '../../benchmarks/selection/figures.js'
import { logNormal, withTail } from '../../benchmarks/selection/latency.js'
import { OURS } from '../../benchmarks/selection/ours.js'
import { PEERS } from '../../benchmarks/selection/peers.js'
import { plot } from '../../benchmarks/selection/plot.js'
import { SCENARIOS, type Scenario } from '../../benchmarks/selection/scenarios.js'
import { simulate, type Run } from '../../benchmarks/selection/simulate.js'
import { table } from '../../benchmarks/selection/table.js'
import { describe as describeTarget, targets } from '../../benchmarks/selection/targets.js'

const ALL = [...OURS, ...PEERS]
const named = (name: string): Contestant => ALL.find((one) => one.name === name)!
const scenario = (name: string): Scenario => SCENARIOS.find((one) => one.name === name)!

/** Something of everything: a tail, loss and an outage, 12 s of it. */
const SHORT: Scenario = {
  name: 'short',
  about: '',
  qps: 50,
  duration: 12_000,
  servers: [
    {
      name: 'near',
      latency: withTail(logNormal(10), 0.02, 10),
      loss: 0.01,
      faults: [{ kind: 'silent', from: 4000, to: 8000 }],
    },
    { name: 'far', latency: logNormal(20) },
  ],
  outage: { from: 4000, to: 8000, rtt: 20 },
}

describe.each(ALL)('$name', (contestant) => {
  test('does the same with the same seed, to the digit, and something else with another', async () => {
    const [first, again, other] = [
      await simulate(SHORT, contestant, 1),
      await simulate(SHORT, contestant, 1),
      await simulate(SHORT, contestant, 2),
    ]
    assert.deepEqual(first.elapsed, again.elapsed)
    assert.deepEqual(figuresOf(first), figuresOf(again))
    assert.notDeepEqual(first.elapsed, other.elapsed)
  })
})

test('every contestant is asked the same queries at the same times', async () => {
  const runs = []
  for (const contestant of ALL) runs.push(await simulate({ ...SHORT, duration: 1000 }, contestant, 3))
  for (const { began } of runs) assert.deepEqual(began, runs[0]!.began)
})

describe('the figures of the library', () => {
  const figures = async (name: string, contestant: string): Promise<Figures> =>
    figuresOf(await simulate(scenario(name), named(contestant), 1))

  test('hedged halves p99 at least, with at most 5 % extra queries, when 2 % of replies are slow', async () => {
    const hedged = await figures('slow tail', 'hedged')
    const peer = await figures('slow tail', 'lazydns, fastest')
    assert.ok(hedged.p99 <= peer.p99 / 2, `${hedged.p99} and ${peer.p99}`)
    assert.ok(hedged.extra <= 0.05, String(hedged.extra))
  })

  test.each(OURS)('$name: the best of three dies and comes back; none fails (T4)', async ({ name }) => {
    const { failed, recovery, inUse } = await figures('silent', name)
    assert.equal(failed, 0)
    assert.ok(recovery! <= 2000 && inUse! <= 5000, `p99 back after ${recovery} ms, in use after ${inUse} ms`)
  })
})

describe('figures', () => {
  test.each([
    [[1, 2, 3, 4], 0.5, 2],
    [[1, 2, 3, 4], 0.99, 4],
    [[1], 0.5, 1],
    [[1, Infinity], 0.99, 5000],
  ])('of %j, the share %d took at most %d ms', (sorted, share, expected) => {
    assert.equal(percentile(Float64Array.from(sorted), share), expected)
  })

  test('recovery is when the next 200 queries and all after them are quick enough', () => {
    const began = Float64Array.from({ length: 6000 }, (_, i) => i * 10)
    const elapsed = began.map((at) => (at >= 20_000 && at < 23_000 ? 100 : 10))
    const server = { asked: 0, askedIn: () => 1 } as unknown as Run['servers'][number]
    const outage = { from: 20_000, to: 50_000, rtt: 20 }
    const run: Run = {
      scenario: { ...SHORT, qps: 100, duration: 60_000, outage },
      contestant: named('hedged'),
      began,
      elapsed,
      servers: [server],
    }
    // Two of 200 may be slow.
    assert.equal(figuresOf(run).recovery, 3000)
    assert.equal(figuresOf(run).inUse, 0)
    assert.equal(figuresOf({ ...run, elapsed: elapsed.fill(100) }).recovery, Infinity)
  })
})

describe('what is printed', () => {
  const row: Figures = {
    name: 'hedged',
    ours: true,
    share: 0.5,
    p50: 10,
    p99: 20,
    queries: 100,
    failed: 0,
    extra: 0.04,
    recovery: 100,
    inUse: Infinity,
  }

  test('a table has a line for each and aligned columns', () => {
    const lines = table([row, { ...row, name: 'peer', ours: false, failed: 7, recovery: null, inUse: null }])
    assert.equal(lines.length, 3)
    assert.match(lines[1]!, /^hedged +50\.0 % +10\.0 ms +20\.0 ms +0 +4\.0 % +0\.1 s +never$/)
    assert.match(lines[2]!, /^ {2}peer +50\.0 % +10\.0 ms +20\.0 ms +7 \(7\.0 %\) +4\.0 %$/)
  })

  test('a target says whether it is reached', () => {
    const peer = { ...row, name: 'peer', ours: false, p99: 60, extra: 0, inUse: null, recovery: null }
    const racer = { ...peer, name: 'racer', p99: 1, extra: 1 }
    const results = new Map(['slow tail', 'silent', 'closed'].map((name) => [name, [row, peer, racer]]))
    assert.deepEqual(targets(results).map(describeTarget), [
      'hedged: extra queries, the most of any scenario: 4 %, at most 5 %: reached',
      "hedged: p99 with a slow tail, of the best peer's that asks one at a time: 0.33, at most 0.5: reached",
      'the best dies, any strategy: failed: 0, at most 0: reached',
      '… p99 back: 0.1 s, at most 2 s: reached',
      '… in use again: Infinity s, at most 5 s: MISSED',
    ])
  })

  test('the plot has both panels, a legend and no gaps', async () => {
    const runs = []
    for (const contestant of ALL) runs.push(await simulate(SHORT, contestant, 1))
    const svg = plot(runs, runs)
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox/)
    assert.equal(svg.match(/<path /g)!.length, 8 * 3)
    for (const name of ['hedged', 'dnsproxy, load balancing', 'CoreDNS, random']) assert.ok(svg.includes(`>${name}<`))
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
  })
})
