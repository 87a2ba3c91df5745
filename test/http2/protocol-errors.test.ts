import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { encodeHpack } from '../../src/http/hpack.js'
import { HTTP2_CODES, type Http2Code } from '../../src/http2/error.js'
import { FLAG, FRAME, SETTING } from '../../src/http2/frames.js'
import {
  data,
  frame,
  goaway,
  headers,
  octets,
  OK,
  reset,
  setting,
  settings,
  Stage,
  u32,
  windowUpdate,
} from './fake-peer.js'

const BLOCK = encodeHpack(OK)
const { END_HEADERS, END_STREAM, PADDED, PRIORITY, ACK } = FLAG

/** What the peer does while stream 1 is open and 3 was answered, the octets, and the code of the connection error. */
const CONNECTION_ERRORS: readonly [string, Buffer, Http2Code][] = [
  ['6.1 DATA on stream 0', data(0, 'x'), 'PROTOCOL_ERROR'],
  ['5.1 DATA on an idle stream', data(5, 'x'), 'PROTOCOL_ERROR'],
  ['5.1.1 DATA on a stream of its own', data(2, 'x'), 'PROTOCOL_ERROR'],
  ['5.1 DATA on a stream that it has ended', data(3, 'x'), 'STREAM_CLOSED'],
  ['6.1 padding longer than DATA', data(1, octets(5, 'abc'), PADDED), 'PROTOCOL_ERROR'],
  ['6.1 padding of exactly one too many', data(1, octets(4, 'abc'), PADDED), 'PROTOCOL_ERROR'],
  ['6.1 padded DATA without its length', data(1, '', PADDED), 'FRAME_SIZE_ERROR'],
  ['6.2 HEADERS on stream 0', headers(0), 'PROTOCOL_ERROR'],
  ['5.1 HEADERS on an idle stream', headers(5), 'PROTOCOL_ERROR'],
  ['5.1.1 HEADERS on a stream of its own', headers(2), 'PROTOCOL_ERROR'],
  ['5.1 HEADERS on a stream that it has ended', headers(3), 'STREAM_CLOSED'],
  [
    '6.2 padding longer than HEADERS',
    frame(FRAME.HEADERS, END_HEADERS | PADDED, 1, octets(9, BLOCK.subarray(0, 3))),
    'PROTOCOL_ERROR',
  ],
  [
    '6.2 HEADERS too short for its priority',
    frame(FRAME.HEADERS, END_HEADERS | PRIORITY, 1, 'abc'),
    'FRAME_SIZE_ERROR',
  ],
  ['4.3 a block that cannot be decoded', frame(FRAME.HEADERS, END_HEADERS, 1, octets(0x80)), 'COMPRESSION_ERROR'],
  ['4.3 a block cut short', frame(FRAME.HEADERS, END_HEADERS, 1, octets(0x88, 0x40)), 'COMPRESSION_ERROR'],
  [
    '4.3.1 a dynamic table over 4096 octets',
    frame(FRAME.HEADERS, END_HEADERS, 1, octets(0x3f, 0xe2, 0x1f, 0x88)),
    'COMPRESSION_ERROR',
  ],
  ['4.3.1 an entry that no table has', frame(FRAME.HEADERS, END_HEADERS, 1, octets(0xbe)), 'COMPRESSION_ERROR'],
  ['6.10 CONTINUATION of nothing', frame(FRAME.CONTINUATION, END_HEADERS, 1, BLOCK), 'PROTOCOL_ERROR'],
  [
    '6.10 CONTINUATION of a finished block',
    octets(headers(1), frame(FRAME.CONTINUATION, END_HEADERS, 1)),
    'PROTOCOL_ERROR',
  ],
  [
    '6.10 CONTINUATION of another stream',
    octets(headers(1, OK, 0), frame(FRAME.CONTINUATION, END_HEADERS, 3)),
    'PROTOCOL_ERROR',
  ],
  ['6.10 DATA within a block', octets(headers(1, OK, 0), data(1, 'x')), 'PROTOCOL_ERROR'],
  ['6.10 PING within a block', octets(headers(1, OK, 0), frame(FRAME.PING, 0, 0, '12345678')), 'PROTOCOL_ERROR'],
  ['5.5 an unknown frame within a block', octets(headers(1, OK, 0), frame(0xbb, 0, 1)), 'PROTOCOL_ERROR'],
  ['6.3 PRIORITY of stream 0', frame(FRAME.PRIORITY, 0, 0, '12345'), 'PROTOCOL_ERROR'],
  ['6.3 PRIORITY of another size', frame(FRAME.PRIORITY, 0, 1, '1234'), 'FRAME_SIZE_ERROR'],
  ['6.4 RST_STREAM of stream 0', reset(0, 8), 'PROTOCOL_ERROR'],
  ['6.4 RST_STREAM of an idle stream', reset(5, 8), 'PROTOCOL_ERROR'],
  ['6.4 RST_STREAM of another size', frame(FRAME.RST_STREAM, 0, 1, 'abc'), 'FRAME_SIZE_ERROR'],
  ['6.5 SETTINGS on a stream', frame(FRAME.SETTINGS, 0, 1), 'PROTOCOL_ERROR'],
  ['6.5 SETTINGS that are no pairs', frame(FRAME.SETTINGS, 0, 0, 'abcde'), 'FRAME_SIZE_ERROR'],
  ['6.5 an acknowledgement with content', frame(FRAME.SETTINGS, ACK, 0, setting(3, 1)), 'FRAME_SIZE_ERROR'],
  ['6.5.3 an acknowledgement of nothing', frame(FRAME.SETTINGS, ACK, 0), 'PROTOCOL_ERROR'],
  ['6.5.2 push, enabled', settings(setting(SETTING.ENABLE_PUSH, 1)), 'PROTOCOL_ERROR'],
  ['6.5.2 an initial window of 2^31', settings(setting(SETTING.INITIAL_WINDOW_SIZE, 2 ** 31)), 'FLOW_CONTROL_ERROR'],
  [
    '6.9.2 an initial window that overflows one',
    octets(windowUpdate(1, 100_000), settings(setting(SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1))),
    'FLOW_CONTROL_ERROR',
  ],
  ['6.5.2 frames below 16,384', settings(setting(SETTING.MAX_FRAME_SIZE, 16_383)), 'PROTOCOL_ERROR'],
  ['6.5.2 frames over 2^24 - 1', settings(setting(SETTING.MAX_FRAME_SIZE, 2 ** 24)), 'PROTOCOL_ERROR'],
  ['8.4 PUSH_PROMISE', frame(FRAME.PUSH_PROMISE, END_HEADERS, 1, octets(u32(2), BLOCK)), 'PROTOCOL_ERROR'],
  ['6.7 PING on a stream', frame(FRAME.PING, 0, 1, '12345678'), 'PROTOCOL_ERROR'],
  ['6.7 PING of another size', frame(FRAME.PING, 0, 0, '1234567'), 'FRAME_SIZE_ERROR'],
  ['6.8 GOAWAY on a stream', frame(FRAME.GOAWAY, 0, 1, octets(u32(1), u32(0))), 'PROTOCOL_ERROR'],
  ['6.8 GOAWAY of another size', frame(FRAME.GOAWAY, 0, 0, u32(1)), 'FRAME_SIZE_ERROR'],
  ['6.8 GOAWAY that takes a stream back', octets(goaway(1), goaway(3)), 'PROTOCOL_ERROR'],
  ['6.9 WINDOW_UPDATE of 0', windowUpdate(0, 0), 'PROTOCOL_ERROR'],
  ['6.9 WINDOW_UPDATE of another size', frame(FRAME.WINDOW_UPDATE, 0, 0, 'abc'), 'FRAME_SIZE_ERROR'],
  ['6.9 WINDOW_UPDATE of an idle stream', windowUpdate(5, 1), 'PROTOCOL_ERROR'],
  ['6.9.1 a window over 2^31 - 1', windowUpdate(0, 2 ** 31 - 1), 'FLOW_CONTROL_ERROR'],
  ['4.2 a frame over 16,384 octets', frame(0xbb, 0, 0, Buffer.alloc(16_385)).subarray(0, 20), 'FRAME_SIZE_ERROR'],
]

describe('RFC 9113: the connection ends', () => {
  test.each(CONNECTION_ERRORS)('%s', async (_, wire, code) => {
    const t = await new Stage().greet()
    const [first, second] = await t.ask(2)
    await t.receive(headers(3), data(3, 'done'))
    await t.receive(wire)
    assert.equal(second!.ended, '200 done')
    assert.match(first!.ended!, new RegExp(`^(${code}, lost|NO_ERROR, (unprocessed|unsent))$`))
    assert.deepEqual(t.events.at(-1), `closed: ${code}`)
    assert.deepEqual(t.farewells, [HTTP2_CODES.indexOf(code)])
    assert.ok(!t.session.usable)
    await t.clock.advance(1000)
    assert.ok(t.socket.destroyed)
  })

  test.each([
    ['an acknowledgement', frame(FRAME.SETTINGS, ACK, 0)],
    ['PING', frame(FRAME.PING, 0, 0, '12345678')],
    ['an HTTP/1.1 response', octets('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('3.4: when the first frame is %s', async (_, wire) => {
    const t = new Stage()
    const [request] = await t.ask()
    await t.receive(wire)
    assert.match(request!.ended!, /^(PROTOCOL_ERROR|FRAME_SIZE_ERROR), lost$/)
  })
})

/** What the peer does on stream 1, the octets, and the code of the stream error. */
const STREAM_ERRORS: readonly [string, Buffer, Http2Code][] = [
  ['8.1 DATA before HEADERS', data(1, 'x'), 'PROTOCOL_ERROR'],
  ['8.1 an interim response that ends', headers(1, [[':status', '103']], END_HEADERS | END_STREAM), 'PROTOCOL_ERROR'],
  ['8.6 status 101', headers(1, [[':status', '101']]), 'PROTOCOL_ERROR'],
  ['8.1 two header sections', octets(headers(1), headers(1)), 'PROTOCOL_ERROR'],
  ['8.1 trailers with a pseudo-field', octets(headers(1), headers(1, OK, END_HEADERS | END_STREAM)), 'PROTOCOL_ERROR'],
  ['8.3 no status', headers(1, [['age', '1']]), 'PROTOCOL_ERROR'],
  ['8.2 an upper-case name', headers(1, [...OK, ['Age', '1']]), 'PROTOCOL_ERROR'],
  ['8.2.2 connection', headers(1, [...OK, ['connection', 'close']]), 'PROTOCOL_ERROR'],
  [
    '8.1.1 less content than said',
    octets(headers(1, [...OK, ['content-length', '4']]), data(1, 'abc')),
    'PROTOCOL_ERROR',
  ],
  [
    '8.1.1 more content than said',
    octets(headers(1, [...OK, ['content-length', '4']]), data(1, 'abcde', 0)),
    'PROTOCOL_ERROR',
  ],
  [
    '8.1.1 no content where some was said',
    headers(1, [...OK, ['content-length', '4']], END_HEADERS | END_STREAM),
    'PROTOCOL_ERROR',
  ],
  ['10.5.1 a section that is too large', headers(1, [...OK, ['a', '0'.repeat(17_000)]]), 'ENHANCE_YOUR_CALM'],
  ['6.9 WINDOW_UPDATE of 0', windowUpdate(1, 0), 'PROTOCOL_ERROR'],
  ['6.9.1 a window over 2^31 - 1', windowUpdate(1, 2 ** 31 - 1), 'FLOW_CONTROL_ERROR'],
  [
    'a body over the limit',
    octets(headers(1), ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_384), 0))),
    'CANCEL',
  ],
]

describe('RFC 9113: one stream ends, the others go on', () => {
  test.each(STREAM_ERRORS)('%s', async (_, wire, code) => {
    const t = await new Stage().greet()
    const [first, second] = await t.ask(2)
    t.sent()
    await t.receive(wire)
    assert.equal(first!.ended, `${code}, malformed`)
    assert.equal(first!.error!.code, 'ERR_DNS_CONNECT')
    const [frame] = t.sent().filter(({ type }) => type === FRAME.RST_STREAM)
    assert.deepEqual([frame!.stream, frame!.payload.readUInt32BE(0)], [1, HTTP2_CODES.indexOf(code)])
    // What is on its way is forgiven, up to the end of the stream and no further.
    await t.receive(data(1, 'late', 0), data(1, 'late'))
    await t.receive(headers(3), data(3, 'fine'))
    assert.equal(second!.ended, '200 fine')
    await t.receive(data(1, 'too late'))
    assert.deepEqual(t.farewells, [HTTP2_CODES.indexOf('STREAM_CLOSED')])
  })
})

describe('RFC 9113, 10.5: floods end the connection', () => {
  const many = (wire: Buffer, count = 1100): Buffer => Buffer.concat(Array.from({ length: count }, () => wire))
  test.each([
    ['PING', many(frame(FRAME.PING, 0, 0, '12345678'))],
    ['answers to no PING', many(frame(FRAME.PING, ACK, 0, '12345678'))],
    ['SETTINGS', many(settings())],
    ['empty DATA', octets(headers(1), many(data(1, '', 0)))],
    ['DATA of nothing but padding', octets(headers(1), many(data(1, octets(3, '\0\0\0'), PADDED)))],
    ['empty CONTINUATION', octets(headers(1, OK, 0), many(frame(FRAME.CONTINUATION, 0, 1)))],
    ['full CONTINUATION', octets(headers(1, OK, 0), many(frame(FRAME.CONTINUATION, 0, 1, Buffer.alloc(16_384)), 4))],
    ['WINDOW_UPDATE', many(windowUpdate(1, 1))],
    ['PRIORITY', many(frame(FRAME.PRIORITY, 0, 1, '12345'))],
    ['unknown frames', many(frame(0xbb, 0, 0, 'x'))],
    ['interim responses', many(headers(1, [[':status', '103']]))],
    ['resets of a stream that has ended', octets(reset(1, 8), many(reset(1, 8)))],
    ['GOAWAY', many(goaway(2 ** 31 - 1))],
  ])('%s', async (_, wire) => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    // The socket's side takes nothing off: what the session answers stays bounded.
    await t.receive(wire)
    assert.ok(request!.ended !== null)
    assert.deepEqual(t.farewells, [HTTP2_CODES.indexOf('ENHANCE_YOUR_CALM')])
    assert.ok(Buffer.concat(t.socket.written).length < 40_000)
  })

  test('but a peer that sends as much over hours, or with responses, is none', async () => {
    const t = await new Stage().greet()
    for (let i = 0; i < 30; i++) {
      await t.receive(many(frame(FRAME.PING, 0, 0, '12345678'), 100))
      await t.clock.advance(1500)
    }
    for (let i = 0; i < 1500; i++) {
      const [request] = await t.ask()
      const stream = 2 * i + 1
      await t.receive(
        windowUpdate(0, 5),
        windowUpdate(stream, 5),
        frame(FRAME.PING, 0, 0, '12345678'),
        headers(stream),
        data(stream, 'ok'),
      )
      assert.equal(request!.ended, '200 ok')
    }
    assert.deepEqual(t.farewells, [])
  })
})
