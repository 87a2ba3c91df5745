import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, type TransportName } from 'headrace'
import { FakeServer } from 'headrace/testing'
import { halfFake, until } from '../transport/support.js'

const HOUR = 3_600_000
/** How often it is looked whether the machine slept, in ms. */
const LOOK = 5000

/** A forwarder with 20 queries on their way to a server that answers none of them until `resume()`. */
async function stage(transport: TransportName) {
  const clock = halfFake()
  const server = await FakeServer.listen({ transports: [...new Set<TransportName>(['udp', 'tcp', transport])] })
  const upstreams = [server.addressOf(transport)]
  const upstreamDefaults = { timeout: 10_000, tls: { ca: server.ca } }
  const forwarder = new Forwarder({ upstreams, upstreamDefaults, clock, timeout: 10_000, cache: false, health: false })
  await forwarder.query('first.example')
  await clock.fake.advance(LOOK - 50)
  server.faults = [{ kind: 'drop' }]
  const queries = Array.from({ length: 20 }, (_, at) => forwarder.query(`n${at}.example`))
  await until(() => server.asked === 21)
  const resume = (): void => void (server.faults = [])
  const [upstream] = forwarder.upstreams
  return { clock, server, forwarder, queries, resume, upstream: upstream! }
}

describe.each<TransportName>(['udp', 'tcp', 'tls', 'https'])(
  'asleep for an hour with 20 queries out over %s',
  (over) => {
    test('all are answered at once when the application says that it woke up', async () => {
      const t = await stage(over)
      await using server = t.server
      t.clock.fake.sleep(HOUR)
      t.resume()
      t.forwarder.networkChanged('resume')
      const before = t.clock.now()
      for (const { rcode } of await Promise.all(t.queries)) assert.equal(rcode, 'NOERROR')
      assert.equal(t.clock.now(), before)
      assert.equal(server.asked, 41)
      await t.forwarder.close()
    })

    test('all are answered when it is noticed, and nothing is held against the upstream', async () => {
      const t = await stage(over)
      await using server = t.server
      t.clock.fake.sleep(HOUR)
      t.resume()
      await t.clock.fake.advance(50)
      for (const { rcode } of await Promise.all(t.queries)) assert.equal(rcode, 'NOERROR')
      assert.equal(server.asked, 41)
      const { failures, srtt, replies } = t.upstream.stats
      assert.deepEqual([failures, replies, t.upstream.health.suspected], [0, 21, false])
      assert.ok(srtt < 1000, `srtt ${srtt}`)
      await t.forwarder.close()
    })
  },
)
