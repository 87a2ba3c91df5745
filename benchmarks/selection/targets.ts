import type { Figures } from './figures.js'

/** The figures of each contestant, by the name of the scenario. */
export type Results = ReadonlyMap<string, readonly Figures[]>

/** A figure to reach, and what came of it. */
export interface Target {
  readonly what: string
  readonly value: number
  readonly atMost: number
  readonly unit: string
}

/** Peers that ask several at once play another game: twice the traffic for every query. */
const SEVERAL_AT_ONCE = 0.5
/** Where a query is sent again since a reply, or its refusal, said that it must be: no budget is for that. */
const ANSWERED_BADLY = ['SERVFAIL', 'closed']
/** The first of three is gone, whether it says so or not. */
const DEAD = ['silent', 'closed']

/** What the library set out to reach, and where it is. */
export function targets(results: Results): Target[] {
  const hedged = [...results].map(([scenario, rows]) => ({
    scenario,
    row: rows.find(({ name }) => name === 'hedged')!,
  }))
  const extra = hedged.filter(({ scenario }) => !ANSWERED_BADLY.includes(scenario)).map(({ row }) => row.extra)
  const tail = results.get('slow tail')!
  const peers = tail.filter((row) => !row.ours && row.extra < SEVERAL_AT_ONCE)
  const dead = DEAD.flatMap((scenario) => results.get(scenario)!).filter(({ ours }) => ours)
  const worst = (of: (row: Figures) => number): number => Math.max(...dead.map(of))
  return [
    { what: 'hedged: extra queries, the most of any scenario', value: 100 * Math.max(...extra), atMost: 5, unit: '%' },
    {
      what: "hedged: p99 with a slow tail, of the best peer's that asks one at a time",
      value: tail.find(({ name }) => name === 'hedged')!.p99 / Math.min(...peers.map(({ p99 }) => p99)),
      atMost: 0.5,
      unit: '',
    },
    { what: 'the best dies, any strategy: failed', value: worst(({ failed }) => failed), atMost: 0, unit: '' },
    { what: '… p99 back', value: worst(({ recovery }) => recovery!) / 1000, atMost: 2, unit: 's' },
    { what: '… in use again', value: worst(({ inUse }) => inUse!) / 1000, atMost: 5, unit: 's' },
  ]
}

/** `target` as a line of text. */
export function describe({ what, value, atMost, unit }: Target): string {
  const met = value <= atMost ? 'reached' : 'MISSED'
  return `${what}: ${`${value.toFixed(2).replace(/\.?0+$/, '')} ${unit}`.trim()}, at most ${`${atMost} ${unit}`.trim()}: ${met}`
}
