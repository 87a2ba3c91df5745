import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { describe, test } from 'vitest'
import { encodeHpack } from '../../src/http/hpack.js'
import { FLAG, FRAME, SETTING } from '../../src/http2/frames.js'
import { HttpsTransport } from '../../src/transport/https.js'
import { Message } from '../../src/wire/message.js'
import { seeded, type Below } from '../fuzz/mutate.js'
import { data, frame, goaway, headers, reset, setting, settings, windowUpdate } from '../http2/fake-peer.js'
import { RawServer, type RawConnection } from '../http2/raw-server.js'
import { answer, DohServer, halfFake, httpsOptions, inClear, replyTo } from './https-support.js'
import type { Asked } from './support.js'
import { ask, until } from './support.js'

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants
const HEADERS = encodeHpack([
  [':status', '200'],
  ['content-type', 'application/dns-message'],
])

/** What a server of frames says to one query. */
function framesFor(stream: number, body: string): Buffer {
  const wire = replyTo(new Message(Buffer.from(body, 'latin1')))
  return Buffer.concat([frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, HEADERS), data(stream, wire)])
}

/** A server of frames whose connections each do as `act` says. */
async function rawServer(
  act: (connection: RawConnection) => void,
  maxStreams = 100,
  ...more: Buffer[]
): Promise<{ port: number; server: RawServer } & Disposable> {
  const server = new RawServer(maxStreams, act, ...more)
  const port = await server.listen()
  return { port, server, [Symbol.dispose]: () => server.close() }
}

function answerAll(connection: RawConnection): void {
  for (const { stream, body } of connection.waiting.splice(0)) connection.write(framesFor(stream, body))
}

describe('what is in flight when its connection or stream ends goes again, free of blame (N10)', () => {
  const ENDS: readonly [
    string,
    (session: ServerHttp2Session, stream: ServerHttp2Stream, server: DohServer) => void,
    number,
  ][] = [
    ['GOAWAY that takes nothing back', (session) => session.goaway(NGHTTP2_NO_ERROR), 2],
    ['GOAWAY that takes it back', (session) => session.goaway(NGHTTP2_NO_ERROR, 1), 2],
    ['GOAWAY with an error', (session) => session.goaway(NGHTTP2_INTERNAL_ERROR, 1), 2],
    ['REFUSED_STREAM', (_, stream) => stream.close(NGHTTP2_REFUSED_STREAM), 1],
    ['RST_STREAM', (_, stream) => stream.close(NGHTTP2_INTERNAL_ERROR), 1],
    ['a lost connection', (_, __, server) => server.cut(), 2],
    ['a destroyed session', (session) => session.destroy(), 2],
  ]
  test.each(ENDS)('%s', async (_, end, connections) => {
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port))
    await ask(transport).ended
    let first = true
    server.answer = (stream, query) => {
      if (!first) return answer(stream, query, server)
      first = false
      // From within 'end' it corrupts the heap of Node 20.20.2.
      setImmediate(() => {
        end(stream.session as ServerHttp2Session, stream, server)
        setImmediate(() => answer(stream, query, server))
      })
    }
    const asked = Array.from({ length: 50 }, (__, n) => ask(transport, `${n}.example`))
    for (const [n, { ended }] of asked.entries()) assert.equal((await ended).answers[0]!.data, `192.0.2.${n}`)
    assert.ok(asked.every(({ settlements }) => settlements === 1))
    await ask(transport).ended
    assert.equal(server.accepted, connections)
    await transport.close()
  })

  test('R-DOT-5: a restart that cuts two connections short is survived, one that cuts more is not', async () => {
    let cuts = 0
    using server = await rawServer((connection) => {
      if (connection.waiting.length === 0) return
      if (cuts > 0 && server.server.accepted > 1 && cuts-- > 0) connection.socket.destroy()
      else answerAll(connection)
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    for (const [deaths, ended] of [
      [2, 'reply'],
      [3, 'ERR_DNS_CONNECT'],
    ] as const) {
      await ask(transport).ended
      transport.renew()
      cuts = deaths
      const asked = ask(transport)
      assert.equal(
        await asked.ended.then(
          () => 'reply',
          ({ code }: { code: string }) => code,
        ),
        ended,
      )
    }
    await transport.close()
  })

  test('but not where the connection never was of use', async () => {
    using server = await rawServer(({ socket }) => void socket.destroy())
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    const asked = [ask(transport), ask(transport)]
    for (const { ended } of asked) await assert.rejects(ended, { code: 'ERR_DNS_CONNECT', upstream: 'test' })
    assert.equal(server.server.accepted, 1)
    await transport.close()
  })

  test('R-9520-1: a server that hands every query back is asked three times in all', async () => {
    let refused = 0
    using server = await rawServer((connection) => {
      if (connection.waiting[0]?.stream === 1) return answerAll(connection)
      for (const { stream } of connection.waiting.splice(0)) {
        refused++
        connection.write(reset(stream, NGHTTP2_REFUSED_STREAM))
      }
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    const asked = ask(transport)
    await assert.rejects(asked.ended, { code: 'ERR_DNS_CONNECT', message: /^test reset a stream: REFUSED_STREAM$/ })
    assert.deepEqual([refused, asked.retries, transport.connections], [3, 2, 1])
    await transport.close()
  })

  test('one that is hit by ends in a row goes more often where others are answered', async () => {
    let cuts = 0
    using server = await rawServer((connection) => {
      if (connection.waiting.length > 0 && cuts > 0 && cuts--) connection.socket.destroy()
      else answerAll(connection)
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    for (let n = 0; n < 16; n++) await ask(transport).ended
    for (const ends of ['reply', 'ERR_DNS_CONNECT']) {
      cuts = 3
      const ended = await ask(transport).ended.then(
        () => 'reply',
        ({ code }: { code: string }) => code,
      )
      assert.equal(ended, ends)
    }
    await transport.close()
  })

  test.each([
    ['resets streams', (connection, stream) => connection.write(reset(stream, NGHTTP2_INTERNAL_ERROR))],
    ['goes away', (connection) => connection.write(goaway(0))],
    ['cuts connections', (connection) => void connection.socket.destroy()],
  ] as [string, (connection: RawConnection, stream: number) => void][])(
    'R-9520-1: a server that answers one query a connection and then %s is sent no query more than three times',
    async (_, end) => {
      const sent = new Map<string, number>()
      using server = await rawServer((connection) => {
        for (const { stream, body } of connection.waiting.splice(0)) {
          const { name } = new Message(Buffer.from(body, 'latin1')).question!
          sent.set(name, (sent.get(name) ?? 0) + 1)
          if (stream === 1) connection.write(framesFor(stream, body))
          else end(connection, stream)
        }
      })
      const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
      await ask(transport).ended
      const asked = Array.from({ length: 20 }, (__, n) => ask(transport, `${n}.example`))
      await Promise.allSettled(asked.map(({ ended }) => ended))
      assert.equal(Math.max(...sent.values()), 3)
      await transport.close()
    },
  )

  test('one that is cancelled meanwhile does not', async () => {
    let asks = 0
    using server = await rawServer((connection) => {
      if (++asks === 1) return answerAll(connection)
      if (asks === 2) connection.write(goaway(1))
      else answerAll(connection)
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    const asked = ask(transport)
    await until(() => asked.retries === 1)
    asked.cancel()
    assert.equal(transport.size, 0)
    await ask(transport).ended
    assert.equal(asked.settlements, 0)
    await transport.close()
  })

  test('once the transport is closing nothing goes again', async () => {
    using server = await rawServer((connection) => {
      if (connection.waiting[0]?.stream !== 3) answerAll(connection)
      else connection.socket.destroy()
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    const asked = ask(transport)
    const closed = transport.close()
    await assert.rejects(asked.ended, { code: 'ERR_DNS_CONNECT' })
    await closed
  })
})

describe('a server that breaks off', () => {
  test('RFC 9113, 10.5: a flood ends its connection, and what was in flight goes on elsewhere', async () => {
    using server = await rawServer((connection) => {
      if (connection.waiting[0]?.stream !== 3) return answerAll(connection)
      connection.write(...Array.from({ length: 1200 }, () => settings()))
    })
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    assert.equal((await ask(transport, '6.example').ended).answers[0]!.data, '192.0.2.6')
    assert.equal(server.server.accepted, 2)
    await transport.close()
  })

  test('an error that breaks the connection is the upstream’s, with the system’s as its cause', async () => {
    let connection: RawConnection | null = null
    using server = await rawServer((given) => (connection = given))
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    const asked = ask(transport)
    await until(() => connection !== null)
    connection!.socket.resetAndDestroy()
    await assert.rejects(asked.ended, (error: Error) => {
      assert.equal(error.message, `test reset the connection to 127.0.0.1:${server.port}`)
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNRESET')
      return true
    })
    await transport.close()
  })
})

describe('a server that falls silent (N10)', () => {
  test('is asked for a sign of life, left by what comes next, and then by what is in flight', async () => {
    const clock = halfFake()
    let stalls = 0
    using server = await rawServer((connection) => {
      // From then on it reads nothing.
      if (connection.waiting[0]?.stream === 3 && ++stalls === 1) connection.socket.pause()
      else answerAll(connection)
    })
    const transport = new HttpsTransport(httpsOptions(server.port, { clock }), inClear(server.port))
    await ask(transport, '1.example').ended
    const stuck = ask(transport, '2.example')
    await until(() => stalls === 1)
    await clock.fake.advance(749)
    assert.equal(transport.connections, 1)
    await clock.fake.advance(1)
    assert.equal((await ask(transport, '3.example').ended).answers[0]!.data, '192.0.2.3')
    assert.deepEqual([transport.connections, stuck.settlements], [2, 0])
    await clock.fake.advance(750)
    assert.equal((await stuck.ended).answers[0]!.data, '192.0.2.2')
    assert.deepEqual([transport.connections, stuck.retries, stuck.settlements], [1, 1, 1])
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test('one that is only slow keeps its connection', async () => {
    const clock = halfFake()
    let held: (() => void) | null = null
    await using server = await DohServer.listen((stream, query) => {
      held = () => answer(stream, query, server)
    })
    let pings = 0
    const transport = new HttpsTransport(httpsOptions(server.port, { clock }))
    const asked = ask(transport, '1.example')
    await until(() => held !== null)
    const [session] = server.sessions
    session!.on('ping', () => pings++)
    for (let n = 1; n <= 5; n++) {
      await clock.fake.advance(750)
      await until(() => pings === n)
      // Once this comes back, so has what was sent before it.
      await new Promise<void>((resolve) => session!.ping(() => resolve()))
    }
    held!()
    await asked.ended
    assert.equal(server.accepted, 1)
    await transport.close()
  })
})

describe('flow control', () => {
  test('a query whose content has no window waits for it, and is answered', async () => {
    let renewals = 0
    using server = await rawServer(
      (connection) => {
        if (connection.waiting.length > 0) return answerAll(connection)
        if (connection.newest < 3) return
        renewals++
        connection.write(windowUpdate(3, 10))
      },
      100,
      setting(SETTING.INITIAL_WINDOW_SIZE, 100),
    )
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    assert.equal((await ask(transport, '5.example').ended).answers[0]!.data, '192.0.2.5')
    assert.equal(renewals, 3)
    await transport.close()
  })
})

describe('T19: at random under 200 queries in flight, 0 hang and 0 are lost', () => {
  const IN_FLIGHT = 200
  /** Faults a test; a longer run is asked for by T19_FAULTS. */
  const FAULTS = Number(process.env['T19_FAULTS'] ?? 40)
  const TIMEOUT = 30_000 + 200 * FAULTS

  /** Says when the next fault is due: at random, but each query must have had a chance since the one before. */
  class Faults {
    count = 0
    #since = 0
    readonly #below: Below

    constructor(below: Below) {
      this.#below = below
    }

    get due(): boolean {
      if (this.count === FAULTS || ++this.#since <= IN_FLIGHT || this.#below(50) > 0) return false
      this.#since = 0
      this.count++
      return true
    }
  }

  /** Keeps 200 in flight until `more` says that it is enough; each must be answered, once, with what was asked. */
  async function storm(transport: HttpsTransport, more: () => boolean): Promise<Asked[]> {
    const all: Asked[] = []
    const worker = async (): Promise<void> => {
      while (more()) {
        const n = all.length
        const asked = ask(transport, `${n}.example`)
        all.push(asked)
        assert.equal((await asked.ended).answers[0]!.data, `192.0.2.${n % 256}`)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    assert.equal(transport.size, 0)
    assert.ok(all.every(({ settlements }) => settlements === 1))
    return all
  }

  test('GOAWAYs, resets and lost connections from a server of frames', { timeout: TIMEOUT }, async () => {
    const below = seeded(20_261_120)
    const faults = new Faults(below)
    const fault = (connection: RawConnection, stream: number, body: string): void => {
      switch (below(6)) {
        case 0:
          return connection.write(goaway((connection.last = Math.max(1, stream - 2 * below(20)))))
        case 1:
          connection.last = Math.min(connection.last, stream + 40)
          return connection.write(goaway(2 ** 31 - 1), framesFor(stream, body), goaway(connection.last))
        case 2:
          return void connection.socket.destroy()
        case 3:
          return connection.write(reset(stream, NGHTTP2_REFUSED_STREAM))
        case 4:
          return connection.write(headers(stream), reset(stream, NGHTTP2_CANCEL))
        default:
          return void connection.socket.end(goaway(stream, 2))
      }
    }
    using server = await rawServer((connection) => {
      for (const { stream, body } of connection.waiting.splice(0).sort(() => below(3) - 1)) {
        if (stream <= connection.last && faults.due) fault(connection, stream, body)
        if (stream <= connection.last) connection.write(framesFor(stream, body))
      }
    }, 150)
    const transport = new HttpsTransport(httpsOptions(server.port), inClear(server.port))
    await ask(transport).ended
    const all = await storm(transport, () => faults.count < FAULTS)
    assert.ok(all.some(({ retries }) => retries > 0))
    await transport.close()
  })

  test('the same from node:http2 over TLS', { timeout: TIMEOUT }, async () => {
    const below = seeded(7)
    const faults = new Faults(below)
    const fault = (stream: ServerHttp2Stream, server: DohServer): void => {
      const session = stream.session as ServerHttp2Session | undefined
      const kind = below(5)
      if (kind === 0) session?.goaway(NGHTTP2_NO_ERROR)
      else if (kind === 1) session?.destroy()
      else if (kind === 2) server.cut()
      else if (kind === 3) stream.close(NGHTTP2_REFUSED_STREAM)
      else session?.close()
    }
    await using server = await DohServer.listen((stream, query) => {
      setImmediate(() => {
        if (faults.due) fault(stream, server)
        answer(stream, query, server)
      })
    })
    const transport = new HttpsTransport(httpsOptions(server.port))
    await ask(transport).ended
    await storm(transport, () => faults.count < FAULTS)
    await transport.close()
  })

  test('idle closes of either side between bursts', { timeout: TIMEOUT }, async () => {
    const below = seeded(9)
    const clock = halfFake()
    await using server = await DohServer.listen()
    const transport = new HttpsTransport(httpsOptions(server.port, { clock, idleTimeout: 1000 }))
    for (let round = 0; round < FAULTS; round++) {
      let left = IN_FLIGHT
      await storm(transport, () => left-- > 0)
      if (below(2) === 0) await clock.fake.advance(1000)
      // Half of these reach us only once the next burst is out.
      else for (const session of server.sessions) session.close()
      if (below(2) === 0) await until(() => transport.connections === 0)
    }
    await transport.close()
  })
})
