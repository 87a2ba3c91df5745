import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Upstream } from 'headrace'
import { FakeServer, FakeUpstream } from 'headrace/testing'
import { Jumping } from '../helpers/jumping.js'
import { until } from '../transport/support.js'

test('a day in the life of a name: it moves while nobody can say where to, and is found again', async () => {
  const clock = new Jumping()
  await using home = await FakeServer.listen()
  await using away = await FakeServer.listen({ host: '127.0.0.2', port: home.port })
  const at = (ip: string) => (query: { message: { qtype: number } }) => ({
    answers: query.message.qtype === 1 ? [{ type: 'A', ttl: 300, data: ip }] : [],
  })
  const bootstrap = new FakeUpstream('resolver', 'refused')
  await using up = new Upstream(`udp://dns.example:${home.port}`, { bootstrap, clock })

  // No network yet.
  await assert.rejects(up.query('a.example'), { code: 'ERR_DNS_CONNECT' })
  bootstrap.script = at('127.0.0.1')
  clock.jump(1)
  await up.query('b.example')
  assert.ok(home.asked >= 1)

  // The resolver is gone for an hour; nobody notices, and it is not asked more than twice a minute.
  bootstrap.script = 'refused'
  const before = bootstrap.asked
  for (let second = 0; second < 3600; second += 10) {
    clock.jump(10)
    await up.query('c.example')
  }
  assert.ok(bootstrap.asked - before <= 2 * 2 * 60 + 20, `asked ${bootstrap.asked - before} times`)
  assert.ok(home.asked >= 361)

  // It is back, and the host has moved: the query that finds the TTL passed still goes to the old address.
  bootstrap.script = at('127.0.0.2')
  clock.jump(30)
  const asked = bootstrap.asked
  await up.query('d.example')
  await until(() => bootstrap.asked === asked + 2)
  await up.query('e.example')
  await up.query('f.example')
  assert.ok(away.queries.some(({ name }) => name === 'f.example'))
  assert.equal(up.stats.replies, 364)
})
