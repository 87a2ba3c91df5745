// Upstreams over TLS and HTTPS, and what an impostor gets to see. Runs without the internet:
//
//   npx tsx examples/encrypted.ts
import { Forwarder, Upstream } from 'headrace'
import { FakeServer } from 'headrace/testing'

// Real servers on loopback stand in for tls://dns.example and https://192.0.2.53/dns-query. Another one says that it is
// the first; its certificate is of an authority that nobody trusts.
const impostor = await FakeServer.listen({ transports: ['tls'], names: ['dns.example'] })
const dot = await FakeServer.listen({ transports: ['tls'], names: ['dns.example'] })
const doh = await FakeServer.listen({ transports: ['https'] })

// For servers that the world knows `new Forwarder(['tls://dns.example', 'https://192.0.2.53/dns-query'])` will do.
const tls = { ca: dot.ca, servername: 'dns.example' }
const upstreams = [
  new Upstream(`${impostor.address}|impostor`, { tls }),
  new Upstream(`${dot.address}|dot`, { tls }),
  new Upstream(`${doh.address}|doh`, { tls: { ca: doh.ca }, method: 'GET' }),
]
for (const upstream of upstreams) {
  upstream.on('failure', ({ error }) => console.log(`${error.code}: ${error.message}`))
}
const forwarder = new Forwarder({ strategy: 'failover', upstreams })

console.log('answered by', (await forwarder.query('www.example', 'A')).upstream)
console.log(`the impostor got ${impostor.received} octets of a query`)

await dot.refuse() // as a server that is down
console.log('answered by', (await forwarder.query('www.example', 'A')).upstream)

await forwarder.close()
for (const upstream of upstreams) await upstream.close() // whoever made it closes it
for (const server of [impostor, dot, doh]) await server.close()
