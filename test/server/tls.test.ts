import assert from 'node:assert/strict'
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { describe, test } from 'vitest'
import { Message } from '../../src/wire/message.js'
import { buildQuery, frame, rcodeOf } from '../helpers/raw-dns.js'
import { DotClient, issued, serveEncrypted } from './encrypted-stage.js'
import { later, serve, SocketClock, TcpClient, TestRoot, until } from './stage.js'

const query = (id = 1, padded = false): Buffer => {
  const octets = buildQuery('x.example', 1, padded ? { id, edns: 1232 } : { id })
  if (!padded) return octets
  octets.writeUInt16BE(4, octets.length - 2)
  return Buffer.concat([octets, Buffer.from([0, 12, 0, 0])])
}
const idOf = (octets: Buffer | null): number | null => (octets === null ? null : octets.readUInt16BE(0))

/** What is under a TLS socket. */
function connectRaw(port: number): Socket {
  const raw = connectTcp({ port, host: '127.0.0.1' })
  raw.on('error', () => undefined)
  later(() => raw.destroy())
  return raw
}

describe('a client of DNS over TLS', () => {
  test('is answered on its connection, and named in context and events', async () => {
    const root = new TestRoot()
    const { server, tls } = await serveEncrypted(root)
    const heard: string[] = []
    server.on('query', ({ client }) => heard.push(client.transport))
    server.on('reply', ({ client }) => heard.push(client.transport))
    const client = new DotClient(tls)
    client.socket.write(frame(query(5)))
    assert.equal(idOf(await client.next()), 5)
    assert.equal(root.asked[0]!.ctx.client!.transport, 'tls')
    assert.equal(root.asked[0]!.ctx.client!.port, client.socket.localPort)
    assert.deepEqual(heard, ['tls', 'tls'])
    assert.equal(server.stats.connections, 1)
  })

  test.each([
    ['TLSv1.2', ['dot'], 'dot'],
    ['TLSv1.3', ['dot'], 'dot'],
    ['TLSv1.3', ['h2', 'dot'], 'dot'],
    ['TLSv1.3', undefined, false],
  ] as const)('may speak %s and ask for the protocols %j', async (version, protocols, chosen) => {
    const { tls } = await serveEncrypted(new TestRoot())
    const options = { minVersion: version, maxVersion: version }
    const client = new DotClient(tls, protocols === undefined ? options : { ...options, ALPNProtocols: [...protocols] })
    await client.secured()
    client.socket.write(frame(query(7)))
    assert.equal(idOf(await client.next()), 7)
    assert.deepEqual([client.tls.getProtocol(), client.tls.alpnProtocol], [version, chosen])
  })

  test('that asks for another protocol, or for TLS 1.1, is turned away by an alert (A26)', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot())
    await assert.rejects(new DotClient(tls, { ALPNProtocols: ['h2'] }).secured(), {
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    })
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await assert.rejects(new DotClient(tls, old).secured(), { code: /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/ })
    await until(() => server.stats.connections === 0)
  })

  test('resumes its session', async () => {
    const { tls } = await serveEncrypted(new TestRoot())
    const first = new DotClient(tls)
    const session = await new Promise<Buffer>((resolve) => first.tls.once('session', resolve))
    const second = new DotClient(tls, { session })
    await second.secured()
    assert.equal(second.tls.isSessionReused(), true)
    second.socket.write(frame(query(8)))
    assert.equal(idOf(await second.next()), 8)
  })

  test('pipelines, and gets replies in the order in which they are ready (R-7766-3)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { tls } = await serveEncrypted(root)
    const client = new DotClient(tls)
    client.socket.write(Buffer.concat([1, 2, 3].map((id) => frame(query(id)))))
    await root.until(3)
    root.release(2)
    assert.equal(idOf(await client.next()), 3)
    root.release()
    assert.deepEqual([idOf(await client.next()), idOf(await client.next())], [1, 2])
  })

  test('that closes its side after asking still gets its replies', async () => {
    const root = new TestRoot()
    root.holds = true
    const { tls, server } = await serveEncrypted(root)
    const client = new DotClient(tls)
    client.socket.end(frame(query(1)))
    await root.until(1)
    root.release()
    assert.equal(idOf(await client.next()), 1)
    assert.equal(await client.next(), null)
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('that resets the connection with a query under way harms nobody (R-7766-6)', async () => {
    const root = new TestRoot()
    const { tls, server } = await serveEncrypted(root)
    // A socket under TLS can't be reset, one behind a relay can.
    const far = connectRaw(tls)
    const relay = createTcpServer((near) => {
      near.on('error', () => undefined)
      near.on('data', (chunk: Buffer) => far.write(chunk))
      far.on('data', (chunk: Buffer) => near.write(chunk))
    })
    later(() => relay.close())
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    const client = new DotClient((relay.address() as AddressInfo).port)
    client.socket.write(frame(query(1)))
    await client.next()
    root.holds = true
    client.socket.write(frame(query(2)))
    await root.until(2)
    far.resetAndDestroy()
    await until(() => server.stats.connections === 0)
    root.release()
    await until(() => server.stats.outstanding === 0)
    assert.equal(server.stats.dropped, 1)
  })

  test('gets replies padded to a multiple of 468 octets where it asked for that (R-PAD-2), in zeroes, errors too', async () => {
    const root = new TestRoot()
    const { tls } = await serveEncrypted(root)
    const client = new DotClient(tls)
    const ask = async (octets: Buffer): Promise<Buffer> => {
      client.socket.write(frame(octets))
      return (await client.next())!
    }
    const reply = await ask(query(1, true))
    assert.equal(reply.length, 468)
    const padding = Message.from(reply).edns!.options.find(({ code }) => code === 12)!.data
    assert.ok(padding.length > 300 && padding.every((octet) => octet === 0))
    assert.ok((await ask(query(2))).length < 100)
    root.reply = { answers: Array.from({ length: 30 }, () => ({ name: 'x.example', type: 'A', data: '192.0.2.1' })) }
    assert.equal((await ask(query(3, true))).length, 936)
    root.reply = { truncated: true }
    const failure = await ask(query(4, true))
    assert.deepEqual([failure.length, rcodeOf(failure)], [468, 2])
    const transfer = query(5, true)
    transfer[transfer.length - 4 - 11 - 3] = 252
    const refused = await ask(transfer)
    assert.deepEqual([refused.length, rcodeOf(refused)], [468, 4])
  })

  test('in the clear gets no padding (R-PAD-1)', async () => {
    const { port } = await serve(new TestRoot())
    const client = new TcpClient(port)
    client.socket.write(frame(query(1, true)))
    assert.ok((await client.next())!.length < 100)
  })

  test('is told our idle timeout where it asks for it (R-7828-3), padded or not', async () => {
    const { tls } = await serveEncrypted(new TestRoot(), { idleTimeout: 7500 })
    const client = new DotClient(tls)
    const octets = query(1, true)
    octets.writeUInt16BE(8, octets.length - 6)
    client.socket.write(frame(Buffer.concat([octets, Buffer.from([0, 11, 0, 0])])))
    const reply = (await client.next())!
    const { options } = Message.from(reply).edns!
    assert.deepEqual(options.find(({ code }) => code === 11)!.data, Buffer.from([0, 75]))
    assert.equal(reply.length, 468)
  })
})

describe('the TLS listener', () => {
  test('answers nothing in the clear, and cuts who tries (R-DOT-1)', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot())
    const client = new TcpClient(tls)
    client.socket.write(frame(query(1)))
    await client.closed
    assert.equal(server.stats.queries, 0)
    await until(() => server.stats.connections === 0)
  })

  test('leaves a plain listener alone that a TLS client mistakes for it', async () => {
    const { port, server } = await serve(new TestRoot(), { idleTimeout: 200 })
    await assert.rejects(new DotClient(port).secured())
    await until(() => server.stats.connections === 0)
    assert.equal(server.stats.queries, 0)
  })

  test('cuts a handshake that takes longer than handshakeTimeout, however busily (A17)', async () => {
    const clock = new SocketClock()
    const { tls, server } = await serveEncrypted(new TestRoot(), { clock, handshakeTimeout: 3000 })
    const silent = new TcpClient(tls)
    const slow = new TcpClient(tls)
    await until(() => server.stats.connections === 2)
    slow.socket.write(Buffer.from([0x16, 3, 1]))
    await clock.advance(2900)
    slow.socket.write(Buffer.from([2, 0]))
    assert.equal(server.stats.connections, 2)
    await clock.advance(101)
    await Promise.all([silent.closed, slow.closed])
    assert.equal(server.stats.connections, 0)
  })

  test('ends the handshake alarm with the handshake, and then goes by idleTimeout', async () => {
    const clock = new SocketClock()
    const { tls, server } = await serveEncrypted(new TestRoot(), { clock, handshakeTimeout: 1000, idleTimeout: 5000 })
    const client = new DotClient(tls)
    client.socket.write(frame(query(1)))
    await client.next()
    await clock.advance(4000)
    assert.equal(server.stats.connections, 1)
    await clock.advance(1001)
    assert.equal(await client.next(), null)
    await client.closed
  })

  test('counts handshakes that never end among the connections of a client, and serves others', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot(), { maxConnectionsPerClient: 3 })
    const denied: string[] = []
    server.on('denied', ({ why, client }) => denied.push(`${why} ${client.transport}`))
    const silent = Array.from({ length: 3 }, () => new TcpClient(tls))
    await until(() => server.stats.connections === 3)
    await new TcpClient(tls).closed
    assert.deepEqual(denied, ['client-limit tls'])
    const other = new DotClient(tls, {}, '127.0.0.2')
    other.socket.write(frame(query(2)))
    assert.equal(idOf(await other.next()), 2)
    for (const client of silent) client.socket.destroy()
    await until(() => server.stats.connections === 1)
  })

  test('shares its limits with TCP, and the oldest handshake makes room after a second', async () => {
    const clock = new SocketClock()
    const { tls, server } = await serveEncrypted(new TestRoot(), {
      clock,
      maxConnections: 2,
      listen: '127.0.0.1:0',
      handshakeTimeout: 60_000,
    })
    const plain = server.addresses.find(({ transport }) => transport === 'tcp')!.port
    const silent = new TcpClient(tls)
    await until(() => server.stats.connections === 1)
    const stream = new TcpClient(plain)
    await until(() => server.stats.connections === 2)
    await new TcpClient(plain).closed
    await clock.advance(1500)
    stream.socket.write(frame(query(1)))
    await stream.next()
    const late = new DotClient(tls)
    late.socket.write(frame(query(3)))
    assert.equal(idOf(await late.next()), 3)
    await silent.closed
    assert.equal(server.stats.connections, 2)
  })

  test('turns away who may not ask before a single octet of the handshake', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot(), { allow: ['127.0.0.1/32'] })
    const denied: string[] = []
    server.on('denied', ({ why, client }) => denied.push(`${why} ${client.address} ${client.transport}`))
    const stranger = new TcpClient(tls, '127.0.0.3')
    let octets = 0
    stranger.socket.on('data', (chunk: Buffer) => (octets += chunk.length))
    await stranger.closed
    assert.deepEqual([octets, denied], [0, ['address 127.0.0.3 tls']])
  })

  test('cuts a client whose octets make no sense after the handshake', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot())
    const raw = connectRaw(tls)
    const client = new DotClient(tls, { socket: raw })
    client.socket.write(frame(query(1)))
    await client.next()
    raw.write(Buffer.from('no TLS at all, and long enough for a record'))
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('closes with what is under way answered, and leaves nothing open', async () => {
    const root = new TestRoot()
    root.holds = true
    const { tls, server } = await serveEncrypted(root)
    const client = new DotClient(tls)
    const silent = new TcpClient(tls)
    client.socket.write(frame(query(1)))
    await root.until(1)
    await until(() => server.stats.connections === 2)
    const closed = server.close()
    await silent.closed
    root.release()
    assert.equal(idOf(await client.next()), 1)
    assert.equal(await client.next(), null)
    await closed
    assert.equal(server.stats.connections, 0)
    await until(() => !process.getActiveResourcesInfo().some((name) => /^TCP|^TLS/.test(name)))
  })

  test('destroyed in the midst of handshakes leaves nothing open', async () => {
    const { tls, server } = await serveEncrypted(new TestRoot())
    const clients = Array.from({ length: 10 }, () => new DotClient(tls))
    await until(() => server.stats.connections > 0)
    server.destroy()
    await Promise.all(clients.map(({ closed }) => closed))
    await until(() => server.stats.connections === 0)
  })
})

test('the certificate that clients see is the one that was given', async () => {
  const { tls } = await serveEncrypted(new TestRoot())
  const client = new DotClient(tls)
  await client.secured()
  assert.ok(issued.cert.includes(client.tls.getPeerCertificate().raw.toString('base64').slice(0, 64)))
})
