import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { DOQ_CODES } from '../../src/transport/doq-codes.js'
import { frame } from '../../src/transport/framing.js'
import { Message } from '../../src/wire/message.js'
import { buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { Upstream } from '../../src/upstream/upstream.js'
import { authority } from './encrypted-stage.js'
import { DoqClient, knock, serveDoq, type DoqReply } from './doq-stage.js'
import { later, SocketClock, TestRoot, until } from './stage.js'

const query = (name = 'x.example'): Buffer => buildQuery(name, 1, { id: 0 })

function message(reply: DoqReply): Message {
  assert.ok(typeof reply !== 'number', `the stream was reset with ${String(reply)}`)
  return Message.from(reply)
}

describe('a client of DNS over QUIC', () => {
  test('is answered, and named in context, events and counts', async () => {
    const root = new TestRoot()
    const { server, port } = await serveDoq(root)
    const heard: string[] = []
    server.on('reply', ({ client }) => heard.push(client.transport))
    const reply = message(await (await DoqClient.connect(port)).ask(query()))
    assert.deepEqual([reply.id, reply.answers.length], [0, 1])
    assert.equal(root.asked[0]!.ctx.client!.transport, 'doq')
    assert.deepEqual(heard, ['doq'])
    assert.equal(String(server.addresses[0]), `doq://127.0.0.1:${port}`)
    assert.deepEqual([server.stats.connections, server.stats.transports.doq!.replies], [1, 1])
  })

  test('gets 1,000 replies with 50 in flight on one connection', async () => {
    const { port, server } = await serveDoq(new TestRoot())
    const client = await DoqClient.connect(port)
    for (let at = 0; at < 1000; at += 50) {
      const replies = await Promise.all(Array.from({ length: 50 }, () => client.ask(query())))
      for (const reply of replies) assert.equal(message(reply).rcode, 0)
    }
    assert.deepEqual([server.stats.replies, server.stats.transports.doq!.connectionsOpened], [1000, 1])
  })

  test('gets a reply of 64,000 octets, and padding to 468 where it pads (RFC 8467, section 4.1)', async () => {
    const root = new TestRoot()
    root.reply = { answers: [{ name: 'x.example', type: 'TXT', ttl: 1, data: Array(250).fill('x'.repeat(255)) }] }
    const { port } = await serveDoq(root)
    const client = await DoqClient.connect(port)
    assert.ok(message(await client.ask(buildQuery('x.example', 16, { id: 0 }))).wire.length > 64_000)
    root.reply = {}
    const padded = Message.query('x.example', 'A', { id: 0, edns: { options: [{ code: 12, data: Buffer.alloc(8) }] } })
    assert.equal(message(await client.ask(padded.wire)).wire.length, 468)
  })

  const keepalive = Message.query('x.example', 'A', { id: 0, edns: { options: [{ code: 11, data: Buffer.alloc(0) }] } })
  test.each<[string, Buffer, boolean]>([
    ['a message ID other than 0', frame(buildQuery('x.example', 1, { id: 7 })), true],
    ['the edns-tcp-keepalive option', frame(keepalive.wire), true],
    ['two messages', Buffer.concat([frame(query()), frame(query())]), true],
    ['an end within the message', frame(query()).subarray(0, 20), true],
    ['an end within the length', Buffer.alloc(1), true],
  ])('that sends %s loses its connection with DOQ_PROTOCOL_ERROR (RFC 9250, section 4.3.3)', async (_, octets, fin) => {
    const { port, server } = await serveDoq(new TestRoot())
    const client = await DoqClient.connect(port)
    client.open(octets, fin)
    const { cause, code } = await client.closed
    assert.deepEqual([cause, code], ['application', DOQ_CODES.PROTOCOL_ERROR])
    await until(() => server.stats.connections === 0)
  })

  test('that opens a unidirectional stream does as well', async () => {
    const { port } = await serveDoq(new TestRoot())
    const client = await DoqClient.connect(port)
    client.openUnidirectional()
    assert.equal((await client.closed).code, DOQ_CODES.PROTOCOL_ERROR)
  })

  test('that sends no query is told FORMERR, NOTIMP or nothing, and goes on', async () => {
    const { port } = await serveDoq(new TestRoot())
    const client = await DoqClient.connect(port)
    const notify = query()
    notify[2] = 4 << 3
    assert.equal(rcodeOf(message(await client.ask(notify)).wire), 4)
    assert.equal(await client.ask(Buffer.alloc(3)), DOQ_CODES.PROTOCOL_ERROR)
    assert.equal(message(await client.ask(query())).rcode, 0)
  })

  test('may have 256 streams open, or maxPipelined if that is less; a stalled one holds up no other (A19)', async () => {
    for (const [maxPipelined, most] of [
      [1000, 256],
      [7, 7],
    ] as const) {
      const { port } = await serveDoq(new TestRoot(), { maxPipelined })
      const client = await DoqClient.connect(port)
      for (let count = 1; count < most; count++) assert.ok(client.open(frame(query()).subarray(0, 5), false) !== null)
      const asked = client.open(frame(query()), true)
      assert.equal(client.open(Buffer.alloc(1), false), null)
      assert.equal(message(await asked!.reply).rcode, 0)
    }
  })

  test('has a time to send its query', async () => {
    const clock = new SocketClock()
    const { port } = await serveDoq(new TestRoot(), { clock, idleTimeout: 5000 })
    const client = await DoqClient.connect(port)
    const stalled = client.open(frame(query()).subarray(0, 5), false)!
    assert.equal(message(await client.ask(query())).rcode, 0)
    await clock.advance(3000)
    assert.equal(message(await client.ask(query())).rcode, 0)
    await clock.advance(2000)
    assert.equal(await stalled.reply, DOQ_CODES.UNSPECIFIED_ERROR)
    assert.equal(message(await client.ask(query())).rcode, 0)
  })

  test('that is idle is left, with DOQ_NO_ERROR', async () => {
    const clock = new SocketClock()
    const { port } = await serveDoq(new TestRoot(), { clock, idleTimeout: 5000 })
    const client = await DoqClient.connect(port)
    assert.equal(message(await client.ask(query())).rcode, 0)
    await clock.advance(5000)
    const { cause, code } = await client.closed
    assert.deepEqual([cause, code], ['application', DOQ_CODES.NO_ERROR])
  })

  test('that resets streams over and over is cut', async () => {
    const { server, port } = await serveDoq(new TestRoot())
    const denied: string[] = []
    server.on('denied', ({ why }) => denied.push(why))
    const client = await DoqClient.connect(port)
    let ended = false
    void client.closed.then(() => (ended = true))
    while (!ended) {
      client.open(frame(query()).subarray(0, 5), false)?.stream.cancel(DOQ_CODES.REQUEST_CANCELLED)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await client.closed).code, DOQ_CODES.EXCESSIVE_LOAD)
    assert.deepEqual(denied, ['client-limit'])
  })

  test('who may not ask gets nothing at all, and is counted', async () => {
    const { port, server } = await serveDoq(new TestRoot(), { allow: ['127.0.0.2'] })
    await assert.rejects(DoqClient.connect(port, null, 300), /timeout/)
    assert.ok(server.stats.denied > 0)
    assert.equal(message(await (await DoqClient.connect(port, '127.0.0.2')).ask(query())).rcode, 0)
  })

  test('finds no place once there are as many connections as may be', async () => {
    const { port } = await serveDoq(new TestRoot(), { maxConnections: 2 })
    for (let i = 0; i < 2; i++) assert.equal(message(await (await DoqClient.connect(port)).ask(query())).rcode, 0)
    await assert.rejects(DoqClient.connect(port), /transport 2/) // CONNECTION_REFUSED
  })

  test('whose address may be false takes nobody’s place, and one that is its own that of who is quiet', async () => {
    const clock = new SocketClock()
    const { port, server } = await serveDoq(new TestRoot(), { clock, maxConnections: 1 })
    const quiet = await DoqClient.connect(port)
    assert.equal(message(await quiet.ask(query())).rcode, 0)
    await clock.advance(2000)
    await knock(port, 20)
    assert.deepEqual([server.stats.connections, server.stats.denied], [1, 0])
    assert.equal(message(await (await DoqClient.connect(port)).ask(query())).rcode, 0)
    assert.equal((await quiet.closed).cause, 'application')
    assert.equal(server.stats.connections, 1)
  })

  test('that takes back as many queries as whoever asks several servers at once is not cut', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    const { port, server } = await serveDoq(root, { clock })
    const client = await DoqClient.connect(port)
    root.holds = true
    for (let round = 1; round <= 10; round++) {
      const asked = Array.from({ length: 60 }, () => client.open(frame(query()), true)!)
      await root.until(60 * round)
      for (const { stream } of asked) stream.cancel(DOQ_CODES.REQUEST_CANCELLED)
      await clock.advance(100)
    }
    assert.deepEqual([server.stats.denied, server.stats.connections], [0, 1])
  })

  test('that takes back more is cut', async () => {
    const root = new TestRoot()
    const { port, server } = await serveDoq(root, { clock: new SocketClock() })
    const client = await DoqClient.connect(port)
    let open = true
    void client.closed.then(() => (open = false))
    while (open) {
      client.open(frame(query()), true)?.stream.cancel(DOQ_CODES.REQUEST_CANCELLED)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await client.closed).code, DOQ_CODES.EXCESSIVE_LOAD)
    assert.equal(server.stats.denied, 1)
    assert.ok(root.asked.length <= 300, String(root.asked.length))
  })

  test('has streams again on a connection whose limit is taken away', async () => {
    const root = new TestRoot()
    const { port, server } = await serveDoq(root, { maxQueriesPerConnection: 4 })
    const client = await DoqClient.connect(port)
    for (let i = 0; i < 3; i++) assert.equal(message(await client.ask(query())).rcode, 0)
    const { cert, key } = authority.issue()
    await server.reconfigure(root, { quic: { listen: '127.0.0.1:0', cert, key } })
    assert.equal(message(await client.ask(query())).rcode, 0)
    const asked = await Promise.all(Array.from({ length: 50 }, () => client.ask(query())))
    assert.equal(asked.filter((reply) => message(reply).rcode === 0).length, 50)
  })

  test('gets every reply where a connection carries so many queries only, and is told of its end at once', async () => {
    const { port, server } = await serveDoq(new TestRoot(), { maxQueriesPerConnection: 10 })
    const upstream = new Upstream(`quic://127.0.0.1:${port}`, { tls: { ca: authority.cert } })
    later(() => upstream.destroy())
    for (let i = 0; i < 50; i++) assert.equal((await upstream.query(`a${i}.example`)).rcode, 'NOERROR')
    const replies = Array.from({ length: 50 }, (_, i) => upstream.query(`b${i}.example`))
    for (const { rcode } of await Promise.all(replies)) assert.equal(rcode, 'NOERROR')
    assert.ok(server.stats.transports.doq!.connectionsOpened >= 10)
    const client = await DoqClient.connect(port)
    for (let i = 0; i < 10; i++) assert.equal(message(await client.ask(query())).rcode, 0)
    const { cause, code } = await client.closed
    assert.deepEqual([cause, code], ['application', DOQ_CODES.NO_ERROR])
  })

  test('gets what is under way when the server closes, and then DOQ_NO_ERROR', async () => {
    const root = new TestRoot()
    const { port, server } = await serveDoq(root)
    const client = await DoqClient.connect(port)
    root.holds = true
    const asked = client.ask(query())
    await root.until(1)
    const closing = server.close()
    root.release()
    assert.equal(message(await asked).rcode, 0)
    const { cause, code } = await client.closed
    assert.deepEqual([cause, code], ['application', DOQ_CODES.NO_ERROR])
    await closing
  })

  test('keeps no server from closing by its silence, and none from being destroyed', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    const { port, server } = await serveDoq(root, { clock })
    const client = await DoqClient.connect(port)
    assert.equal(message(await client.ask(query())).rcode, 0)
    const closed = server.close()
    await clock.advance(500)
    await closed
    root.holds = true
    const other = await serveDoq(root, { clock })
    void (await DoqClient.connect(other.port)).ask(query())
    await root.until(2)
    const closing = other.server.close()
    other.server.destroy()
    await closing // no time passes
  })

  test('is shown the certificate of the day', async () => {
    const { port, server } = await serveDoq(new TestRoot())
    const before = await DoqClient.connect(port)
    const { cert, key } = authority.issue({ names: ['other.example'] })
    server.setCertificate('quic', { cert, key })
    await assert.rejects(DoqClient.connect(port), /transport/)
    assert.equal(message(await before.ask(query())).rcode, 0)
  })
})
