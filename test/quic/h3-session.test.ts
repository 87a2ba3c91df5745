import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import type { Field } from '../../src/http/field.js'
import { H3_CODES } from '../../src/quic/h3-error.js'
import { FRAME, frameOf, STREAM, varints } from '../../src/quic/h3-frames.js'
import {
  Asked,
  data,
  FakeStream,
  goaway,
  GREETING,
  HEAD,
  headers,
  octets,
  OK,
  response,
  section,
  settings,
  Stage,
} from './h3-stage.js'

const frame = (type: number, payload: Buffer | readonly number[] = []): Buffer => frameOf(type, Buffer.from(payload))
/** A frame type that is reserved to mean nothing (RFC 9114, section 7.2.8). */
const GREASE = 0x21
const endings = (asked: readonly Asked[]): (string | null)[] => asked.map(({ ended }) => ended)

describe('requests', () => {
  test('go out whole on a stream each, behind a control stream with SETTINGS', () => {
    const t = new Stage().connect()
    t.ask(2)
    assert.deepEqual(
      t.quic.ours.map((stream) => stream.octets.toString('hex')),
      ['00' + '0405' + '0680004000'],
    )
    const { octets: sent, finished } = t.stream(1)
    assert.ok(finished)
    assert.deepEqual(sent, octets(frame(FRAME.HEADERS, HEAD.block(null, Buffer.from('query'))), data('query')))
  })

  test('without a body have no DATA', () => {
    const t = new Stage().connect()
    t.ask(1, null)
    assert.deepEqual(t.stream().octets, frame(FRAME.HEADERS, HEAD.block(null, null)))
  })

  test('wait for the connection, and for a stream, in order', () => {
    const t = new Stage()
    const asked = t.ask(3)
    t.quic.credit = 1
    t.quic.renews = true
    t.connect()
    assert.deepEqual([t.quic.streams.length, t.session.size, t.session.full], [1, 3, true])
    for (let n = 0; n < 3; n++) {
      t.stream(n).data(response(`${n}`), true)
      t.session.onCredit(t.quic)
    }
    assert.deepEqual(endings(asked), ['200 0', '200 1', '200 2'])
    assert.deepEqual([t.session.size, t.session.full, t.events], [0, false, ['drained']])
  })

  test('that wait for acknowledgements alone need no other connection', () => {
    const t = new Stage().connect()
    t.quic.credit = 4
    t.ask(4)
    for (let n = 0; n < 4; n++) t.stream(n).data(response(`${n}`), true)
    t.ask(4)
    assert.deepEqual([t.session.size, t.session.full], [4, false])
    t.ask(1)
    assert.deepEqual([t.session.size, t.session.full], [5, true])
  })

  test('that are cancelled are cancelled at the peer, and what still comes is nobody’s', () => {
    const t = new Stage().connect()
    const [asked] = t.ask()
    const { handler } = t.stream()
    assert.ok(t.session.cancel(asked!))
    handler.onData(response('late'), true)
    assert.deepEqual([t.stream().cancelled, asked!.ended, t.session.size], ['H3_REQUEST_CANCELLED', null, 0])
    assert.ok(!t.session.cancel(asked!))
    assert.deepEqual(t.events, ['drained'])
  })

  test('that the peer grants no stream for although it has nothing to do go elsewhere', async () => {
    const t = new Stage()
    t.quic.credit = 0
    t.connect()
    const asked = t.ask(2)
    await t.clock.advance(49)
    assert.deepEqual(endings(asked), [null, null])
    await t.clock.advance(1)
    assert.deepEqual(endings(asked), ['ERR_DNS_CONNECT, unsent', 'ERR_DNS_CONNECT, unsent'])
    assert.deepEqual([t.session.closed, t.quic.end, t.clock.pending], [true, 'H3_NO_ERROR', 0])
  })
})

describe('responses', () => {
  const body = 'a body'
  const LENGTH: Field = ['content-length', '6']
  const whole: readonly (readonly [string, Buffer, string])[] = [
    ['head and content', response(body), `200 ${body}`],
    ['content in parts', octets(headers(), data('a '), data(''), data('body')), `200 ${body}`],
    ['a length that is right', response(body, [...OK, LENGTH]), `200 ${body}`],
    ['no content', headers([[':status', '204']]), '204 '],
    ['heads before the head', octets(headers([[':status', '103']]), headers([[':status', '100']]), response(body)), `200 ${body}`], // prettier-ignore
    ['trailers', octets(response(body), headers([['x-sum', '1']])), `200 ${body}`],
    ['frames that mean nothing', octets(frame(GREASE, [1, 2]), headers(), frame(0x40, []), data(body), frame(0xf0700)), `200 ${body}`], // prettier-ignore
    ['a 304 that says how long its content would be', headers([[':status', '304'], LENGTH]), '304 '], // prettier-ignore
    ['numbers longer than they need be', octets(Buffer.from('4001', 'hex'), Buffer.from([0x80, 0, 0, section(OK).length]), section(OK), data(body)), `200 ${body}`], // prettier-ignore
  ]

  test.each(whole)('%s, at once, octet by octet and split at every octet', (_, wire, ended) => {
    const ways = [
      (stream: FakeStream) => stream.data(wire, true),
      (stream: FakeStream) => stream.trickle(wire, true),
      (stream: FakeStream) => (stream.trickle(wire), stream.data(Buffer.alloc(0), true)),
      ...Array.from(wire, (_octet, at) => (stream: FakeStream) => {
        stream.data(wire.subarray(0, at))
        stream.data(wire.subarray(at), true)
      }),
    ]
    const t = new Stage().connect()
    const asked = t.ask(ways.length)
    ways.forEach((way, n) => way(t.stream(n)))
    assert.deepEqual(
      endings(asked),
      ways.map(() => ended),
    )
    assert.equal(t.quic.end, null)
  })

  const malformed: readonly (readonly [string, Buffer, string])[] = [
    ['nothing', Buffer.alloc(0), 'H3_MESSAGE_ERROR'],
    ['a head before the head alone', headers([[':status', '100']]), 'H3_MESSAGE_ERROR'],
    ['no status', response(body, [['age', '1']]), 'H3_MESSAGE_ERROR'],
    ['status 101', response(body, [[':status', '101']]), 'H3_MESSAGE_ERROR'],
    ['a name in capitals', response(body, [...OK, ['Age', '1']]), 'H3_MESSAGE_ERROR'],
    ['a field of HTTP/1.1', response(body, [...OK, ['transfer-encoding', 'chunked']]), 'H3_MESSAGE_ERROR'],
    ['a pseudo-field at the end', octets(response(body), headers()), 'H3_MESSAGE_ERROR'],
    ['more than its length', response(body, [...OK, ['content-length', '5']]), 'H3_MESSAGE_ERROR'],
    ['less than its length', response(body, [...OK, ['content-length', '7']]), 'H3_MESSAGE_ERROR'],
    ['more than is taken', response('x'.repeat(1001)), 'H3_REQUEST_CANCELLED'],
    ['more than is taken, in parts', octets(response('x'.repeat(900)), data('x'.repeat(101))), 'H3_REQUEST_CANCELLED'],
    ['a head over the limit', response(body, [...OK, ['x', 'y'.repeat(16_400)]]), 'H3_EXCESSIVE_LOAD'],
    ['a head that is announced over the limit', frame(FRAME.HEADERS, Buffer.alloc(40_000)), 'H3_EXCESSIVE_LOAD'],
  ]

  test.each(malformed)('%s fails that request alone', (_, wire, code) => {
    for (const way of ['data', 'trickle'] as const) {
      const t = new Stage().connect()
      const [bad, good] = t.ask(2)
      t.stream(0)[way](wire, true)
      assert.equal(bad!.ended, `${code}, malformed`)
      assert.equal(t.stream(0).cancelled, code)
      t.stream(1).data(response(body), true)
      assert.equal(good!.ended, `200 ${body}`)
      assert.equal(t.quic.end, null)
    }
  })

  test.each([
    ['H3_REQUEST_REJECTED', 'unprocessed', 'no'],
    ['H3_REQUEST_CANCELLED', 'lost', 'every'],
    ['H3_INTERNAL_ERROR', 'lost', 'every'],
  ] as const)('a stream that is reset with %s is %s, and %s other may follow', (code, loss, others) => {
    const t = new Stage().connect()
    const [one, other] = t.ask(2)
    t.stream(0).data(headers())
    t.stream(0).reset(H3_CODES[code])
    assert.deepEqual([one!.ended, other!.ended, t.session.usable], [`${code}, ${loss}`, null, others === 'every'])
  })

  test('a head like the last one is not decoded again, and one that differs is', () => {
    const t = new Stage().connect()
    const asked = t.ask(3)
    for (const n of [0, 1]) t.stream(n).data(response('x'), true)
    t.stream(2).data(response('x', [[':status', '500']]), true)
    assert.deepEqual(endings(asked), ['200 x', '200 x', '500 x'])
  })
})

describe('broken rules end the connection with their code', () => {
  const onRequest: readonly (readonly [string, Buffer, string])[] = [
    ['DATA before the head', data('x'), 'H3_FRAME_UNEXPECTED'],
    ['DATA between heads', octets(headers([[':status', '100']]), data('x')), 'H3_FRAME_UNEXPECTED'],
    ['DATA after trailers', octets(response('x'), headers([['a', 'b']]), data('x')), 'H3_FRAME_UNEXPECTED'],
    ['HEADERS after trailers', octets(response('x'), headers([['a', 'b']]), headers([['a', 'b']])), 'H3_FRAME_UNEXPECTED'], // prettier-ignore
    ['SETTINGS', settings(), 'H3_FRAME_UNEXPECTED'],
    ['GOAWAY', goaway(0), 'H3_FRAME_UNEXPECTED'],
    ['MAX_PUSH_ID', frame(FRAME.MAX_PUSH_ID, [0]), 'H3_FRAME_UNEXPECTED'],
    ['CANCEL_PUSH', frame(FRAME.CANCEL_PUSH, [0]), 'H3_FRAME_UNEXPECTED'],
    ['PUSH_PROMISE', frame(FRAME.PUSH_PROMISE, [0]), 'H3_ID_ERROR'],
    ...[2, 6, 8, 9].map((type) => [`frame ${type} of HTTP/2`, frame(type), 'H3_FRAME_UNEXPECTED'] as const),
    ['a frame that is cut short', headers().subarray(0, -1), 'H3_FRAME_ERROR'],
    ['half the head of a frame', octets(headers(), 0), 'H3_FRAME_ERROR'],
    ['no field section', frame(FRAME.HEADERS, [0, 0, 0x80]), 'QPACK_DECOMPRESSION_FAILED'],
    ['an empty field section', frame(FRAME.HEADERS), 'QPACK_DECOMPRESSION_FAILED'],
  ]

  test.each(onRequest)('on the stream of a request: %s', (_, wire, code) => {
    for (const way of ['data', 'trickle'] as const) {
      const t = new Stage().connect()
      const asked = t.ask(2)
      t.stream(0)[way](wire, true)
      assert.deepEqual([t.quic.end, ...endings(asked)], [code, `${code}, lost`, `${code}, lost`])
      assert.deepEqual(t.events, [`closed: ${code}`])
      assert.equal(t.clock.pending, 0)
    }
  })

  const { CONTROL, PUSH, QPACK_ENCODER, QPACK_DECODER } = STREAM
  const onControl = (wire: Buffer): Buffer => octets(GREETING, wire)
  const onOthers: readonly (readonly [string, readonly Buffer[], string])[] = [
    ['no SETTINGS first', [octets(CONTROL, goaway(0))], 'H3_MISSING_SETTINGS'],
    ['a frame without meaning before SETTINGS', [octets(CONTROL, frame(GREASE))], 'H3_MISSING_SETTINGS'],
    ['SETTINGS twice', [onControl(settings())], 'H3_FRAME_UNEXPECTED'],
    ['DATA', [onControl(data('x'))], 'H3_FRAME_UNEXPECTED'],
    ['HEADERS', [onControl(headers())], 'H3_FRAME_UNEXPECTED'],
    ['PUSH_PROMISE', [onControl(frame(FRAME.PUSH_PROMISE, [0]))], 'H3_FRAME_UNEXPECTED'],
    ['MAX_PUSH_ID of a server', [onControl(frame(FRAME.MAX_PUSH_ID, [0]))], 'H3_FRAME_UNEXPECTED'],
    ['PING of HTTP/2', [onControl(frame(6, [0]))], 'H3_FRAME_UNEXPECTED'],
    ['CANCEL_PUSH of nothing', [onControl(frame(FRAME.CANCEL_PUSH, [0]))], 'H3_ID_ERROR'],
    ['a setting twice', [octets(CONTROL, settings(6, 1, 6, 1))], 'H3_SETTINGS_ERROR'],
    ...[2, 3, 4, 5].map((id) => [`setting ${id} of HTTP/2`, [octets(CONTROL, settings(id, 1))], 'H3_SETTINGS_ERROR'] as const), // prettier-ignore
    ['a setting without a value', [octets(CONTROL, settings(6))], 'H3_FRAME_ERROR'],
    ['a setting that is cut short', [octets(CONTROL, frame(FRAME.SETTINGS, [6, 0x80]))], 'H3_FRAME_ERROR'],
    ['SETTINGS that are too large', [octets(CONTROL, frame(FRAME.SETTINGS, Buffer.alloc(5000)))], 'H3_EXCESSIVE_LOAD'],
    ['GOAWAY with more than a number', [onControl(frame(FRAME.GOAWAY, [0, 0]))], 'H3_FRAME_ERROR'],
    ['GOAWAY with nothing', [onControl(frame(FRAME.GOAWAY))], 'H3_FRAME_ERROR'],
    ['GOAWAY with what is no request', [onControl(goaway(1))], 'H3_ID_ERROR'],
    ['GOAWAY that goes up', [onControl(octets(goaway(4), goaway(8)))], 'H3_ID_ERROR'],
    ['a second control stream', [GREETING, octets(CONTROL)], 'H3_STREAM_CREATION_ERROR'],
    ['a second encoder', [octets(QPACK_ENCODER), octets(QPACK_ENCODER)], 'H3_STREAM_CREATION_ERROR'],
    ['a second decoder', [octets(QPACK_DECODER), octets(QPACK_DECODER)], 'H3_STREAM_CREATION_ERROR'],
    ['a push', [octets(PUSH, 0)], 'H3_ID_ERROR'],
    ['an encoder with a table', [octets(QPACK_ENCODER, 0x21)], 'QPACK_ENCODER_STREAM_ERROR'],
    ['an encoder that inserts', [octets(QPACK_ENCODER, 0xc1, 1, 'x')], 'QPACK_ENCODER_STREAM_ERROR'],
    ['a decoder that acknowledges', [octets(QPACK_DECODER, 0x84)], 'QPACK_DECODER_STREAM_ERROR'],
    ['a decoder that counts', [octets(QPACK_DECODER, 0x01)], 'QPACK_DECODER_STREAM_ERROR'],
    ['a decoder with a number without end', [octets(QPACK_DECODER, 0x7f, Buffer.alloc(12, 0xff))], 'QPACK_DECODER_STREAM_ERROR'], // prettier-ignore
  ]

  test.each(onOthers)('on other streams: %s', (_, streams, code) => {
    for (const way of ['data', 'trickle'] as const) {
      const t = new Stage().connect()
      const [asked] = t.ask()
      for (const wire of streams) t.peerOpens()[way](wire)
      assert.deepEqual([t.quic.end, asked!.ended], [code, `${code}, lost`])
    }
  })

  test.each(['CONTROL', 'QPACK_ENCODER', 'QPACK_DECODER'] as const)('a %s stream that ends', (type) => {
    const head = type === 'CONTROL' ? GREETING : octets(STREAM[type])
    for (const end of [(one: FakeStream) => one.data(Buffer.alloc(0), true), (one: FakeStream) => one.reset(0)]) {
      const t = new Stage().connect()
      end(t.peerOpens(head))
      assert.equal(t.quic.end, 'H3_CLOSED_CRITICAL_STREAM')
    }
  })

  test('our control stream that is stopped', () => {
    const t = new Stage().connect()
    t.quic.ours[0]!.handler.onStopped(0)
    assert.equal(t.quic.end, 'H3_CLOSED_CRITICAL_STREAM')
  })

  test('a request of a server', () => {
    const t = new Stage().connect()
    t.session.onStream(t.quic, new FakeStream(1, { onData() {}, onReset() {}, onStopped() {}, onLost() {} }))
    assert.equal(t.quic.end, 'H3_STREAM_CREATION_ERROR')
  })

  test.each<[string, (t: Stage) => void]>([
    ['frames that mean nothing', (t) => t.stream().data(Buffer.concat(Array.from({ length: 1000 }, () => frame(GREASE))))], // prettier-ignore
    ['empty content', (t) => t.stream().data(octets(headers(), ...Array.from({ length: 1000 }, () => data(''))))],
    ['heads before the head', (t) => t.stream().data(octets(...Array.from({ length: 1000 }, () => headers([[':status', '103']]))))], // prettier-ignore
    ['streams of no type', (t) => Array.from({ length: 1000 }, () => t.peerOpens(octets(0x21)))],
    ['streams that are reset at once', (t) => Array.from({ length: 1000 }, () => t.peerOpens().reset(0))],
    ['frames on the control stream', (t) => t.peerOpens(octets(GREETING, ...Array.from({ length: 1000 }, () => frame(GREASE))))], // prettier-ignore
  ])('a flood: %s', (_, flood) => {
    const t = new Stage().connect()
    t.ask()
    flood(t)
    assert.equal(t.quic.end, 'H3_EXCESSIVE_LOAD')
  })
})

describe('what is harmless goes on', () => {
  test.each<[string, Buffer, string | null]>([
    ['a stream of no known type is declined', octets(0x21, 'whatever'), 'H3_STREAM_CREATION_ERROR'],
    ['a type of several octets', octets(Buffer.from('40a1', 'hex')), 'H3_STREAM_CREATION_ERROR'],
    ['a stream that ends before it has a type', Buffer.alloc(0), null],
    ['settings that nobody knows', octets(0, settings(0x21, 5, 1, 0, 7, 16)), null],
    ['GOAWAY that goes down', octets(GREETING, goaway(400), goaway(396)), null],
    ['frames that mean nothing', octets(GREETING, frame(GREASE, [1, 2, 3]), frame(0x7f, Buffer.alloc(9000))), null],
    ['an encoder whose table has no room', octets(STREAM.QPACK_ENCODER, 0x20, 0x20), null],
    ['a decoder that gives streams up', octets(STREAM.QPACK_DECODER, 0x44, 0x7f, 0x80, 0x01, 0x45), null],
  ])('%s', (_, wire, cancelled) => {
    for (const way of ['data', 'trickle'] as const) {
      const t = new Stage().connect()
      const [asked] = t.ask()
      const stream = t.peerOpens()
      stream[way](wire, wire.length === 0)
      t.stream().data(response('fine'), true)
      assert.deepEqual([asked!.ended, stream.cancelled], ['200 fine', cancelled])
      assert.equal(t.quic.end === null || t.events.includes('retired'), true)
    }
  })

  test('streams that come with the handshake', () => {
    const t = new Stage()
    const asked = t.ask()
    t.peerOpens(GREETING)
    t.connect()
    t.stream().data(response('fine'), true)
    assert.deepEqual(endings(asked), ['200 fine'])
  })
})

describe('ends', () => {
  test('GOAWAY gives back what the server will not act on; the others go on, then the connection ends', () => {
    const t = new Stage().connect()
    const control = t.peerOpens(GREETING)
    t.quic.credit = 3
    const asked = t.ask(3)
    asked.push(...t.ask(1))
    control.data(goaway(4))
    const back = ['H3_NO_ERROR, unprocessed', 'H3_NO_ERROR, unprocessed', 'H3_NO_ERROR, unsent']
    assert.deepEqual(endings(asked), [null, ...back])
    assert.deepEqual([t.stream(1).cancelled, t.stream(2).cancelled], ['H3_REQUEST_CANCELLED', 'H3_REQUEST_CANCELLED'])
    assert.deepEqual([t.session.usable, t.session.closed, t.events], [false, false, ['retired']])
    t.stream(0).data(response('last'), true)
    assert.deepEqual([asked[0]!.ended, t.quic.end], ['200 last', 'H3_NO_ERROR'])
    assert.deepEqual(t.events, ['retired', 'drained', 'closed: ERR_DNS_CLOSED'])
  })

  test.each<[string, Parameters<Stage['lose']>[0], string]>([
    ['silence', { cause: 'idle', reason: 'timed out' }, 'ERR_DNS_CONNECT, lost'],
    ['a stateless reset', { cause: 'reset' }, 'ERR_DNS_CONNECT, lost'],
    ['its peer', { cause: 'application', code: 0x107 }, 'H3_EXCESSIVE_LOAD, lost'],
    ['its peer, with a code that nobody knows', { cause: 'application', code: 0x21 }, 'H3_NO_ERROR, lost'],
  ])('a connection that is ended by %s loses what was under way and gives back the rest', (_, end, ended) => {
    const t = new Stage().connect()
    t.quic.credit = 1
    const asked = t.ask(2)
    t.lose(end)
    assert.deepEqual(endings(asked), [ended, ended.replace('lost', 'unsent')])
    assert.deepEqual([t.session.closed, t.clock.pending], [true, 0])
  })

  test('a peer that gives no sign of life is asked for one, and then given up', async () => {
    const t = new Stage().connect()
    const [asked] = t.ask()
    await t.clock.advance(1000)
    assert.ok(t.session.silent)
    assert.equal(t.quic.pings, 1)
    await t.clock.advance(2000)
    assert.equal(asked!.ended, 'ERR_DNS_CONNECT, lost')
    assert.match(asked!.error!.message, /gave no sign of life within 2000 ms/)
    assert.equal(t.clock.pending, 0)
  })

  test('a peer that acknowledges is alive, however long a response takes', async () => {
    const t = new Stage().connect()
    const [asked] = t.ask()
    for (let i = 0; i < 10; i++) {
      await t.clock.advance(1000)
      t.quic.heard++
      assert.ok(!t.session.silent)
      await t.clock.advance(2000)
    }
    t.stream().data(response('late'), true)
    assert.equal(asked!.ended, '200 late')
    t.session.destroy()
    assert.equal(t.clock.pending, 0)
  })

  test('retire waits for what is under way; destroy does not', () => {
    const t = new Stage().connect()
    const asked = t.ask(2)
    t.session.retire()
    assert.ok(!t.session.send(new Asked(HEAD)))
    t.stream(0).data(response('fine'), true)
    assert.equal(t.quic.end, null)
    t.session.destroy()
    assert.deepEqual([...endings(asked), t.quic.end], ['200 fine', 'ERR_DNS_CLOSED, lost', 'H3_NO_ERROR'])
  })

  test('a session that ended before its connection was up closes that one', () => {
    const t = new Stage()
    t.session.destroy()
    t.connect()
    assert.deepEqual([t.quic.end, t.quic.streams.length], ['H3_NO_ERROR', 0])
  })

  test('its numbers are the shortest', () => {
    assert.equal(varints(0, 63, 64, 16_383, 16_384).toString('hex'), '003f40407fff80004000')
  })
})
