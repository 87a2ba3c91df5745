import assert from 'node:assert/strict'
import { afterEach, test } from 'vitest'
import { Message, Upstream, type ExchangeContext } from 'headrace'
import { FakeServer } from 'headrace/testing'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Asks as for a client that used TCP, a server that has UDP alone. */
async function stage(options: Parameters<typeof FakeServer.listen>[0] = {}) {
  const server = await FakeServer.listen({ transports: ['udp'], ...options })
  const upstream = new Upstream(server.address)
  closing.push(
    () => upstream.close(),
    () => server.close(),
  )
  const client = { address: '127.0.0.1', port: 4242, transport: 'tcp' } as const
  const ctx: ExchangeContext = {
    deadline: performance.now() + 3000,
    scope: null,
    client,
    purpose: 'query',
    trace: null,
  }
  return { server, upstream, ask: () => upstream.exchange({ message: Message.query('www.example.com') }, ctx) }
}

test('a client’s TCP becomes UDP where the server has none (RFC 5625, section 4.4.1 prefers TCP)', async () => {
  const { server, upstream, ask } = await stage()
  assert.equal((await ask()).message.rcode, 0)
  assert.deepEqual(
    server.queries.map(({ transport }) => transport),
    ['udp'],
  )
  const { failures, replies, outstanding } = upstream.stats
  assert.deepEqual([failures, replies, outstanding], [0, 1, 0])
})

test('a reply that is truncated over UDP stays so, and counts as a failure', async () => {
  const { upstream, ask } = await stage({ faults: [{ kind: 'truncated' }] })
  assert.equal((await ask()).message.truncated, true)
  assert.equal(upstream.stats.failures, 1)
})

test('a server that has neither has failed', async () => {
  const { server, ask } = await stage()
  await server.refuse()
  await assert.rejects(ask(), { code: 'ERR_DNS_CONNECT' })
})

test('an upstream that is given as tcp:// is never asked over UDP', async () => {
  const server = await FakeServer.listen({ transports: ['udp'] })
  const upstream = new Upstream(`tcp://${server.address}`)
  closing.push(
    () => upstream.close(),
    () => server.close(),
  )
  await assert.rejects(upstream.query('www.example.com'), { code: 'ERR_DNS_CONNECT' })
  assert.equal(server.asked, 0)
})
