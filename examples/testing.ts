// An hour of outage in milliseconds: fakes and virtual time, for tests of your own. Runs without a network:
//
//   npx tsx examples/testing.ts
import assert from 'node:assert/strict'
import { Pool } from 'headrace'
import { FakeClock, FakeUpstream } from 'headrace/testing'

const MINUTE = 60_000
const clock = new FakeClock()
/** Silent from minute 10 to minute 70. */
const isOut = (): boolean => clock.now() >= 10 * MINUTE && clock.now() < 70 * MINUTE
const main = new FakeUpstream('main', () => (isOut() ? 'silent' : { after: 5 }), { clock })
const spare = new FakeUpstream('spare', { after: 30 }, { clock })
const pool = new Pool({ upstreams: [main, spare], strategy: 'failover', clock })

let slowest = 0
for (let minute = 0; minute < 80; minute += 10) {
  const before = { main: main.asked, spare: spare.asked }
  for (let second = 0; second < 600; second++) {
    const reply = await clock.run(pool.query('www.example', 'A'))
    assert.equal(reply.rcode, 'NOERROR')
    slowest = Math.max(slowest, reply.elapsed)
    await clock.advance(1000 - reply.elapsed)
  }
  const asked = { main: main.asked - before.main, spare: spare.asked - before.spare }
  console.log(`minute ${String(minute).padStart(2)} to ${minute + 10}: asked`, asked)
}

assert.equal(clock.pending, 0) // no timer was leaked
await pool.close()
console.log(`${clock.now() / MINUTE} minutes passed; every query was answered, the slowest in ${slowest.toFixed(0)} ms`)
