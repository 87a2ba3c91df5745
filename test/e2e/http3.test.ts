import assert from 'node:assert/strict'
import { createServer, Forwarder, Message, Upstream, type Exchanger, type Server } from 'headrace'
import { FakeAuthority } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'

const authority = new FakeAuthority()
const GOOD = authority.issue()
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Answers every A with 192.0.2.`last`. */
function root(last: number): Exchanger {
  return {
    exchange: (query) => {
      const message = Message.reply(query.message, { answers: [{ name: 'www.example', type: 'A', ttl: 60, data: `192.0.2.${last}` }] }) // prettier-ignore
      return Promise.resolve({ message, upstream: 'root', age: 0 })
    },
  }
}

async function listen(last: number, certificate: { cert: string; key: string } = GOOD, port = 0): Promise<Server> {
  const { cert, key } = certificate
  const server = await createServer(root(last), { h3: { listen: `127.0.0.1:${port}`, cert, key } })
  closers.push(() => server.close())
  return server
}

describe('an upstream over HTTP/3', () => {
  test('that goes away loses no query where there is another, and is asked again once it is back', async () => {
    const [first, second] = [await listen(1), await listen(2)]
    const upstreams = [first, second].map(({ addresses }) => new Upstream(String(addresses[0]), { tls: { ca: authority.cert } })) // prettier-ignore
    const forwarder = new Forwarder({ upstreams, strategy: 'failover' })
    closers.push(() => forwarder.close())
    const ask = async (): Promise<unknown> => (await forwarder.query('www.example', 'A')).answers[0]!.data
    const burst = (): Promise<unknown[]> => Promise.all(Array.from({ length: 200 }, ask))
    assert.equal((await upstreams[0]!.query('www.example', 'A')).answers[0]!.data, '192.0.2.1')
    assert.equal((await burst()).length, 200)
    const during = burst()
    first.destroy()
    assert.equal((await during).length, 200)
    assert.equal(await ask(), '192.0.2.2')
    await first.close()
    await listen(1, GOOD, first.addresses[0]!.port)
    assert.equal((await upstreams[0]!.query('www.example', 'A')).answers[0]!.data, '192.0.2.1')
  })

  test.each([
    ['another name', authority.issue({ names: ['wrong.invalid'] }), 'ERR_DNS_TLS'],
    ['its name as common name only', authority.issue({ names: [], commonName: '127.0.0.1' }), 'ERR_DNS_TLS'],
    ['an expired certificate', authority.issue({ notAfter: new Date('2021-01-01T00:00:00Z') }), 'ERR_DNS_TLS'],
    ['a certificate of the future', authority.issue({ notBefore: new Date('2119-01-01T00:00:00Z') }), 'ERR_DNS_TLS'],
    ['a certificate of a stranger', new FakeAuthority('stranger').issue(), 'ERR_DNS_TLS'],
    ['a certificate for clients', authority.issue({ usage: 'client' }), 'ERR_DNS_TLS'],
  ])('with %s gets no query', async (_what, certificate, code) => {
    const server = await listen(1, certificate)
    const upstream = new Upstream(String(server.addresses[0]), { tls: { ca: authority.cert } })
    closers.push(() => upstream.destroy())
    await assert.rejects(upstream.query('www.example', 'A'), { code })
    assert.equal(server.stats.queries, 0)
  })

  test('whose key is not pinned gets no query', async () => {
    const server = await listen(1)
    const tls = { ca: authority.cert, pins: [new FakeAuthority('other').pin] }
    const upstream = new Upstream(String(server.addresses[0]), { tls })
    closers.push(() => upstream.destroy())
    await assert.rejects(upstream.query('www.example', 'A'), { code: 'ERR_DNS_TLS' })
    assert.equal(server.stats.queries, 0)
  })
})
