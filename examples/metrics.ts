// Metrics of a forwarder and its upstreams for Prometheus, and a span for each query. Runs without a network:
//
//   npx tsx examples/metrics.ts
import { channel } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Forwarder, type TracingMessage } from 'headrace'
import { collectMetrics, contentTypeOf, formatFor } from 'headrace/metrics'
import { FakeUpstream } from 'headrace/testing'

const main = new FakeUpstream('main', [{ after: 3 }, { rcode: 'NXDOMAIN', after: 2 }, 'refused', { after: 4 }])
const spare = new FakeUpstream('spare', { after: 8 })
const forwarder = new Forwarder({ upstreams: [main, spare], strategy: 'failover', health: false, cache: {} })
const metrics = collectMetrics(forwarder) // its pools, upstreams, cache: all that it is composed of

// What a tracer of yours would do: the object of the start comes again at the end.
const spans = new Map<unknown, string>()
channel('headrace:attempt:start').subscribe((message) => spans.set(message, (message as TracingMessage).upstream!))
channel('headrace:attempt:end').subscribe((message) => {
  const { reply, error } = message as TracingMessage
  console.log(`span ${spans.get(message)}: ${reply === null ? error!.code : `RCODE ${reply.message.rcode}`}`)
  spans.delete(message)
})

for (const name of ['www.example', 'nowhere.example', 'mail.example', 'www.example']) await forwarder.query(name)

// Where Prometheus is told to look, in your own HTTP server.
const server = createServer((request, response) => {
  const format = formatFor(request.headers.accept)
  response.setHeader('content-type', contentTypeOf(format)).end(metrics.text(format))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

const text = await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).text()
const told = /^headrace_(upstream_queries_total|upstream_duration_seconds_count|cache_queries_total).* [1-9]\d*$/gm
console.log(text.match(told)?.join('\n'))
for (const { upstream, what, text: why } of metrics.incidents) console.log(`${upstream}: ${what}, ${why}`)

server.close()
metrics.close() // listens to nothing any more
await forwarder.close()
