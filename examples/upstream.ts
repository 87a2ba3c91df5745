// One upstream: a reply, what was learned of it, a lost datagram, and an error. Runs without a network:
//
//   npx tsx examples/upstream.ts
import { DnsError, Upstream } from 'headrace'
import { FakeServer } from 'headrace/testing'

// A real DNS server on loopback stands in for 192.0.2.53.
const fake = await FakeServer.listen({ answer: { 'www.example A': ['203.0.113.7'], 'gone.example': 'NXDOMAIN' } })
const upstream = new Upstream(`udp://${fake.address}|main`, { timeout: 1000 })
upstream.on('failure', ({ error, elapsed }) => console.log(`event: ${error.code} after ${elapsed.toFixed(0)} ms`))

const reply = await upstream.query('www.example', 'A')
console.log('www.example', reply.rcode, reply.answers[0]?.data, `from ${reply.upstream}`)

// NXDOMAIN is a reply like any other, not an error.
console.log('gone.example', (await upstream.query('gone.example', 'A')).rcode)

// The next datagram is lost: it is sent again, and nobody notices.
fake.faults = [{ kind: 'drop', transport: 'udp', first: 1 }]
console.log('www.example', (await upstream.query('www.example', 'A')).rcode, 'although a datagram was lost')

// The port is closed: that is an error, at once. `code` says which.
await fake.refuse()
try {
  await upstream.query('www.example', 'A')
} catch (error) {
  if (!(error instanceof DnsError)) throw error
  console.log('www.example', error.code)
}

const { queries, replies, failures, late } = upstream.stats
console.log({ queries, replies, failures, late })
await upstream.close()
await fake.close()
