// How the cost of a query grows with what is in flight, and with the members of a pool.
import { alternate, pace } from './measure.mjs'

const IN_FLIGHT = { smoke: [1000], else: [1, 10, 100, 1000] }
const UPSTREAMS = { smoke: [1, 100], else: [1, 10, 100] }
const MEMBERS_TARGET = 1.25

export async function run({ smoke, rounds }) {
  const timing = pace(smoke, rounds ?? 3)
  const [inFlights, upstreamCounts] = [IN_FLIGHT, UPSTREAMS].map((counts) => counts[smoke ? 'smoke' : 'else'])
  const byFlight = inFlights.flatMap((inFlight) => [
    { variant: 'relay', inFlight },
    { variant: 'headrace', inFlight },
  ])
  const byMembers = upstreamCounts.map((upstreams) => ({ variant: 'headrace', upstreams }))
  const results = await alternate([...byFlight, ...byMembers], timing)
  const rows = inFlights.map((inFlight, i) => {
    const [relay, headrace] = [results[2 * i], results[2 * i + 1]]
    return { what: `headrace, ${inFlight} in flight`, value: headrace.us, unit: 'µs CPU/query', ratio: headrace.us / relay.us, of: `relay (${relay.us.toFixed(1)})`, met: null, qps: headrace.qps, lost: headrace.lost, rounds: headrace.rounds } // prettier-ignore
  })
  const members = results.slice(byFlight.length)
  members.forEach((result, i) => {
    const ratio = result.us / members[0].us
    const target = upstreamCounts[i] === 100 ? MEMBERS_TARGET : undefined
    rows.push({ what: `headrace, ${upstreamCounts[i]} upstream${upstreamCounts[i] === 1 ? '' : 's'}, 128 in flight`, value: result.us, unit: 'µs CPU/query', ratio, of: '1 upstream', target, met: target === undefined ? null : ratio <= target, qps: result.qps, lost: result.lost, rounds: result.rounds }) // prettier-ignore
  })
  return { title: 'How cost grows', rows }
}
