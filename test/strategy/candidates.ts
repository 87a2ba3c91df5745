import type { Random } from '../../src/base/clock.js'
import type { Query } from '../../src/exchanger.js'
import type { Candidate, Strategy } from '../../src/strategy/strategy.js'

/** A member as plain, changeable data. */
export type Mutable = { -readonly [K in keyof Candidate]: Candidate[K] }

export function candidate(name: string, more: Partial<Candidate> = {}): Mutable {
  return { name, weight: 1, order: 0, outstanding: 0, srtt: 10, p95: 20, rto: 100, available: true, ...more }
}

/** `names` is one letter a member. */
export function candidates(names: string, more: Partial<Candidate> = {}): Mutable[] {
  return [...names].map((name) => candidate(name, more))
}

/** A query as strategies see one: nothing of it but its question key. */
export function asking(questionKey = 'example'): Query {
  return { message: { questionKey } } as unknown as Query
}

/** The names of the whole order, joined. */
export function order(strategy: Strategy, members: readonly Candidate[], query = asking()): string {
  return [...strategy.order(members, query)].map(({ name }) => name).join('')
}

/** The one that would be asked. */
export function first<C extends Candidate>(strategy: Strategy, members: readonly C[], query = asking()): C {
  for (const member of strategy.order(members, query)) return member
  throw new Error('nobody was offered')
}

/** How often each member is first in `rounds` queries. */
export function firsts(
  strategy: Strategy,
  members: readonly Candidate[],
  rounds: number,
  ask: (i: number) => Query = () => asking(),
): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { name } of members) counts[name] = 0
  for (let i = 0; i < rounds; i++) counts[first(strategy, members, ask(i)).name]!++
  return counts
}

/** Mulberry32: the same numbers every run. */
export function seeded(seed: number): Random {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Fails the test when it is called: for strategies that must decide without chance. */
export function noRandom(): number {
  throw new Error('random was asked')
}
