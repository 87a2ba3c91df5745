// Replies that are remembered, an outage that nobody notices, and a warm start. Runs without a network:
//
//   npx tsx examples/cache.ts
import { Forwarder } from 'headrace'
import { FakeClock, FakeUpstream } from 'headrace/testing'

const clock = new FakeClock()
const upstream = new FakeUpstream(
  'upstream',
  { after: 20, answers: [{ type: 'A', ttl: 60, data: '192.0.2.80' }] },
  { clock },
)
const forwarder = new Forwarder({ upstreams: [upstream], cache: {}, clock })
const { cache } = forwarder

async function ask(what: string, from = forwarder): Promise<void> {
  const { answers, upstream: by, elapsed, message } = await clock.run(from.query('www.example', 'A', { edns: true }))
  const ede = message.ede.map(({ code }) => ` EDE ${code}`).join('')
  console.log(`${what}: TTL ${answers[0]?.ttl} ${by === null ? 'from memory' : `from ${by}`} after ${elapsed} ms${ede}`)
}

await ask('the first time')
await clock.advance(20_000)
await ask('20 s later')

// A thousand clients want the same at once.
const before = upstream.asked
await clock.run(Promise.all(Array.from({ length: 1000 }, () => forwarder.query('popular.example'))))
console.log(`1,000 clients at once: ${upstream.asked - before} upstream query`)

// What an application keeps when it quits; entries age until it is back.
const dump = cache!.dump()

upstream.script = 'silent'
await clock.advance(60_000)
await ask('the upstream is gone') // RFC 8767: after 1.8 s
await ask('and asked for again') // nobody waits twice

const restarted = new Forwarder({ upstreams: [upstream], cache: {}, clock })
console.log(`a new process takes in ${restarted.cache!.load(dump)} replies`)
await ask('it begins warm', restarted)

const { hits, misses, stale, coalesced, entries } = cache!.stats
console.log(`${hits} hits, ${misses} misses, ${stale} stale, ${coalesced} joined others, ${entries} entries`)
await Promise.all([forwarder.close(), restarted.close()].map((closed) => clock.run(closed)))
