import { Message, type Query } from 'headrace'
import { FakeClock } from 'headrace/testing'
import type { Chooser, Stage } from '../../benchmarks/selection/contestant.js'
import type { Latency } from '../../benchmarks/selection/latency.js'
import { seeded } from '../../benchmarks/selection/random.js'
import { Server, type Fault } from '../../benchmarks/selection/server.js'

/** Always the same time. */
export const exactly =
  (ms: number): Latency =>
  () =>
    ms

/** A server that never answers. */
export const DEAD: readonly Fault[] = [{ kind: 'silent', from: 0, to: Infinity }]

const QUERY: Query = { message: Message.query('www.example') }

/** Servers by name, and a chooser among them, in virtual time. */
export function stage(
  start: (stage: Stage) => Chooser,
  plans: Record<string, { readonly takes?: number; readonly faults?: readonly Fault[] }>,
) {
  const clock = new FakeClock()
  const servers = Object.entries(plans).map(
    ([name, { takes = 10, faults = [] }]) => new Server({ name, latency: exactly(takes), faults }, clock, seeded(1)),
  )
  const chooser = start({ clock, servers, random: seeded(7) })
  return {
    clock,
    chooser,
    asked: (name: string) => servers.find((server) => server.name === name)!.asked,
    ask: () => clock.run(chooser.ask(QUERY)),
    /** Asks `count` times, `gap` ms apart, waiting for nobody. @returns how many were answered, once `patience` ms more are over */
    flood: async (count: number, gap: number, patience = 31_000) => {
      let answered = 0
      for (let i = 0; i < count; i++) {
        void chooser.ask(QUERY).then((ok) => (answered += Number(ok)))
        await clock.advance(gap)
      }
      await clock.advance(patience)
      return answered
    },
  }
}
