// A status page: by itself on a port, and within an application of your own. Runs without a network:
//
//   npx tsx examples/status.ts          shows that it works, and ends
//   npx tsx examples/status.ts --stay   stays, so that a browser can be pointed there
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Forwarder } from 'headrace'
import { createStatusHandler, serveStatus, type StatusReport } from 'headrace/status'
import { FakeUpstream } from 'headrace/testing'

const near = new FakeUpstream('near', () => (Math.random() < 0.02 ? 'refused' : { after: [2, 6] }))
const far = new FakeUpstream('far', { after: [15, 40] })
const forwarder = new Forwarder({ upstreams: [near, far], strategy: 'weighted', cache: {} })

// With a token, whoever has it may force upstreams up and down and flush the cache; nobody may without one.
const token = 'change-me-please-0123456789'
const status = await serveStatus({ source: forwarder, listen: '127.0.0.1:0', token, interval: 1000 })
console.log(`A page at ${status.url.replace(/\d+\/$/, '…/')}`)

for (let i = 0; i < 50; i++) await forwarder.query(`host-${i}.example`)

// The same numbers as JSON.
await fetch(`${status.url}actions/force`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ upstream: 'far', state: 'down' }),
})
const report = (await (await fetch(`${status.url}status.json`)).json()) as StatusReport
console.log(report.summary)
for (const { name, state, counts } of report.upstreams)
  console.log(`${name}: ${state}, ${(counts['noerror'] ?? 0) > 0 ? 'has answered' : 'has not been asked'}`)

// Within an application: `app.use('/dns', handler)` where it is Express; by hand with node:http.
const handler = createStatusHandler(forwarder)
const application = createServer((request, response) => {
  if (!request.url!.startsWith('/dns/')) return void response.writeHead(404).end()
  request.url = request.url!.slice('/dns'.length)
  handler(request, response)
})
await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve))
const { port } = application.address() as AddressInfo
const embedded = await fetch(`http://127.0.0.1:${port}/dns/`)
console.log(`embedded: ${embedded.status} ${embedded.headers.get('content-type')}`)

if (process.argv.includes('--stay')) {
  console.log(`Stays at ${status.url} until Ctrl-C`)
  setInterval(() => void forwarder.query(`host-${Math.floor(Math.random() * 500)}.example`).catch(() => undefined), 50)
} else {
  application.close()
  application.closeAllConnections()
  handler.close()
  await status.close()
  await forwarder.close()
}
