import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { createServer } from '../../src/server/server.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { Upstream } from '../../src/upstream/upstream.js'
import { askTcp, askUdp, buildQuery, frame, rcodeOf } from '../helpers/raw-dns.js'
import { authority, DotClient, serveEncrypted } from './encrypted-stage.js'
import { DoqClient } from './doq-stage.js'
import { H3Client } from './h3-stage.js'
import { later, serve, SocketClock, TcpClient, TestRoot, UdpClient, until } from './stage.js'

const query = (id = 1): Buffer => buildQuery('x.example', 1, { id })

function refusing(): TestRoot {
  const root = new TestRoot()
  root.reply = { rcode: 'REFUSED' }
  return root
}

describe('Server.reconfigure', () => {
  test('asks another root over the same sockets, and what is under way is answered by the first', async () => {
    const first = new TestRoot()
    first.holds = true
    const { server, port } = await serve(first)
    const [client, stream] = [new UdpClient(port), new TcpClient(port)]
    client.send(query(1))
    stream.socket.write(frame(query(2)))
    await first.until(2)
    await server.reconfigure(refusing(), { listen: '127.0.0.1:0' })
    assert.equal(server.addresses[0]!.port, port)
    client.send(query(3))
    stream.socket.write(frame(query(4)))
    const early = [await client.next(), (await stream.next())!]
    assert.deepEqual(early.map((reply) => [reply.readUInt16BE(0), rcodeOf(reply)]), [[3, 5], [4, 5]]) // prettier-ignore
    first.release()
    const late = [await client.next(), (await stream.next())!]
    assert.deepEqual(late.map((reply) => [reply.readUInt16BE(0), rcodeOf(reply)]), [[1, 0], [2, 0]]) // prettier-ignore
    assert.equal(server.stats.queries, 4)
    assert.equal(server.stats.outstanding, 0)
  })

  test('opens what is new, closes what is gone, and a query that came there before is answered', async () => {
    const root = new TestRoot()
    root.holds = true
    const { server, port } = await serve(root)
    const client = new UdpClient(port)
    client.send(query(7))
    await root.until(1)
    await server.reconfigure(new TestRoot(), { listen: '127.0.0.2:0' })
    const [udp, tcp] = server.addresses
    assert.equal(server.addresses.length, 2)
    assert.equal(udp!.address, '127.0.0.2')
    await assert.rejects(askTcp(port, query()))
    root.release()
    assert.equal((await client.next()).readUInt16BE(0), 7)
    await assert.rejects(createServer(new TestRoot(), { listen: tcp!.host }), { code: 'ERR_DNS_LISTEN' })
  })

  test('that cannot listen changes nothing', async () => {
    const { server, port } = await serve(new TestRoot())
    const before = server.addresses
    const options = { listen: ['127.0.0.1:0', '127.0.0.2:0', '192.0.2.1:0'] }
    await assert.rejects(server.reconfigure(refusing(), options), { code: 'ERR_DNS_LISTEN' })
    await assert.rejects(server.reconfigure(refusing(), { listen: 'nowhere' }), { code: 'ERR_DNS_INVALID_ADDRESS' })
    assert.deepEqual(server.addresses, before)
    assert.equal(rcodeOf((await askUdp(port, query()))!), 0)
  })

  test('goes by other limits, for connections that are open as well', async () => {
    const { server, port } = await serve(new TestRoot())
    const stream = new TcpClient(port)
    await server.reconfigure(new TestRoot(), { listen: '127.0.0.1:0', maxQueriesPerConnection: 1 })
    stream.socket.write(frame(query(1)))
    assert.equal(rcodeOf((await stream.next())!), 0)
    assert.equal(await stream.next(), null)
    await server.reconfigure(new TestRoot(), { listen: '127.0.0.1:0', allow: ['192.0.2.0/24'] })
    assert.equal(await askUdp(port, query(), 50), null)
  })

  test('shows another certificate on a listener that stays, and goes on with connections that are open', async () => {
    const { server, tls } = await serveEncrypted(new TestRoot())
    const before = new DotClient(tls)
    await before.secured()
    const { cert, key } = authority.issue({ commonName: 'other' })
    await server.reconfigure(refusing(), { tls: { listen: '127.0.0.1:0', cert, key } })
    assert.deepEqual(server.addresses.map(String), [`tls://127.0.0.1:${tls}`])
    const after = new DotClient(tls)
    await after.secured()
    assert.equal(after.tls.getPeerCertificate().subject.CN, 'other')
    before.socket.write(frame(query()))
    assert.equal(rcodeOf((await before.next())!), 5)
  })

  test('goes on with QUIC connections that are open, and shows others another certificate', async () => {
    const listen = '127.0.0.1:0'
    const [first, second] = [authority.issue(), new FakeAuthority()]
    const quic = { listen, cert: first.cert, key: first.key }
    const server = await createServer(new TestRoot(), { quic })
    later(() => server.destroy())
    const { port } = server.addresses[0]!
    const client = (ca: string): Upstream => {
      const upstream = new Upstream(`quic://127.0.0.1:${port}`, { tls: { ca } })
      later(() => upstream.destroy())
      return upstream
    }
    const before = client(authority.cert)
    assert.equal((await before.query('x.example')).rcode, 'NOERROR')
    const { cert, key } = second.issue()
    await server.reconfigure(refusing(), { quic: { listen, cert, key } })
    assert.deepEqual(server.addresses.map(String), [`doq://127.0.0.1:${port}`])
    assert.equal((await before.query('x.example')).rcode, 'REFUSED')
    assert.equal(before.stats.connectionsOpened, 1)
    assert.equal((await client(second.cert).query('x.example')).rcode, 'REFUSED')
    assert.equal(server.stats.connections, 2)
  })

  test.each(['https', 'quic', 'h3'] as const)(
    'goes by other limits at once over %s, on a listener that stays',
    async (name) => {
      const clock = new SocketClock()
      const { cert, key } = authority.issue()
      const given = { [name]: { listen: '127.0.0.1:0', cert, key } }
      const server = await createServer(new TestRoot(), { clock, idleTimeout: 10_000, ...given })
      later(() => server.destroy())
      const { port } = server.addresses[0]!
      const upstream = new Upstream(`${name}://127.0.0.1:${port}`, {
        tls: { ca: authority.cert },
        idleTimeout: 600_000,
      })
      later(() => upstream.destroy())
      const opened = (): number => server.stats.connections
      const gone = async (): Promise<void> => {
        for (let ms = 0; ms < 600 && opened() > 0; ms += 5) await clock.advance(5)
        await until(() => opened() === 0)
      }
      assert.equal((await upstream.query('x.example')).rcode, 'NOERROR')
      const limits = { idleTimeout: 2000, maxPipelined: 1, maxQueriesPerConnection: 3, handshakeTimeout: 1000 }
      await server.reconfigure(new TestRoot(), { ...limits, ...given })
      assert.equal(server.addresses[0]!.port, port)
      // The connection of before goes by the new limits, as far as it can: it is at its third query, and closed after it.
      for (let i = 0; i < 2; i++) assert.equal((await upstream.query('x.example')).rcode, 'NOERROR')
      await gone()
      assert.equal((await upstream.query('x.example')).rcode, 'NOERROR')
      assert.equal(opened(), 1)
      await clock.advance(2000)
      await gone()
    },
  )

  test.each([
    ['quic', 7],
    ['h3', 7],
  ] as const)('grants as many streams over %s as are allowed from then on', async (name, most) => {
    const { cert, key } = authority.issue()
    const given = { [name]: { listen: '127.0.0.1:0', cert, key } }
    const server = await createServer(new TestRoot(), given)
    later(() => server.destroy())
    const { port } = server.addresses[0]!
    await server.reconfigure(new TestRoot(), { maxPipelined: most, ...given })
    const doq = name === 'quic' ? await DoqClient.connect(port) : null
    const h3 = name === 'h3' ? await H3Client.connect(port) : null
    const open = (): unknown => doq?.open(Buffer.alloc(0), false) ?? h3?.open() ?? null
    let count = 0
    while (count < 200 && open() !== null) count++
    assert.equal(count, most)
  })

  test('after close() is refused', async () => {
    const { server } = await serve(new TestRoot())
    await server.close()
    await assert.rejects(server.reconfigure(new TestRoot()), { code: 'ERR_DNS_CLOSED' })
  })
})
