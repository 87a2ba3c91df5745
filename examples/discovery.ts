// A plain upstream that tells us of its encrypted side (RFC 9462), and is asked over TLS from then on. Runs without the internet:
//
//   npx tsx examples/discovery.ts
import { Upstream } from 'headrace'
import { FakeServer } from 'headrace/testing'

// One resolver on loopback, in the clear and over TLS. Its certificate covers its IP address, or nobody would believe it.
const resolver = await FakeServer.listen({ transports: ['udp', 'tcp', 'tls'] })
const port = resolver.portOf('tls')
resolver.answer = {
  '_dns.resolver.arpa SVCB': [
    {
      type: 'SVCB',
      data: {
        priority: 1,
        target: 'dns.example',
        params: [
          { key: 1, value: Buffer.from('\x03dot') }, // alpn
          { key: 3, value: Buffer.from([port >> 8, port & 255]) },
          { key: 4, value: Buffer.from([127, 0, 0, 1]) }, // ipv4hint
        ],
      },
    },
  ],
}

const upstream = new Upstream(resolver.address, { discovery: true, tls: { ca: resolver.ca } })
const designation = new Promise((resolve) => upstream.on('designation', resolve))

const ask = async (name: string): Promise<void> => {
  await upstream.query(name, 'A')
  console.log(`${name} went over ${resolver.queries.findLast((query) => query.name === name)?.transport}`)
}

await ask('first.example') // no query waits for the discovery
await designation
console.log(`designated: ${upstream.designated?.transport}`)
await ask('second.example')

await upstream.close()
await resolver.close()
