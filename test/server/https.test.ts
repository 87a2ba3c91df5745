import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, test } from 'vitest'
import type { ReplyOptions } from '../../src/wire/build.js'
import { Message } from '../../src/wire/message.js'
import { buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { authority, DohClient, serveEncrypted, type HttpReply } from './encrypted-stage.js'
import { later, serve, SocketClock, TcpClient, TestRoot, until } from './stage.js'

const query = (id = 0): Buffer => buildQuery('x.example', 1, { id })
const POST = { ':method': 'POST', ':path': '/dns-query', 'content-type': 'application/dns-message' }
const A = (ttl: number) => ({ name: 'x.example', type: 'A', ttl, data: '192.0.2.1' })
const soa = (ttl: number, minimum: number) => ({
  name: 'example',
  type: 'SOA',
  ttl,
  data: { mname: 'a.example', rname: 'b.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
})

/** One frame (RFC 9113, section 4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** HEADERS of a query by GET, with END_HEADERS and END_STREAM. */
function asks(stream: number, path = `/dns-query?dns=${query().toString('base64url')}`): Buffer {
  const literal = (index: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([index, text.length]), Buffer.from(text)])
  return frame(1, 5, stream, Buffer.concat([Buffer.from([0x82, 0x87]), literal(4, path), literal(1, 'localhost')]))
}

function reset(stream: number): Buffer {
  return frame(3, 0, stream, Buffer.from([0, 0, 0, 8]))
}

/** Sends frames as they are, which no HTTP/2 client would. */
class FrameClient {
  readonly socket: TLSSocket
  readonly closed: Promise<void>

  constructor(port: number) {
    this.socket = connectTls({ port, host: '127.0.0.1', ca: authority.cert, ALPNProtocols: ['h2'] })
    this.socket.on('error', () => undefined)
    this.socket.resume()
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0)))
    later(() => this.socket.destroy())
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }
}

/** Status, and the RCODE where there is a message. */
function outcome({ status, body }: HttpReply): readonly [number, number | null] {
  return [status, body.length === 0 ? null : rcodeOf(body)]
}

describe('a client of DNS over HTTPS', () => {
  test.each(['get', 'post'] as const)(
    'is answered to %s, and named in context and events (R-DOH-8)',
    async (method) => {
      const root = new TestRoot()
      const { server, https } = await serveEncrypted(root)
      const heard: string[] = []
      server.on('reply', (event) => heard.push(event.client.transport))
      const client = new DohClient(https)
      const { status, headers, body } = await client[method](query(9))
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'application/dns-message')
      assert.equal(headers['content-length'], String(body.length))
      assert.equal(headers['cache-control'], 'max-age=300')
      const reply = Message.from(body)
      assert.deepEqual([reply.id, reply.answers.length], [9, 1])
      assert.equal(root.asked[0]!.ctx.client!.transport, 'https')
      assert.equal(root.asked[0]!.ctx.client!.port, client.localPort)
      assert.deepEqual(heard, ['https'])
    },
  )

  test.each<[string, ReplyOptions, number, number]>([
    ['the lowest TTL of its answers', { answers: [A(300), { ...A(60), type: 'TXT', data: ['a'] }] }, 60, 0],
    ['no TTL', { answers: [A(0)] }, 0, 0],
    ['the TTL of the SOA', { rcode: 'NXDOMAIN', authority: [soa(50, 600)] }, 50, 3],
    ['MINIMUM', { authority: [soa(900, 600)] }, 600, 0],
    [
      'the lowest of both',
      {
        rcode: 'NXDOMAIN',
        answers: [{ name: 'x.example', type: 'CNAME', ttl: 700, data: 'y.example' }],
        authority: [soa(900, 60)],
      },
      60,
      3,
    ],
    ['nothing for NODATA without SOA', {}, 0, 0],
    ['nothing for an error', { rcode: 'SERVFAIL', answers: [A(300)] }, 0, 2],
    ['nothing from other sections', { authority: [{ name: 'example', type: 'NS', ttl: 5, data: 'ns.example' }] }, 0, 0],
  ])('may keep a reply for %s (R-DOH-3)', async (_what, reply, age, rcode) => {
    const root = new TestRoot()
    root.reply = reply
    const { https } = await serveEncrypted(root)
    const got = await new DohClient(https).get(query())
    assert.deepEqual(outcome(got), [200, rcode])
    assert.equal(got.headers['cache-control'], `max-age=${age}`)
  })

  test('may keep an aged reply for what is left of its TTL', async () => {
    const root = new TestRoot()
    const aged = {
      exchange: async (...args: Parameters<TestRoot['exchange']>) => ({ ...(await root.exchange(...args)), age: 250 }),
    }
    const { https } = await serveEncrypted(aged)
    assert.equal((await new DohClient(https).get(query())).headers['cache-control'], 'max-age=50')
  })

  test('gets 200 with the error where there is a DNS message to answer (R-DOH-4, R-9103)', async () => {
    const root = new TestRoot()
    const { https, server } = await serveEncrypted(root)
    const client = new DohClient(https)
    const update = query()
    update[2] = 5 << 3
    const cut = query().subarray(0, 20)
    assert.deepEqual(outcome(await client.post(cut)), [200, 1])
    assert.deepEqual(outcome(await client.get(buildQuery('x.example', 252))), [200, 4])
    assert.deepEqual(outcome(await client.post(update)), [200, 4])
    const refused = await client.get(buildQuery('x.example', 251))
    assert.equal(refused.headers['cache-control'], 'max-age=0')
    assert.deepEqual([root.asked.length, server.stats.malformed], [0, 4])
  })

  test('gets 400 for what is no DNS query, and a malformed event says so', async () => {
    const { https, server } = await serveEncrypted(new TestRoot())
    const why: string[] = []
    server.on('malformed', (event) => why.push(event.why))
    const client = new DohClient(https)
    const reply = query()
    reply[2] = 0x80
    for (const octets of [Buffer.alloc(0), Buffer.from('short'), reply])
      assert.deepEqual(outcome(await client.post(octets)), [400, null])
    assert.equal((await client.get(Buffer.from('short'))).status, 400)
    assert.equal((await client.request({ ':path': '/dns-query?dns=AA==' })).status, 400)
    assert.deepEqual(why, [
      'is shorter than a header',
      'is shorter than a header',
      'is a reply',
      'is shorter than a header',
      'HTTP request was refused with 400',
    ])
  })

  test.each<[string, Record<string, string>, Buffer | null, number]>([
    ['another path', { ':path': '/other?dns=AAAA' }, null, 404],
    ['the root path', { ':path': '/' }, null, 404],
    ['another path by POST', { ...POST, ':path': '/other' }, query(), 404],
    ['HEAD', { ':method': 'HEAD', ':path': '/dns-query' }, null, 405],
    ['PUT', { ':method': 'PUT', ':path': '/dns-query' }, query(), 405],
    ['GET without a query', { ':path': '/dns-query' }, null, 400],
    ['another type', { ...POST, 'content-type': 'application/dns-json' }, query(), 415],
    ['no type', { ':method': 'POST', ':path': '/dns-query' }, query(), 415],
  ])('that asks by %s is told so', async (_what, headers, body, status) => {
    const root = new TestRoot()
    const { https } = await serveEncrypted(root)
    const client = new DohClient(https)
    const got = await client.request(headers, body)
    assert.deepEqual([got.status, got.body.length], [status, 0])
    if (status === 405) assert.equal(got.headers.allow, 'GET, POST')
    assert.equal((await client.get(query())).status, 200)
    assert.equal(root.asked.length, 1)
  })

  test('may send 65,535 octets and not one more, whether it says so or not (R-DOH-5)', async () => {
    const { https } = await serveEncrypted(new TestRoot())
    const client = new DohClient(https)
    assert.deepEqual(
      outcome(await client.post(Buffer.concat([query(), Buffer.alloc(65_535 - query().length)]))),
      [200, 1],
    )
    const large = Buffer.alloc(65_536)
    assert.deepEqual(outcome(await client.post(large)), [413, null])
    assert.deepEqual(outcome(await client.post(large, { 'content-length': 65_536 })), [413, null])
    assert.deepEqual(outcome(await client.post(Buffer.alloc(1_000_000))), [413, null])
    assert.equal((await client.get(query())).status, 200)
  })

  test('may split its query as it likes', async () => {
    const { https } = await serveEncrypted(new TestRoot())
    const client = new DohClient(https)
    const stream = client.session.request(POST)
    for (const octet of query(3)) {
      stream.write(Buffer.from([octet]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    stream.end()
    const body = await new Promise<Buffer>((resolve) => stream.once('data', resolve))
    assert.equal(body.readUInt16BE(0), 3)
  })

  test('gets a reply of 60,000 octets whole', async () => {
    const root = new TestRoot()
    root.reply = {
      answers: Array.from({ length: 300 }, () => ({ name: 'x.example', type: 'TXT', data: ['t'.repeat(187)] })),
    }
    const { https } = await serveEncrypted(root)
    const { status, body } = await new DohClient(https).get(query())
    assert.ok(status === 200 && body.length > 59_000)
  })

  test('gets padding where it asks for it (R-PAD-2), and is never told our idle timeout (R-7828-3)', async () => {
    const { https } = await serveEncrypted(new TestRoot())
    const client = new DohClient(https)
    const octets = buildQuery('x.example', 1, { edns: 1232 })
    octets.writeUInt16BE(8, octets.length - 2)
    const { body } = await client.post(Buffer.concat([octets, Buffer.from([0, 12, 0, 0, 0, 11, 0, 0])]))
    assert.equal(body.length, 468)
    assert.deepEqual(
      Message.from(body).edns!.options.map(({ code }) => code),
      [12],
    )
  })

  test('has no say in who it is (A30)', async () => {
    const root = new TestRoot()
    const { https } = await serveEncrypted(root)
    const forwarded = { 'x-forwarded-for': '203.0.113.1', forwarded: 'for=203.0.113.1', 'x-real-ip': '203.0.113.1' }
    await new DohClient(https).post(query(), forwarded)
    assert.equal(root.asked[0]!.ctx.client!.address, '127.0.0.1')
  })

  test('is asked for on a path of our own, which the address says', async () => {
    const { https, server } = await serveEncrypted(new TestRoot(), { https: { path: '/q' } })
    const client = new DohClient(https)
    assert.equal((await client.get(query(), '/q')).status, 200)
    assert.equal((await client.get(query())).status, 404)
    assert.equal(String(server.addresses.at(-1)), `https://127.0.0.1:${https}/q`)
  })

  test('gets SERVFAIL, not 503, when too much is under way: that is for DNS to say (R-DOH-4)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https } = await serveEncrypted(root, { maxConcurrent: 1 })
    const client = new DohClient(https)
    const first = client.get(query())
    await root.until(1)
    assert.deepEqual(outcome(await client.get(query())), [200, 2])
    root.release()
    assert.deepEqual(outcome(await first), [200, 0])
  })

  test('gets SERVFAIL when the root fails, never to be kept', async () => {
    const { https } = await serveEncrypted({ exchange: () => Promise.reject(new Error('no')) })
    const got = await new DohClient(https).get(query())
    assert.deepEqual(outcome(got), [200, 2])
    assert.equal(got.headers['cache-control'], 'max-age=0')
  })

  test('of HTTP/1.1 is turned away: by an alert, or by 505 where it names no protocol', async () => {
    const { https, server } = await serveEncrypted(new TestRoot())
    const options = { port: https, host: '127.0.0.1', ca: authority.cert }
    const failed = await new Promise<Error>((resolve) => {
      connectTls({ ...options, ALPNProtocols: ['http/1.1'] }).once('error', resolve)
    })
    assert.equal((failed as NodeJS.ErrnoException).code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    const old = connectTls(options, () => old.write('GET /dns-query?dns=AA HTTP/1.1\r\nHost: x\r\n\r\n'))
    let text = ''
    old.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await new Promise((resolve) => old.once('close', resolve))
    assert.match(text, /^HTTP\/1\.1 505 HTTP Version Not Supported\r\nConnection: close\r\n/)
    await until(() => server.stats.connections === 0)
  })

  test('that names no protocol and stays is cut with the handshake timeout', async () => {
    const clock = new SocketClock()
    const { https, server } = await serveEncrypted(new TestRoot(), { clock, handshakeTimeout: 1000 })
    const client = connectTls({ port: https, host: '127.0.0.1', ca: authority.cert, allowHalfOpen: true } as never)
    client.on('error', () => undefined)
    await new Promise((resolve) => client.once('data', resolve))
    await clock.advance(1001)
    await until(() => server.stats.connections === 0)
    client.destroy()
  })

  test('in the clear is cut', async () => {
    const { https, server } = await serveEncrypted(new TestRoot())
    const client = new TcpClient(https)
    client.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await client.closed
    await until(() => server.stats.connections === 0)
  })
})

describe('an HTTPS connection', () => {
  test('carries many queries at once, answered in the order in which replies come', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https, server } = await serveEncrypted(root)
    const client = new DohClient(https)
    const done: number[] = []
    const all = [1, 2, 3].map(async (id) => done.push((await client.post(query(id))).body.readUInt16BE(0)))
    await root.until(3)
    root.release(2)
    await until(() => done.length === 1)
    root.release(0)
    await until(() => done.length === 2)
    root.release()
    await Promise.all(all)
    assert.deepEqual(done, [3, 1, 2])
    assert.equal(server.stats.connections, 1)
  })

  test('has at most 100 streams, or maxPipelined, and 16 KiB of fields each', async () => {
    const { https } = await serveEncrypted(new TestRoot())
    const client = new DohClient(https)
    await client.get(query())
    const { maxConcurrentStreams, maxHeaderListSize } = client.session.remoteSettings
    assert.deepEqual([maxConcurrentStreams, maxHeaderListSize], [100, 16_384])
    const few = new DohClient((await serveEncrypted(new TestRoot(), { maxPipelined: 7 })).https)
    await few.get(query())
    assert.equal(few.session.remoteSettings.maxConcurrentStreams, 7)
    const long = await client.request({ ':path': `/dns-query?dns=${'A'.repeat(17_000)}` })
    assert.deepEqual([long.status, long.code], [0, constants.NGHTTP2_ENHANCE_YOUR_CALM])
    assert.equal((await client.get(query())).status, 200)
  })

  test('whose client resets a stream under way goes on, and costs nothing more', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https, server } = await serveEncrypted(root)
    const client = new DohClient(https)
    const stream = client.session.request({ ':path': `/dns-query?dns=${query().toString('base64url')}` })
    stream.on('error', () => undefined)
    await root.until(1)
    stream.close(constants.NGHTTP2_CANCEL)
    await new Promise((resolve) => stream.once('close', resolve))
    const second = client.get(query(2))
    await root.until(2)
    root.release()
    assert.deepEqual(outcome(await second), [200, 0])
    await until(() => server.stats.outstanding === 0)
    assert.deepEqual([server.stats.replies, server.stats.dropped], [1, 1])
  })

  test('that is gone with queries under way harms nobody', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https, server } = await serveEncrypted(root)
    const client = new DohClient(https)
    void client.get(query(1))
    void client.get(query(2))
    await root.until(2)
    client.session.destroy()
    await until(() => server.stats.connections === 0)
    root.release()
    await until(() => server.stats.outstanding === 0)
    assert.equal(server.stats.dropped, 2)
    root.holds = false
    assert.equal((await new DohClient(https).get(query())).status, 200)
  })

  test('is closed when no complete query has come for idleTimeout, by GOAWAY', async () => {
    const clock = new SocketClock()
    const { https, server } = await serveEncrypted(new TestRoot(), { clock, idleTimeout: 1000 })
    const client = new DohClient(https)
    let goaway = -1
    client.session.on('goaway', (code) => (goaway = code))
    await client.get(query())
    await clock.advance(900)
    await client.get(query())
    await clock.advance(900)
    assert.equal(server.stats.connections, 1)
    await clock.advance(101)
    await client.closed
    await until(() => server.stats.connections === 0)
    assert.equal(goaway, 0)
  })

  test('stays while a query is under way', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    root.holds = true
    const { https } = await serveEncrypted(root, { clock, idleTimeout: 1000 })
    const client = new DohClient(https)
    const reply = client.get(query())
    await root.until(1)
    await clock.advance(3000)
    root.release()
    assert.equal((await reply).status, 200)
  })

  test('ends a request whose body does not come with 408', async () => {
    const clock = new SocketClock()
    const { https } = await serveEncrypted(new TestRoot(), { clock, idleTimeout: 1000 })
    const client = new DohClient(https)
    await client.get(query())
    const stream = client.session.request(POST)
    stream.on('error', () => undefined)
    stream.write(query().subarray(0, 5))
    const other = client.post(query())
    assert.equal((await other).status, 200)
    const status = new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    await clock.advance(1001)
    assert.equal(await status, 408)
  })

  test('holds no more than 256 KiB of queries that never end', async () => {
    const { https } = await serveEncrypted(new TestRoot())
    const client = new DohClient(https)
    const statuses: unknown[] = []
    for (let i = 0; i < 8; i++) {
      const stream = client.session.request(POST)
      stream.on('error', () => undefined)
      stream.on('response', (headers) => statuses.push(headers[':status']))
      stream.write(Buffer.alloc(60_000))
    }
    await until(() => statuses.length >= 4)
    assert.deepEqual([...new Set(statuses)], [503])
    assert.equal((await client.get(query())).status, 200)
  })

  test('whose client does not take its replies is not kept by them', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    root.reply = {
      answers: Array.from({ length: 300 }, () => ({ name: 'x.example', type: 'TXT', data: ['t'.repeat(187)] })),
    }
    const { https, server } = await serveEncrypted(root, { clock, idleTimeout: 1000 })
    const client = new DohClient(https)
    await client.connected()
    client.session.socket.on('error', () => undefined)
    for (let i = 0; i < 50; i++) {
      const stream = client.session.request({ ':path': `/dns-query?dns=${query().toString('base64url')}` })
      stream.on('error', () => undefined)
      stream.pause()
    }
    await root.until(50)
    await until(() => server.stats.outstanding === 0)
    await clock.advance(1001)
    await clock.advance(1001)
    await clock.advance(1001)
    await until(() => server.stats.connections === 0)
  })

  test('is not kept open by requests that never end', async () => {
    const clock = new SocketClock()
    const { https, server } = await serveEncrypted(new TestRoot(), { clock, idleTimeout: 1000 })
    const client = new DohClient(https)
    await client.get(query())
    for (const wait of [600, 600]) {
      const { malformed } = server.stats
      // What came before the refused one has come too.
      client.session
        .request(POST)
        .on('error', () => undefined)
        .write(query().subarray(0, 5))
      await client.request({ ':path': '/' })
      assert.equal(server.stats.malformed, malformed + 1)
      await clock.advance(wait)
    }
    await clock.advance(1001)
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('is closed after maxQueriesPerConnection, with all of them answered', async () => {
    const { https, server } = await serveEncrypted(new TestRoot(), { maxQueriesPerConnection: 3 })
    const client = new DohClient(https)
    const replies = await Promise.all([client.get(query(1)), client.post(query(2)), client.get(query(3))])
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200],
    )
    await client.closed
    await until(() => server.stats.connections === 0)
  })

  test('closes with what is under way answered', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https, server } = await serveEncrypted(root)
    const client = new DohClient(https)
    const idle = new DohClient(https)
    await idle.connected()
    const reply = client.post(query(4))
    await root.until(1)
    const closed = server.close()
    await idle.closed
    root.release()
    assert.equal((await reply).body.readUInt16BE(0), 4)
    await Promise.all([closed, client.closed])
    assert.equal(server.stats.connections, 0)
    await until(() => !process.getActiveResourcesInfo().some((name) => /^TCP|^TLS|HTTP2/.test(name)))
  })

  test('may be cut from within the handler of one of its own queries', async () => {
    const { https, server } = await serveEncrypted(new TestRoot())
    server.on('query', () => server.destroy())
    const client = new DohClient(https)
    void client.post(query())
    await client.closed
    assert.equal(server.stats.connections, 0)
  })
})

describe('an HTTPS client that makes trouble', () => {
  test('by rapid resets is cut before it has cost much, and others are served meanwhile (A18)', async () => {
    const root = new TestRoot()
    // No time passes: none of what a second would allow comes to it.
    const { https, server } = await serveEncrypted(root, { clock: new SocketClock() })
    const denied: string[] = []
    server.on('denied', ({ why, client }) => denied.push(`${why} ${client.transport}`))
    const calm = new DohClient(https)
    await calm.get(query())
    const before = process.memoryUsage().rss
    for (let round = 1; round <= 10; round++) {
      const attacker = new FrameClient(https)
      attacker.send(...Array.from({ length: 1000 }, (_, i) => [asks(2 * i + 1), reset(2 * i + 1)]).flat())
      assert.equal((await calm.get(query())).status, 200)
      await attacker.closed
      assert.equal(denied.length, round)
    }
    assert.deepEqual(new Set(denied), new Set(['client-limit https']))
    assert.ok(root.asked.length < 10 * 101 + 20, String(root.asked.length))
    assert.ok(process.memoryUsage().rss - before < 50 * 2 ** 20)
    await until(() => server.stats.connections === 1 && server.stats.outstanding === 0)
  })

  test('by making us reset its streams is cut as well (CVE-2025-8671)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { https, server } = await serveEncrypted(root)
    const attacker = new FrameClient(https)
    // A window that grows by nothing is an error of the stream (RFC 9113, section 6.9).
    for (let i = 0; i < 1000 && server.stats.denied === 0 && !attacker.socket.destroyed; i++) {
      attacker.send(asks(2 * i + 1), frame(8, 0, 2 * i + 1, Buffer.alloc(4)))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await attacker.closed
    assert.ok(root.asked.length <= 101, String(root.asked.length))
    root.release()
    await until(() => server.stats.connections === 0 && server.stats.outstanding === 0)
  })

  test('by taking back as many queries as whoever asks several servers at once is not cut', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    const { https, server } = await serveEncrypted(root, { clock })
    const client = new FrameClient(https)
    for (let stream = 1, round = 1; round <= 10; round++) {
      for (let i = 0; i < 90; i++, stream += 2) client.send(asks(stream), reset(stream))
      await root.until(90 * round)
      await clock.advance(100)
    }
    assert.deepEqual([server.stats.denied, server.stats.connections], [0, 1])
  })

  test('by a few resets now and then is not cut', async () => {
    const clock = new SocketClock()
    const { https, server } = await serveEncrypted(new TestRoot(), { clock })
    const client = new FrameClient(https)
    let stream = 1
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 60; i++, stream += 2) client.send(asks(stream), reset(stream))
      const { malformed } = server.stats
      client.send(asks(stream), asks(stream + 2, '/'))
      stream += 4
      // What came before the refused one has come too.
      await until(() => server.stats.malformed > malformed)
      await clock.advance(7000)
    }
    assert.equal(server.stats.denied, 0)
    assert.equal(server.stats.connections, 1)
  })

  test.each([
    ['pings', () => frame(6, 0, 0, Buffer.alloc(8))],
    ['settings', () => frame(4, 0, 0, Buffer.from([0, 2, 0, 0, 0, 0]))],
  ])('by a flood of %s is cut', async (_what, nuisance) => {
    const { https, server } = await serveEncrypted(new TestRoot())
    const attacker = new FrameClient(https)
    attacker.send(...Array.from({ length: 300 }, nuisance))
    await attacker.closed
    assert.equal(server.stats.denied, 1)
    await until(() => server.stats.connections === 0)
  })

  test('by too many connections is turned away before the handshake, and others are served', async () => {
    const { https, server } = await serveEncrypted(new TestRoot(), { maxConnectionsPerClient: 2 })
    const clients = [new DohClient(https), new DohClient(https)]
    for (const client of clients) assert.equal((await client.get(query())).status, 200)
    await new TcpClient(https).closed
    assert.equal(server.stats.denied, 1)
    assert.equal((await new DohClient(https, '127.0.0.2').get(query())).status, 200)
  })
})

test('a server with HTTPS alone listens for nothing else', async () => {
  const { server } = await serveEncrypted(new TestRoot())
  assert.deepEqual(
    server.addresses.map(({ transport }) => transport),
    ['tls', 'https'],
  )
  const both = await serveEncrypted(new TestRoot(), { listen: '127.0.0.1:0' })
  assert.deepEqual(
    both.server.addresses.map(({ transport }) => transport),
    ['udp', 'tcp', 'tls', 'https'],
  )
  const plain = await serve(new TestRoot())
  assert.deepEqual(
    plain.server.addresses.map(({ transport }) => transport),
    ['udp', 'tcp'],
  )
})
