import assert from 'node:assert/strict'
import type { TLSSocket } from 'node:tls'
import { describe, test } from 'vitest'
import { frame } from '../../src/transport/framing.js'
import { ownerOfPort } from '../../src/transport/own-ports.js'
import { TlsTransport } from '../../src/transport/tls.js'
import type { ConnectionEvent, TransportOptions } from '../../src/transport/transport.js'
import { Message } from '../../src/wire/message.js'
import { ask, halfFake, optionsFor, until } from './support.js'
import { answer, settingsFor, TlsPeer } from './tls-support.js'

function transportTo(peer: TlsPeer, options: Partial<TransportOptions> = {}): TlsTransport {
  return new TlsTransport(optionsFor(peer.port, { tls: settingsFor(), ...options }))
}

describe('asking', () => {
  test('R-7766-3: 500 queries at once share one connection, each with its own reply', async () => {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer)
    assert.equal(peer.accepted, 0)
    const asked = Array.from({ length: 500 }, (_, n) => ask(transport, `${n}.example`))
    for (const [n, { ended }] of asked.entries())
      assert.equal((await ended).answers[0]!.data, `192.0.2.${n % 256 || 1}`)
    assert.deepEqual([peer.accepted, peer.queries.length, transport.size], [1, 500, 0])
    await transport.close()
  })

  test('R-7766-3: replies in any order reach their queries', async () => {
    await using peer = await TlsPeer.listen()
    peer.onQuery = (_, socket): void => {
      if (peer.queries.length < 100) return
      for (const query of peer.queries.toReversed()) socket.write(frame(answer(query)))
    }
    const transport = transportTo(peer)
    const asked = Array.from({ length: 100 }, (_, n) => ask(transport, `${n + 1}.example`))
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n + 1}`)
    await transport.close()
  })

  test('a reply that comes octet by octet, a record each, is a reply', async () => {
    await using peer = await TlsPeer.listen()
    peer.onQuery = (query, socket): void => {
      for (const octet of frame(answer(query))) socket.write(Buffer.from([octet]))
    }
    const transport = transportTo(peer)
    assert.equal((await ask(transport).ended).answers.length, 1)
    await transport.close()
  })

  test('a reply of nearly 65,535 octets comes whole', async () => {
    await using peer = await TlsPeer.listen()
    const data = Array.from({ length: 255 }, () => 'x'.repeat(255))
    peer.onQuery = (query, socket): void => {
      socket.write(frame(Message.reply(query, { answers: [{ name: 'example.com', type: 'TXT', ttl: 1, data }] }).wire))
    }
    const transport = transportTo(peer)
    assert.ok((await ask(transport, 'example.com', 'TXT').ended).wire.length > 65_280)
    await transport.close()
  })

  test('A13: the events say both ends, and the port can be asked for while it is open', async () => {
    await using peer = await TlsPeer.listen()
    const events: ConnectionEvent[] = []
    const transport = transportTo(peer, {
      addresses: ['127.0.0.9', '127.0.0.1'],
      source: (address) => (address === '127.0.0.1' ? '127.0.0.3' : null),
      onConnect: (event) => events.push(event),
      onDisconnect: (event) => events.push(event),
    })
    await ask(transport).ended
    const { remoteAddress, remotePort } = peer.secured[0]!
    assert.equal(remoteAddress, '127.0.0.3')
    assert.equal(ownerOfPort(remotePort!, 'tcp'), 'test')
    await transport.close()
    assert.equal(ownerOfPort(remotePort!, 'tcp'), null)
    const ends = { remote: `127.0.0.1:${peer.port}`, local: `127.0.0.3:${remotePort}` }
    assert.deepEqual(events, [{ ...ends, reason: null }, { ...ends, reason: 'renewed' }]) // prettier-ignore
  })
})

describe('what goes with a query', () => {
  /** The options of three queries, one after the other, as codes with lengths. */
  async function optionsSent(given: Partial<TransportOptions>): Promise<string[]> {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer, given)
    for (let n = 0; n < 3; n++) await ask(transport, 'example.com').ended
    await transport.close()
    return peer.queries.map(({ edns }) => edns!.options.map(({ code, data }) => `${code}:${data.length}`).join(' '))
  }

  test('R-PAD-2: padding to 128 octets by default, and none where it is switched off', async () => {
    assert.deepEqual(await optionsSent({}), ['12:84', '12:84', '12:84'])
    assert.deepEqual(await optionsSent({ padding: false }), ['', '', ''])
  })

  test('R-7828-1: a keepalive with the first query of a connection, where it is asked for', async () => {
    assert.deepEqual(await optionsSent({ keepalive: true }), ['11:0 12:80', '12:84', '12:84'])
    assert.deepEqual(await optionsSent({ keepalive: true, padding: false }), ['11:0', '', ''])
  })

  test('R-7828-1: the first query that takes EDNS, and the first of each connection', async () => {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer, { keepalive: true, padding: false })
    for (let n = 0; n < 2; n++) {
      const plain = ask(transport)
      plain.edns = false
      await plain.ended
      await ask(transport).ended
      transport.renew()
    }
    assert.deepEqual(
      peer.queries.map(({ edns }) => edns?.options.length ?? null),
      [null, 1, null, 1],
    )
    await transport.close()
  })
})

describe('connections that end', () => {
  test.each<[string, (socket: TLSSocket, peer: TlsPeer) => void]>([
    ['is reset', (socket, peer) => peer.reset(socket)],
    ['is cut', (socket) => void socket.destroy()],
    ['ends with a goodbye', (socket) => void socket.end()],
  ])('R-DOT-5, T19: a connection that %s under 200 in flight loses none of them', async (_, finish) => {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer)
    for (let round = 0; round < 10; round++) {
      await ask(transport).ended
      let seen = 0
      const used = peer.secured.at(-1)!
      peer.onQuery = (query, socket): void => {
        if (socket !== used) return void socket.write(frame(answer(query)))
        if (++seen < 100) socket.write(frame(answer(query)))
        else if (seen === 100) finish(socket, peer)
      }
      const asked = Array.from({ length: 200 }, () => ask(transport))
      await Promise.all(asked.map(({ ended }) => ended))
      for (const { settlements } of asked) assert.equal(settlements, 1)
    }
    await transport.close()
  })

  test('a fresh connection that is closed fails its queries', async () => {
    await using peer = await TlsPeer.listen()
    peer.onQuery = (_, socket): void => void socket.end()
    const transport = transportTo(peer)
    await assert.rejects(ask(transport).ended, {
      code: 'ERR_DNS_CONNECT',
      message: 'test closed the connection before it replied',
    })
    await transport.close()
  })

  test('R-9210-1: one that is idle says goodbye before it goes (RFC 8446, section 6.1)', async () => {
    const clock = halfFake()
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer, { clock, idleTimeout: 500 })
    await ask(transport).ended
    let ended = false
    let failed = false
    peer.secured[0]!.on('end', () => (ended = true))
    peer.secured[0]!.on('error', () => (failed = true))
    await clock.fake.advance(500)
    await until(() => peer.open === 0)
    assert.deepEqual([ended, failed], [true, false])
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test('R-7766-4: 200 queries after a pause open one connection, which resumes', async () => {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer)
    await ask(transport).ended
    transport.renew()
    await Promise.all(Array.from({ length: 200 }, () => ask(transport).ended))
    assert.deepEqual([peer.accepted, peer.resumed], [2, 1])
    await transport.close()
  })
})

describe('the end', () => {
  test('close() lets what is in flight settle and leaves nothing open', async () => {
    const held: (() => void)[] = []
    await using peer = await TlsPeer.listen()
    peer.onQuery = (query, socket): void => void held.push(() => socket.write(frame(answer(query))))
    const transport = transportTo(peer)
    const asked = Array.from({ length: 30 }, () => ask(transport))
    await until(() => held.length === 30)
    const closing = transport.close()
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CLOSED' })
    for (const release of held) release()
    await Promise.all(asked.map(({ ended }) => ended))
    await closing
    await until(() => peer.open === 0)
  })

  test.each(['connecting', 'shaking hands', 'connected'] as const)(
    'destroy() while %s fails what is in flight and leaves nothing open',
    async (when) => {
      await using peer = await TlsPeer.listen()
      const transport = transportTo(peer)
      if (when === 'connected') await ask(transport).ended
      peer.onQuery = (): void => undefined
      const asked = Array.from({ length: 30 }, () => ask(transport))
      if (when === 'shaking hands') await until(() => peer.accepted === 1)
      transport.destroy()
      for (const { ended } of asked) await assert.rejects(ended, { code: 'ERR_DNS_CLOSED' })
      await transport.close()
      await until(() => peer.open === 0)
    },
  )

  test('a transport that was never asked opens nothing and closes at once', async () => {
    await using peer = await TlsPeer.listen()
    const transport = transportTo(peer)
    await transport.close()
    transport.destroy()
    assert.equal(peer.accepted, 0)
  })
})
