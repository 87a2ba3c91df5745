// What is measured, and what it has to reach.
import { blackhole, clear, duplicate, loseUdp, UPSTREAMS } from './network.mjs'
import { start } from './role.mjs'

const QPS = 100

/** The cases, in order; `seconds` is how long the longer ones ask. */
export function cases(seconds) {
  return [
    { name: 'T1 20 ms, 20 % lost each way', run: () => loss(seconds, 20, 0.2, { share: 99.9, p90: 150, p99: 450 }) },
    { name: 'T2 20 ms, 40 % lost each way', run: () => loss(seconds, 20, 0.4, { share: 97 }) },
    { name: 'T3 200 ms, 20 % lost each way', run: () => loss(seconds, 200, 0.2, { share: 99.5, p99: 1400 }) },
    ...['failover', 'least-outstanding', 'balanced'].map((strategy) => ({
      name: `T4 one of two blackholed, ${strategy}`,
      run: () => outage(strategy),
    })),
    ...['failover', 'least-outstanding', 'balanced'].map((strategy) => ({
      name: `T5 one of two closed, ${strategy}`,
      run: () => closed(strategy, seconds),
    })),
    { name: 'T6 60 ms ± 56, every datagram twice', run: () => repeated(seconds) },
    { name: 'T17 64 files, 1000 at once, 8 sockets', run: () => fewFiles(8) },
    { name: 'T17 64 files, 1000 at once, a socket a query', run: () => fewFiles('per-query') },
    { name: 'a dead upstream, 1000 at once in process', run: dead },
  ]
}

async function loss(seconds, rtt, share, goal) {
  const [up] = await upstreams([{ rtt }])
  const under = await start('f', 'forwarder.mjs', { upstreams: [UPSTREAMS[0]] })
  const client = await start('f', 'client.mjs', {})
  loseUdp(share)
  const { queries } = await client.ask({ qps: QPS, seconds })
  const { udp, tcp, byTcp, connections } = await up.ask('counts')
  const seen = await under.ask('stats')
  return [
    atLeast('NOERROR %', percentGood(queries), goal.share),
    ...times(queries, goal),
    atMost('UDP transmissions of a query that came through', udp, 3),
    atMost('TCP transmissions of a query', tcp, 1),
    told('queries that took TCP', `${byTcp} of ${queries.length}, over ${connections} connections`),
    told('srtt, rttvar', rounded(seen.upstreams[0].srtt, seen.upstreams[0].rttvar)),
    atMost('unhandled', seen.unhandled, 0),
  ]
}

/** A blackhole from 3 s to 13 s. */
async function outage(strategy) {
  const rtt = 20
  const [dead] = await upstreams([{ rtt }, { rtt }])
  await start('f', 'forwarder.mjs', { upstreams: UPSTREAMS, strategy })
  const client = await start('f', 'client.mjs', {})
  const asking = client.ask({ qps: QPS, seconds: 24 })
  await sleep(3000)
  blackhole(UPSTREAMS[0])
  await sleep(10_000)
  const before = await dead.ask('total')
  clear()
  let back = 0
  while (back < 9000 && (await dead.ask('total')) < before + 20) {
    await sleep(50)
    back += 50
  }
  const { queries } = await asking
  const steady = queries.filter(({ at }) => at > 5000 && at < 13_000)
  return [
    atMost('failed', failed(queries), 0),
    ...times(queries, { p99: 500 }),
    atMost('p90 from 2 s after', percentile(steady, 0.9), rtt * 1.2),
    told('p99, max from 2 s after', rounded(percentile(steady, 0.99), percentile(steady, 1))),
    atMost('in use again after, ms', back, 5000),
  ]
}

async function closed(strategy, seconds) {
  await start('u', 'upstream.mjs', { address: UPSTREAMS[1], rtt: 20 })
  await start('f', 'forwarder.mjs', { upstreams: UPSTREAMS, strategy })
  const client = await start('f', 'client.mjs', {})
  const { queries } = await client.ask({ qps: QPS, seconds: Math.min(seconds, 20) })
  return [atMost('failed', failed(queries), 0), failures(queries), ...times(queries, { p99: 25 })]
}

async function repeated(seconds) {
  const [up] = await upstreams([{ rtt: 60, jitter: 56 }])
  if (!duplicate()) return 'iptables has no TEE here'
  const under = await start('f', 'forwarder.mjs', { upstreams: [UPSTREAMS[0]] })
  const client = await start('f', 'client.mjs', {})
  const { queries, doubles } = await client.ask({ qps: QPS, seconds: Math.min(seconds, 20) })
  const { total } = await up.ask('counts')
  return [
    atLeast('NOERROR %', percentGood(queries), 100),
    atMost('replies delivered twice', doubles, 0),
    ...times(queries, {}),
    told('queries that the upstream saw of each', (total / queries.length).toFixed(2)),
    atMost('unhandled', (await under.ask('stats')).unhandled, 0),
  ]
}

async function fewFiles(sockets) {
  await upstreams([{ rtt: 200 }])
  const under = await start('f', 'forwarder.mjs', { upstreams: [UPSTREAMS[0]], sockets, files: 64 })
  const client = await start('f', 'client.mjs', {})
  const { queries } = await client.ask({ burst: 1000 })
  const after = await client.ask({ qps: 20, seconds: 2 })
  return [
    atMost('unanswered', queries.filter(({ took }) => took === null).length, 0),
    told('NOERROR %', percentGood(queries).toFixed(1)),
    atMost('longest', percentile(queries, 1), 5100),
    atMost('failed from 1 s after', failed(after.queries.filter(({ at }) => at > 1000)), 0),
    atMost('unhandled', (await under.ask('stats')).unhandled, 0),
  ]
}

async function dead() {
  const rtt = 20
  await upstreams([{ rtt }])
  const under = await start('f', 'forwarder.mjs', { upstreams: [UPSTREAMS[0]] })
  await under.ask({ ask: 100 })
  blackhole(UPSTREAMS[0])
  await under.ask('stats')
  const { replies, longest } = await under.ask({ ask: 1000 })
  const { cpu } = await under.ask('stats')
  clear()
  await sleep(1000)
  const after = await under.ask({ ask: 100 })
  return [
    atMost('replies', replies, 0),
    atMost('longest', longest, 5100),
    atMost('CPU, ms', cpu, 500),
    atLeast('replies of 100, 1 s after it is back', after.replies, 100),
    told('longest of those', rounded(after.longest)),
  ]
}

function upstreams(settings) {
  return Promise.all(settings.map((one, at) => start('u', 'upstream.mjs', { address: UPSTREAMS[at], ...one })))
}

function times(queries, goal) {
  const line = [0.5, 0.9, 0.99, 1].map((share) => percentile(queries, share))
  return [
    told('p50, p90, p99, max', rounded(...line)),
    ...(goal.p90 === undefined ? [] : [atMost('p90', line[1], goal.p90)]),
    ...(goal.p99 === undefined ? [] : [atMost('p99', line[2], goal.p99)]),
  ]
}

const percentGood = (queries) => 100 - (100 * failed(queries)) / queries.length
const failed = (queries) => queries.filter(({ rcode }) => rcode !== 0).length
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
/** Of the queries that failed: when, RCODE (null: no reply) and how long it took. */
const failures = (queries) =>
  told(
    'failures',
    queries
      .filter(({ rcode }) => rcode !== 0)
      .slice(0, 5)
      .map(({ at, rcode, took }) => `at ${at.toFixed(0)} rcode ${rcode} after ${took?.toFixed(0)}`)
      .join('; ') || 'none',
  )
const rounded = (...values) => values.map((value) => value.toFixed(0)).join(', ')
const told = (what, value) => ({ what, value, goal: '', ok: true })
const atMost = (what, value, goal) => ({
  what,
  value: Math.round(value * 10) / 10,
  goal: `at most ${goal}`,
  ok: value <= goal,
})
const atLeast = (what, value, goal) => ({
  what,
  value: Math.round(value * 100) / 100,
  goal: `at least ${goal}`,
  ok: value >= goal,
})

/** One that never came took forever. */
function percentile(queries, share) {
  const sorted = queries.map(({ took }) => took ?? Infinity).sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
