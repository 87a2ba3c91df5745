import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { Deadlines } from '../../src/base/deadlines.js'
import type { Field } from '../../src/http/field.js'
import { H3_CODES, type H3Code } from '../../src/quic/h3-error.js'
import { FRAME, frameOf, STREAM, varints } from '../../src/quic/h3-frames.js'
import type { Client, ReturnPath } from '../../src/server/answer.js'
import { H3Connection } from '../../src/server/h3-connection.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { data, FakeQuic, FakeStream, goaway, GREETING, headers, octets, section, settings } from '../quic/h3-stage.js'
import { mutate, seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_128)
const PATIENCE = SECONDS * 2000 + 20_000
/** What a connection waits for a complete query, in ms. */
const IDLE = 10_000
/** What a client that is done may take to go, in ms. */
const LINGER = 500

const NOBODY = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
const CLIENT: Client = { address: '192.0.2.1', port: 40_000, transport: 'h3', peer: '192.0.2.1:40000' }
const QUERY = Buffer.from('00000100000100000000000003777777076578616d706c650000010001', 'hex')
/** What every query is answered with. */
const REPLY = Buffer.from(QUERY)
REPLY.writeUInt16BE(0x8180, 2)
const GET: readonly Field[] = [[':method', 'GET'], [':scheme', 'https'], [':authority', 'dns.test'], [':path', `/dns-query?dns=${QUERY.toString('base64url')}`]] // prettier-ignore
const POST: readonly Field[] = [[':method', 'POST'], [':scheme', 'https'], [':authority', 'dns.test'], [':path', '/dns-query'], ['content-type', 'application/dns-message'], ['content-length', String(QUERY.length)]] // prettier-ignore
const posted = octets(headers(POST), data(QUERY))
const frame = (type: number, ...payload: readonly number[]): Buffer => frameOf(type, Buffer.from(payload))

/** What a client sends on a stream, in both directions or in one, and how it ends there. */
interface Sent {
  readonly of: 'request' | 'channel'
  readonly wire: Buffer
  readonly end: 'fin' | 'reset' | 'open'
}

/** One connection of our listener's, whose client the test plays in virtual time. */
class Served {
  readonly clock = new FakeClock()
  readonly quic = new FakeQuic()
  readonly asked: string[] = []
  readonly refused: number[] = []
  closed = 0
  readonly #answers: 'at once' | 'later'
  readonly #connection: H3Connection
  readonly #later: (() => void)[] = []
  readonly #streams: FakeStream[] = []
  /** Whether every request has ended. */
  #over = true
  #ids = { request: 0, channel: 2 }

  constructor(answers: 'at once' | 'later') {
    this.#answers = answers
    const owner = {
      deadlines: Deadlines.of(this.clock),
      idleTimeout: IDLE,
      maxPipelined: 100,
      maxQueries: 1000,
      now: () => this.clock.now(),
      later: (fn: () => void) => void this.#later.push(fn),
      onMessage: (wire: Buffer, _client: Client, path: ReturnPath) => this.#onMessage(wire, path),
      onRefused: (_client: Client, status: number) => void this.refused.push(status),
      onNuisance: () => undefined,
      onClosed: () => void this.closed++,
    }
    this.#connection = new H3Connection(this.quic, CLIENT, owner, {
      path: '/dns-query',
      streams: 100,
      clock: this.clock,
    })
    this.#connection.handler.onConnected(this.quic)
  }

  /** Opens a stream, and sends what is to be sent, cut where `cuts` says. */
  play({ of, wire, end }: Sent, cuts: readonly number[]): FakeStream {
    const stream = new FakeStream(this.#ids[of], NOBODY, this.quic)
    this.#ids[of] += 4
    if (this.quic.closed) return stream
    stream.handler = this.#connection.handler.onStream(this.quic, stream)
    this.#streams.push(stream)
    if (end === 'open' && of === 'request') this.#over = false
    let from = 0
    for (const cut of [...cuts, wire.length]) {
      stream.data(wire.subarray(from, cut), end === 'fin' && cut === wire.length)
      from = cut
    }
    if (end === 'reset') stream.reset(H3_CODES.H3_REQUEST_CANCELLED)
    return stream
  }

  /** Answers what waits, and ends the connection: in good order, where all streams are over. Nothing may be left then. */
  async finish(): Promise<void> {
    for (const fn of this.#later.splice(0)) fn()
    if (this.#over && !this.quic.closed) {
      this.#connection.finish()
      await this.clock.advance(LINGER)
    } else this.#connection.handler.onClosed(this.quic, { cause: 'idle', code: 0, reason: '', established: true })
    assert.equal(this.closed, 1)
    assert.equal(this.clock.pending, 0)
  }

  /** All that the client can tell. */
  get outcome(): unknown {
    const streams = this.#streams.map(({ octets, finished, cancelled }) => [
      octets.toString('hex'),
      finished,
      cancelled,
    ])
    return { end: this.quic.end, asked: this.asked, refused: this.refused, streams }
  }

  #onMessage(wire: Buffer, path: ReturnPath): boolean {
    if (wire.length < 12) return false
    this.asked.push(wire.toString('hex'))
    if (this.#answers === 'at once') path.deliver(REPLY, CLIENT)
    else {
      path.enter()
      this.#later.push(() => {
        path.deliver(REPLY, CLIENT)
        path.leave()
      })
    }
    return true
  }
}

/** Mistakes that end the connection, and with which code (RFC 9114, section 8.1; RFC 9204, section 6). */
const MISTAKES: readonly (readonly [Sent['of'], H3Code, Buffer])[] = [
  ['request', 'H3_FRAME_UNEXPECTED', data('x')],
  ['request', 'H3_FRAME_UNEXPECTED', octets(posted, headers([['a', 'b']]), data('x'))],
  ['request', 'H3_FRAME_UNEXPECTED', settings()],
  ['request', 'H3_FRAME_UNEXPECTED', goaway(0)],
  ['request', 'H3_FRAME_UNEXPECTED', frame(FRAME.PUSH_PROMISE, 0)],
  ['request', 'H3_FRAME_UNEXPECTED', frame(FRAME.MAX_PUSH_ID, 0)],
  ['request', 'H3_FRAME_UNEXPECTED', frame(0x2, 0)],
  ['request', 'H3_FRAME_ERROR', posted.subarray(0, -1)],
  ['request', 'QPACK_DECOMPRESSION_FAILED', frameOf(FRAME.HEADERS, octets(section(GET), 0x80))],
  ['request', 'QPACK_DECOMPRESSION_FAILED', frameOf(FRAME.HEADERS, octets(1, 0, section(GET).subarray(2)))],
  ['channel', 'H3_MISSING_SETTINGS', octets(STREAM.CONTROL, goaway(0))],
  ['channel', 'H3_FRAME_UNEXPECTED', octets(GREETING, settings())],
  ['channel', 'H3_FRAME_UNEXPECTED', octets(GREETING, posted)],
  ['channel', 'H3_SETTINGS_ERROR', octets(STREAM.CONTROL, settings(0x2, 0))],
  ['channel', 'H3_SETTINGS_ERROR', octets(STREAM.CONTROL, settings(6, 1, 6, 1))],
  ['channel', 'H3_FRAME_ERROR', octets(STREAM.CONTROL, frame(FRAME.SETTINGS, 6))],
  ['channel', 'H3_EXCESSIVE_LOAD', octets(STREAM.CONTROL, frameOf(FRAME.SETTINGS, Buffer.alloc(5000)))],
  ['channel', 'H3_ID_ERROR', octets(GREETING, frame(FRAME.MAX_PUSH_ID, 2), frame(FRAME.MAX_PUSH_ID, 1))],
  ['channel', 'H3_ID_ERROR', octets(GREETING, goaway(4), goaway(8))],
  ['channel', 'H3_ID_ERROR', octets(GREETING, frame(FRAME.CANCEL_PUSH, 0))],
  ['channel', 'H3_FRAME_ERROR', octets(GREETING, frame(FRAME.GOAWAY, 0, 0))],
  ['channel', 'H3_STREAM_CREATION_ERROR', octets(STREAM.PUSH, 0)],
  ['channel', 'QPACK_ENCODER_STREAM_ERROR', octets(STREAM.QPACK_ENCODER, 0x3f, 0xe1, 0x1f)],
  ['channel', 'QPACK_ENCODER_STREAM_ERROR', octets(STREAM.QPACK_ENCODER, 0xc0, 1, 0x61)],
  ['channel', 'QPACK_ENCODER_STREAM_ERROR', octets(STREAM.QPACK_ENCODER, 0x20, 0x20, 0)],
  ['channel', 'QPACK_DECODER_STREAM_ERROR', octets(STREAM.QPACK_DECODER, 0x80)],
  ['channel', 'QPACK_DECODER_STREAM_ERROR', octets(STREAM.QPACK_DECODER, 0x40, 1)],
  ['channel', 'QPACK_DECODER_STREAM_ERROR', octets(STREAM.QPACK_DECODER, 0x7f, Buffer.alloc(20, 0xff))],
]

describe('a client of the HTTP/3 listener', () => {
  test.each(MISTAKES)('that breaks a rule on a %s is told %s, wherever it is cut', async (of, code, wire) => {
    for (let cut = 0; cut <= wire.length; cut++) {
      const served = new Served('later')
      const first = served.play({ of: 'request', wire: posted, end: 'fin' }, [])
      served.play({ of, wire, end: 'fin' }, [cut])
      assert.deepEqual([served.quic.end, first.cancelled], [code, null], `cut at ${cut}`)
      await served.finish()
    }
  })

  test(
    'that says anything gets the same, however it comes; only faults end the connection, and nothing is left of it',
    async () => {
      const below = seeded(SEED)
      const ends = new Map<string, number>()
      const end = performance.now() + SECONDS * 1000
      for (let round = 0; performance.now() < end; round++) {
        const script = Array.from({ length: 1 + below(5) }, () => anything(below))
        const answers = below(2) === 0 ? 'at once' : 'later'
        const whole = new Served(answers)
        for (const sent of script) whole.play(sent, [])
        const cut = new Served(answers)
        for (const sent of script) cut.play(sent, cutsOf(sent.wire, below))
        const wires = script.map(({ of, wire, end }) => `${of} ${end} ${wire.toString('hex')}`).join('\n')
        assert.deepEqual(cut.outcome, whole.outcome, wires)
        const code = whole.quic.end
        assert.ok(code === null || (code !== 'H3_NO_ERROR' && code !== 'H3_INTERNAL_ERROR'), `${code}: ${wires}`)
        ends.set(String(code), (ends.get(String(code)) ?? 0) + 1)
        for (const served of [whole, cut]) await served.finish()
      }
      assert.ok(ends.size > (SECONDS < 1 ? 4 : 8), JSON.stringify([...ends]))
    },
    PATIENCE,
  )
})

/** All that a client may send on a stream, right or wrong. */
function anything(below: Below): Sent {
  const end = (['fin', 'fin', 'fin', 'open', 'reset'] as const)[below(5)]!
  const [of, , mistaken] = MISTAKES[below(MISTAKES.length)]!
  const random = Buffer.from(Array.from({ length: below(30) }, () => below(256)))
  switch (below(8)) {
    case 0:
      return { of, wire: mistaken, end }
    case 1:
      return { of, wire: mutate(mistaken, below), end }
    case 2:
      return { of: 'request', wire: octets(headers(GET)), end }
    case 3:
      return { of: 'request', wire: octets(headers(POST), data(QUERY.subarray(0, below(30))), frameOf(below(70), random)), end } // prettier-ignore
    case 4:
      return { of: 'request', wire: mutate(below(2) === 0 ? posted : headers(GET), below), end }
    case 5:
      return { of: 'channel', wire: octets(varints(below(70)), random), end }
    case 6:
      return { of: 'channel', wire: octets(GREETING, frameOf(below(70), random)), end: 'open' }
    default:
      return { of: 'request', wire: posted, end }
  }
}

/** One by one, or in a few parts. */
function cutsOf(wire: Buffer, below: Below): readonly number[] {
  if (below(3) === 0) return wire.length === 0 ? [] : Array.from({ length: wire.length - 1 }, (_, i) => i + 1)
  return Array.from({ length: below(4) }, () => below(wire.length + 1)).sort((a, b) => a - b)
}
