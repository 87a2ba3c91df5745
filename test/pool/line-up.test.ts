import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Message, Pool, Upstream } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** Time that goes on while a query is being begun, as it really does. */
class Ticking extends FakeClock {
  tick = 0
  override readonly now = (): number => this.tick++ / 1000
}

test.each(Array.from({ length: 12 }, (_, i) => i))(
  'a trial that falls due while a query begins (after %i looks at the clock) leaves it somebody to fail over to',
  async (looks) => {
    const clock = new Ticking()
    const bad = new Upstream({ name: 'bad', exchange: () => Promise.reject(new Error('closed')) }, { clock })
    const good = new Upstream(
      { name: 'good', exchange: (query) => Promise.resolve(Message.reply(query, {})) },
      { clock },
    )
    const pool = new Pool({ clock, strategy: 'failover', upstreams: [bad, good] })
    for (let i = 0; i < 3; i++) await pool.query(`q${i}.example`)
    assert.equal(bad.health.suspected, true)
    while (bad.suspected) clock.tick += 1
    clock.tick -= looks + 1
    assert.equal((await pool.query('trial.example')).upstream, 'good')
    assert.equal((await pool.query('after.example')).upstream, 'good')
  },
)
