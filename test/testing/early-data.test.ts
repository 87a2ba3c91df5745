import assert from 'node:assert/strict'
import { Message, Upstream, type TlsOptions } from 'headrace'
import { FakeServer, type FakeServerOptions } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function stage(options: FakeServerOptions = {}, tls: TlsOptions = {}) {
  const server = await FakeServer.listen({ transports: ['doq'], earlyData: true, ...options })
  const upstream = new Upstream(server.addressOf('doq'), { tls: { ca: server.ca, earlyData: true, ...tls } })
  cleanups.push(() => server.close(), () => upstream.destroy()) // prettier-ignore
  /** Asks over a connection that is new. */
  const askAnew = async (count = 1): Promise<void> => {
    upstream.networkChanged()
    const replies = await Promise.all(Array.from({ length: count }, (_, i) => upstream.query(`h${i}.example`)))
    for (const { answers } of replies) assert.equal(answers[0]?.data, '192.0.2.1')
  }
  return { server, upstream, askAnew }
}

describe('0-RTT over doq (RFC 9250, section 4.5)', () => {
  test('a connection that resumes another one carries its first queries in its first datagrams', async () => {
    const { server, askAnew } = await stage()
    await askAnew(20)
    assert.equal(server.early, 0)
    // A ticket may come after the replies, and what was sent first may overtake the end of the handshake.
    let rounds = 0
    for (; server.early === 0 && rounds < 10; rounds++) await askAnew(20)
    assert.ok(server.early > 0)
    assert.deepEqual([server.asked, server.accepted], [20 * (rounds + 1), rounds + 1])
  })

  test('is nothing that happens unasked', async () => {
    const { server, askAnew } = await stage({}, { earlyData: false })
    await askAnew()
    await askAnew()
    assert.equal(server.early, 0)
  })

  test('what the server refuses goes out again after the handshake, and is asked once', async () => {
    const { server, askAnew } = await stage()
    await askAnew()
    // Another server by what it remembers: it takes no ticket of the one before.
    await server.refuse()
    await server.resume()
    await askAnew(20)
    assert.deepEqual([server.early, server.asked], [0, 21])
  })

  test('a server without it costs nothing but the round trip', async () => {
    const { server, askAnew } = await stage({ earlyData: false })
    await askAnew()
    await askAnew(20)
    assert.deepEqual([server.early, server.asked], [0, 21])
  })

  test('a certificate that is no longer good gets no query, in no other connection either', async () => {
    const { server, upstream, askAnew } = await stage()
    await askAnew()
    await server.refuse()
    server.certificate = 'expired'
    await server.resume()
    await assert.rejects(askAnew(), /expired|authenticated/)
    assert.equal(server.asked, 1)
    server.certificate = 'good'
    assert.equal((await upstream.query('again.example')).rcode, 'NOERROR')
  })

  test('nothing but a query goes out so: what may not be done twice waits for the handshake', async () => {
    const { server, upstream, askAnew } = await stage()
    await askAnew()
    upstream.networkChanged()
    const { wire } = Message.query('example', 'SOA')
    wire[2]! |= 4 << 3 // NOTIFY (RFC 1996)
    await upstream.exchange({ message: new Message(wire) }).catch(() => undefined)
    assert.equal(server.early, 0)
    assert.equal(server.handshakes, 2)
  })

  test('a server that is gone by then is found out, and the query is answered once it is back', async () => {
    const { server, upstream, askAnew } = await stage()
    await askAnew()
    await server.refuse()
    upstream.networkChanged()
    await assert.rejects(upstream.query('gone.example'))
    await server.resume()
    assert.equal((await upstream.query('back.example')).rcode, 'NOERROR')
  })
})
