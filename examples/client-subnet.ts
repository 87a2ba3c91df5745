// A resolver that replies with what is near the client, asked for clients of two networks. Runs without a network:
//
//   npx tsx examples/client-subnet.ts
import { Forwarder, Upstream, type Query } from 'headrace'
import { FakeClock, FakeUpstream } from 'headrace/testing'

const SUBNET = 8 // the code of the option (RFC 7871)
const subnetOf = ({ message }: Query) => message.edns?.options.find(({ code }) => code === SUBNET)?.data ?? null

const clock = new FakeClock()
const geo = new FakeUpstream(
  'geo',
  (query) => {
    const subnet = subnetOf(query)
    console.log(`  asked for ${subnet === null ? 'nobody in particular' : `${[...subnet.subarray(4)].join('.')}/${subnet[2]}`}`)
    return { scope: 16, answers: [subnet?.[4] === 198 ? '192.0.2.98' : '192.0.2.3'] }
  },
  { clock },
) // prettier-ignore
const kept = new Forwarder({ upstreams: [new Upstream(geo, { ecs: 'keep', clock })], cache: {}, clock })

async function ask(from: Forwarder, who: string, address: readonly number[]): Promise<void> {
  const data = Buffer.from([0, 1, 8 * address.length, 0, ...address])
  const { answers, upstream } = await clock.run(
    from.query('www.example', 'A', { edns: { options: [{ code: SUBNET, data }] } }),
  )
  console.log(`${who}: ${answers[0]?.data as string} ${upstream === null ? 'from memory' : `from ${upstream}`}`)
}

await ask(kept, '198.51.100.7', [198, 51, 100, 7])
await ask(kept, '198.51.7.1, for which that is good', [198, 51, 7, 1])
await ask(kept, '203.0.113.9', [203, 0, 113, 9])
await ask(kept, 'one who wants nothing told', [])

const fixed = new Forwarder({ upstreams: [new Upstream(geo, { ecs: '198.51.100.0/24', clock })], cache: {}, clock })
await ask(fixed, '203.0.113.9, in whose place our own network is told', [203, 0, 113, 9])
await Promise.all([kept, fixed].map((forwarder) => clock.run(forwarder.close())))
