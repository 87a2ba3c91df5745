import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { HealthOptions } from '../../src/health/options.js'
import { PRESETS, readHealthOptions } from '../../src/health/options.js'
import { nextHealth, probeWait, UNCHECKED, type HealthSignal } from '../../src/health/state.js'

const SIGNALS: Record<string, HealthSignal> = { g: 'good', b: 'bad', v: 'void', t: 'tripped', e: 'epoch' }
const SHORT = { unknown: '?', up: 'U', suspect: 'S', down: 'D' } as const

/** Signals as letters, then the state after each, then the wait after each in s, `-` for none. */
interface Case {
  readonly what: string
  readonly options?: HealthOptions
  readonly signals: string
  readonly states: string
  readonly waits?: string
  /** Whether attempts of queries speak against it all the while. */
  readonly suspected?: boolean
}

const lazy = (options: HealthOptions = {}): HealthOptions => ({ mode: 'lazy', ...options })
const backoff = (failedInterval: number, maxBackoff: number): HealthOptions =>
  lazy({ lazy: { exponentialBackoff: true, failedInterval, maxBackoff } })

const ACTIVE: readonly Case[] = [
  {
    what: 'two good probes bring it up, and from then on it is the interval',
    signals: 'ggg',
    states: '?UU',
    waits: '1 30 30',
  },
  {
    what: 'three bad ones take it down; the waits double up to the interval',
    signals: 'bbbbbbbb',
    states: '??DDDDDD',
    waits: '1 2 4 8 16 30 30 30',
  },
  {
    what: 'while it is up and nothing else speaks against it, bad ones come at the interval',
    signals: 'ggbbb',
    states: '?UUUD',
    waits: '1 30 30 30 4',
  },
  {
    what: 'while it is up but under suspicion, they come soon',
    signals: 'ggbbb',
    states: '?UUUD',
    waits: '1 1 1 2 4',
    suspected: true,
  },
  { what: 'a good one between starts the count of bad ones again', signals: 'ggbbgbbgbbb', states: '?UUUUUUUUUD' },
  {
    what: 'a bad one between starts the count of good ones again',
    signals: 'bbbgbgg',
    states: '??DDDDU',
    waits: '1 2 4 1 1 1 30',
  },
  {
    what: 'the first good one after an outage has the next follow soon',
    signals: 'bbbbbbbgg',
    states: '??DDDDDDU',
    waits: '1 2 4 8 16 30 30 1 30',
  },
  { what: 'unknown stays unknown while probes disagree', signals: 'gbgbgb', states: '??????', waits: '1 1 1 1 1 1' },
  { what: 'a void probe changes nothing but the wait', signals: 'vvvgvg', states: '?????U', waits: '1 2 4 1 1 30' },
  { what: 'void ones between bad ones are not counted', signals: 'bvbvb', states: '????D', waits: '1 2 4 8 16' },
  { what: 'failureThreshold 1', options: { failureThreshold: 1 }, signals: 'ggb', states: '?UD', waits: '1 30 1' },
  { what: 'successThreshold 1', options: { successThreshold: 1 }, signals: 'gbbbg', states: 'UUUDU' },
  {
    what: 'initialDecides: the first bad one',
    options: { initialDecides: true },
    signals: 'bgg',
    states: 'DDU',
    waits: '1 1 30',
  },
  { what: 'initialDecides: the first good one', options: { initialDecides: true }, signals: 'gbbb', states: 'UUUD' },
  {
    what: 'initialDecides: a void one was not the first',
    options: { initialDecides: true },
    signals: 'vb',
    states: '?D',
  },
  {
    what: 'initialDecides: not after a change of network',
    options: { initialDecides: true },
    signals: 'gebbb',
    states: 'U???D',
  },
  {
    what: 'a change of network makes it unknown, from down',
    signals: 'bbbegg',
    states: '??D??U',
    waits: '1 2 4 1 1 30',
  },
  { what: 'a change of network makes it unknown, from up', signals: 'ggebbb', states: '?U???D', waits: '1 30 1 1 2 4' },
  {
    what: 'recoveryInterval 4 s',
    options: { recoveryInterval: 4000 },
    signals: 'bbbbb',
    states: '??DDD',
    waits: '4 8 16 30 30',
  },
  {
    what: 'recoveryInterval over the interval',
    options: { recoveryInterval: 60_000 },
    signals: 'bb',
    states: '??',
    waits: '30 30',
  },
  { what: 'preset default', options: PRESETS.default, signals: 'bbbggg', states: '??DDUU', waits: '1 2 4 1 30 30' },
  { what: 'preset ferrous', options: PRESETS.ferrous, signals: 'bbbbgg', states: '??DDDU', waits: '30 30 30 30 30 30' },
  { what: 'preset ferrous: good', options: PRESETS.ferrous, signals: 'gg', states: '?U', waits: '30 30' },
  {
    what: 'preset ferrous: a suspicion changes no wait',
    options: PRESETS.ferrous,
    signals: 'ggb',
    states: '?UU',
    waits: '30 30 30',
    suspected: true,
  },
  { what: 'preset dnsdist', options: PRESETS.dnsdist, signals: 'bgbg', states: 'DUDU', waits: '1 1 1 1' },
]

const LAZY: readonly Case[] = [
  { what: 'the first probe after the start takes it down at once, thresholds ignored', options: lazy({ failureThreshold: 3 }), signals: 'b', states: 'D', waits: '30' },
  { what: 'the first good one brings it up at once, and then none are sent', options: lazy({ successThreshold: 5 }), signals: 'g', states: 'U', waits: '-' },
  { what: 'suspect: probed each interval', options: lazy({ failureThreshold: 3 }), signals: 'gtbb', states: 'USSS', waits: '- 1 1 1' },
  { what: 'successThreshold 5, suspect: healthy at one good probe', options: lazy({ successThreshold: 5 }), signals: 'gtg', states: 'USU', waits: '- 1 -' },
  { what: 'failureThreshold 3, suspect: down at the third', options: lazy({ failureThreshold: 3 }), signals: 'gtbbb', states: 'USSSD', waits: '- 1 1 1 30' },
  { what: 'suspect: what the window says is no news', options: lazy(), signals: 'gttt', states: 'USSS' },
  { what: 'down, fixed 30 s', options: lazy(), signals: 'gtbbbb', states: 'USDDDD', waits: '- 1 30 30 30 30' },
  { what: 'down, exponential 30 s up to 3600 s', options: backoff(30_000, 3_600_000), signals: 'bbbbbbbbb', states: 'DDDDDDDDD', waits: '30 60 120 240 480 960 1920 3600 3600' },
  { what: 'down, exponential 15 s up to 600 s', options: backoff(15_000, 600_000), signals: 'bbbbbbbb', states: 'DDDDDDDD', waits: '15 30 60 120 240 480 600 600' },
  { what: 'down, exponential, for a thousand probes', options: backoff(15_000, 600_000), signals: 'b'.repeat(1100), states: 'D'.repeat(1100) },
  { what: 'down, exponential: the same after bad ones that only raised a suspicion', options: { ...backoff(30_000, 3_600_000), failureThreshold: 3 }, signals: 'gtbbbbb', states: 'USSSDDD', waits: '- 1 1 1 30 60 120' },
  { what: 'down, successThreshold 2: good, then bad, starts the count again', options: lazy({ successThreshold: 2 }), signals: 'bgbgg', states: 'DDDDU', waits: '30 30 30 30 -' },
  { what: 'down, what the window says is no news', options: lazy(), signals: 'bt', states: 'DD' },
  { what: 'up again, the next suspicion begins anew', options: lazy({ failureThreshold: 2 }), signals: 'gtbbgtb', states: 'USSDUSS', waits: '- 1 1 30 - 1 1' },
  { what: 'a change of network makes it unknown: one good probe is enough', options: lazy(), signals: 'beg', states: 'D?U', waits: '30 1 -' },
  { what: 'a change of network: bad ones count as under suspicion', options: lazy({ failureThreshold: 3 }), signals: 'gebbb', states: 'U???D', waits: '- 1 1 1 30' },
  { what: 'void probes count for nothing', options: lazy(), signals: 'vgtvb', states: '?USSD', waits: '1 - 1 1 30' },
] // prettier-ignore

function run({ options = {}, signals, suspected = false }: Case): { states: string; waits: string } {
  const policy = readHealthOptions('test', options)
  let health = UNCHECKED
  let states = ''
  const waits: string[] = []
  for (const letter of signals) {
    health = nextHealth(health, SIGNALS[letter]!, policy)
    states += SHORT[health.state]
    const wait = probeWait(health, suspected, policy)
    waits.push(wait === Infinity ? '-' : String(wait / 1000))
  }
  return { states, waits: waits.join(' ') }
}

describe.each([
  ['active', ACTIVE],
  ['lazy', LAZY],
])('nextHealth, %s', (_mode, cases) => {
  test.each(cases)('$what', (given) => {
    const { states, waits } = run(given)
    assert.equal(states, given.states)
    if (given.waits !== undefined) assert.equal(waits, given.waits)
  })
})

describe('nextHealth', () => {
  test('before the first probe it is unknown, with the shortest wait', () => {
    assert.equal(UNCHECKED.state, 'unknown')
    assert.equal(probeWait(UNCHECKED, false, readHealthOptions('test', {})), 1000)
  })

  test('changes no health that it is given', () => {
    const policy = readHealthOptions('test', {})
    const before = Object.freeze({ ...UNCHECKED })
    for (const signal of Object.values(SIGNALS)) nextHealth(before, signal, policy)
    assert.deepEqual(before, UNCHECKED)
  })
})
