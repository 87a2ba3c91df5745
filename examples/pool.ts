// Three upstreams behind one strategy: the next one steps in, members come and go. Runs without a network:
//
//   npx tsx examples/pool.ts
import { Pool } from 'headrace'
import { FakeUpstream } from 'headrace/testing'

const first = new FakeUpstream('first', { after: 10 })
const second = new FakeUpstream('second', { after: 20 })
const pool = new Pool({ name: 'office', strategy: 'failover', upstreams: [first, second], maxAttempts: 3 })
pool.on('attempt', ({ upstream, why }) => console.log(`  asking ${upstream} (${why})`))
pool.on('down', () => console.log('  no member is up'))
pool.on('up', () => console.log('  a member is up again'))

async function ask(what: string): Promise<void> {
  console.log(what)
  const { rcode, upstream } = await pool.query('www.example', 'A')
  console.log(`  ${rcode} from ${upstream}`)
}

await ask('both are well')

first.script = { rcode: 'SERVFAIL' }
await ask('the first says SERVFAIL')

first.script = 'silent'
await ask('the first is silent: once it is late the second is asked as well')

const third = pool.add(new FakeUpstream('third', { after: 5 }))
await pool.remove('first')
console.log('members now:', pool.members.map(({ name }) => name).join(', '))

// By hand, as for maintenance. Health checks would do the same.
const [named] = pool.members
if (named !== undefined && 'force' in named) named.force('down')
await ask('the second is forced down')
if ('force' in third) third.force('down')
await ask('everybody is down: they are asked all the same, unless failFast is set')

await pool.close()
