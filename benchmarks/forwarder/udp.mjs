// UDP in, UDP out: client, server, forwarder, pool, strategy, upstream and back, beside the bare relay and the peers.
import { alternate, pace } from './measure.mjs'
import { absent } from './processes.mjs'

const TARGETS = { headrace: 1.35, 'headrace-64': 1.35 * 1.12 }
const LABELS = {
  relay: 'bare dgram relay',
  headrace: 'headrace, least-outstanding, 8 upstream sockets',
  'headrace-64': 'headrace, 64 upstream sockets',
  dnsdist: 'dnsdist',
  unbound: 'unbound, 1 thread, names not cached',
  dns2: 'dns2',
}

export async function run({ smoke, rounds }) {
  const wanted = Object.keys(LABELS)
  const present = wanted.filter((variant) => absent(variant) === null)
  const results = await alternate(present.map((variant) => ({ variant })), pace(smoke, rounds)) // prettier-ignore
  const relay = results[0].us
  const rows = results.map((result, i) => {
    const target = TARGETS[present[i]]
    const ratio = result.us / relay
    return { what: LABELS[present[i]], value: result.us, unit: 'µs CPU/query', ratio, of: 'relay', target, met: target === undefined ? null : ratio <= target, qps: result.qps, lost: result.lost, rounds: result.rounds } // prettier-ignore
  })
  for (const variant of wanted.filter((name) => !present.includes(name)))
    rows.push({ what: LABELS[variant], skipped: absent(variant) })
  return { title: 'UDP in, UDP out, 128 in flight', rows }
}
