import { Message, type Query } from 'headrace'
import { FakeClock } from 'headrace/testing'
import { PATIENCE, type Contestant } from './contestant.js'
import { seededFor } from './random.js'
import type { Scenario } from './scenarios.js'
import { Server } from './server.js'

/** Distinct names that are asked for. */
const NAMES = 64
/** How long after the last query everything has ended, time limits of 10 s on three servers included, in ms. */
const AFTERMATH = 31_000

/** What one contestant did in one scenario. */
export interface Run {
  readonly scenario: Scenario
  readonly contestant: Contestant
  /** When each query began, clock time in ms. */
  readonly began: Float64Array
  /** How long each took, in ms; Infinity for those that failed or took longer than a client waits. */
  readonly elapsed: Float64Array
  readonly servers: readonly Server[]
}

/** Runs `scenario` for `contestant`: the same `seed` gives the same run, and every contestant the same queries. */
export async function simulate(scenario: Scenario, contestant: Contestant, seed: number): Promise<Run> {
  const clock = new FakeClock()
  const servers = scenario.servers.map((plan) => new Server(plan, clock, seededFor(seed, plan.name)))
  const chooser = contestant.start({ clock, servers, random: seededFor(seed, 'choice') })
  const queries = makeQueries()
  const began = arrivals(scenario, seed)
  const elapsed = new Float64Array(began.length).fill(Infinity)
  let next = 0
  const ask = (): void => {
    const at = next++
    if (next < began.length) clock.setTimeout(ask, began[next]! - clock.now())
    void chooser.ask(queries[at % NAMES]!).then((answered) => {
      const took = clock.now() - began[at]!
      if (answered && took <= PATIENCE) elapsed[at] = took
    })
  }
  clock.setTimeout(ask, began[0]!)
  await clock.advance(scenario.duration + AFTERMATH)
  await chooser.close?.()
  return { scenario, contestant, began, elapsed, servers }
}

/** When queries come: at random, so many a second on average. */
function arrivals({ qps, duration }: Scenario, seed: number): Float64Array {
  const random = seededFor(seed, 'arrivals')
  const times: number[] = []
  for (let at = 0; at < duration; at += (-Math.log(1 - random()) * 1000) / qps) times.push(at)
  return Float64Array.from(times)
}

function makeQueries(): Query[] {
  return Array.from({ length: NAMES }, (_, i) => ({ message: Message.query(`host-${i}.example`) }))
}
