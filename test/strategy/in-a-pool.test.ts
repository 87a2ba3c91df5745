import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Pool } from '../../src/pool/pool.js'
import { HedgedStrategy } from '../../src/strategy/hedged.js'
import { strategyFrom } from '../../src/strategy/strategies.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Upstream } from '../../src/upstream/upstream.js'
import { Message } from '../../src/wire/message.js'

/** A server in code that replies after `delay()` ms, or never when that is null. */
function server(clock: FakeClock, name: string, delay: () => number | null): Upstream {
  const exchange = ({ message }: { message: Message }): Promise<Message> =>
    new Promise((resolve) => {
      const ms = delay()
      const answers = [{ name: 'example', type: 'A', ttl: 60, data: '192.0.2.1' }] as const
      if (ms !== null) clock.setTimeout(() => resolve(Message.reply(message, { answers })), ms)
    })
  return new Upstream({ name, exchange }, { clock })
}

const NAMES = [
  'parallel',
  'balanced',
  'failover',
  'random',
  'weighted',
  'fastest',
  'least-outstanding',
  'consistent-hash',
  'first-available',
  'hedged',
]

describe('strategies in a pool', () => {
  for (const name of NAMES) {
    test(`${name}: one of two members never answers, and no query is lost (T4)`, async () => {
      const clock = new FakeClock()
      const upstreams = [server(clock, 'silent', () => null), server(clock, 'good', () => 10)]
      const pool = new Pool({ strategy: strategyFrom(name, 'test'), upstreams, clock })
      for (let i = 0; i < 40; i++) {
        const { upstream } = await clock.run(pool.query(`host-${i}.example`, 'A'))
        assert.equal(upstream, 'good')
        await clock.advance(20)
      }
    })
  }

  test('hedged: a reply that is slower than 95 % of those before is raced, and the race is won', async () => {
    const clock = new FakeClock()
    let slow = false
    const a = server(clock, 'a', () => (slow ? 90 : 20))
    const b = server(clock, 'b', () => 30)
    const pool = new Pool({ strategy: new HedgedStrategy(), upstreams: [a, b], clock })
    const asked: string[] = []
    pool.on('attempt', ({ upstream, why }) => asked.push(`${upstream} ${why}`))
    for (let i = 0; i < 30; i++) await clock.run(pool.query('example', 'A'))
    slow = true
    asked.length = 0
    const before = clock.now()
    const { upstream } = await clock.run(pool.query('example', 'A'))
    assert.deepEqual([upstream, asked], ['b', ['a first', 'b hedge']])
    const waited = clock.now() - before
    assert.ok(waited >= 50 && waited <= 62, `${waited} ms: a's p95 of 20 to 30, then 30`)
    assert.equal(a.stats.cancelled, 1)
  })
})
