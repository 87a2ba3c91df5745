// Health checks with a query and a verdict of one's own, and what they report. Runs without a network:
//
//   npx tsx examples/health.ts
import { HealthMonitor, Pool } from 'headrace'
import { FakeClock, FakeUpstream } from 'headrace/testing'

// Virtual time: an outage of a minute takes no time at all. Leave `clock` out in real life.
const clock = new FakeClock()
const main = new FakeUpstream('main', { after: 20 }, { clock })
const spare = new FakeUpstream('spare', { after: 30 }, { clock })

// A pool of addresses is checked by default; `health: false` leaves it to the monitor below.
const pool = new Pool({ strategy: 'failover', upstreams: [main, spare], health: false, clock })
const monitor = new HealthMonitor(pool, {
  ...HealthMonitor.presets.default,
  query: { name: 'canary.example', type: 'A' },
  // One that answers, but with another address than it should, is no good either.
  checkReply: ({ message }) => message.answers[0]?.data === '192.0.2.1',
  clock,
  // Probes stray by up to 10 % so that members aren't probed in step; here they keep to the second.
  random: () => 0.5,
})

const time = (): string => `${(clock.now() / 1000).toFixed(1).padStart(6)} s`
monitor.on('probe', ({ upstream, result, failure }) => {
  if (result !== 'good') console.log(`${time()}  ${upstream}: probe ${result}, ${failure}`)
})
monitor.on('change', (event) => {
  const evidence = event.cause === 'probe' ? `${event.evidence.good} good, ${event.evidence.bad} bad in a row` : ''
  console.log(`${time()}  ${event.upstream}: ${event.from} to ${event.to}, ${evidence}`)
})
monitor.start()

const ask = async (): Promise<void> => {
  const { upstream } = await clock.run(pool.query('www.example'))
  console.log(`${time()}  answered by ${upstream}`)
}

await clock.advance(5000)
await ask()

console.log('--- main is hijacked: it answers with the address of somebody else')
main.script = { answers: [{ type: 'A', data: '203.0.113.66' }] }
await clock.advance(100_000)
await ask()

console.log('--- main is itself again')
main.script = { after: 20 }
await clock.advance(60_000)
await ask()

for (const { upstream, state, probes, failures } of monitor.stats)
  console.log(`${upstream}: ${state}, ${probes} probes, ${failures.rejected} rejected`)

monitor.stop()
await pool.close()
