// UDP in, UDP out with the cache on: every query a hit, and every query a miss; beside the bare relay, a bare
// responder, which is the floor for a hit, and the peers' caches.
import { alternate, pace } from './measure.mjs'
import { absent } from './processes.mjs'

/** Names that are asked for over and over where the cache is to answer. */
const NAMES = 1000
const ROWS = [
  { what: 'bare dgram relay', variant: 'relay' },
  { what: 'bare dgram responder', variant: 'responder' },
  { what: 'headrace, every query a hit', variant: 'headrace-cache', names: NAMES, target: 0.6 },
  { what: 'headrace, every query a miss', variant: 'headrace-cache', target: 1.45 },
  { what: 'headrace without a cache', variant: 'headrace' },
  { what: 'unbound, every query a hit', variant: 'unbound', names: NAMES },
  { what: 'unbound, every query a miss', variant: 'unbound' },
]

export async function run({ smoke, rounds }) {
  const present = ROWS.filter(({ variant }) => absent(variant) === null)
  const results = await alternate(present, pace(smoke, rounds))
  const relay = results[0].us
  const rows = results.map(({ us, qps, lost, rounds }, i) => {
    const { what, target } = present[i]
    const ratio = us / relay
    return { what, value: us, unit: 'µs CPU/query', ratio, of: 'relay', target, met: target === undefined ? null : ratio <= target, qps, lost, rounds } // prettier-ignore
  })
  for (const { what, variant } of ROWS.filter((row) => !present.includes(row)))
    rows.push({ what, skipped: absent(variant) })
  return { title: 'UDP in, UDP out, 128 in flight, with a cache', rows }
}
