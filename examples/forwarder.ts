// Pools by priority, and a fallback when all of them fail. Runs without a network:
//
//   npx tsx examples/forwarder.ts
import { DnsError, Forwarder } from 'headrace'
import { FakeUpstream } from 'headrace/testing'

const near = new FakeUpstream('near', { after: 5 })
const far = new FakeUpstream('far', { after: 30 })
const lastResort = new FakeUpstream('last-resort', { after: 60 })

const forwarder = new Forwarder({
  pools: [
    { name: 'primary', priority: 1, upstreams: [near] },
    { name: 'backup', priority: 2, strategy: 'failover', upstreams: [far] },
  ],
  fallback: [lastResort],
  timeout: 1500, // ms, the whole query
})

async function ask(what: string): Promise<void> {
  try {
    const { rcode, upstream } = await forwarder.query('www.example', 'AAAA')
    console.log(`${what}: ${rcode} from ${upstream}`)
  } catch (error) {
    if (!(error instanceof DnsError)) throw error
    console.log(`${what}: ${error.code}, ${error.message}`)
  }
}

await ask('all is well')
near.script = { rcode: 'REFUSED' }
await ask('the primary pool refuses')
far.script = 'refused'
await ask('the backup pool is unreachable')
lastResort.script = 'refused'
await ask('only a REFUSED is left, and a reply beats an error')
near.script = 'refused'
await ask('nobody can be reached')

near.script = {}
forwarder.networkChanged('resume') // after a sleep: forgives what failed on the old network
await ask('the primary pool is back')

await forwarder.close()
