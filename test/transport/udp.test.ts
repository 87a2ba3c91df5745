import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { describe, test } from 'vitest'
import { systemClock, type Clock } from '../../src/base/clock.js'
import { ownerOfPort } from '../../src/transport/own-ports.js'
import type { ConnectionEvent } from '../../src/transport/transport.js'
import { UdpTransport } from '../../src/transport/udp.js'
import { BAD_REPLIES } from '../../src/testing/bad-replies.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeServer } from '../../src/testing/fake-server.js'
import { Message } from '../../src/wire/message.js'
import { ask, Asked, optionsFor, Sockets, until } from './support.js'

const SILENT = { faults: [{ kind: 'drop' }] } as const

/** Real but for now(), which a test moves. */
function movable(): Clock & { time: number } {
  const clock = { ...systemClock, time: 0, now: () => clock.time }
  return clock
}

function ports(server: FakeServer): Set<number> {
  return new Set(server.queries.map(({ remotePort }) => remotePort))
}

describe('asking', () => {
  test('a reply settles the query that it answers, in whatever order replies come', async () => {
    await using server = await FakeServer.listen({ answer: ({ name }) => [`192.0.2.${name.split('.')[0]}`] })
    const transport = new UdpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 200 }, (_, n) => ask(transport, `${n}.example`))
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n}`)
    assert.equal(transport.size, 0)
    await transport.close()
  })

  test('nothing is opened before the first query, which opens one socket and is sent in the same turn', async () => {
    await using server = await FakeServer.listen()
    let opened = 0
    const transport = new UdpTransport(optionsFor(server.port), (options) => {
      opened++
      return createSocket(options)
    })
    assert.equal(opened, 0)
    const asked = ask(transport)
    assert.equal(opened, 1)
    assert.ok(transport.receiveBuffer >= 2 ** 17, `N01: ${transport.receiveBuffer}`)
    await asked.ended
    await transport.close()
  })

  test('R-5452-2: with 8 sockets, traffic comes from 8 ports', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port))
    for (let n = 0; n < 200; n++) await ask(transport).ended
    assert.equal(ports(server).size, 8)
    await transport.close()
  })

  test('R-5452-2: with a socket for each query, 1000 queries come from at least 960 ports, and none stays open', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 'per-query' }))
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 50 }, () => ask(transport).ended))
    assert.equal(server.asked, 1000)
    assert.ok(ports(server).size >= 960, `${ports(server).size} ports`)
    await transport.close()
  })

  test('our OPT goes along with the size asked for, and does not when edns is off', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { udpPayloadSize: 1400 }))
    await ask(transport).ended
    const plain = new Asked()
    plain.edns = false
    transport.send(plain)
    await plain.ended
    assert.deepEqual(
      server.queries.map(({ message }) => message.edns?.udpPayloadSize),
      [1400, undefined],
    )
    await transport.close()
  })

  test('resend sends the same query from the same port with the same ID', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 2 }] })
    const transport = new UdpTransport(optionsFor(server.port))
    const asked = ask(transport)
    asked.resend()
    asked.resend()
    await asked.ended
    const [first, ...rest] = server.queries
    assert.equal(rest.length, 2)
    for (const { id, remotePort, wire } of rest)
      assert.deepEqual([id, remotePort, wire], [first!.id, first!.remotePort, first!.wire])
    asked.resend()
    await transport.close()
    assert.equal(server.asked, 3)
  })

  test('queries of one turn go out together at its end; one that is given up by then is never sent', async () => {
    await using server = await FakeServer.listen()
    let sent = 0
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 2 }), (options) => {
      const socket = createSocket(options)
      const send = socket.send.bind(socket) as (...args: unknown[]) => void
      socket.send = (...args: unknown[]): void => {
        sent++
        send(...args)
      }
      return socket
    })
    const asked = Array.from({ length: 20 }, () => ask(transport))
    assert.equal(asked[7]!.channel!.drop(asked[7]!), true)
    assert.equal(sent, 0)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(sent, 19)
    asked.splice(7, 1)
    await Promise.all(asked.map(({ ended }) => ended))
    assert.equal(server.asked, 19)
    await transport.close()
  })

  test('IPv6 works', async () => {
    await using server = await FakeServer.listen({ host: '::1' })
    const transport = new UdpTransport(optionsFor(server.port, { addresses: ['::1'] }))
    await ask(transport).ended
    await transport.close()
  })

  test('source is the address that queries come from', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { source: () => '127.0.0.2' }))
    await ask(transport).ended
    assert.equal(server.queries[0]!.remoteAddress, '127.0.0.2')
    await transport.close()
  })

  test('1,000 in flight at once are all answered', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port))
    const asked: Asked[] = []
    for (let n = 0; n < 1000; n++) {
      asked.push(ask(transport))
      if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(asked.map(({ ended }) => ended))
    await transport.close()
  })
})

describe('what is not the reply', () => {
  test.each([...BAD_REPLIES])('A06, T7: %s first, the reply later: the reply is taken', async (kind) => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind, goodAfter: 50 }] })
    const transport = new UdpTransport(optionsFor(server.port))
    const asked = ask(transport)
    await until(() => clock.pending === 1)
    // Behind the bad one, which the kernel has handed over by then.
    server.faults = []
    await ask(transport).ended
    assert.equal(asked.settlements, 0)
    await clock.advance(50)
    assert.equal((await asked.ended).answers[0]!.data, '192.0.2.1')
    await transport.close()
  })

  test('A01, A02: 65,536 forged IDs from another address reach no query', async () => {
    await using server = await FakeServer.listen(SILENT)
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }))
    const asked = ask(transport)
    await until(() => server.asked === 1)
    const { remotePort, message } = server.queries[0]!
    const reply = Buffer.from(Message.reply(message, { answers: [] }).wire)
    const forger = createSocket('udp4')
    forger.bind({ address: '127.0.0.2', port: 0, exclusive: true })
    for (let id = 0; id < 65_536; id++) {
      reply.writeUInt16BE(id, 0)
      forger.send(Buffer.from(reply), remotePort, '127.0.0.1')
      if (id % 512 === 511) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual([asked.settlements, asked.mismatches], [0, 0])
    forger.close()
    server.faults = []
    asked.resend()
    await asked.ended
    await transport.close()
  })

  test('A21: once a port has had 256 datagrams that answer nothing, the next query comes from another one', async () => {
    await using server = await FakeServer.listen({
      faults: [
        { kind: 'garbage', goodAfter: 0 },
        { kind: 'duplicate', copies: 255 },
      ],
    })
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }))
    const asked = ask(transport)
    await asked.ended
    server.faults = []
    for (let n = 0; n < 20; n++) await ask(transport).ended
    assert.equal(asked.settlements, 1)
    assert.equal(ports(server).size, 2)
    await transport.close()
  })

  test('duplicates of a reply settle nothing else and are no mismatch', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'duplicate', copies: 3 }] })
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }))
    const asked = Array.from({ length: 50 }, () => ask(transport))
    await Promise.all(asked.map(({ ended }) => ended))
    await ask(transport).ended
    for (const { settlements, mismatches } of asked) assert.deepEqual([settlements, mismatches], [1, 0])
    await transport.close()
  })

  test('a reply after the query was given up is dropped', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 10, first: 1 }] })
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }))
    const asked = ask(transport)
    await until(() => clock.pending === 1)
    asked.cancel()
    assert.equal(transport.size, 0)
    await clock.advance(10)
    await ask(transport).ended
    assert.equal(asked.settlements, 0)
    await transport.close()
  })
})

describe('renewal', () => {
  test('a port serves 1,000 queries and no more', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }))
    for (let n = 0; n < 2001; n++) await ask(transport).ended
    const counts = new Map<number, number>()
    for (const { remotePort } of server.queries) counts.set(remotePort, (counts.get(remotePort) ?? 0) + 1)
    assert.deepEqual([...counts.values()], [1000, 1000, 1])
    await transport.close()
  })

  test('a port serves for 10 s, then retires and is closed once it is drained', async () => {
    const clock = movable()
    const closed: ConnectionEvent[] = []
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 1 }] })
    const transport = new UdpTransport(
      optionsFor(server.port, { sockets: 1, clock, onDisconnect: (event) => closed.push(event) }),
    )
    const unanswered = ask(transport)
    clock.time = 9_999
    await ask(transport).ended
    clock.time = 10_000
    await ask(transport).ended
    assert.deepEqual(
      server.queries.map(({ remotePort }) => remotePort === server.queries[0]!.remotePort),
      [true, true, false],
    )
    assert.deepEqual([transport.size, closed.length], [1, 0])
    unanswered.resend()
    await unanswered.ended
    assert.equal(closed.length, 1)
    assert.equal(closed[0]!.reason, 'renewed')
    await transport.close()
  })

  test('renew() leaves every port behind; queries in flight are sent again from others, with other IDs', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop', first: 30 }] })
    const transport = new UdpTransport(optionsFor(server.port))
    const asked = Array.from({ length: 30 }, (_, at) => ask(transport, `n${at}.example`))
    await until(() => server.asked === 30)
    const before = ports(server)
    transport.renew()
    assert.equal(transport.size, 30)
    await Promise.all(asked.map(({ ended }) => ended))
    const after = new Set(server.queries.slice(30).map(({ remotePort }) => remotePort))
    assert.deepEqual([...after].filter((port) => before.has(port)), []) // prettier-ignore
    assert.deepEqual([server.asked, transport.size], [60, 0])
    await transport.close()
  })

  test('a false alarm loses no query and settles none twice, however often it is raised', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 5 }] })
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 'per-query' }))
    const asked = Array.from({ length: 10 }, () => ask(transport))
    for (let times = 1; times <= 3; times++) {
      await until(() => clock.pending === times * 10)
      transport.renew()
    }
    await until(() => clock.pending === 40)
    await clock.advance(5)
    await Promise.all(asked.map(({ ended }) => ended))
    assert.deepEqual(new Set(asked.map(({ settlements }) => settlements)), new Set([1]))
    await transport.close()
  })

  test('renew() once it is closing disturbs nothing', async () => {
    const clock = new FakeClock()
    await using server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 5 }] })
    const transport = new UdpTransport(optionsFor(server.port))
    const asked = ask(transport)
    const closing = transport.close()
    transport.renew()
    await until(() => clock.pending === 1)
    await clock.advance(5)
    await asked.ended
    await closing
    assert.equal(server.asked, 1)
  })

  test('A13: whose port it is can be asked while it is open', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { name: 'quad9' }))
    await ask(transport).ended
    const { remotePort } = server.queries[0]!
    assert.deepEqual([ownerOfPort(remotePort), ownerOfPort(remotePort, 'tcp')], ['quad9', null])
    await transport.close()
    assert.equal(ownerOfPort(remotePort), null)
  })
})

describe('errors', () => {
  test('T5: a refused port fails what is in flight at once, typed, and works again when it listens', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { name: 'quad9', sockets: 1 }))
    await ask(transport).ended
    await server.refuse()
    const asked = [ask(transport), ask(transport), ask(transport)]
    for (const { ended } of asked) {
      await assert.rejects(ended, (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_DNS_CONNECT')
        assert.equal(error.message, `quad9 refused the connection: nothing listens on 127.0.0.1:${server.port}`)
        assert.equal((error.cause as { code: string }).code, 'ECONNREFUSED')
        return true
      })
    }
    await server.resume()
    await ask(transport).ended
    await transport.close()
  })

  test('no route and no such source address fail at once, with the cause kept', async () => {
    const unreachable = new UdpTransport(optionsFor(53, { addresses: ['192.0.2.1'], source: () => '127.0.0.1' }))
    await assert.rejects(ask(unreachable).ended, { code: 'ERR_DNS_CONNECT' })
    const elsewhere = new UdpTransport(optionsFor(53, { source: () => '192.0.2.77' }))
    await assert.rejects(ask(elsewhere).ended, {
      code: 'ERR_DNS_CONNECT',
      message: 'test cannot be reached from 192.0.2.77: no interface has that address',
    })
    await Promise.all([unreachable.close(), elsewhere.close()])
  })

  test('T17, N03: without files left the open sockets go on alone, and another is tried 100 ms later', async () => {
    const clock = movable()
    let [left, tries] = [1, 0]
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port, { clock }), (options) => {
      tries++
      if (left-- > 0) return createSocket(options)
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    })
    for (let n = 0; n < 50; n++) await ask(transport).ended
    assert.deepEqual([tries, ports(server).size], [2, 1])
    clock.time = 100
    left = 1
    for (let n = 0; n < 50; n++) await ask(transport).ended
    assert.ok(tries >= 3)
    assert.equal(ports(server).size, 2)
    await transport.close()
  })

  test('without files left and no socket open, queries fail at once', async () => {
    const transport = new UdpTransport(optionsFor(53), () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    })
    for (let n = 0; n < 3; n++)
      await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT', message: /too many files/ })
    await transport.close()
  })

  test('N02: a full send queue refuses the query', async () => {
    const transport = new UdpTransport(optionsFor(9, { sockets: 1 }), (options) => {
      const socket = createSocket(options)
      socket.send = (): void => undefined
      socket.getSendQueueCount = () => 1025
      return socket
    })
    const asked = Array.from({ length: 1025 }, () => ask(transport))
    // Of a port's 1,000 queries none is over the limit; retransmissions are.
    for (const one of asked.slice(0, 25)) one.resend()
    await assert.rejects(asked[24]!.ended, { code: 'ERR_DNS_OVERLOADED' })
    transport.destroy()
  })

  test('a send error fails that query alone', async () => {
    await using server = await FakeServer.listen()
    let failing = true
    const transport = new UdpTransport(optionsFor(server.port, { sockets: 1 }), (options) => {
      const socket = createSocket(options)
      const send = socket.send.bind(socket) as (...args: unknown[]) => void
      socket.send = (...args: unknown[]): void => {
        const callback = args.at(-1) as (error: Error) => void
        if (failing) process.nextTick(callback, Object.assign(new Error('send EPERM'), { code: 'EPERM' }))
        else send(...args)
        failing = false
      }
      return socket
    })
    const first = ask(transport)
    const second = ask(transport)
    await assert.rejects(first.ended, { code: 'ERR_DNS_CONNECT', message: /forbids/ })
    await second.ended
    await transport.close()
  })

  test('a query that cannot be encoded fails, and harms no other', async () => {
    await using server = await FakeServer.listen()
    const transport = new UdpTransport(optionsFor(server.port))
    const broken = new Asked()
    Object.defineProperty(broken, 'query', { value: new Message(Buffer.alloc(12, 0xff)) })
    transport.send(broken)
    await assert.rejects(broken.ended, { code: 'ERR_DNS_MALFORMED' })
    await ask(transport).ended
    await transport.close()
  })
})

describe('the end', () => {
  test('close() lets what is in flight settle, refuses new queries, and leaves nothing open', async () => {
    const sockets = new Sockets()
    const clock = new FakeClock()
    const server = await FakeServer.listen({ clock, faults: [{ kind: 'delay', ms: 5 }] })
    const transport = new UdpTransport(optionsFor(server.port), (options) => sockets.count(createSocket(options)))
    const asked = Array.from({ length: 30 }, () => ask(transport))
    await until(() => clock.pending === 30)
    const closing = transport.close()
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CLOSED' })
    await clock.advance(5)
    await Promise.all(asked.map(({ ended }) => ended))
    await Promise.all([closing, transport.close()])
    await server.close()
    assert.ok(sockets.opened > 0)
    assert.equal(sockets.closed, sockets.opened)
    assert.deepEqual(
      process.getActiveResourcesInfo().filter((kind) => /UDP|TCP/.test(kind)),
      [],
    )
  })

  test('destroy() fails what is in flight and leaves nothing open', async () => {
    const sockets = new Sockets()
    const server = await FakeServer.listen(SILENT)
    const transport = new UdpTransport(optionsFor(server.port), (options) => sockets.count(createSocket(options)))
    const asked = Array.from({ length: 30 }, () => ask(transport))
    transport.destroy()
    for (const { ended } of asked) await assert.rejects(ended, { code: 'ERR_DNS_CLOSED' })
    await transport.close()
    await server.close()
    assert.ok(sockets.opened > 0)
    assert.equal(sockets.closed, sockets.opened)
    assert.deepEqual(
      process.getActiveResourcesInfo().filter((kind) => /UDP|TCP/.test(kind)),
      [],
    )
  })

  test('a transport that was never asked closes at once', async () => {
    const transport = new UdpTransport(optionsFor(53))
    await transport.close()
    transport.destroy()
  })
})
