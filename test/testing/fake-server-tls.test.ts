import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { describe, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import type { Fault } from '../../src/testing/fake-faults.js'
import type { FakeCertificateKind } from '../../src/testing/fake-identity.js'
import { FakeServer, type FakeServerOptions } from '../../src/testing/fake-server.js'
import { Message } from '../../src/wire/message.js'
import { askTcp, askUdp, frame, rcodeOf } from '../helpers/raw-dns.js'
import { until } from '../transport/support.js'
import { askTls, converse, dialTls, queryFor } from './support.js'

function listen(options: FakeServerOptions = {}): Promise<FakeServer> {
  return FakeServer.listen({ transports: ['tls'], ...options })
}

describe('ports', () => {
  test('udp and tcp share one, tls and https have one each, and the address is the shared one', async () => {
    await using server = await FakeServer.listen({ transports: ['https', 'tls', 'tcp', 'udp'] })
    const { port } = server
    assert.equal(server.portOf('udp'), port)
    assert.equal(server.portOf('tcp'), port)
    assert.equal(new Set([port, server.portOf('tls'), server.portOf('https')]).size, 3)
    assert.equal(server.address, `127.0.0.1:${port}`)
    assert.equal(server.addressOf('tcp'), `tcp://127.0.0.1:${port}`)
    assert.equal(server.addressOf('tls'), `tls://127.0.0.1:${server.portOf('tls')}`)
    assert.equal(server.addressOf('https'), `https://127.0.0.1:${server.portOf('https')}/dns-query`)
    assert.ok(await askUdp(port, queryFor()))
    assert.ok(await askTcp(port, queryFor()))
    assert.ok(await askTls(server, queryFor()))
    assert.deepEqual(server.queries.map(({ transport, method }) => [transport, method]), [['udp', null], ['tcp', null], ['tls', null]]) // prettier-ignore
  })

  test('without udp and tcp the address is that of the first transport', async () => {
    await using server = await FakeServer.listen({ transports: ['tls', 'https'] })
    assert.equal(server.address, server.addressOf('tls'))
    assert.equal(server.port, server.portOf('tls'))
    assert.throws(() => server.addressOf('udp'), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test('a wanted port is the one of the address', async () => {
    const first = await listen()
    const { port } = first
    await assert.rejects(listen({ port }), { code: 'ERR_DNS_CONNECT' })
    await first.close()
    await using second = await FakeServer.listen({ transports: ['tls', 'https'], port })
    assert.equal(second.portOf('tls'), port)
  })

  test('an IPv6 address stands in brackets', async () => {
    await using server = await listen({ host: '::1' })
    assert.equal(server.address, `tls://[::1]:${server.port}`)
    assert.ok(await askTls(server, queryFor(), { host: '::1', checkServerIdentity: () => undefined }))
  })

  test('refuse() closes every port and connection, resume() opens the same ones', async () => {
    await using server = await FakeServer.listen({ transports: ['udp', 'tcp', 'tls', 'https'] })
    const addresses = [server.address, server.addressOf('tls'), server.addressOf('https')]
    const open = await dialTls(server)
    await server.refuse()
    if (!open.destroyed) await once(open, 'close')
    assert.equal(server.connections, 0)
    await assert.rejects(dialTls(server), { code: 'ECONNREFUSED' })
    await server.resume()
    await server.resume()
    assert.deepEqual([server.address, server.addressOf('tls'), server.addressOf('https')], addresses)
    assert.ok(await askTls(server, queryFor()))
  })
})

describe('certificates', () => {
  test('a good one covers localhost, the loopback addresses and the names that were asked for', async () => {
    await using server = await listen({ names: ['dns.test', '*.wild.test'] })
    for (const servername of ['localhost', 'dns.test', 'a.wild.test'])
      assert.ok(await askTls(server, queryFor(), { servername }))
    assert.ok(await askTls(server, queryFor()))
    await assert.rejects(dialTls(server, { servername: 'other.test' }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  test.each<[FakeCertificateKind, string]>([
    ['wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['not-yet-valid', 'CERT_NOT_YET_VALID'],
    ['untrusted', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['client-only', 'INVALID_PURPOSE'],
  ])('A26: %s is refused by node:tls as %s, and not an octet of application data comes', async (certificate, code) => {
    await using server = await listen({ certificate, names: ['dns.test'] })
    await assert.rejects(dialTls(server, { servername: 'dns.test' }), { code })
    await until(() => server.accepted === 1 && server.connections === 0)
    assert.equal(server.received, 0)
    server.certificate = 'good'
    assert.ok(await askTls(server, queryFor()))
    assert.equal(server.received, 2 + queryFor().length)
  })

  test('R-DOT-3: common-name-only has the name where node:tls looks for want of another, and a strict client does not', async () => {
    await using server = await listen({ certificate: 'common-name-only', names: ['dns.test'] })
    const socket = await dialTls(server, { servername: 'dns.test' })
    const { subject, subjectaltname } = socket.getPeerCertificate()
    assert.deepEqual([subject.CN, subjectaltname], ['dns.test', undefined])
  })

  test('one that was issued elsewhere is shown as it is', async () => {
    const authority = new FakeAuthority()
    const certificate = authority.issue({ names: ['own.test'] })
    await using server = await listen({ authority, certificate })
    assert.equal(server.ca, authority.cert)
    assert.equal(server.certificate, certificate)
    assert.ok(await askTls(server, queryFor(), { servername: 'own.test' }))
  })

  test.each<[string, object]>([
    ['a kind that nobody knows', { certificate: 'expird' }],
    ['no certificate at all', { certificate: {} }],
  ])('%s is refused clearly', async (_, options) => {
    await assert.rejects(listen(options), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test('a client must show a certificate of the authority that is asked for', async () => {
    const clientAuthority = new FakeAuthority('clients')
    await using server = await listen({ clientAuthority })
    const { cert, key } = clientAuthority.issue({ usage: 'client' })
    assert.ok(await askTls(server, queryFor(), { cert, key }))
    assert.equal(await askTls(server, queryFor()), null)
    const stranger = new FakeAuthority('strangers').issue({ usage: 'client' })
    assert.equal(await askTls(server, queryFor(), { cert: stranger.cert, key: stranger.key }), null)
    server.certificate = 'wrong-name'
    assert.equal(await askTls(server, queryFor(), { checkServerIdentity: () => undefined }), null)
    assert.equal(server.asked, 1)
  })
})

describe('handshakes', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'N09: a %s session outlives a change of the certificate',
    async (version) => {
      await using server = await listen()
      const first = await dialTls(server, { maxVersion: version, minVersion: version })
      let session: Buffer | undefined = first.getSession()
      first.on('session', (ticket: Buffer) => (session = ticket))
      await converse(first, [queryFor()])
      first.destroy()
      assert.deepEqual([server.handshakes, server.resumed], [1, 0])
      server.certificate = 'expired'
      const again = await dialTls(server, { session, maxVersion: version })
      assert.ok(again.isSessionReused())
      assert.equal((await converse(again, [queryFor()])).replies.length, 1)
      again.destroy()
      assert.deepEqual([server.handshakes, server.resumed], [2, 1])
      await assert.rejects(dialTls(server), { code: 'CERT_HAS_EXPIRED' })
    },
  )

  test('a session is taken by the server that comes back on the port', async () => {
    await using server = await listen()
    const first = await dialTls(server)
    const ticket = once(first, 'session')
    await converse(first, [queryFor()])
    const [session] = (await ticket) as [Buffer]
    await server.refuse()
    await server.resume()
    assert.ok((await dialTls(server, { session })).isSessionReused())
  })

  test('ALPN says dot, unless it is told otherwise', async () => {
    const chosen = async (server: FakeServer, ...ALPNProtocols: string[]): Promise<string | false | null> =>
      (await dialTls(server, { ALPNProtocols })).alpnProtocol
    await using server = await listen()
    assert.equal(await chosen(server, 'dot'), 'dot')
    assert.equal((await dialTls(server)).alpnProtocol, false)
    await assert.rejects(chosen(server, 'h2'), { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' })
    await using silent = await listen({ alpn: [] })
    assert.equal(await chosen(silent, 'dot'), false)
    await using other = await listen({ alpn: ['imap'] })
    assert.equal(await chosen(other, 'dot', 'imap'), 'imap')
  })

  test('handshake-silence accepts and never answers; first counts connections', async () => {
    await using server = await listen({ faults: [{ kind: 'handshake-silence', first: 2 }] })
    const silent = Array.from({ length: 2 }, () => connect({ host: '127.0.0.1', port: server.port, ca: server.ca }))
    for (const socket of silent) socket.on('error', () => undefined)
    await until(() => server.connections === 2)
    assert.ok(await askTls(server, queryFor()))
    assert.ok(silent.every((socket) => !socket.destroyed && !socket.authorized))
    assert.equal(server.handshakes, 1)
    for (const socket of silent) socket.destroy()
    await until(() => server.connections === 0)
  })

  test('close-after-handshake closes before a query is read', async () => {
    await using server = await listen({ faults: [{ kind: 'close-after-handshake', every: 2 }] })
    assert.ok(await askTls(server, queryFor()))
    assert.equal(await askTls(server, queryFor()), null)
    assert.ok(await askTls(server, queryFor()))
    assert.deepEqual([server.asked, server.handshakes, server.accepted], [2, 3, 3])
    await until(() => server.connections === 0)
  })

  test('what is no TLS does no harm', async () => {
    await using server = await listen()
    const socket = connectTcp(server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    assert.ok(await askTls(server, queryFor()))
    assert.deepEqual([server.handshakes, server.asked], [1, 1])
  })
})

describe('faults', () => {
  async function ask(faults: readonly Fault[], queries = 1): Promise<Awaited<ReturnType<typeof converse>>> {
    await using server = await listen({ faults })
    const socket = await dialTls(server)
    const ids = Array.from({ length: queries }, (_, n) => n + 1)
    return await converse(socket, ids.map((id) => queryFor('example.com', id))) // prettier-ignore
  }
  const ids = (replies: readonly Buffer[]): number[] => replies.map((reply) => reply.readUInt16BE(0))

  test('reset comes in place of the reply, reset-midway after half of it', async () => {
    const reset = await ask([{ kind: 'reset' }])
    assert.deepEqual([reset.replies.length, reset.rest.length, reset.error], [0, 0, 'ECONNRESET'])
    const midway = await ask([{ kind: 'reset-midway' }])
    const whole = 2 + Message.reply(new Message(queryFor()), { answers: [{ type: 'A', ttl: 300, data: '192.0.2.1', name: 'example.com' }] }).wire.length // prettier-ignore
    assert.deepEqual([midway.replies.length, midway.rest.length], [0, Math.floor(whole / 2)])
  })

  test('half-close ends the connection without an error', async () => {
    const { replies, error } = await ask([{ kind: 'half-close' }])
    assert.deepEqual([replies, error], [[], null])
  })

  test('slow replies are whole and in order, with fast ones behind them', async () => {
    const { replies } = await ask([{ kind: 'slow', ms: 0.1, first: 2 }], 3)
    assert.deepEqual(ids(replies), [1, 2, 3])
  })

  test('slow replies go out octet by octet, the next one behind the last', async () => {
    const clock = new FakeClock()
    await using server = await listen({ faults: [{ kind: 'slow', ms: 10 }], clock })
    const socket = await dialTls(server)
    let settled = false
    const end = converse(socket, [queryFor('a.test', 1), queryFor('b.test', 2)]).finally(() => (settled = true))
    while (!settled) {
      await clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { replies } = await end
    const octets = replies.reduce((sum, reply) => sum + 2 + reply.length, 0)
    assert.ok(clock.now() >= 10 * (octets - 2), `${octets} octets took ${clock.now()} ms`)
  })

  test('slow and reset-midway together', async () => {
    const { replies, rest } = await ask([{ kind: 'slow', ms: 0.1 }, { kind: 'reset-midway' }])
    assert.equal(replies.length, 0)
    assert.ok(rest.length > 0)
  })

  test('replies in reverse and a close after so many', async () => {
    const { replies } = await ask([{ kind: 'out-of-order', count: 3 }, { kind: 'close-after', replies: 3 }], 4) // prettier-ignore
    assert.deepEqual(ids(replies), [3, 2, 1])
  })

  test('duplicates and bad replies with the good one behind them', async () => {
    await using server = await listen({ faults: [{ kind: 'duplicate', first: 1 }, { kind: 'wrong-id', goodAfter: 1, every: 2 }] }) // prettier-ignore
    const socket = await dialTls(server)
    const { replies } = await converse(socket, [queryFor('a.test', 1), queryFor('b.test', 2)], 4)
    assert.deepEqual(ids(replies), [1, 1, 0x5557, 2])
  })

  test('silence keeps the connection, answers nothing more, and sees the client go', async () => {
    await using server = await listen({ faults: [{ kind: 'silence', first: 1 }] })
    const socket = await dialTls(server)
    void converse(socket, [queryFor()])
    await until(() => server.asked === 1)
    const before = server.received
    socket.write(frame(queryFor()))
    await until(() => server.received > before)
    assert.ok(await askTls(server, queryFor()))
    assert.equal(server.asked, 2)
    assert.equal(server.connections >= 1, true)
    assert.ok(!socket.destroyed)
    socket.destroy()
    await until(() => server.connections === 0)
  })

  test('faults are counted over all transports in the order in which queries arrive, however long answers take', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await using server = await FakeServer.listen({
      transports: ['udp', 'tls'],
      faults: [{ kind: 'rcode', rcode: 'REFUSED', first: 1 }],
      answer: async ({ transport }) => {
        if (transport === 'tls') await held
        return ['192.0.2.1']
      },
    })
    const first = askTls(server, queryFor())
    await until(() => server.asked === 1)
    assert.equal(rcodeOf((await askUdp(server.port, queryFor()))!), 0)
    release()
    assert.equal(rcodeOf((await first)!), 5)
  })

  test.each<[string, Partial<FakeServerOptions>]>([
    ['a fault that is not for tls', { faults: [{ kind: 'goaway' }] }],
    ['a fault for a transport that it cannot befall', { transports: ['udp', 'tls'], faults: [{ kind: 'truncated', transport: 'tls' }] }], // prettier-ignore
    ['a fault for a transport that is not served', { faults: [{ kind: 'drop', transport: 'udp' }] }],
    ['a fault of the handshake with a name', { faults: [{ kind: 'handshake-silence', name: 'example.com' }] }],
    ['no transports', { transports: [] }],
    ['a transport that nobody knows', { transports: ['udp', 'sctp' as 'udp'] }],
  ])('%s is refused clearly', async (_, options) => {
    await assert.rejects(listen(options), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test('a fault that is refused leaves those before it', async () => {
    await using server = await listen({ faults: [{ kind: 'drop', first: 1 }] })
    assert.throws(() => (server.faults = [{ kind: 'duplicate', transport: 'https' }]), { code: 'ERR_DNS_INVALID_OPTION' }) // prettier-ignore
    assert.deepEqual(server.faults, [{ kind: 'drop', first: 1 }])
  })
})

test('clients that vanish at any moment leave nothing behind', async () => {
  await using server = await listen({ faults: [{ kind: 'delay', ms: 1, every: 2 }, { kind: 'slow', every: 3 }] }) // prettier-ignore
  const sockets: TLSSocket[] = []
  for (let n = 0; n < 20; n++) {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.ca })
    socket.on('error', () => undefined)
    sockets.push(socket)
    if (n % 3 === 0) continue
    await once(socket, 'secureConnect')
    socket.write(Buffer.concat([Buffer.from([0, queryFor().length]), queryFor()]).subarray(0, n % 3 === 1 ? 100 : 9))
  }
  for (const socket of sockets) socket.destroy()
  await until(() => server.connections === 0 && server.accepted === 20)
})
