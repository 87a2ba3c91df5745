import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { QuicClient, type QuicClientOptions } from '../../src/quic/client.js'
import { QuicServer, type QuicServerOptions } from '../../src/quic/server.js'
import { wasm } from '../../src/quic/wasm.js'
import type { ConnectionEnd, StreamHandler } from '../../src/quic/types.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { seeded } from '../fuzz/mutate.js'
import { ask, echo, FakeNet, UNEXPECTED, when } from './stage.js'

const SERVER = { address: '192.0.2.1', port: 853 }
const NOW = Date.parse('2026-06-01T00:00:00Z')
const NAMES = ['quic.test', '192.0.2.7', '2001:db8::7']
const AUTHORITY = new FakeAuthority()
const GOOD = AUTHORITY.issue({ names: NAMES })

interface Stage {
  readonly clock: FakeClock
  readonly net: FakeNet
  readonly client: QuicClient
  readonly server: QuicServer
}

/** A client and a server on a network of their own, in virtual time. */
async function stage(server: Partial<QuicServerOptions> = {}, client: Partial<QuicClientOptions> = {}): Promise<Stage> {
  const clock = (server.clock as FakeClock | undefined) ?? new FakeClock(NOW)
  const net = new FakeNet(clock)
  const made = {
    clock,
    net,
    client: await QuicClient.create({ alpn: ['echo'], ca: AUTHORITY.cert, clock, dialLine: net.dial, ...client }),
    server: await QuicServer.create({ ...GOOD, alpn: ['echo'], onConnection: echo, clock, ...server }),
  }
  made.server.attachLine(net.listen(SERVER.address, SERVER.port))
  return made
}

async function over({ client, server, clock }: Stage): Promise<void> {
  client.destroy()
  server.destroy()
  await clock.advance(20) // what is on its way arrives nowhere
  assert.equal(clock.pending, 0)
}

async function endOf(t: Stage, serverName = 'quic.test'): Promise<ConnectionEnd | null> {
  const { connected } = when(t.client, { ...SERVER, serverName })
  return t.clock.run(
    connected.then(
      () => null,
      (end: ConnectionEnd) => end,
    ),
  )
}

describe('quic certificates', () => {
  for (const serverName of NAMES) {
    test(`${serverName} is who the certificate says`, async () => {
      const t = await stage()
      assert.equal(await endOf(t, serverName), null)
      await over(t)
    })
  }

  const bad: readonly (readonly [string, { cert: string; key: string }, string, RegExp])[] = [
    ['another name', GOOD, 'other.test', /not valid for name "other.test"; certificate is only valid for/],
    ['another address', GOOD, '192.0.2.8', /not valid for name "192.0.2.8"/],
    ['a common name only', AUTHORITY.issue({ names: [], commonName: 'quic.test' }), 'quic.test', /not valid for/],
    [
      'an expired one',
      AUTHORITY.issue({ names: NAMES, notAfter: new Date('2026-01-01') }),
      'quic.test',
      /certificate expired/,
    ],
    [
      'one of later',
      AUTHORITY.issue({ names: NAMES, notBefore: new Date('2027-01-01') }),
      'quic.test',
      /not valid yet/,
    ],
    ['one of nobody', FakeAuthority.selfSigned({ names: NAMES }), 'quic.test', /UnknownIssuer/],
    ['one of a stranger', new FakeAuthority('stranger').issue({ names: NAMES }), 'quic.test', /UnknownIssuer/],
    ['one for clients', AUTHORITY.issue({ names: NAMES, usage: 'client' }), 'quic.test', /purpose|usage/i],
  ]
  for (const [what, certificate, serverName, reason] of bad) {
    test(`${what} is refused with its reason, and nothing of ours is sent`, async () => {
      const brought: Buffer[] = []
      const t = await stage({
        ...certificate,
        onConnection: () => ({
          ...UNEXPECTED,
          onStream: () => {
            brought.push(Buffer.alloc(0))
            return nothing()
          },
        }),
      })
      const end = await endOf(t, serverName)
      assert.equal(end?.cause, 'transport')
      assert.equal(end.code >> 8, 1)
      assert.match(end.reason, reason)
      assert.equal(end.established, false)
      await t.clock.advance(1000)
      assert.deepEqual(brought, [])
      await over(t)
    })
  }

  test('nobody is refused where nobody is verified', async () => {
    const t = await stage(FakeAuthority.selfSigned({ names: [] }), { verify: false })
    assert.equal(await endOf(t, 'whoever.test'), null)
    await over(t)
  })

  test('a self-signed certificate that is trusted itself is taken, for its names and dates only', async () => {
    const own = FakeAuthority.selfSigned({ names: NAMES, notAfter: new Date('2026-07-01') })
    const t = await stage(own, { ca: own.cert })
    assert.equal(await endOf(t), null)
    assert.match((await endOf(t, 'other.test'))!.reason, /not valid for name/)
    t.clock.sleep(60 * 86_400_000)
    const later = await stage(own, { ca: own.cert, clock: t.clock, dialLine: t.net.dial })
    const { end } = when(later.client, { ...SERVER, serverName: 'quic.test' })
    assert.match((await t.clock.run(end)).reason, /certificate expired/)
    await over(t)
    await over(later)
  })

  test('later connections are shown a new certificate', async () => {
    const t = await stage()
    assert.equal(await endOf(t), null)
    t.server.setCertificate(AUTHORITY.issue({ names: ['new.test'] }))
    assert.throws(() => t.server.setCertificate({ cert: GOOD.cert, key: 'none' }))
    assert.match((await endOf(t, '192.0.2.7'))!.reason, /only valid for DnsName\("new.test"\)/)
    await over(t)
  })

  test('a protocol that the server does not speak ends the handshake', async () => {
    const t = await stage({ alpn: ['other'] })
    const end = await endOf(t)
    assert.equal(end?.code, 0x178) // no_application_protocol
    await over(t)
  })
})

describe('quic connections', () => {
  test('a thousand questions at once are answered, though the server grants a hundred streams', async () => {
    const t = await stage()
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const all = Array.from({ length: 1000 }, (_, i) => ask(connection, Buffer.from(`question ${i}`)))
    const answers = await t.clock.run(Promise.all(all))
    answers.forEach((answer, i) => assert.equal(answer.toString(), `question ${i}`))
    await over(t)
  })

  test('what exceeds all windows arrives whole, both ways', async () => {
    const t = await stage()
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const much = Buffer.alloc(3_000_000, 'octets ')
    assert.ok((await t.clock.run(ask(connection, much))).equals(much))
    await over(t)
  })

  test('one datagram in twenty is lost, and no answer is', async () => {
    const t = await stage()
    const below = seeded(20_261_126)
    t.net.drop = () => below(20) === 0
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const all = Array.from({ length: 2000 }, (_, i) => ask(connection, Buffer.from(`question ${i}`)))
    const answers = await t.clock.run(Promise.all(all))
    answers.forEach((answer, i) => assert.equal(answer.toString(), `question ${i}`))
    await over(t)
  })

  test('silence ends a connection, for both', async () => {
    const ends: ConnectionEnd[] = []
    const t = await stage(
      { onConnection: () => ({ ...UNEXPECTED, onClosed: (_connection, end) => ends.push(end) }) },
      { idleTimeout: 3000 },
    )
    const { connected, end } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const before = t.clock.now()
    assert.equal((await t.clock.run(end)).cause, 'idle')
    assert.ok(t.clock.now() - before < 3500)
    await t.clock.advance(3000)
    assert.equal(ends[0]?.cause, 'idle')
    assert.equal(t.server.size, 0)
    await over(t)
  })

  test('a keep-alive keeps it', async () => {
    const t = await stage({}, { idleTimeout: 3000, keepAlive: 1000 })
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    await t.clock.advance(60_000)
    assert.equal(connection.closed, false)
    await over(t)
  })

  for (const [what, key, cause] of [
    ['resets at once what it does not know, with the key of the last one', Buffer.alloc(32, 7), 'reset'],
    ['says nothing that counts, with another key', Buffer.alloc(32, 8), 'idle'],
  ] as const) {
    test(`a server that was started anew ${what}`, async () => {
      const t = await stage({ resetKey: Buffer.alloc(32, 7) })
      const { connection, connected, end } = when(t.client, { ...SERVER, serverName: 'quic.test' })
      await t.clock.run(connected)
      await t.clock.advance(100)
      t.net.drop = () => true
      t.server.destroy()
      t.net.drop = () => false
      const anew = await stage({ resetKey: key, clock: t.clock })
      anew.client.destroy()
      anew.server.attachLine(t.net.listen(SERVER.address, SERVER.port))
      const lost = ask(connection, Buffer.alloc(100)).then(null, (why: ConnectionEnd) => why)
      const before = t.clock.now()
      assert.equal((await t.clock.run(end)).cause, cause)
      if (cause === 'reset') assert.ok(t.clock.now() - before <= 2 * t.net.delay + 5)
      assert.equal(((await lost) as ConnectionEnd).cause, cause)
      anew.server.destroy()
      await over(t)
    })
  }

  test('the handshake has its time, and no more', async () => {
    const t = await stage()
    t.net.drop = () => true
    const { end } = when(t.client, { ...SERVER, serverName: 'quic.test', handshakeTimeout: 700 })
    assert.deepEqual(await t.clock.run(end), {
      cause: 'timeout',
      code: 0,
      reason: 'the handshake took too long',
      established: false,
    })
    assert.equal(t.clock.now() - NOW, 700)
    await over(t)
  })

  test('who connects again when a connection has ended gets another one', async () => {
    const t = await stage({ onConnection: () => ({ ...UNEXPECTED, onConnected: (connection) => connection.close(9) }) })
    const ends: number[] = []
    const done = new Promise<void>((resolve) => {
      const dial = (left: number): void => {
        t.client.connect({
          ...SERVER,
          serverName: 'quic.test',
          handler: {
            ...UNEXPECTED,
            onClosed: (_connection, end) => {
              ends.push(end.code)
              if (left > 0) dial(left - 1)
              else resolve()
            },
          },
        })
      }
      dial(20)
    })
    await t.clock.run(done)
    assert.deepEqual(ends, new Array(21).fill(9))
    await t.clock.advance(5000)
    assert.equal(t.server.size, 0)
    await over(t)
  })

  test('a close says its code and reason, and streams hear of it first', async () => {
    const told: string[] = []
    const t = await stage({
      onConnection: () => ({
        ...UNEXPECTED,
        onStream: (connection) => {
          connection.close(42, 'no more\u0007')
          return nothing()
        },
      }),
    })
    const { connection, connected, end } = when(t.client, {
      ...SERVER,
      serverName: 'quic.test',
      handler: { ...UNEXPECTED, onClosed: () => told.push('connection') },
    })
    await t.clock.run(connected)
    const stream = connection.open({ ...nothing(), onLost: (why) => told.push(`stream ${why.cause}`) })
    stream!.write(Buffer.from('x'), false)
    const why = await t.clock.run(end)
    assert.deepEqual([why.cause, why.code], ['application', 42])
    assert.match(why.reason, /no more\ufffd/)
    assert.deepEqual(told, ['stream application', 'connection'])
    assert.equal(connection.open(nothing()), null)
    await over(t)
  })

  test('a cancelled stream tells the peer and nobody here', async () => {
    const told: string[] = []
    const t = await stage({
      onConnection: () => ({
        ...UNEXPECTED,
        onStream: () => ({
          onData: (octets) => told.push(octets.toString()),
          onReset: (code) => told.push(`reset ${code}`),
          onStopped: (code) => told.push(`stopped ${code}`),
          onLost: () => told.push('lost'),
        }),
      }),
    })
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const stream = connection.open(nothing())!
    stream.write(Buffer.from('que'), false)
    await t.clock.advance(50)
    stream.cancel(3)
    stream.write(Buffer.from('late'), true)
    await t.clock.advance(50)
    assert.deepEqual(told.sort(), ['que', 'reset 3', 'stopped 3'])
    assert.equal(connection.closed, false)
    await over(t)
  })

  test('a stream in one direction goes only there', async () => {
    const brought: string[] = []
    const t = await stage({
      onConnection: () => ({
        ...UNEXPECTED,
        onStream: (_connection, stream) => ({
          ...nothing(),
          onData: (octets, fin) => brought.push(`${stream.bidirectional} ${octets.toString()} ${fin}`),
        }),
      }),
    })
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const stream = connection.open(nothing(), false)!
    assert.equal(stream.bidirectional, false)
    stream.write(Buffer.from('one way'), true)
    await t.clock.advance(50)
    assert.deepEqual(brought, ['false one way true'])
    await over(t)
  })

  test('it goes on from another port', async () => {
    const t = await stage()
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    await t.clock.run(ask(connection, Buffer.from('before')))
    const port = connection.localPort
    t.client.move(connection, null)
    assert.notEqual(connection.localPort, port)
    assert.equal((await t.clock.run(ask(connection, Buffer.from('after')))).toString(), 'after')
    await over(t)
  })
})

describe('quic sessions', () => {
  test('the second connection is resumed, and knows the certificate of the first', async () => {
    const t = await stage()
    const first = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(first.connected)
    await t.clock.advance(100)
    const datagrams = t.net.sent
    const octets = sizes(t)
    const second = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(second.connected)
    assert.deepEqual(second.connection.peerCertificates, first.connection.peerCertificates)
    assert.ok(t.net.sent > datagrams && octets.down() < 1700, `${octets.down()} octets came: a whole handshake`)
    await over(t)
  })

  test('early data arrives before the handshake is complete', async () => {
    const early: boolean[] = []
    const t = await stage({
      earlyData: true,
      onConnection: () => {
        const handler = echo()
        return {
          ...handler,
          onStream: (connection, stream) => {
            early.push(!connection.established)
            return handler.onStream(connection, stream)
          },
        }
      },
    })
    const options = { ...SERVER, serverName: 'quic.test', earlyData: true }
    const first = when(t.client, options)
    assert.equal(first.connection.open(nothing()), null)
    await t.clock.run(first.connected)
    await t.clock.advance(100)
    const second = when(t.client, options)
    const answer = ask(second.connection, Buffer.from('early'))
    assert.equal((await t.clock.run(answer)).toString(), 'early')
    assert.equal(second.connection.earlyDataAccepted, true)
    assert.deepEqual(early, [true])
    await over(t)
  })

  test('early data that is refused is sent again', async () => {
    const t = await stage({ earlyData: true })
    const options = { ...SERVER, serverName: 'quic.test', earlyData: true }
    await t.clock.run(when(t.client, options).connected)
    await t.clock.advance(100)
    t.server.setCertificate(GOOD) // it forgets its sessions
    const second = when(t.client, options)
    const questions = ['one', 'two', 'three'].map((text) => ask(second.connection, Buffer.from(text)))
    second.connection.open(nothing())!.cancel(3)
    const answers = await t.clock.run(Promise.all(questions))
    assert.deepEqual(answers.map(String), ['one', 'two', 'three'])
    assert.equal(second.connection.earlyDataAccepted, false)
    await over(t)
  })
})

describe('quic servers', () => {
  test('a client proves its address where it must', async () => {
    const t = await stage({ retryAbove: 0 })
    let retries = 0
    t.net.drop = (octets, from) => {
      if (from.startsWith(SERVER.address) && (octets[0]! & 0xf0) === 0xf0) retries++
      return false
    }
    assert.equal(await endOf(t), null)
    assert.equal(retries, 1)
    await over(t)
  })

  test('whom the host refuses is told so, and costs no connection', async () => {
    const t = await stage({ admit: () => 'refuse' })
    const end = await endOf(t)
    assert.deepEqual([end?.cause, end?.code, t.server.size], ['transport', 2, 0])
    await over(t)
  })

  test('whom the host asks for proof proves it before there is a connection', async () => {
    const asked: (readonly [string, boolean])[] = []
    const t = await stage({
      admit: ({ address }, proven) => {
        asked.push([address, proven])
        return proven ? 'accept' : 'prove'
      },
    })
    assert.equal(await endOf(t), null)
    assert.deepEqual(
      asked.map(([, proven]) => proven),
      [false, true],
    )
    assert.equal(asked[0]![0], asked[1]![0])
    await over(t)
  })

  test('later connections are served by what was said last, and the first by what it was begun with', async () => {
    const t = await stage({ streams: 2 })
    const first = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(first.connected)
    t.server.serveBy({ ...GOOD, alpn: ['echo'], streams: 3, handshakeTimeout: 1000 })
    const second = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(second.connected)
    for (const [{ connection }, granted] of [
      [first, 2],
      [second, 3],
    ] as const) {
      for (let count = 0; count < granted; count++) assert.notEqual(connection.open(nothing()), null)
      assert.equal(connection.open(nothing()), null)
    }
    const silent = await stage({ handshakeTimeout: 60_000 })
    silent.server.serveBy({ ...GOOD, alpn: ['echo'], handshakeTimeout: 1000 })
    let sent = 0
    silent.net.drop = (_octets, from) => from.startsWith('10.') && ++sent > 1
    when(silent.client, { ...SERVER, serverName: 'quic.test' })
    await silent.clock.advance(1100)
    assert.equal(silent.server.size, 0)
    await over(t)
    await over(silent)
  })

  test('a client that falls silent in its handshake is given up', async () => {
    const ends: ConnectionEnd[] = []
    const t = await stage({
      handshakeTimeout: 2000,
      onConnection: () => ({ ...UNEXPECTED, onClosed: (_connection, end) => ends.push(end) }),
    })
    let sent = 0
    t.net.drop = (_octets, from) => from.startsWith('10.') && ++sent > 1
    when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.advance(1900)
    assert.equal(t.server.size, 1)
    await t.clock.advance(200)
    assert.equal(t.server.size, 0)
    assert.deepEqual([ends[0]?.cause, ends[0]?.established], ['timeout', false])
    await over(t)
  })

  test('one that closes refuses the new and waits for the old', async () => {
    const t = await stage()
    const { connection, connected } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    let closed = false
    const closing = t.server.close().then(() => (closed = true))
    assert.equal((await endOf(t))?.code, 2)
    assert.equal((await t.clock.run(ask(connection, Buffer.from('still there?')))).toString(), 'still there?')
    assert.equal(closed, false)
    connection.close(0)
    const began = t.clock.now()
    await t.clock.run(closing)
    assert.ok(t.clock.now() - began < 100, 'it does not wait for what QUIC keeps of a connection that is over')
    await over(t)
  })

  test('a core that fails ends its connections, and the next ones have another', async () => {
    const { made: t, corrupt } = await corruptible(() => stage())
    const { connected, end, connection } = when(t.client, { ...SERVER, serverName: 'quic.test' })
    await t.clock.run(connected)
    const lost = ask(connection, Buffer.from('x')).then(null, (why: ConnectionEnd) => why)
    corrupt() // both
    assert.equal((await t.clock.run(end)).cause, 'trap')
    assert.equal(((await lost) as ConnectionEnd).cause, 'trap')
    assert.equal(await endOf(t), null)
    await over(t)
  })
})

function nothing(): StreamHandler {
  return { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
}

/** Octets that the server sends from now on. */
function sizes(t: Stage): { down(): number } {
  let down = 0
  t.net.drop = (octets, from) => {
    if (from.startsWith(SERVER.address)) down += octets.length
    return false
  }
  return { down: () => down }
}

/** Calls `make`, and returns what overwrites the memories of the cores that it made. */
async function corruptible<T>(make: () => Promise<T>): Promise<{ made: T; corrupt: () => void }> {
  const api = wasm as { Instance: new (...args: never[]) => { exports: unknown } }
  const { Instance } = api
  const memories: { buffer: ArrayBuffer }[] = []
  api.Instance = class extends Instance {
    constructor(...args: never[]) {
      super(...args)
      memories.push((this.exports as { memory: { buffer: ArrayBuffer } }).memory)
    }
  }
  try {
    const made = await make()
    return { made, corrupt: () => memories.forEach(({ buffer }) => new Uint8Array(buffer).fill(0xff)) }
  } finally {
    api.Instance = Instance
  }
}
