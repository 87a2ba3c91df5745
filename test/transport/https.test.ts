import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { ServerHttp2Stream } from 'node:http2'
import { createServer as createTlsServer } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'vitest'
import { HttpsTransport } from '../../src/transport/https.js'
import { ownerOfPort } from '../../src/transport/own-ports.js'
import type { ConnectionEvent } from '../../src/transport/transport.js'
import { Message } from '../../src/wire/message.js'
import { answer, type Answer, AUTHORITY, DohServer, halfFake, httpsOptions, replyTo, respond } from './https-support.js'
import { ask, Asked, until } from './support.js'

/** Rejected with `code` and a message that matches. */
const failure = (code: string, message: RegExp) => ({ code, message, upstream: 'test' })
const wireOf = (query: Message): Buffer => Buffer.from(replyTo(query))

/** An {@link Asked} that keeps the age of its reply. */
class AgedAsked extends Asked {
  age = -1

  override onReply(reply: Message, age = -1): void {
    this.age = age
    super.onReply(reply)
  }
}

describe('asking', () => {
  test('nothing is opened before the first query; then one connection serves many queries, each with its own reply', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    assert.deepEqual([transport.connections, transport.size], [0, 0])
    const asked = Array.from({ length: 200 }, (_, n) => ask(transport, `${n}.example`))
    assert.deepEqual([transport.connections, transport.size], [1, 200])
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n}`)
    await ask(transport, '7.example').ended
    assert.deepEqual([server.accepted, server.asked.length, transport.size], [1, 201, 0])
    await transport.close()
  })

  test('10,000 queries at 64 in flight go over one connection', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < 10_000) {
        const n = next++
        assert.equal((await ask(transport, `${n}.example`).ended).answers[0]!.data, `192.0.2.${n % 256}`)
      }
    }
    await Promise.all(Array.from({ length: 64 }, worker))
    assert.deepEqual([server.accepted, server.asked.length, transport.connections], [1, 10_000, 1])
    await transport.close()
  })

  test('R-DOH-1: POST carries ID 0 and a padded query; the reply has what the client asked', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port, { host: 'dns.example' }))
    const asked = ask(transport, '1.example')
    assert.equal(asked.id, 0)
    await asked.ended
    const { headers, query } = server.asked[0]!
    assert.equal(headers[':method'], 'POST')
    assert.equal(headers[':path'], '/dns-query')
    assert.equal(headers[':authority'], `dns.example:${server.port}`)
    assert.equal(headers['content-type'], 'application/dns-message')
    assert.equal(headers['accept'], 'application/dns-message')
    assert.equal(headers['content-length'], '128')
    assert.equal(query.id, 0)
    assert.equal(query.question!.name, '1.example')
    assert.equal(query.wire.length, 128)
    await transport.close()
  })

  test('R-DOH-1: GET carries the same in its path, and no content', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port, { method: 'GET', path: '/q?a=b' }))
    assert.equal((await ask(transport, '9.example').ended).answers[0]!.data, '192.0.2.9')
    const { headers, query } = server.asked[0]!
    assert.equal(headers[':method'], 'GET')
    assert.match(headers[':path']!, /^\/q\?a=b&dns=[\w-]+$/)
    assert.equal(headers['content-type'], undefined)
    assert.equal(headers['content-length'], undefined)
    assert.equal(query.wire.length, 128)
    await transport.close()
  })

  test('without padding a query has its own length; without EDNS it has no OPT record', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port, { padding: false }))
    await ask(transport, '1.example').ended
    const plain = new Asked('1.example')
    plain.edns = false
    transport.send(plain)
    await plain.ended
    assert.deepEqual(
      server.asked.map(({ query }) => [query.wire.length, query.hasOpt]),
      [
        [38, true],
        [27, false],
      ],
    )
    await transport.close()
  })

  test('a query that cannot be written fails alone', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    class Broken extends Asked {
      override readonly query = new Message(Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63]))
    }
    const broken = new Broken()
    transport.send(broken)
    await assert.rejects(broken.ended, { code: 'ERR_DNS_MALFORMED' })
    assert.deepEqual([transport.size, transport.connections], [0, 0])
    await ask(transport).ended
    await transport.close()
  })

  test('events say where a connection goes and why it ends; its port can be asked for meanwhile (A13)', async () => {
    await using server = await DohServer.listen()
    const events: [string, ConnectionEvent][] = []
    const transport = new HttpsTransport(
      httpsOptions(server.port, {
        source: () => '127.0.0.3',
        onConnect: (event) => events.push(['connect', event]),
        onDisconnect: (event) => events.push(['disconnect', event]),
      }),
    )
    await ask(transport).ended
    const { remoteAddress, remotePort } = [...server.sessions][0]!.socket
    assert.equal(remoteAddress, '127.0.0.3')
    assert.equal(ownerOfPort(remotePort!, 'tcp'), 'test')
    await transport.close()
    assert.equal(ownerOfPort(remotePort!, 'tcp'), null)
    const where = { remote: `127.0.0.1:${server.port}`, local: `127.0.0.3:${remotePort}` }
    assert.deepEqual(events, [
      ['connect', { ...where, reason: null }],
      ['disconnect', { ...where, reason: 'renewed' }],
    ])
  })
})

describe('replies', () => {
  test('R-DOH-2: Age goes with the reply', async () => {
    await using server = await DohServer.listen((stream, query) => respond(stream, wireOf(query), { age: '250' }))
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = new AgedAsked()
    transport.send(asked)
    await asked.ended
    assert.equal(asked.age, 250)
    await transport.close()
  })

  test('R-DOH-4: any RCODE with any 2xx is a reply', async () => {
    const rcodes = [0, 1, 2, 3, 4, 5]
    let next = 0
    await using server = await DohServer.listen((stream, query) => {
      const wire = wireOf(query)
      wire[3]! |= rcodes[next++]!
      respond(stream, wire, { ':status': '203' })
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    for (const rcode of rcodes) assert.equal((await ask(transport).ended).rcode, rcode)
    await transport.close()
  })

  test('R-DOH-5: a reply of 65,535 octets comes whole', async () => {
    await using server = await DohServer.listen((stream, query) => {
      const wire = Message.reply(query, { answers: bigRecords(65_535 - 29), edns: false }).wire
      assert.equal(wire.length, 65_535)
      respond(stream, wire)
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    assert.equal((await ask(transport, 'example.com', 'TXT').ended).wire.length, 65_535)
    await transport.close()
  })

  test('a reply that comes octet by octet is a reply', async () => {
    await using server = await DohServer.listen((stream, query) => {
      stream.respond({ ':status': 200, 'content-type': 'application/dns-message' })
      const wire = wireOf(query)
      let at = 0
      const next = (): void => {
        if (at === wire.length) return void stream.end()
        stream.write(wire.subarray(at, ++at))
        setImmediate(next)
      }
      next()
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    assert.equal((await ask(transport, '3.example').ended).answers[0]!.data, '192.0.2.3')
    await transport.close()
  })

  test('replies of one read share at most what Node reads at once', async () => {
    // A TLS record; from Node 24 on 64 KiB, and what was left of the read before.
    const most = Buffer.poolSize > 16_384 ? 66_000 : 16_384
    const held: ServerHttp2Stream[] = []
    await using server = await DohServer.listen((stream, query) => {
      held.push(stream)
      if (held.length === 500) for (const one of held) respond(one, wireOf(query))
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = Array.from({ length: 500 }, () => ask(transport))
    for (const { ended } of asked) assert.ok((await ended).wire.buffer.byteLength <= most)
    await transport.close()
  })

  const OK = 'application/dns-message'
  const BAD: readonly [string, Answer, RegExp][] = [
    ['400', (stream, query) => respond(stream, wireOf(query), { ':status': '400' }), /^test answered HTTP 400$/],
    ['429', (stream, query) => respond(stream, wireOf(query), { ':status': '429' }), /^test answered HTTP 429$/],
    ['503', (stream, query) => respond(stream, wireOf(query), { ':status': '503' }), /^test answered HTTP 503$/],
    [
      'A27: a redirect',
      (stream) => respond(stream, Buffer.alloc(0), { ':status': '307', location: 'http://169.254.169.254/' }),
      /^test answered HTTP 307, a redirect to "http:\/\/169.254.169.254\/", and those are not followed$/,
    ],
    [
      'R-DOH-6: HTML',
      (stream, query) => respond(stream, wireOf(query), { 'content-type': 'text/html' }),
      /^test sent "text\/html", not application\/dns-message$/,
    ],
    [
      'no content type',
      (stream, query) => {
        stream.respond({ ':status': 200 })
        stream.end(wireOf(query))
      },
      /^test sent no content type, not application\/dns-message$/,
    ],
    ['no content', (stream) => respond(stream, Buffer.alloc(0)), /^test sent 0 octets, which are no DNS message$/],
    ['a part of a header', (stream, query) => respond(stream, wireOf(query).subarray(0, 11)), /^test sent 11 octets/],
    ['a header alone', (stream, query) => respond(stream, wireOf(query).subarray(0, 12)), /does not answer the query$/],
    ['a part of the reply', (stream, query) => respond(stream, wireOf(query).subarray(0, 40)), /does not answer/],
    ['the query', (stream, { wire }) => respond(stream, wire), /does not answer the query$/],
    ['garbage', (stream) => respond(stream, Buffer.alloc(600, 0xa5)), /does not answer the query$/],
    [
      'another ID',
      (stream, query) => {
        const wire = wireOf(query)
        wire[1] = 1
        respond(stream, wire)
      },
      /does not answer the query$/,
    ],
    [
      'another question',
      (stream) => respond(stream, replyTo(Message.query('other.example', 'A', { id: 0 }))),
      /does not/,
    ],
    [
      'another type',
      (stream, query) => respond(stream, replyTo(Message.query(query.question!.name, 'AAAA', { id: 0 }))),
      /does not answer the query$/,
    ],
    [
      'R-DOH-5: 65,536 octets',
      (stream, query) => respond(stream, Buffer.concat([wireOf(query), Buffer.alloc(65_536)]).subarray(0, 65_536)),
      /^test sent a body over 65535 octets$/,
    ],
    [
      'another length than was said',
      (stream, query) => respond(stream, wireOf(query), { 'content-length': '9' }),
      /^test sent a malformed response: content of another length than content-length says$/,
    ],
    [
      'an end after the first half',
      (stream, query) => {
        stream.respond({ ':status': 200, 'content-type': OK })
        stream.end(wireOf(query).subarray(0, 20))
      },
      /does not answer the query$/,
    ],
  ]
  test.each(BAD)('no reply, and not asked again: %s', async (_, bad, message) => {
    await using server = await DohServer.listen(bad)
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport)
    await assert.rejects(asked.ended, failure('ERR_DNS_CONNECT', message))
    assert.deepEqual([server.asked.length, asked.settlements, asked.channel, transport.size], [1, 1, null, 0])
    server.answer = answer
    await ask(transport).ended
    assert.equal(server.accepted, 1)
    await transport.close()
  })

  test('R-DOH-5: what never ends is cut off after 65,536 octets', async () => {
    let sent = 0
    await using server = await DohServer.listen((stream) => {
      stream.respond({ ':status': 200, 'content-type': OK })
      const more = (): void => {
        if (stream.destroyed) return
        sent += 1000
        stream.write(Buffer.alloc(1000), () => setImmediate(more))
      }
      more()
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    await assert.rejects(ask(transport).ended, failure('ERR_DNS_CONNECT', /over 65535 octets/))
    await until(() => server.open === 0)
    assert.ok(sent < 400_000)
    await transport.close()
  })
})

describe('connections', () => {
  test('N10: where the server allows 3 streams, queries wait here, and on two connections', async () => {
    let most = 0
    await using server = await DohServer.listen(
      (stream, query) => {
        most = Math.max(most, server.open)
        setImmediate(() => answer(stream, query, server))
      },
      { settings: { maxConcurrentStreams: 3 } },
    )
    const transport = new HttpsTransport(httpsOptions(server.port))
    await ask(transport).ended
    const asked = Array.from({ length: 300 }, (_, n) => ask(transport, `${n}.example`))
    assert.equal(transport.connections, 2)
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n % 256}`)
    assert.deepEqual([server.accepted, server.asked.length, transport.connections], [2, 301, 2])
    assert.ok(most <= 6)
    await transport.close()
  })

  test('the first burst does not open a second one before the server has said its limit', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    await Promise.all(Array.from({ length: 1500 }, () => ask(transport).ended))
    assert.equal(server.accepted, 1)
    await transport.close()
  })

  test('it is closed once it was idle for idleTimeout, and another is opened when it is needed', async () => {
    const clock = halfFake()
    const reasons: (string | null)[] = []
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(
      httpsOptions(server.port, { clock, idleTimeout: 10_000, onDisconnect: ({ reason }) => reasons.push(reason) }),
    )
    await ask(transport).ended
    await clock.fake.advance(9000)
    await ask(transport).ended
    await clock.fake.advance(9999)
    assert.deepEqual([transport.connections, reasons], [1, []])
    await clock.fake.advance(1)
    assert.deepEqual([transport.connections, reasons], [0, ['idle']])
    await until(() => server.sessions.size === 0)
    await ask(transport).ended
    assert.equal(server.accepted, 2)
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test('it is not idle while a query waits', async () => {
    const clock = halfFake()
    let held: ServerHttp2Stream | null = null
    await using server = await DohServer.listen((stream) => (held = stream))
    const transport = new HttpsTransport(httpsOptions(server.port, { clock, idleTimeout: 100 }))
    const asked = ask(transport)
    await until(() => held !== null)
    await clock.fake.advance(700)
    assert.equal(transport.connections, 1)
    respond(held!, replyTo(server.asked[0]!.query))
    await asked.ended
    await clock.fake.advance(100)
    assert.equal(transport.connections, 0)
  })

  test('renew() leaves it behind: what is in flight goes on over a fresh one', async () => {
    await using server = await DohServer.listen(() => undefined)
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = Array.from({ length: 30 }, (_, at) => ask(transport, `${at}.example`))
    await until(() => server.asked.length === 30)
    server.answer = answer
    transport.renew()
    assert.deepEqual([transport.connections, transport.size], [1, 30])
    await ask(transport, '30.example').ended
    const replies = await Promise.all(asked.map(({ ended }) => ended))
    assert.deepEqual(replies.map(({ answers }) => answers[0]!.data), asked.map((_, at) => `192.0.2.${at}`)) // prettier-ignore
    assert.deepEqual([server.accepted, server.asked.length], [2, 61])
    transport.renew()
    assert.equal(transport.connections, 0)
    await transport.close()
  })

  test('renew() empties two connections that the stream limit made', async () => {
    await using server = await DohServer.listen(answer, { settings: { maxConcurrentStreams: 3 } })
    const transport = new HttpsTransport(httpsOptions(server.port))
    await ask(transport).ended
    server.answer = () => undefined
    const asked = Array.from({ length: 10 }, () => ask(transport))
    await until(() => server.asked.length === 7)
    assert.equal(transport.connections, 2)
    server.answer = answer
    transport.renew()
    await Promise.all(asked.map(({ ended }) => ended))
    assert.deepEqual(new Set(asked.map(({ settlements }) => settlements)), new Set([1]))
    await transport.close()
  })

  test('renew() once it is closing disturbs nothing', async () => {
    let held: ServerHttp2Stream | null = null
    await using server = await DohServer.listen((stream) => (held = stream))
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport, '1.example')
    await until(() => held !== null)
    const closing = transport.close()
    transport.renew()
    respond(held!, replyTo(server.asked[0]!.query))
    await asked.ended
    await closing
    assert.equal(server.accepted, 1)
  })

  test('renew() before it is up does not lose what waits for it', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport)
    transport.renew()
    assert.equal(transport.connections, 1)
    await asked.ended
    await transport.close()
    assert.equal(server.asked.length, 1)
  })

  test('close() before it is up ends it once nothing waits for it any more', async () => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport)
    const closing = transport.close()
    asked.cancel()
    assert.deepEqual([transport.connections, asked.settlements], [0, 0])
    await closing
  })

  test('beyond 10,000 that wait for a stream a query fails with ERR_DNS_OVERLOADED', async () => {
    await using server = await DohServer.listen(() => undefined, { settings: { maxConcurrentStreams: 1 } })
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = Array.from({ length: 10_003 }, () => ask(transport))
    await assert.rejects(Promise.race(asked.map(({ ended }) => ended)), {
      code: 'ERR_DNS_OVERLOADED',
      upstream: 'test',
    })
    transport.destroy()
    assert.ok(asked.every(({ settlements }) => settlements === 1))
  })

  test('N12: close() waits for what is in flight and takes no more; twice is once', async () => {
    let held: ServerHttp2Stream | null = null
    await using server = await DohServer.listen((stream) => (held = stream))
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport)
    await until(() => held !== null)
    const closed = transport.close()
    assert.equal(transport.close(), closed)
    await assert.rejects(ask(transport).ended, failure('ERR_DNS_CLOSED', /was closed here/))
    assert.equal(transport.connections, 1)
    respond(held!, replyTo(server.asked[0]!.query))
    await asked.ended
    await closed
    assert.equal(transport.connections, 0)
    await until(() => server.sessions.size === 0)
  })

  test('close() without any connection resolves at once', async () => {
    const transport = new HttpsTransport(httpsOptions(1))
    await transport.close()
    await transport.close()
  })

  test('destroy() fails what is in flight with ERR_DNS_CLOSED, connected or not, and is idempotent', async () => {
    await using server = await DohServer.listen(() => undefined)
    const transport = new HttpsTransport(httpsOptions(server.port))
    const asked = ask(transport)
    await until(() => server.asked.length === 1)
    transport.destroy()
    transport.destroy()
    await assert.rejects(asked.ended, failure('ERR_DNS_CLOSED', /was closed here/))
    const early = new HttpsTransport(httpsOptions(server.port))
    const waiting = ask(early)
    early.destroy()
    await assert.rejects(waiting.ended, failure('ERR_DNS_CLOSED', /was closed here/))
    assert.deepEqual([transport.connections, early.connections, asked.settlements], [0, 0, 1])
    await until(() => server.sessions.size === 0)
    await Promise.all([transport.close(), early.close()])
  })

  test('a cancelled query is off its channel, before and after the connection is up', async () => {
    const held: ServerHttp2Stream[] = []
    await using server = await DohServer.listen((stream) => held.push(stream))
    const transport = new HttpsTransport(httpsOptions(server.port))
    const early = ask(transport, '1.example')
    const asked = ask(transport, '2.example')
    early.cancel()
    assert.equal(transport.size, 1)
    await until(() => held.length === 1)
    const channel = asked.channel!
    asked.cancel()
    assert.deepEqual([transport.size, asked.channel, channel.drop(asked)], [0, null, false])
    respond(held[0]!, replyTo(server.asked[0]!.query))
    server.answer = answer
    await ask(transport, '3.example').ended
    assert.deepEqual([early.settlements, asked.settlements, server.asked.length], [0, 0, 2])
    await transport.close()
  })
})

describe('no connection', () => {
  test('nobody listens: ERR_DNS_CONNECT, at once and for all that wait', async () => {
    const server = await DohServer.listen()
    const { port } = server
    await server[Symbol.asyncDispose]()
    const transport = new HttpsTransport(httpsOptions(port))
    const asked = [ask(transport), ask(transport)]
    for (const { ended } of asked) await assert.rejects(ended, failure('ERR_DNS_CONNECT', /refused the connection/))
    assert.deepEqual([transport.connections, transport.size, asked[0]!.channel], [0, 0, null])
    await transport.close()
  })

  test('A26, T18: another name in the certificate: ERR_DNS_TLS, and nothing is asked', async () => {
    const { cert, key } = AUTHORITY.issue({ names: ['other.example'] })
    await using server = await DohServer.listen(answer, { cert, key })
    const transport = new HttpsTransport(httpsOptions(server.port))
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_TLS', upstream: 'test' })
    assert.equal(server.asked.length, 0)
    await transport.close()
  })

  test.each([
    ['HTTP/1.1 alone', ['http/1.1']],
    ['no ALPN', undefined],
  ])('N09: a server with %s is not asked', async (_, protocols) => {
    const { cert, key } = AUTHORITY.issue()
    let octets = 0
    const server = createTlsServer({ cert, key, ...(protocols && { ALPNProtocols: protocols }) }, (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (chunk: Buffer) => (octets += chunk.length))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const transport = new HttpsTransport(httpsOptions((server.address() as AddressInfo).port))
    await assert.rejects(ask(transport).ended, { upstream: 'test' })
    assert.equal(octets, 0)
    await transport.close()
    await new Promise((resolve) => server.close(resolve))
  })
})

/** TXT records of so many octets on the wire, all told. */
function bigRecords(octets: number): { name: string; type: string; ttl: number; data: Buffer[] }[] {
  const records = []
  for (let left = octets; left > 0;) {
    const size = Math.min(left, 30_000)
    const strings: Buffer[] = []
    for (let room = size - 12; room > 0;) {
      const length = Math.min(room, 256)
      strings.push(Buffer.alloc(length - 1, 120))
      room -= length
    }
    records.push({ name: 'example.com', type: 'TXT', ttl: 1, data: strings })
    left -= size
  }
  return records
}
