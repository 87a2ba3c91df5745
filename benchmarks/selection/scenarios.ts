import { bimodal, drifting, logNormal, withTail } from './latency.js'
import type { Fault, ServerPlan } from './server.js'

/** Servers, and what happens to them. Clock times and durations in ms. */
export interface Scenario {
  readonly name: string
  /** What is seen, in one sentence. */
  readonly about: string
  /** Queries a second, at random times. */
  readonly qps: number
  readonly duration: number
  readonly servers: readonly ServerPlan[]
  /** The best server's trouble, where how it is got over is what counts. */
  readonly outage?: { readonly from: number; readonly to: number; readonly rtt: number }
}

const SECOND = 1000
const MINUTE = 60 * SECOND

/** Queries a second, in every scenario but the day. */
const QPS = 200
const NEAR = logNormal(10, 0.05)
const MID = logNormal(20, 0.05)
const FAR = logNormal(22, 0.05)

const three = (faults: readonly Fault[]): readonly ServerPlan[] => [
  { name: 'near', latency: NEAR, faults },
  { name: 'mid', latency: MID },
  { name: 'far', latency: FAR },
]

/** The best of three is in trouble for a minute; the survivors take 20 to 22 ms. */
function outage(name: string, kind: Fault['kind'], about: string): Scenario {
  const from = 30 * SECOND
  const to = 90 * SECOND
  const servers = three([{ kind, from, to }])
  return { name, about, qps: QPS, duration: 2 * MINUTE, servers, outage: { from, to, rtt: 22 } }
}

const slowTail = (median: number): ServerPlan['latency'] => withTail(logNormal(median), 0.02, 10)

/** All scenarios but {@link DAY}. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'steady',
    about: 'Three servers, 10, 20 and 22 ms away, and nothing happens.',
    qps: QPS,
    duration: 2 * MINUTE,
    servers: three([]),
  },
  {
    name: 'slow tail',
    about: '2 % of the replies of each take ten times as long.',
    qps: QPS,
    duration: 2 * MINUTE,
    servers: [
      { name: 'near', latency: slowTail(15) },
      { name: 'mid', latency: slowTail(18) },
      { name: 'far', latency: slowTail(25) },
    ],
  },
  {
    name: 'two peaks',
    about: 'The nearest has three in ten names not in its cache, and takes 60 ms for those instead of 10.',
    qps: QPS,
    duration: 2 * MINUTE,
    servers: [
      { name: 'near', latency: bimodal(NEAR, logNormal(60), 0.3) },
      { name: 'mid', latency: MID },
      { name: 'far', latency: FAR },
    ],
  },
  {
    name: 'drift',
    about: 'Each takes 10 to 50 ms and back within a minute, one after the other.',
    qps: QPS,
    duration: 3 * MINUTE,
    servers: ['one', 'two', 'three'].map((name, i) => ({ name, latency: drifting(NEAR, 5, MINUTE, i / 3) })),
  },
  {
    name: 'loss',
    about: 'One packet in fifty is lost, wherever it goes.',
    qps: QPS,
    duration: 2 * MINUTE,
    servers: three([]).map((server) => ({ ...server, loss: 0.02 })),
  },
  {
    name: 'lossy',
    about: 'Three in ten packets to the nearest are lost.',
    qps: QPS,
    duration: 2 * MINUTE,
    servers: three([]).map((server, i) => (i === 0 ? { ...server, loss: 0.3 } : server)),
  },
  outage('silent', 'silent', 'The best drops every query from 0:30 to 1:30.'),
  outage('closed', 'closed', "The best's port is closed from 0:30 to 1:30."),
  outage('SERVFAIL', 'servfail', 'The best answers SERVFAIL from 0:30 to 1:30.'),
  outage('slow', 'slow', 'The best takes 20 times as long from 0:30 to 1:30.'),
  {
    name: 'never there',
    about: 'The first of three has never answered.',
    qps: QPS,
    duration: MINUTE,
    servers: [
      { name: 'dead', latency: NEAR, faults: [{ kind: 'silent', from: 0, to: Infinity }] },
      { name: 'near', latency: NEAR },
      { name: 'mid', latency: MID },
    ],
  },
  quiet(),
]

/** As `silent`, with so little traffic that nobody learns by accident. */
function quiet(): Scenario {
  const about = 'As silent, at one query a second, from 5:00 to 15:00.'
  const from = 5 * MINUTE
  const to = 15 * MINUTE
  const servers = three([{ kind: 'silent', from, to }])
  return { name: 'quiet', about, qps: 1, duration: 25 * MINUTE, servers, outage: { from, to, rtt: 22 } }
}

/** A day with an outage of each server, in seconds. */
export const DAY: Scenario = {
  name: 'a day',
  about: 'Twenty-four hours at 5 queries a second, each server silent for half an hour.',
  qps: 5,
  duration: 24 * 60 * MINUTE,
  servers: three([]).map((server, i) => {
    const from = (6 + 6 * i) * 60 * MINUTE
    return { ...server, faults: [{ kind: 'silent' as const, from, to: from + 30 * MINUTE }] }
  }),
}
