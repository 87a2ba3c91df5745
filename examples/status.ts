// A status page over upstreams that come and go, for a few seconds or until it is stopped. Runs without a network:
//
//   npx tsx examples/status.ts              looks at it once
//   npx tsx examples/status.ts --seconds 60  time to look at it in a browser
import { parseArgs } from 'node:util'
import { Forwarder } from 'headrace'
import { serveStatus } from 'headrace/status'
import { FakeUpstream } from 'headrace/testing'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '0' } } })
const upstreams = ['near', 'far', 'flaky'].map(
  (name, i) => new FakeUpstream(name, { after: [5 + 20 * i, 15 + 30 * i] }),
)
const forwarder = new Forwarder({ upstreams, strategy: 'fastest', cache: {} })
const status = await serveStatus({ source: forwarder, listen: '127.0.0.1:0', interval: 500 })
console.log(`look at ${status.url}`)

const end = performance.now() + 1000 * Number(values.seconds)
let asked = 0
do {
  upstreams[2]!.script = asked % 300 < 100 ? { rcode: 'SERVFAIL' } : { after: 30 }
  await Promise.all(Array.from({ length: 5 }, () => forwarder.query(`h${asked++ % 50}.example`)))
  await new Promise((resolve) => setTimeout(resolve, 50))
} while (performance.now() < end)

const report = (await (await fetch(`${status.url}status.json`)).json()) as { summary: string }
console.log(report.summary)
await status.close()
await forwarder.close()
