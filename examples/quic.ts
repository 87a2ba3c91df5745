// DNS over QUIC and over HTTP/3 on loopback: one server that listens for both, and what they bring. Runs without a network:
//
//   npx tsx examples/quic.ts
import { createServer, Upstream } from 'headrace'
import { FakeAuthority, FakeUpstream } from 'headrace/testing'

const authority = new FakeAuthority()
const { cert, key } = authority.issue()
const listen = '127.0.0.1:0'
const server = await createServer(new FakeUpstream('behind'), {
  quic: { listen, cert, key },
  https: { listen, cert, key, http3: true },
})
for (const address of server.addresses) console.log(`listening at ${String(address)}`)

for (const { transport, port } of server.addresses) {
  if (transport === 'https') continue
  const path = transport === 'h3' ? '/dns-query' : ''
  const upstream = new Upstream(`${transport}://127.0.0.1:${port}${path}`, { tls: { ca: authority.cert } })
  const { rcode, answers } = await upstream.query('www.example', 'A')
  console.log(`${transport}: ${rcode} ${JSON.stringify(answers[0]?.data)}`)
  const replies = await Promise.all(Array.from({ length: 500 }, (_, i) => upstream.query(`h${i}.example`)))
  console.log(
    `${transport}: ${replies.length} more, ${server.stats.transports[transport]?.connectionsOpened} connections`,
  )
  await upstream.close()
}

const stranger = new Upstream(`doq://127.0.0.1:${server.addresses[0]!.port}`)
await stranger.query('secret.example').catch(({ code }: { code: string }) => console.log(`a server that is not trusted: ${code}`)) // prettier-ignore
await stranger.close()
await server.close()
