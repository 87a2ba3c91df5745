// Processor time a query of a whole process, between two marks under a closed loop of load.
import { ask, end, start, startForwarder } from './processes.mjs'

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** How long a measurement takes, in ms, and how often it is repeated. */
export function pace(smoke, rounds) {
  return smoke ? { warm: 150, measure: 250, rounds: rounds ?? 1 } : { warm: 1500, measure: 4000, rounds: rounds ?? 5 }
}

/** One fresh forwarder, responder and client: { us, qps, lost, failed }. */
export async function once({ variant, upstreams = 1, inFlight = 128, names }, { warm, measure }) {
  const responder = await start('responder.mjs', [upstreams])
  const forwarder = await startForwarder(variant, responder.hello.ports)
  const load = await start('load.mjs')
  try {
    load.child.send({ port: forwarder.port, inFlight, names })
    await pause(warm)
    const [before, cpuBefore] = [await ask(load.child, 'mark'), await forwarder.cpu()]
    await pause(measure)
    const [after, cpuAfter] = [await ask(load.child, 'mark'), await forwarder.cpu()]
    const { lost, failed } = await ask(load.child, 'drain')
    const queries = after.got - before.got
    return { us: (cpuAfter - cpuBefore) / queries, qps: (queries * 1000) / (after.at - before.at), lost, failed }
  } finally {
    await Promise.all([end(load.child), forwarder.stop(), end(responder.child)])
  }
}

/** Every configuration once a round, in alternating order: medians of { us, qps } and sums of { lost, failed }. */
export async function alternate(configurations, timing, measureOne = once) {
  const runs = configurations.map(() => [])
  for (let round = 0; round < timing.rounds; round++) {
    const order = configurations.map((_, i) => (round % 2 === 0 ? i : configurations.length - 1 - i))
    for (const i of order) runs[i].push(await measureOne(configurations[i], timing))
  }
  return runs.map(mediansOf)
}

/** Medians of { us, qps }, sums of { lost, failed }, and the rounds themselves. */
export function mediansOf(rounds) {
  return {
    us: median(rounds.map(({ us }) => us)),
    qps: median(rounds.map(({ qps }) => qps)),
    lost: rounds.reduce((sum, { lost = 0 }) => sum + lost, 0),
    failed: rounds.reduce((sum, { failed = 0 }) => sum + failed, 0),
    rounds,
  }
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
