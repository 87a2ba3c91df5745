// A configuration that is replaced while queries are under way. Runs without a network:
//
//   npx tsx examples/reload.ts
import { Resolver } from 'node:dns/promises'
import { deploy } from 'headrace/config'
import { FakeServer } from 'headrace/testing'

const [first, second] = await Promise.all([FakeServer.listen(), FakeServer.listen()])
first.faults = [{ kind: 'delay', ms: 100 }]

const server = { listen: '127.0.0.1:0' }
const deployment = await deploy({ forwarder: { upstreams: [`${first.address}|first`], cache: {} }, server })
const client = new Resolver()
client.setServers([deployment.server.addresses[0]!.host])

const early = client.resolve4('early.example')
await new Promise((resolve) => deployment.server.once('query', resolve))

// What `loadConfig()` reads from a file may stand here as well.
const upstreams = [`${first.address}|first`, `${second.address}|second`]
const { added, kept, removed } = await deployment.apply({
  forwarder: { upstreams, strategy: 'failover', cache: {} },
  server,
})
console.log(`added: ${namesOf(added)}; kept: ${namesOf(kept)}; removed: ${namesOf(removed)}`)
console.log(`asked before: ${(await early).join()}`)

// Its reply was remembered on the way, by a cache that both settings share.
await client.resolve4('early.example')
console.log(`hits: ${deployment.forwarder.cache!.stats.hits}`)

try {
  await deployment.apply({ forwarder: { upstreams: ['tsl://1.1.1.1'] }, server })
} catch (error) {
  console.log(`refused: ${(error as Error).message}`)
}
console.log(`still asked: ${namesOf(deployment.forwarder.upstreams)}`)

await deployment.close()
await Promise.all([first.close(), second.close()])

function namesOf(upstreams: readonly { readonly name: string }[]): string {
  return upstreams.map(({ name }) => name).join(', ') || 'none'
}
