import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message } from '../../src/wire/message.js'
import { buildQuery, frame, isTruncated, rcodeOf } from '../helpers/raw-dns.js'
import { later, serve, SocketClock, TcpClient, TestRoot, UdpClient, until } from './stage.js'

const query = (id = 1): Buffer => buildQuery('x.example', 1, { id })
const idOf = (octets: Buffer | null): number | null => (octets === null ? null : octets.readUInt16BE(0))

function withKeepalive(data: number[]): Buffer {
  const octets = Buffer.concat([
    buildQuery('x.example', 1, { edns: 1232 }),
    Buffer.from([0, 11, 0, data.length, ...data]),
  ])
  octets.writeUInt16BE(4 + data.length, octets.length - 6 - data.length)
  return octets
}

describe('a TCP client', () => {
  test('is answered on its connection, and named in the context (R-7766-1, R-5625-4)', async () => {
    const root = new TestRoot()
    const { port, server } = await serve(root)
    const client = new TcpClient(port)
    client.socket.write(frame(query(5)))
    assert.equal(idOf(await client.next()), 5)
    assert.equal(root.asked[0]!.ctx.client!.transport, 'tcp')
    assert.equal(server.stats.connections, 1)
  })

  test('may split its queries at every octet (R-7766-7)', async () => {
    const { port } = await serve(new TestRoot())
    const client = new TcpClient(port)
    client.socket.setNoDelay(true)
    await client.connected()
    const octets = Buffer.concat([frame(query(1)), frame(query(2))])
    for (const octet of octets) {
      client.socket.write(Buffer.from([octet]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual([idOf(await client.next()), idOf(await client.next())], [1, 2])
  })

  test('gets replies in the order in which they are ready (R-7766-3), each in one write', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root)
    const client = new TcpClient(port)
    client.socket.write(Buffer.concat([1, 2, 3].map((id) => frame(query(id)))))
    await root.until(3)
    root.release(2)
    assert.equal(idOf(await client.next()), 3)
    root.release(0)
    assert.equal(idOf(await client.next()), 1)
    root.release()
    assert.equal(idOf(await client.next()), 2)
    assert.equal(client.chunks, 3)
  })

  test('gets replies that are ready in one turn in one write', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root)
    const client = new TcpClient(port)
    client.socket.write(Buffer.concat(Array.from({ length: 50 }, (_, id) => frame(query(id)))))
    await root.until(50)
    root.release()
    for (let i = 0; i < 50; i++) assert.equal(idOf(await client.next()), i)
    assert.ok(client.chunks <= 2, String(client.chunks))
  })

  test('that closes its side after asking still gets its replies, and then the other side is closed', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port, server } = await serve(root)
    const client = new TcpClient(port)
    client.socket.end(Buffer.concat([frame(query(1)), frame(query(2))]))
    await root.until(2)
    root.release(1)
    assert.equal(idOf(await client.next()), 2)
    root.release()
    assert.equal(idOf(await client.next()), 1)
    assert.equal(await client.next(), null)
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('that resets the connection with queries under way harms nobody (R-7766-6)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port, server } = await serve(root)
    const client = new TcpClient(port)
    client.socket.write(Buffer.concat([frame(query(1)), frame(query(2))]))
    await root.until(2)
    client.socket.resetAndDestroy()
    await until(() => server.stats.connections === 0)
    root.release()
    root.holds = false
    await new UdpClient(port).ask(query(9))
    assert.deepEqual([server.stats.outstanding, server.stats.dropped, server.stats.replies], [0, 2, 1])
  })

  test('gets a reply of 60,000 octets whole, and SERVFAIL for one that is truncated', async () => {
    const root = new TestRoot()
    root.reply = {
      answers: Array.from({ length: 300 }, () => ({ name: 'x.example', type: 'TXT', data: ['t'.repeat(187)] })),
    }
    const { port } = await serve(root)
    const client = new TcpClient(port)
    client.socket.write(frame(query()))
    const reply = (await client.next())!
    assert.ok(reply.length > 59_000 && !isTruncated(reply))
    root.reply = { truncated: true }
    client.socket.write(frame(query()))
    const second = (await client.next())!
    assert.deepEqual([rcodeOf(second), isTruncated(second)], [2, false])
  })

  test('that asks for keepalive is told our idle timeout; with a timeout of its own it is malformed (R-7828-3)', async () => {
    const { port } = await serve(new TestRoot(), { idleTimeout: 7500 })
    const client = new TcpClient(port)
    client.socket.write(frame(withKeepalive([])))
    assert.deepEqual(Message.from((await client.next())!).edns!.options, [{ code: 11, data: Buffer.from([0, 75]) }])
    client.socket.write(frame(buildQuery('x.example', 1, { edns: 1232 })))
    assert.deepEqual(Message.from((await client.next())!).edns!.options, [])
    client.socket.write(frame(withKeepalive([0, 5])))
    assert.equal(rcodeOf((await client.next())!), 1)
  })

  test('that sends a hundred messages in a row that are no queries is cut off, and no sooner (A17)', async () => {
    const { port, server } = await serve(new TestRoot())
    const client = new TcpClient(port)
    const empty = Array.from({ length: 99 }, () => frame(Buffer.alloc(0)))
    client.socket.write(Buffer.concat([...empty, frame(query(1)), ...empty, frame(query(2))]))
    assert.deepEqual([idOf(await client.next()), idOf(await client.next())], [1, 2])
    client.socket.write(Buffer.alloc(65_536))
    await client.closed
    assert.equal(server.stats.malformed, 99 + 99 + 100)
  })

  test('that sends what is no query gets nothing, and what follows is answered', async () => {
    const { port, server } = await serve(new TestRoot())
    const client = new TcpClient(port)
    const reply = query(3)
    reply[2] = 0x81
    client.socket.write(
      Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.from('garbage')), frame(reply), frame(query(4))]),
    )
    assert.equal(idOf(await client.next()), 4)
    assert.equal(server.stats.malformed, 3)
  })
})

describe('a TCP connection', () => {
  test('is closed when nothing complete has come for idleTimeout, though octets have (R-7766-5, A17)', async () => {
    const clock = new SocketClock()
    const { port, server } = await serve(new TestRoot(), { clock, idleTimeout: 1000 })
    const client = new TcpClient(port)
    client.socket.write(frame(query(1)))
    await client.next()
    await clock.advance(900)
    const counted = octetsIn(client, port)
    client.socket.write(frame(query(2)).subarray(0, 5))
    await counted
    await clock.advance(150)
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('stays as long as complete queries come, and while one is under way', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    const { port } = await serve(root, { clock, idleTimeout: 1000 })
    const client = new TcpClient(port)
    for (let id = 0; id < 3; id++) {
      client.socket.write(frame(query(id)))
      assert.equal(idOf(await client.next()), id)
      await clock.advance(800)
    }
    root.holds = true
    client.socket.write(frame(query(7)))
    await root.until(4)
    await clock.advance(2500)
    root.release()
    assert.equal(idOf(await client.next()), 7)
    await clock.advance(2000)
    assert.equal(await client.next(), null)
    await client.closed
  })

  test('is closed after maxQueriesPerConnection, with all of them answered', async () => {
    const root = new TestRoot()
    const { port } = await serve(root, { maxQueriesPerConnection: 3 })
    const client = new TcpClient(port)
    client.socket.write(Buffer.concat([1, 2, 3, 4, 5].map((id) => frame(query(id)))))
    assert.deepEqual([idOf(await client.next()), idOf(await client.next()), idOf(await client.next())], [1, 2, 3])
    assert.equal(await client.next(), null)
    assert.equal(root.asked.length, 3)
  })

  test('is not read beyond maxPipelined until queries are answered', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root, { maxPipelined: 4 })
    const client = new TcpClient(port)
    await client.connected()
    for (let id = 0; id < 4; id++) client.socket.write(frame(query(id)))
    await root.until(4)
    client.socket.write(frame(query(4)))
    new UdpClient(port).send(query(99))
    await root.until(5)
    assert.deepEqual(
      root.asked.map(({ query: { message } }) => message.id),
      [0, 1, 2, 3, 99],
    )
    root.release(0)
    await root.until(6)
    assert.equal(root.asked[5]!.query.message.id, 4)
    root.release()
  })

  test('of a client that asks for much and reads nothing is cut, and memory stays bounded', async () => {
    const root = new TestRoot()
    root.reply = {
      answers: Array.from({ length: 300 }, () => ({ name: 'x.example', type: 'TXT', data: ['t'.repeat(187)] })),
    }
    const { port, server } = await serve(root)
    const client = new TcpClient(port)
    await client.connected()
    client.socket.pause()
    const many = Buffer.concat(Array.from({ length: 200 }, (_, id) => frame(query(id))))
    client.socket.write(many)
    await until(() => server.stats.queries > 0 && server.stats.connections === 0)
    root.reply = {}
    await new UdpClient(port).ask(query())
  })
})

describe('connections', () => {
  test('of one client are limited; others are served (A17)', async () => {
    const { port, server } = await serve(new TestRoot(), { maxConnectionsPerClient: 100 })
    const denied: string[] = []
    server.on('denied', ({ why, client }) => denied.push(`${why} ${client.transport}`))
    const clients = Array.from({ length: 100 }, () => new TcpClient(port))
    for (const client of clients) client.socket.write(frame(query(1)))
    for (const client of clients) assert.equal(idOf(await client.next()), 1)
    await new TcpClient(port).closed
    assert.deepEqual(denied, ['client-limit tcp'])
    const other = new TcpClient(port, '127.0.0.2')
    other.socket.write(frame(query(2)))
    assert.equal(idOf(await other.next()), 2)
    assert.equal(server.stats.connections, 101)
  })

  test('in all are limited; one that was quiet for a second makes room (RFC 7766, section 6.2.3)', async () => {
    const clock = new SocketClock()
    const { port, server } = await serve(new TestRoot(), { maxConnections: 2, clock })
    const [first, second] = [new TcpClient(port, '127.0.0.2'), new TcpClient(port, '127.0.0.3')]
    for (const client of [first, second]) {
      client.socket.write(frame(query(1)))
      await client.next()
    }
    await new TcpClient(port).closed
    assert.equal(server.stats.denied, 1)
    await clock.advance(900)
    second.socket.write(frame(query(2)))
    await second.next()
    await clock.advance(200)
    const third = new TcpClient(port)
    third.socket.write(frame(query(3)))
    assert.equal(idOf(await third.next()), 3)
    await first.closed
    second.socket.write(frame(query(4)))
    assert.equal(idOf(await second.next()), 4)
  })

  test('that dribble octets leave room for a client that asks (T15)', async () => {
    const clock = new SocketClock()
    const { port } = await serve(new TestRoot(), { maxConnectionsPerClient: 50, clock })
    const slow = Array.from({ length: 50 }, () => new TcpClient(port))
    await Promise.all(slow.map((client) => client.connected()))
    for (const client of slow) client.socket.write(Buffer.from([0]))
    await new UdpClient(port).ask(query())
    await clock.advance(1000)
    const good = new TcpClient(port)
    good.socket.write(frame(query(8)))
    assert.equal(idOf(await good.next()), 8)
  })
})

/** Resolves once the server has read what `client` is about to write: a query on a later connection is answered after it. */
async function octetsIn(client: TcpClient, port: number): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  const probe = new UdpClient(port)
  await probe.ask(query())
  await probe.ask(query())
  later(() => client.socket.destroy())
}
