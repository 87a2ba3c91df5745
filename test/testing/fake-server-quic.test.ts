import assert from 'node:assert/strict'
import { Forwarder, Upstream, type QueryResult, type UpstreamOptions } from 'headrace'
import { FakeServer, type Fault, type FakeServerOptions } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function stage(transport: 'doq' | 'h3', options: FakeServerOptions = {}, more: UpstreamOptions = {}) {
  const server = await FakeServer.listen({ ...options, transports: [transport] })
  const upstream = new Upstream(server.addressOf(transport), { tls: { ca: server.ca }, ...more })
  cleanups.push(() => server.close(), () => upstream.destroy()) // prettier-ignore
  return { server, upstream }
}

describe.each(['doq', 'h3'] as const)('a FakeServer over %s', (transport) => {
  test('answers, and counts', async () => {
    const { server, upstream } = await stage(transport)
    const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => upstream.query(`h${i}.example`)))
    for (const { answers } of replies) assert.equal(answers[0]?.data, '192.0.2.1')
    assert.deepEqual([server.asked, server.accepted, server.handshakes, server.connections], [200, 1, 1, 1])
    assert.deepEqual([server.queries[0]!.transport, server.queries[0]!.id], [transport, 0])
    assert.ok(server.received > 0)
  })

  test.each<[Fault, RegExp | null]>([
    [{ kind: 'drop', first: 1 }, /did not reply within/],
    [{ kind: 'delay', ms: 20 }, null],
    [{ kind: 'rcode', rcode: 'NXDOMAIN', first: 1 }, null],
    [{ kind: 'garbage', first: 1 }, transport === 'h3' ? /does not answer the query/ : null],
    [{ kind: 'rst-stream', code: 1, first: 4 }, /abandoned|reset|cancel/i],
    [{ kind: 'reset', first: 1 }, null],
    [{ kind: 'close-after', replies: 2 }, null],
    [{ kind: 'close-after-handshake', first: 1 }, /closed|ended/],
    [{ kind: 'handshake-silence', first: 1 }, /did not finish the QUIC handshake|did not reply within/],
    [{ kind: 'silence', first: 1 }, null],
    [{ kind: 'stateless-reset', first: 1 }, null],
  ])('with %j', async (fault, failure) => {
    const { server, upstream } = await stage(transport, {}, { timeout: fault.kind === 'silence' ? 5000 : 700 })
    const isOfHandshake = fault.kind.includes('handshake')
    // Only a server that was of use before is given another connection.
    if (!isOfHandshake) await upstream.query('first.example')
    server.faults = [fault]
    if (failure === null) assert.ok(await upstream.query('www.example'))
    else await assert.rejects(upstream.query('www.example'), failure)
    server.faults = []
    // One that is asked for while the connection is being given up may share its fate.
    const again = (): Promise<QueryResult> => upstream.query('again.example')
    assert.equal((await again().catch(again)).rcode, 'NOERROR')
  })

  test('resets a stream with the code of its protocol unless told another', async () => {
    const { server, upstream } = await stage(transport)
    const said = transport === 'doq' ? /DOQ_INTERNAL_ERROR$/ : /H3_REQUEST_CANCELLED/
    server.faults = [{ kind: 'rst-stream', first: 4 }]
    await assert.rejects(upstream.query('www.example'), said)
  })

  test('that goes away costs no query where another is there, and is asked again once it is back', async () => {
    const { server, upstream } = await stage(transport)
    const other = await FakeServer.listen()
    cleanups.push(() => other.close())
    const forwarder = new Forwarder({ upstreams: [upstream, other.address], strategy: 'failover', health: false })
    cleanups.push(() => forwarder.close())
    for (let round = 0; round < 3; round++) {
      assert.equal((await forwarder.query('www.example')).upstream, upstream.name)
      await server.refuse()
      const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => forwarder.query(`gone${i}.example`)))
      for (const { rcode } of replies) assert.equal(rcode, 'NOERROR')
      await server.resume()
      assert.equal((await upstream.query('back.example')).rcode, 'NOERROR')
      while ((await forwarder.query('www.example')).upstream !== upstream.name);
    }
  })
})

describe.each(['doq', 'h3'] as const)('a change of network over %s (RFC 9000, section 9)', (transport) => {
  test('takes the connection along, and what is in flight on it', async () => {
    const { server, upstream } = await stage(transport)
    await upstream.query('before.example')
    server.faults = [{ kind: 'delay', ms: 100, first: 1 }]
    const underWay = upstream.query('meanwhile.example')
    while (server.asked < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    upstream.networkChanged()
    assert.equal((await underWay).rcode, 'NOERROR')
    await upstream.query('after.example')
    const ports = server.queries.map(({ remotePort }) => remotePort)
    assert.deepEqual([server.asked, server.accepted, server.handshakes], [3, 1, 1])
    assert.notEqual(ports[2], ports[0])
  })

  test('an idle connection goes along as well, again and again', async () => {
    const { server, upstream } = await stage(transport)
    for (let round = 0; round < 4; round++) {
      await upstream.query('www.example')
      upstream.networkChanged()
    }
    assert.equal((await upstream.query('www.example')).rcode, 'NOERROR')
    assert.deepEqual([server.asked, server.accepted], [5, 1])
    assert.ok(new Set(server.queries.map(({ remotePort }) => remotePort)).size > 1)
  })

  test('a server that is not heard from there is connected to anew, and no query is lost', async () => {
    const { server, upstream } = await stage(transport, {}, { timeout: 5000 })
    await upstream.query('before.example')
    // It forgets the connection, and says so to whoever goes on with it.
    await server.refuse()
    upstream.networkChanged()
    const underWay = upstream.query('meanwhile.example')
    await server.resume()
    assert.equal((await underWay).rcode, 'NOERROR')
    assert.equal(server.accepted, 2)
  })
})
