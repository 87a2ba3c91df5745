import assert from 'node:assert/strict'
import { createServer, Pool, Upstream, type DnsError, type Server, type UpstreamOptions } from 'headrace'
import { FakeAuthority, FakeUpstream } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'

type Tls = NonNullable<UpstreamOptions['tls']>
type Shown = Pick<ReturnType<FakeAuthority['issue']>, 'cert' | 'key'>

const authority = new FakeAuthority()
const names = ['127.0.0.1']
const good = authority.issue({ names })
const ca = authority.cert
const IMPOSTORS: readonly { what: string; shown: Shown; tls?: Tls }[] = [
  { what: 'a name that is not the one asked for', shown: authority.issue({ names: ['wrong.invalid'] }) },
  { what: 'its name as common name only', shown: authority.issue({ names: [], commonName: '127.0.0.1' }) },
  { what: 'an expired certificate', shown: authority.issue({ names, notAfter: new Date('2021-01-01T00:00:00Z') }) },
  {
    what: 'a certificate of the future',
    shown: authority.issue({ names, notBefore: new Date('2119-01-01T00:00:00Z') }),
  },
  { what: 'a certificate of an authority that is not trusted', shown: new FakeAuthority('untrusted').issue({ names }) },
  { what: 'a certificate signed by itself', shown: FakeAuthority.selfSigned({ names }) },
  { what: 'a certificate for clients', shown: authority.issue({ names, usage: 'client' }) },
  { what: 'a key that is not pinned', shown: good, tls: { pins: [new FakeAuthority('other').pin] } },
]

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(
  root: FakeUpstream,
  { cert, key }: Shown = good,
  port = 0,
): Promise<{ server: Server; port: number }> {
  const server = await createServer(root, { quic: { listen: `127.0.0.1:${port}`, cert, key } })
  cleanups.push(() => server.destroy())
  return { server, port: server.addresses[0]!.port }
}

function upstreamTo(port: number, tls: Tls = {}): Upstream {
  const upstream = new Upstream(`doq://127.0.0.1:${port}`, { tls: { ca, ...tls } })
  cleanups.push(() => upstream.destroy())
  return upstream
}

describe('DNS over QUIC, our upstream and our listener', () => {
  test('a thousand queries share one connection (RFC 9250, section 5.5.1)', async () => {
    const { port } = await listen(new FakeUpstream('answers'))
    const upstream = upstreamTo(port)
    let connections = 0
    upstream.on('connect', () => connections++)
    for (let i = 0; i < 10; i++) {
      const batch = Array.from({ length: 100 }, (_, k) => upstream.query(`n${i}-${k}.example`, 'A'))
      for (const { message } of await Promise.all(batch)) assert.equal(message.rcode, 0)
    }
    assert.equal(connections, 1)
  })

  test.each(IMPOSTORS)('a server with $what gets no query (RFC 9250, section 5.1)', async ({ shown, tls }) => {
    const root = new FakeUpstream('impostor')
    const { port } = await listen(root, shown)
    await assert.rejects(upstreamTo(port, tls).query('x.example', 'A'), (error: DnsError) => {
      assert.equal(error.code, 'ERR_DNS_TLS')
      return true
    })
    assert.equal(root.asked, 0)
  })

  test('a server that goes away costs no query where there is another, and is asked again once it is back', async () => {
    const first = await listen(new FakeUpstream('first'))
    const second = await listen(new FakeUpstream('second'))
    const one = upstreamTo(first.port)
    const pool = new Pool({ upstreams: [one, upstreamTo(second.port)], strategy: 'failover' })
    await pool.query('a.example', 'A')
    first.server.destroy()
    for (let i = 0; i < 20; i++) await pool.query(`b${i}.example`, 'A')
    await listen(new FakeUpstream('back'), good, first.port)
    const { message } = await one.query('c.example', 'A')
    assert.equal(message.rcode, 0)
  })
})
