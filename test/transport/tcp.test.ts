import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { describe, test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import { frame, FrameReader } from '../../src/transport/framing.js'
import { ownerOfPort } from '../../src/transport/own-ports.js'
import { TcpTransport } from '../../src/transport/tcp.js'
import type { ConnectionEvent } from '../../src/transport/transport.js'
import { BAD_REPLIES } from '../../src/testing/bad-replies.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { Message } from '../../src/wire/message.js'
import { ask, Asked, halfFake, optionsFor, Sockets, until } from './support.js'

/** A server of a test's own, for what FakeServer doesn't do. */
async function listen(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; server: Server } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Calls `onQuery` for each query that `socket` brings. */
function queriesOf(socket: Socket, onQuery: (query: Message) => void): void {
  const reader = new FrameReader()
  socket.on('data', (chunk: Buffer) => reader.push(chunk, (wire) => onQuery(new Message(Buffer.from(wire)))))
}

function replyTo(query: Message, edns: object | false = false): Buffer {
  return Message.reply(query, { answers: [{ name: 'example.com', type: 'A', ttl: 9, data: '192.0.2.1' }], edns }).wire
}

describe('asking', () => {
  test('R-7766-4: nothing is opened before the first query; then one connection serves many queries, each with its own reply', async () => {
    await using server = await FakeServer.listen({ answer: ({ name }) => [`192.0.2.${name.split('.')[0]}`] })
    const transport = new TcpTransport(optionsFor(server.port))
    assert.equal(transport.connections, 0)
    const asked = Array.from({ length: 200 }, (_, n) => ask(transport, `${n}.example`))
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n}`)
    await ask(transport, '7.example').ended
    assert.deepEqual([server.accepted, server.asked, transport.size], [1, 201, 0])
    await transport.close()
  })

  test('R-7766-2, R-7766-3: replies in any order reach the queries that they answer; IDs are unique', async () => {
    await using server = await FakeServer.listen({
      faults: [{ kind: 'out-of-order', count: 100 }],
      answer: ({ name }) => [`192.0.2.${name.split('.')[0]}`],
    })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 100 }, (_, n) => ask(transport, `${n}.example`))
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n}`)
    assert.equal(new Set(server.queries.map(({ id }) => id)).size, 100)
    await transport.close()
  })

  test('R-7766-7: queries of one turn go out in one write, each behind its length', async () => {
    const chunks: Buffer[] = []
    await using server = await listen((socket) => void socket.on('data', (chunk: Buffer) => chunks.push(chunk)))
    const transport = new TcpTransport(optionsFor(server.port))
    for (let n = 0; n < 10; n++) ask(transport, `${n}.example`)
    await until(() => chunks.length > 0)
    const names: string[] = []
    assert.equal(chunks.length, 1)
    new FrameReader().push(chunks[0]!, (wire) => names.push(new Message(wire).question!.name))
    assert.deepEqual(
      names,
      Array.from({ length: 10 }, (_, n) => `${n}.example`),
    )
    transport.destroy()
  })

  test('R-7766-7: a reply that comes octet by octet is a reply', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'slow' }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = ask(transport)
    await until(() => clock.pending > 0)
    await clock.advance(200)
    assert.equal((await asked.ended).answers.length, 1)
    await transport.close()
  })

  test('a reply of 65,535 octets comes whole', async () => {
    await using server = await listen((socket) =>
      queriesOf(socket, (query) => {
        const text = Array.from({ length: 250 }, () => 'x'.repeat(255))
        const rest = { name: 'example.com', type: 'TXT', ttl: 1 }
        let wire = Message.reply(query, { answers: [{ ...rest, data: text }] }).wire
        const fill = 65_535 - wire.length - 13
        wire = Message.reply(query, { answers: [{ ...rest, data: text }, { ...rest, data: Array.from({ length: Math.floor(fill / 256) }, () => 'y'.repeat(255)) }] }).wire // prettier-ignore
        socket.write(frame(wire))
      }),
    )
    const transport = new TcpTransport(optionsFor(server.port))
    assert.ok((await ask(transport, 'example.com', 'TXT').ended).wire.length > 65_000)
    await transport.close()
  })

  test('a second connection is opened when 2,048 queries are in flight on the first', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 2048 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 2048 }, () => ask(transport))
    await until(() => server.asked === 2048)
    await ask(transport).ended
    assert.deepEqual([server.accepted, transport.connections], [2, 2])
    for (const one of asked) one.cancel()
    await ask(transport).ended
    assert.equal(server.accepted, 2)
    await transport.close()
  })

  test('source is the address that the connection comes from; its port can be asked for while it is open (A13)', async () => {
    await using server = await FakeServer.listen()
    const events: [string, ConnectionEvent][] = []
    const transport = new TcpTransport(
      optionsFor(server.port, {
        source: () => '127.0.0.3',
        onConnect: (event) => events.push(['connect', event]),
        onDisconnect: (event) => events.push(['disconnect', event]),
      }),
    )
    await ask(transport).ended
    const { remoteAddress, remotePort } = server.queries[0]!
    assert.equal(remoteAddress, '127.0.0.3')
    assert.deepEqual([ownerOfPort(remotePort, 'tcp'), ownerOfPort(remotePort, 'udp')], ['test', null])
    await transport.close()
    assert.equal(ownerOfPort(remotePort, 'tcp'), null)
    const where = { remote: `127.0.0.1:${server.port}`, local: `127.0.0.3:${remotePort}` }
    assert.deepEqual(events, [['connect', { ...where, reason: null }], ['disconnect', { ...where, reason: 'renewed' }]]) // prettier-ignore
  })

  test('RFC 8305: of several addresses the first that takes the connection is asked, and is tried first from then on', async () => {
    await using server = await FakeServer.listen()
    const [remotes, tried]: [string[], string[]] = [[], []]
    const transport = new TcpTransport(
      optionsFor(server.port, {
        addresses: ['127.0.0.9', '127.0.0.1'],
        source: (address) => {
          tried.push(address)
          return null
        },
        onConnect: ({ remote }) => remotes.push(remote),
      }),
    )
    await ask(transport).ended
    transport.renew()
    await ask(transport).ended
    await transport.close()
    const there = `127.0.0.1:${server.port}`
    assert.deepEqual([tried, remotes], [['127.0.0.9', '127.0.0.1', '127.0.0.1'], [there, there]]) // prettier-ignore
  })

  test('an error names the address that it is about', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'reset' }] })
    const addresses = ['127.0.0.9', '127.0.0.1']
    const transport = new TcpTransport(optionsFor(server.port, { addresses }))
    await assert.rejects(ask(transport).ended, { message: `test reset the connection to 127.0.0.1:${server.port}` })
    await transport.close()
  })

  test('a source that there is none of for an address fails that address alone', async () => {
    await using server = await FakeServer.listen()
    const source = (address: string): null => {
      if (address === '127.0.0.1') return null
      throw new DnsError('ERR_DNS_CONNECT', 'no such interface')
    }
    const transport = new TcpTransport(optionsFor(server.port, { addresses: ['::1', '127.0.0.1'], source }))
    await ask(transport).ended
    await transport.close()
  })

  test('a query that cannot be encoded fails, and harms no other', async () => {
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port))
    const broken = new Asked()
    Object.defineProperty(broken, 'query', { value: new Message(Buffer.alloc(12, 0xff)) })
    transport.send(broken)
    const asked = ask(transport)
    await assert.rejects(broken.ended, { code: 'ERR_DNS_MALFORMED' })
    await asked.ended
    await transport.close()
  })
})

describe('what is not the reply', () => {
  test.each([...BAD_REPLIES])(
    'A06: %s first, the reply later: the reply is taken, on the same connection',
    async (kind) => {
      const clock = new FakeClock()
      await using server = await FakeServer.listen({ clock, faults: [{ kind, goodAfter: 50 }] })
      const transport = new TcpTransport(optionsFor(server.port))
      const asked = ask(transport)
      await until(() => clock.pending === 1)
      server.faults = []
      await ask(transport).ended
      assert.equal(asked.settlements, 0)
      await clock.advance(50)
      assert.equal((await asked.ended).answers[0]!.data, '192.0.2.1')
      assert.equal(server.accepted, 1)
      await transport.close()
    },
  )

  test('a peer that sends 100 messages in a row that answer nothing is left', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'garbage' }, { kind: 'duplicate', copies: 99 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT', message: /answer nothing/ })
    await transport.close()
  })

  test('a reply to a query that was given up is dropped, and counts against nobody', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 10, first: 150 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 150 }, () => ask(transport))
    await until(() => clock.pending === 150)
    for (const one of asked) one.cancel()
    await clock.advance(10)
    await ask(transport).ended
    assert.deepEqual(new Set(asked.map(({ settlements }) => settlements)), new Set([0]))
    assert.equal(server.accepted, 1)
    await transport.close()
  })
})

describe('connections that end', () => {
  test('R-7766-6: a connection that was closed while idle costs a query one retry, at once', async () => {
    const accepted: Socket[] = []
    await using server = await listen((socket) => {
      accepted.push(socket)
      queriesOf(socket, (query) => {
        if (accepted.length === 1 && query.question!.name === 'second') return void socket.resetAndDestroy()
        socket.write(frame(replyTo(query)))
      })
    })
    const transport = new TcpTransport(optionsFor(server.port))
    await ask(transport, 'first').ended
    const second = ask(transport, 'second')
    await second.ended
    assert.deepEqual([accepted.length, second.retries, second.settlements], [2, 1, 1])
    await transport.close()
  })

  test.each(['reset', 'half-close'] as const)(
    'R-DOT-5, T19: %s under 200 in flight loses none of them',
    async (kind) => {
      await using server = await FakeServer.listen()
      const transport = new TcpTransport(optionsFor(server.port))
      for (let round = 0; round < 20; round++) {
        server.faults = []
        await ask(transport).ended
        server.faults = [
          { kind: 'drop', first: 199 },
          { kind, first: 200, every: 200 },
        ]
        const asked = Array.from({ length: 200 }, () => ask(transport))
        await Promise.all(asked.map(({ ended }) => ended))
        for (const { settlements } of asked) assert.equal(settlements, 1)
      }
      await transport.close()
    },
  )

  test('a server that closes after so many replies answers all queries in the end', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'close-after', replies: 60 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 200 }, () => ask(transport))
    await Promise.all(asked.map(({ ended }) => ended))
    assert.equal(server.accepted, 4)
    await transport.close()
  })

  test.each([1, 5])(
    'R-7766-4: a server that closes after %d replies gets several connections at once, and loses no query',
    async (replies) => {
      await using server = await FakeServer.listen({ faults: [{ kind: 'close-after', replies }] })
      const transport = new TcpTransport(optionsFor(server.port))
      const asked = Array.from({ length: 50 }, () => ask(transport))
      await Promise.all(asked.map(({ ended }) => ended))
      assert.equal(server.accepted, 50 / replies)
      await transport.close()
    },
  )

  test('a fresh connection that is closed fails its queries: a dead server costs one connection', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'half-close' }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = [ask(transport), ask(transport)]
    for (const { ended } of asked)
      await assert.rejects(ended, { code: 'ERR_DNS_CONNECT', message: 'test closed the connection before it replied' })
    assert.equal(server.accepted, 1)
    await transport.close()
  })

  test('a reused connection to a server that has died costs one connection more, then fails', async () => {
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port))
    await ask(transport).ended
    server.faults = [{ kind: 'reset' }]
    const asked = ask(transport)
    await assert.rejects(asked.ended, { code: 'ERR_DNS_CONNECT', message: /reset the connection/ })
    assert.deepEqual([server.accepted, asked.retries], [2, 1])
    await transport.close()
  })

  test('a connection that ends in the middle of a message is one that ended', async () => {
    await using server = await listen((socket) =>
      queriesOf(socket, (query) => socket.end(frame(replyTo(query)).subarray(0, 20))),
    )
    const transport = new TcpTransport(optionsFor(server.port))
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT' })
    await transport.close()
  })

  test('nothing that listens: refused, at once and typed; the next query connects anew', async () => {
    await using server = await FakeServer.listen()
    await server.refuse()
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = [ask(transport), ask(transport)]
    for (const { ended } of asked)
      await assert.rejects(ended, { code: 'ERR_DNS_CONNECT', message: /nothing listens on 127\.0\.0\.1:/ })
    await server.resume()
    await ask(transport).ended
    await transport.close()
  })

  test('a peer that never takes the connection fails its queries after connectTimeout', async () => {
    const clock = halfFake()
    const sockets = new Sockets()
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port, { clock, connectTimeout: 300 }), (options) => {
      const socket = sockets.count(connect(options))
      const emit = socket.emit.bind(socket)
      socket.emit = (event: string | symbol, ...args: unknown[]) =>
        event !== 'connect' && emit(event as never, ...(args as never[]))
      return socket
    })
    const asked = ask(transport)
    await clock.fake.advance(299)
    assert.equal(asked.settlements, 0)
    await clock.fake.advance(1)
    await assert.rejects(asked.ended, {
      code: 'ERR_DNS_CONNECT',
      message: 'test did not accept a connection within 300 ms',
    })
    await until(() => sockets.closed === 1)
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test('no such source address fails at once', async () => {
    const transport = new TcpTransport(optionsFor(53, { source: () => '192.0.2.77' }))
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT', message: /no interface has that address/ })
    await transport.close()
  })

  test('T20: when a peer has been silent for a second and a query was given up, the next one goes elsewhere', async () => {
    const clock = halfFake()
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 2 }] })
    const transport = new TcpTransport(optionsFor(server.port, { clock }))
    const given = ask(transport)
    await until(() => server.asked === 1)
    await clock.fake.advance(1001)
    const slow = ask(transport)
    await until(() => server.asked === 2)
    assert.equal(server.accepted, 1)
    given.cancel()
    await ask(transport).ended
    assert.equal(server.accepted, 2)
    assert.equal(slow.settlements, 0)
    slow.cancel()
    await until(() => transport.connections === 1)
    await transport.close()
  })
})

describe('idle connections', () => {
  test('R-9210-1: are closed after idleTimeout; a query before that starts the time anew; no timer is left', async () => {
    const clock = halfFake()
    await using server = await FakeServer.listen()
    const closed: (string | null)[] = []
    const transport = new TcpTransport(
      optionsFor(server.port, { clock, idleTimeout: 500, onDisconnect: ({ reason }) => closed.push(reason) }),
    )
    await ask(transport).ended
    await clock.fake.advance(400)
    await ask(transport).ended
    await clock.fake.advance(499)
    assert.equal(server.accepted, 1)
    assert.deepEqual(closed, [])
    await clock.fake.advance(1)
    assert.deepEqual(closed, ['idle'])
    await until(() => transport.connections === 0)
    assert.equal(clock.fake.pending, 0)
    await ask(transport).ended
    assert.equal(server.accepted, 2)
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test('are not closed while a query is in flight', async () => {
    const clock = halfFake()
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port, { clock, idleTimeout: 500 }))
    await ask(transport).ended
    server.faults = [{ kind: 'drop' }]
    const asked = ask(transport)
    await clock.fake.advance(2000)
    assert.equal(transport.size, 1)
    asked.cancel()
    await clock.fake.advance(500)
    await until(() => transport.connections === 0)
    await transport.close()
  })

  test('R-7828-2: the server may shorten the time by edns-tcp-keepalive, and ask us to go', async () => {
    const clock = halfFake()
    let timeout = 2
    let accepted = 0
    await using server = await listen((socket) => {
      accepted++
      queriesOf(socket, (query) => {
        const options = [{ code: 11, data: Buffer.from([0, timeout]) }]
        socket.write(frame(replyTo(query, { options })))
      })
    })
    const closed: (string | null)[] = []
    const transport = new TcpTransport(
      optionsFor(server.port, { clock, onDisconnect: ({ reason }) => closed.push(reason) }),
    )
    await ask(transport).ended
    await clock.fake.advance(199)
    assert.deepEqual(closed, [])
    await clock.fake.advance(1)
    assert.deepEqual(closed, ['idle'])
    timeout = 0
    await ask(transport).ended
    await until(() => closed.length === 2)
    assert.equal(closed[1], 'renewed')
    assert.equal(accepted, 2)
    await transport.close()
  })
})

test('a truncated reply whose records cannot be read does no harm, whatever octets they hold', async () => {
  await using server = await listen((socket) =>
    queriesOf(socket, (query) => {
      const wire = Buffer.concat([
        Message.reply(query, { truncated: true, edns: false }).wire,
        Buffer.from([0, 0, 41, 0, 11, 0, 2, 0, 0]),
      ])
      wire.writeUInt16BE(1, 10)
      socket.write(frame(wire))
    }),
  )
  const transport = new TcpTransport(optionsFor(server.port))
  assert.equal((await ask(transport).ended).truncated, true)
  await transport.close()
})

describe('the end', () => {
  test('renew() leaves the connection behind; queries in flight go on over a fresh one, free of blame', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 30 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 30 }, () => ask(transport))
    await until(() => server.asked === 30)
    transport.renew()
    assert.equal(transport.size, 30)
    await Promise.all(asked.map(({ ended }) => ended))
    assert.deepEqual([server.accepted, asked[0]!.retries], [2, 0])
    await until(() => transport.connections === 1)
    await transport.close()
  })

  test('renew() before it is up loses nothing that waits for it', async () => {
    const sockets = new Sockets()
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port), (options) => sockets.count(connect(options)))
    const asked = ask(transport)
    transport.renew()
    transport.renew()
    await asked.ended
    await transport.close()
    await until(() => sockets.closed === 3)
    assert.deepEqual([sockets.opened, server.asked], [3, 1])
  })

  test('renew() once it is closing disturbs nothing', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 5 }] })
    const transport = new TcpTransport(optionsFor(server.port))
    const asked = ask(transport)
    const closing = transport.close()
    transport.renew()
    await until(() => clock.pending === 1)
    await clock.advance(5)
    await asked.ended
    await closing
    assert.equal(server.accepted, 1)
  })

  test('close() lets what is in flight settle, refuses new queries, and leaves nothing open', async () => {
    const clock = new FakeClock()
    const sockets = new Sockets()
    const server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 5 }] })
    const transport = new TcpTransport(optionsFor(server.port), (options) => sockets.count(connect(options)))
    const asked = Array.from({ length: 30 }, () => ask(transport))
    await until(() => clock.pending === 30)
    const closing = transport.close()
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CLOSED' })
    await clock.advance(5)
    await Promise.all(asked.map(({ ended }) => ended))
    await Promise.all([closing, transport.close()])
    await server.close()
    assert.deepEqual([sockets.opened, sockets.closed], [1, 1])
    assert.deepEqual(process.getActiveResourcesInfo().filter((kind) => /UDP|TCP/.test(kind)), []) // prettier-ignore
  })

  test.each(['connecting', 'connected'] as const)(
    'destroy() while %s fails what is in flight, retries nothing and leaves nothing open',
    async (when) => {
      const sockets = new Sockets()
      await using server = await FakeServer.listen()
      const transport = new TcpTransport(optionsFor(server.port), (options) => sockets.count(connect(options)))
      if (when === 'connected') await ask(transport).ended
      const asked = Array.from({ length: 30 }, () => ask(transport))
      transport.destroy()
      for (const { ended } of asked) await assert.rejects(ended, { code: 'ERR_DNS_CLOSED' })
      await transport.close()
      assert.deepEqual([sockets.opened, sockets.closed], [1, 1])
    },
  )

  test('close() while connecting with nothing left to ask does not wait for the connection', async () => {
    const sockets = new Sockets()
    await using server = await FakeServer.listen()
    const transport = new TcpTransport(optionsFor(server.port), (options) => sockets.count(connect(options)))
    ask(transport).cancel()
    await transport.close()
    await until(() => sockets.closed === 1)
    assert.equal(server.asked, 0)
  })

  test('a transport that was never asked closes at once', async () => {
    const transport = new TcpTransport(optionsFor(53))
    await transport.close()
    transport.destroy()
  })
})
