import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import type { Field } from '../../src/http/field.js'
import { H3_CODES } from '../../src/quic/h3-error.js'
import { FRAME, frameOf } from '../../src/quic/h3-frames.js'
import { createServer } from '../../src/server/server.js'
import { Message } from '../../src/wire/message.js'
import { buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { authority, DohClient, issued } from './encrypted-stage.js'
import { H3Client, headersOf, serveH3, type H3Reply } from './h3-stage.js'
import { later, SocketClock, TestRoot, until } from './stage.js'

const { cert, key } = issued
const query = (id = 0): Buffer => buildQuery('x.example', 1, { id })
const POST: readonly Field[] = [[':method', 'POST'], ['content-type', 'application/dns-message']] // prettier-ignore

/** Status, and the RCODE where there is a message. */
function outcome({ status, body }: H3Reply): readonly [number, number | null] {
  return [status, body.length === 0 ? null : rcodeOf(body)]
}

describe('a client of DNS over HTTP/3', () => {
  test.each(['get', 'post'] as const)('is answered to %s, and named in context and events', async (method) => {
    const root = new TestRoot()
    const { server, port } = await serveH3(root)
    const heard: string[] = []
    server.on('reply', (event) => heard.push(event.client.transport))
    const client = await H3Client.connect(port)
    const { status, headers, body } = await client[method](query(9))
    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'application/dns-message')
    assert.equal(headers.get('content-length'), String(body.length))
    assert.equal(headers.get('cache-control'), 'max-age=300')
    assert.equal(headers.get('alt-svc'), undefined)
    const reply = Message.from(body)
    assert.deepEqual([reply.id, reply.answers.length], [9, 1])
    const { transport, address, port: from } = root.asked[0]!.ctx.client!
    assert.deepEqual([transport, address, from], ['h3', '127.0.0.1', client.localPort])
    assert.deepEqual(heard, ['h3'])
    assert.equal(server.addresses.length, 1)
    assert.equal(String(server.addresses[0]), `h3://127.0.0.1:${port}/dns-query`)
    assert.deepEqual([server.stats.connections, server.stats.transports.h3!.replies], [1, 1])
  })

  test('gets 1,000 replies with 50 in flight, each its own', async () => {
    const { port, server } = await serveH3(new TestRoot())
    const client = await H3Client.connect(port)
    for (let at = 0; at < 1000; at += 50) {
      const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => client.get(query(at + i))))
      replies.forEach(({ body }, i) => assert.equal(body.readUInt16BE(0), at + i))
    }
    assert.deepEqual([server.stats.replies, server.stats.transports.h3!.connectionsOpened], [1000, 1])
  })

  test.each<[string, readonly Field[], Buffer | null, number, number | null]>([
    ['another path', [[':path', '/other?dns=AAAA']], null, 404, null],
    ['another path by POST', [...POST, [':path', '/other']], query(), 404, null],
    ['HEAD', [[':method', 'HEAD']], null, 405, null],
    ['GET without a query', [], null, 400, null],
    ['GET of what is no query', [[':path', '/dns-query?dns=AA']], null, 400, null],
    ['another type', [...POST, ['content-type', 'text/plain']], query(), 415, null],
    ['a length that is too long', [...POST, ['content-length', '65536']], null, 413, null],
    ['65,536 octets', POST, Buffer.concat([query(), Buffer.alloc(65_536 - query().length)]), 413, null],
    ['65,535 octets', POST, Buffer.concat([query(), Buffer.alloc(65_535 - query().length)]), 200, 1],
    ['nothing by POST', POST, Buffer.alloc(0), 400, null],
    ['a transfer', [[':path', `/dns-query?dns=${buildQuery('x.example', 252).toString('base64url')}`]], null, 200, 4],
  ])('that asks by %s is told so', async (_what, fields, body, status, rcode) => {
    const { port } = await serveH3(new TestRoot())
    const client = await H3Client.connect(port)
    const got = await client.request(fields, body)
    assert.deepEqual(outcome(got), [status, rcode])
    if (status === 405) assert.equal(got.headers.get('allow'), 'GET, POST')
    assert.deepEqual(outcome(await client.get(query())), [200, 0])
  })

  test('gets a reply of 65,535 octets', async () => {
    const root = new TestRoot()
    const data = Array.from({ length: 250 }, () => 'x'.repeat(255))
    root.reply = { answers: [{ name: 'x.example', type: 'TXT', ttl: 1, data }] }
    const { port } = await serveH3(root)
    const { body } = await (await H3Client.connect(port)).get(buildQuery('x.example', 16))
    assert.ok(body.length > 64_000)
  })

  test('has a time to send its query, and is told that it was too long (408)', async () => {
    const clock = new SocketClock()
    const { port } = await serveH3(new TestRoot(), { clock, idleTimeout: 5000 })
    const client = await H3Client.connect(port)
    const got = new Promise<Buffer>((resolve) => {
      const stream = client.open({ onData: resolve, onReset() {}, onStopped() {}, onLost() {} })!
      stream.write(Buffer.concat([headersOf(POST), frameOf(FRAME.DATA, Buffer.alloc(5)).subarray(0, 4)]), false)
    })
    assert.equal((await client.get(query())).status, 200)
    await clock.advance(5000)
    assert.match((await got).toString('latin1'), /408|\x82\x6c/) // as it is, or in Huffman code
  })

  test('may have at most 100 streams open, or maxPipelined if that is less', async () => {
    for (const [maxPipelined, most] of [
      [1000, 100],
      [7, 7],
    ] as const) {
      const { port } = await serveH3(new TestRoot(), { maxPipelined })
      const client = await H3Client.connect(port)
      let count = 0
      while (count < 200 && client.open() !== null) count++
      assert.equal(count, most)
    }
  })

  test('that resets its requests over and over is cut (A18)', async () => {
    const { server, port } = await serveH3(new TestRoot())
    const denied: string[] = []
    server.on('denied', ({ why }) => denied.push(why))
    const client = await H3Client.connect(port)
    let open = true
    void client.closed.then(() => (open = false))
    while (open) {
      const stream = client.open()
      stream?.write(headersOf(POST), false)
      await new Promise((resolve) => setImmediate(resolve))
      stream?.cancel(H3_CODES.H3_REQUEST_CANCELLED)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { cause, code } = await client.closed
    assert.deepEqual([cause, code, denied], ['application', H3_CODES.H3_EXCESSIVE_LOAD, ['client-limit']])
    assert.equal(server.stats.connections, 0)
  })

  test('that breaks HTTP/3 is told how', async () => {
    const { server, port } = await serveH3(new TestRoot())
    const client = await H3Client.connect(port)
    client.open()!.write(frameOf(FRAME.DATA, Buffer.alloc(1)), true)
    assert.equal((await client.closed).code, H3_CODES.H3_FRAME_UNEXPECTED)
    await until(() => server.stats.connections === 0)
  })

  test('that is idle is closed, and one that waits for a reply is not', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    const { port } = await serveH3(root, { clock, idleTimeout: 1000 })
    const client = await H3Client.connect(port)
    root.holds = true
    const asked = client.get(query())
    await root.until(1)
    await clock.advance(3000)
    root.release()
    assert.equal((await asked).status, 200)
    await clock.advance(1000)
    await until(() => client.control.includes(FRAME.GOAWAY))
    await clock.advance(1000)
    assert.deepEqual([(await client.closed).cause, (await client.closed).code], ['application', H3_CODES.H3_NO_ERROR])
  })

  test('beyond the most of one client is turned away', async () => {
    const { server, port } = await serveH3(new TestRoot(), { maxConnectionsPerClient: 2 })
    const [one] = [await H3Client.connect(port), await H3Client.connect(port)]
    assert.equal((await one.get(query())).status, 200)
    await assert.rejects(H3Client.connect(port))
    assert.deepEqual([server.stats.connections, server.stats.transports.h3!.denied['client-limit']], [2, 1])
    assert.equal((await (await H3Client.connect(port, '127.0.0.9')).get(query())).status, 200)
  })

  test('that may not ask hears nothing', async () => {
    const { server, port } = await serveH3(new TestRoot(), { allow: ['192.0.2.0/24'] })
    const client = new H3Client(await H3Client.endpoint(), port, null, 150)
    assert.equal((await client.closed).cause, 'timeout')
    assert.ok(server.stats.transports.h3!.denied.address > 0)
    assert.equal(server.stats.transports.h3!.connectionsOpened, 0)
  })
})

describe('a server of DNS over HTTP/3', () => {
  test('beside HTTP/2 has its port, certificate and path, and is announced', async () => {
    const https = { listen: '127.0.0.1:0', cert, key, path: '/q', http3: true }
    const server = await createServer(new TestRoot(), { https })
    later(() => server.destroy())
    assert.deepEqual(
      server.addresses.map(({ transport }) => transport),
      ['https', 'h3'],
    )
    const [tcp, udp] = server.addresses
    assert.equal(tcp!.port, udp!.port)
    assert.equal(String(udp), `h3://127.0.0.1:${tcp!.port}/q`)
    const { headers } = await new DohClient(tcp!.port).get(query(), '/q')
    assert.equal(headers['alt-svc'], `h3=":${tcp!.port}"; ma=86400`)
    assert.equal((await (await H3Client.connect(udp!.port)).get(query(), '/q')).status, 200)
    const plain = await createServer(new TestRoot(), { https: { ...https, http3: false } })
    later(() => plain.destroy())
    assert.equal((await new DohClient(plain.addresses[0]!.port).get(query(), '/q')).headers['alt-svc'], undefined)
  })

  test('answers what is under way before it closes, and takes nothing more', async () => {
    const root = new TestRoot()
    root.holds = true
    const { server, port } = await serveH3(root)
    const client = await H3Client.connect(port)
    const asked = client.get(query())
    await root.until(1)
    const closed = server.close()
    await until(() => client.control.includes(FRAME.GOAWAY))
    await assert.rejects(client.get(query()), /reset with 10b/)
    root.release()
    assert.equal((await asked).status, 200)
    await closed
    assert.deepEqual([(await client.closed).code, server.stats.connections], [H3_CODES.H3_NO_ERROR, 0])
  })

  test('that is destroyed tells its clients, and its port is free at once', async () => {
    const { server, port } = await serveH3(new TestRoot())
    const client = await H3Client.connect(port)
    await client.get(query())
    server.destroy()
    await server.close()
    assert.equal((await client.closed).cause, 'application')
    await serveH3(new TestRoot(), { h3: { listen: `127.0.0.1:${port}` } })
  })

  test('shows a new certificate to who connects later', async () => {
    const { server, port } = await serveH3(new TestRoot())
    const before = await H3Client.connect(port)
    const other = authority.issue({ names: ['other.test'] })
    server.setCertificate('h3', other)
    assert.equal((await before.get(query())).status, 200)
    await assert.rejects(H3Client.connect(port), /not valid for name/)
    assert.throws(() => server.setCertificate('h3', { cert: other.cert, key }), { code: 'ERR_DNS_INVALID_OPTION' })
    assert.throws(() => server.setCertificate('https', other), /was not given/)
  })

  test('says which address is in use', async () => {
    const { port } = await serveH3(new TestRoot())
    await assert.rejects(createServer(new TestRoot(), { h3: { listen: `127.0.0.1:${port}`, cert, key } }), {
      code: 'ERR_DNS_LISTEN',
      message: new RegExp(`cannot listen on 127.0.0.1:${port} over h3: it is in use`),
    })
  })

  test('on the port of an HTTPS listener that cannot be opened leaves nothing open', async () => {
    const first = await createServer(new TestRoot(), { https: { listen: '127.0.0.1:0', cert, key } })
    later(() => first.destroy())
    const { port } = first.addresses[0]!
    const https = { listen: `127.0.0.1:${port}`, cert, key, http3: true }
    await assert.rejects(createServer(new TestRoot(), { https }), /over https: it is in use/)
    await serveH3(new TestRoot(), { h3: { listen: `127.0.0.1:${port}` } })
  })

  test.each<[string, object, RegExp]>([
    ['no certificate', { key }, /option "h3.cert": is missing|h3\.cert/],
    ['a path that is none', { cert, key, path: 'q' }, /h3\.path|"path"/],
    ['http3 where there is nothing else', { cert, key, http3: true }, /http3/],
  ])('refuses %s', async (_what, h3, message) => {
    await assert.rejects(createServer(new TestRoot(), { h3 }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_DNS_INVALID_OPTION')
      assert.match(error.message, message)
      return true
    })
  })
})
