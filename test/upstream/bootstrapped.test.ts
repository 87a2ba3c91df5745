import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'vitest'
import { Forwarder, Upstream, createServer, type UpstreamOptions } from 'headrace'
import { FakeAuthority, FakeClock, FakeServer, FakeUpstream } from 'headrace/testing'
import type { FakeServerOptions } from '../../src/testing/fake-server.js'
import { stamp } from './stamp.js'

const HOST = 'dns.example'
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = await FakeServer.listen({ names: [HOST], ...options })
  closing.push(() => server.close())
  return server
}

function upstream(address: string, options: UpstreamOptions = {}): Upstream {
  const up = new Upstream(address, options)
  closing.push(() => up.close())
  return up
}

/** A plain resolver that knows where `dns.example` is. */
const resolver = () => serve({ answer: { [`${HOST} A`]: ['127.0.0.1'], [`${HOST} AAAA`]: [] } })
/** A lookup that must not be asked. */
const lookup = () => Promise.reject(new Error('the system was asked'))

describe('bootstrap', () => {
  test.each(['udp', 'tcp', 'tls', 'https'] as const)('finds a %s upstream, and is asked once for many queries', async (transport) => {
    const server = await serve({ transports: [transport] })
    const known = await resolver()
    const port = server.portOf(transport)
    const up = upstream(`${transport}://${HOST}:${port}`, { bootstrap: known.address, lookup, tls: { ca: server.ca } })
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => up.query(`q${i}.example`)))
    assert.ok(replies.every(({ rcode }) => rcode === 'NOERROR'))
    assert.equal((await up.query('later.example')).rcode, 'NOERROR')
    assert.deepEqual(known.queries.map(({ name, type }) => `${name} ${type}`).sort(), [`${HOST} A`, `${HOST} AAAA`])
    assert.equal(server.asked, 21)
  }) // prettier-ignore

  test('may be any exchanger', async () => {
    const server = await serve({ transports: ['tls'] })
    const bootstrap = new FakeUpstream('fake', ({ message }) => ({ answers: message.qtype === 1 ? ['127.0.0.1'] : [] }))
    const up = upstream(`tls://${HOST}:${server.portOf('tls')}`, { bootstrap, lookup, tls: { ca: server.ca } })
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
  })

  test('may have a name itself, which the system resolves', async () => {
    const server = await serve()
    const known = await resolver()
    const up = upstream(`udp://${HOST}:${server.port}`, { bootstrap: `udp://localhost:${known.port}` })
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
  })

  test('without network at the start nothing fails for ever', async () => {
    const server = await serve()
    const known = await resolver()
    await known.refuse()
    const up = upstream(`udp://${HOST}:${server.port}`, { bootstrap: known.address, lookup })
    for (let i = 0; i < 3; i++) await assert.rejects(up.query('a.example'), { code: 'ERR_DNS_CONNECT' })
    await known.resume()
    up.networkChanged()
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
  })

  test('is closed by whoever made it: one given as text is, an instance is not', async () => {
    const server = await serve()
    const known = await resolver()
    const own = upstream(known.address)
    const up = new Upstream(`udp://${HOST}:${server.port}`, { bootstrap: own, lookup })
    await up.query('a.example')
    await up.close()
    assert.equal((await own.query('b.example')).rcode, 'NOERROR')
    const other = new Upstream(`udp://${HOST}:${server.port}`, { bootstrap: known.address, lookup })
    await other.query('a.example')
    await other.close()
    assert.deepEqual(other.bootstrap!.upstreams.length, 1)
    await assert.rejects((other.bootstrap!.upstreams[0] as Upstream).query('c.example'), { code: 'ERR_DNS_CLOSED' })
  })

  test('that says nothing is what a timeout names, not the server', async () => {
    const clock = new FakeClock()
    const silent = () => new Promise<never>(() => undefined)
    const up = upstream(`udp://${HOST}`, { lookup: silent, clock })
    const reply = up.query('a.example')
    const message = 'dns.example:53 did not reply within 2000 ms: its address was not found in time'
    const refused = assert.rejects(reply, { code: 'ERR_DNS_TIMEOUT', message })
    await clock.advance(2000)
    await refused
  })

  test('destroy() ends a lookup under way', async () => {
    const known = await serve({ answer: () => null })
    const up = new Upstream(`udp://${HOST}`, { bootstrap: known.address, lookup })
    const reply = up.query('a.example')
    while (known.asked === 0) await new Promise((resolve) => setImmediate(resolve))
    up.destroy()
    await assert.rejects(reply, { code: 'ERR_DNS_CLOSED' })
  })

  test('that is the server itself is refused (A13)', async () => {
    const busy = await serve()
    const forwarder = new Forwarder({ upstreams: [`udp://${HOST}`], upstreamDefaults: { bootstrap: busy.address } })
    closing.push(() => forwarder.close())
    await busy.refuse()
    await assert.rejects(createServer(forwarder, { listen: busy.address }), { code: 'ERR_DNS_INVALID_OPTION' })
  })
})

describe('several addresses', () => {
  const two = async (_host: string, family: 4 | 6) => (family === 4 ? ['127.0.0.2', '127.0.0.1'] : [])

  test.each(['tcp', 'tls', 'https'] as const)('%s takes one that can be connected to', async (transport) => {
    const server = await serve({ transports: [transport] })
    const up = upstream(`${transport}://${HOST}:${server.portOf(transport)}`, { lookup: two, tls: { ca: server.ca } })
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
    assert.equal(up.stats.failures, 0)
  })

  test('udp goes to the next one when one fails, once for all that were asked there', async () => {
    const server = await serve()
    const up = upstream(`udp://${HOST}:${server.port}`, { lookup: two, timeout: 300 })
    const first = await Promise.allSettled(Array.from({ length: 4 }, (_, i) => up.query(`q${i}.example`)))
    assert.ok(first.every(({ status }) => status === 'rejected'))
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
  })

  test('udp leaves an address that the host has left', async () => {
    const [old, next] = [await serve(), await serve({ host: '127.0.0.2' })]
    let at = '127.0.0.1'
    const moving = async (_host: string, family: 4 | 6) => (family === 4 ? [at] : [])
    const port = old.port
    const moved = await serve({ host: '127.0.0.2', port })
    const up = upstream(`udp://${HOST}:${port}`, { lookup: moving })
    await up.query('a.example')
    at = '127.0.0.2'
    up.networkChanged()
    await up.query('b.example')
    await up.query('c.example')
    assert.deepEqual([old.asked, moved.asked, next.asked], [2, 1, 0])
  })
})

describe('DNS stamps', () => {
  test('plain', async () => {
    const server = await serve()
    const up = upstream(stamp({ protocol: 0, address: server.address }), { lookup })
    assert.equal((await up.query('a.example')).rcode, 'NOERROR')
  })

  test.each([
    ['DoH', 2, 'https'],
    ['DoT', 3, 'tls'],
  ] as const)('%s: its address is connected to and its name is proved', async (_what, protocol, transport) => {
    const server = await serve({ transports: [transport] })
    const address = `127.0.0.1:${server.portOf(transport)}`
    const text = (host: string) => stamp({ protocol, address, host, path: '/dns-query' })
    const tls = { ca: server.ca }
    assert.equal((await upstream(text(HOST), { lookup, tls }).query('a.example')).rcode, 'NOERROR')
    const wrong = upstream(text('other.example'), { lookup, tls })
    await assert.rejects(wrong.query('a.example'), { code: 'ERR_DNS_TLS' })
    assert.equal(server.asked, 1)
  })

  test('its path is asked', async () => {
    const server = await serve({ transports: ['https'] })
    const address = `127.0.0.1:${server.portOf('https')}`
    const up = upstream(stamp({ protocol: 2, address, host: HOST, path: '/elsewhere' }), { tls: { ca: server.ca } })
    await assert.rejects(up.query('a.example'))
    assert.equal(server.asked, 0)
  })

  test('one of its hashes has to be that of a certificate in the chain', async () => {
    const authority = new FakeAuthority()
    const certificate = authority.issue({ names: [HOST] })
    const server = await serve({ transports: ['tls'], authority, certificate })
    const address = `127.0.0.1:${server.portOf('tls')}`
    const tls = { ca: authority.cert }
    const good = upstream(stamp({ protocol: 3, address, host: HOST, hashes: ['00'.repeat(32), certificate.hash] }), {
      tls,
    })
    assert.equal((await good.query('a.example')).rcode, 'NOERROR')
    const bad = upstream(stamp({ protocol: 3, address, host: HOST, hashes: ['00'.repeat(32)] }), { tls })
    await assert.rejects(bad.query('a.example'), { code: 'ERR_DNS_TLS' })
    assert.equal(server.asked, 1)
  })

  test('without an address its bootstrap is asked, unless the option says who', async () => {
    const server = await serve({ transports: ['tls'] })
    const [known, other] = [await resolver(), await resolver()]
    const text = stamp({ protocol: 3, address: `:${server.portOf('tls')}`, host: HOST, bootstrap: [known.address] })
    const tls = { ca: server.ca }
    await upstream(text, { lookup, tls }).query('a.example')
    assert.deepEqual([known.asked, other.asked], [2, 0])
    await upstream(text, { lookup, tls, bootstrap: other.address }).query('a.example')
    assert.deepEqual([known.asked, other.asked], [2, 2])
  })
})
