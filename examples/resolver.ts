// The face of node:dns over any upstream. Runs without the internet:
//
//   npx tsx examples/resolver.ts
import { Forwarder, Resolver, ResolverError } from 'headrace'
import { FakeServer } from 'headrace/testing'

// A real DNS server on loopback, as yours would be.
const server = await FakeServer.listen({
  answer: {
    'shop.example A': ['192.0.2.10', '192.0.2.11'],
    'shop.example MX': [{ type: 'MX', data: { preference: 10, exchange: 'mail.shop.example' } }],
    'shop.example HTTPS': [{ type: 'HTTPS', data: { priority: 1, target: '.', params: [{ key: 3, value: Buffer.from([1, 187]) }] } }],
    'blocked.example': { rcode: 'NXDOMAIN', ede: [{ code: 15, text: 'on the list' }] },
  },
}) // prettier-ignore

// Addresses will do: new Resolver(['192.0.2.53', 'tls://dns.example']). With a forwarder there are pools, routes, a cache.
const forwarder = new Forwarder({ upstreams: [server.address], cache: {}, health: false })
const resolver = new Resolver(forwarder, { timeout: 2000 }) // ms

console.log('A', await resolver.resolve4('shop.example'))
console.log('A with TTLs', await resolver.resolve4('shop.example', { ttl: true }))
console.log('MX with TTLs', await resolver.resolveMx('shop.example', { ttl: true }))
console.log('HTTPS', await resolver.resolveHttps('shop.example'))

try {
  await resolver.resolve4('blocked.example')
} catch (error) {
  if (!(error instanceof ResolverError)) throw error
  console.log(`${error.message}: ${error.rcode}, ${error.ede[0]?.text}, says ${error.upstream === server.address}`)
}

resolver.callbacks.resolve4('shop.example', (error, addresses) => console.log('by callback', error, addresses[0]))
console.log('lookup', await resolver.lookup('shop.example', { family: 4 }))
console.log(`the server was asked ${server.asked} times`)

await resolver.close()
await forwarder.close()
await server.close()
