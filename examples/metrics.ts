// What a forwarder counts, as Prometheus reads it, and the incidents behind it. Runs without a network:
//
//   npx tsx examples/metrics.ts
import { DnsError, Forwarder } from 'headrace'
import { collectMetrics } from 'headrace/metrics'
import { FakeClock, FakeUpstream } from 'headrace/testing'

const clock = new FakeClock()
const good = new FakeUpstream('good', { after: 12 }, { clock })
const bad = new FakeUpstream('bad', { error: new DnsError('ERR_DNS_TLS', 'no such certificate') }, { clock })
const forwarder = new Forwarder({ upstreams: [bad, good], strategy: 'failover', cache: {}, clock })
const metrics = collectMetrics([forwarder], { clock, process: false })

for (const name of ['one.example', 'two.example', 'one.example']) await clock.run(forwarder.query(name))
for (const line of metrics.text().split('\n')) {
  if (/^headrace_(?:upstream|cache|forwarder)_queries_total.*[1-9]$/.test(line)) console.log(line)
}
metrics.close()
await forwarder.close()
