import assert from 'node:assert/strict'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { Upstream, type DnsError, type UpstreamOptions } from 'headrace'
import { FakeAuthority, FakeServer, type FakeServerOptions } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'
import { pause } from '../helpers/peer.js'

type Encrypted = 'tls' | 'https' | 'doq' | 'h3'
type Tls = NonNullable<UpstreamOptions['tls']>

const SCHEMES = ['tls', 'https', 'doq', 'h3'] as const
const OTHER_PIN = new FakeAuthority('other authority').pin
const IMPOSTORS: readonly { what: string; server: FakeServerOptions; tls?: Tls; schemes?: readonly Encrypted[] }[] = [
  { what: 'a name that is not the one asked for', server: { certificate: 'wrong-name' } },
  { what: 'another name than servername', server: {}, tls: { servername: 'dns.example' } },
  { what: 'an address among its names only', server: { names: ['dns.example'] }, tls: { servername: '127.0.0.2' } },
  { what: 'its name as common name only', server: { certificate: 'common-name-only' } },
  { what: 'an expired certificate', server: { certificate: 'expired' } },
  { what: 'a certificate of the future', server: { certificate: 'not-yet-valid' } },
  { what: 'a certificate of an authority that is not trusted', server: { certificate: 'untrusted' } },
  { what: 'a certificate signed by itself', server: { certificate: 'self-signed' } },
  { what: 'a certificate for clients', server: { certificate: 'client-only' } },
  { what: 'a key that is not pinned', server: {}, tls: { pins: [OTHER_PIN] } },
  { what: 'a key that is not pinned, although anybody is taken', server: {}, tls: { pins: [OTHER_PIN], rejectUnauthorized: false } }, // prettier-ignore
  { what: 'another protocol', server: { alpn: ['http/1.1'] } },
  { what: 'no protocol', server: { alpn: [] }, schemes: ['https'] },
]

let servers: FakeServer[] = []
let upstreams: Upstream[] = []
afterEach(async () => {
  for (const upstream of upstreams) upstream.destroy()
  for (const server of servers) await server.close()
  servers = []
  upstreams = []
})

for (const scheme of SCHEMES) {
  describe(`over ${scheme}`, () => {
    const impostors = IMPOSTORS.filter(({ schemes = SCHEMES }) => schemes.includes(scheme))

    test.each(impostors)('a server with $what gets no octet of a query (T18, R-DOT-2)', async ({ server, tls }) => {
      const impostor = await listen(scheme, server)
      await refused(ask(scheme, impostor, tls))
      assert.equal(impostor.received, 0)
      assert.equal(impostor.asked, 0)
    })

    test('a server that speaks no TLS gets no octet of a query (R-DOT-1)', async () => {
      const received: Buffer[] = []
      const plain = createTcpServer((socket) => socket.on('error', () => undefined).on('data', (chunk) => received.push(chunk))) // prettier-ignore
      await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
      const { port } = plain.address() as AddressInfo
      const upstream = keep(new Upstream(`${scheme}://127.0.0.1:${port}`, { timeout: 300 }))
      await assert.rejects(upstream.query('secret-name.example', 'A'))
      assert.doesNotMatch(Buffer.concat(received).toString('latin1'), /secret-name/)
      upstream.destroy()
      await new Promise((resolve) => plain.close(resolve))
    })

    test.each<{ who: string; tls: Tls }>([
      { who: 'that asks for another name', tls: { servername: 'dns.example' } },
      { who: 'that has pinned another key', tls: { pins: [OTHER_PIN] } },
      { who: 'that trusts another authority', tls: { ca: new FakeAuthority('other').cert } },
    ])('a session is not resumed for an upstream $who (A26, N09)', async ({ tls }) => {
      const server = await listen(scheme, {})
      for (const trusting of [{}, { rejectUnauthorized: false }]) await ask(scheme, server, trusting)
      for (const upstream of upstreams) upstream.destroy()
      while (server.connections > 0) await pause(5)
      const before = server.received
      await refused(ask(scheme, server, tls))
      assert.equal(server.received, before)
      assert.equal(server.resumed, 0)
    })

    test('a server that turns bad gets no octet of a query once its session is over (T18)', async () => {
      const server = await listen(scheme, {})
      const upstream = keep(new Upstream(server.addressOf(scheme), { tls: { ca: server.ca } }))
      await upstream.query('www.example', 'A')
      await server.refuse()
      server.certificate = 'wrong-name'
      await server.resume()
      const before = server.received
      const { resumed } = server
      const failure = await upstream.query('www.example', 'A').then(() => null, (error: DnsError) => error) // prettier-ignore
      // Either the server has shown that it is the same one, by the session's secret, or it got nothing.
      assert.equal(failure === null, server.resumed > resumed)
      if (failure !== null) assert.equal(server.received, before)
    })
  })
}

async function listen(scheme: Encrypted, options: FakeServerOptions): Promise<FakeServer> {
  const server = await FakeServer.listen({ ...options, transports: [scheme] })
  servers.push(server)
  return server
}

function keep(upstream: Upstream): Upstream {
  upstreams.push(upstream)
  return upstream
}

function ask(scheme: Encrypted, server: FakeServer, tls: Tls = {}): Promise<unknown> {
  return keep(new Upstream(server.addressOf(scheme), { tls: { ca: server.ca, ...tls } })).query('www.example', 'A')
}

function refused(asked: Promise<unknown>): Promise<void> {
  return assert.rejects(asked, { code: 'ERR_DNS_TLS' })
}
