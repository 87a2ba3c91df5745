import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HpackTable } from '../../src/http/hpack-table.js'
import type { Field } from '../../src/http/field.js'
import { decodeHpack, encodeHpack, HPACK } from '../../src/http/hpack.js'
import { FLAG, FRAME, PREFACE, SETTING } from '../../src/http2/frames.js'
import { RequestHead } from '../../src/http/request-head.js'
import type { HttpRequest } from '../../src/http/request.js'
import { AbandonedRequest } from '../../src/http2/abandoned-request.js'
import {
  Asked,
  cut,
  data,
  frame,
  goaway,
  HEAD,
  headers,
  octets,
  OK,
  reset,
  response,
  setting,
  settings,
  Stage,
  u32,
  windowUpdate,
} from './fake-peer.js'

const { END_HEADERS, END_STREAM, PADDED, PRIORITY, ACK } = FLAG

function fieldsOf(block: Buffer): Field[] {
  const fields: Field[] = []
  decodeHpack(block, 0, block.length, new HpackTable(), { field: (name, value) => fields.push([name, value]) })
  return fields
}
const states = (requests: readonly Asked[]): (string | null)[] => requests.map(({ ended }) => ended)

describe('what is sent', () => {
  test('RFC 9113, 3.4: preface, settings and the requests of one turn share one write', async () => {
    const t = new Stage()
    await t.ask(3)
    assert.equal(t.socket.written.length, 1)
    assert.equal(t.socket.written[0]!.subarray(0, 24).toString(), PREFACE)
    const [first, second, ...rest] = t.sent()
    assert.equal(first!.type, FRAME.SETTINGS)
    assert.deepEqual(first!.payload.subarray(0, 12), octets(setting(1, 0), setting(2, 0)))
    assert.deepEqual(second!.type, FRAME.WINDOW_UPDATE)
    assert.deepEqual(
      rest.map(({ type, stream, flags }) => [type, stream, flags]),
      [1, 3, 5].flatMap((stream) => [
        [FRAME.HEADERS, stream, END_HEADERS],
        [FRAME.DATA, stream, END_STREAM],
      ]),
    )
  })

  test('RFC 9113, 8.3.1: the head of a request, its length with it; RFC 7541, 4.2: once with the table turned off', async () => {
    const t = await new Stage().greet()
    await t.ask(2)
    const [first, body, second] = t.sent()
    assert.equal(first!.payload[0], 0x20)
    assert.equal(second!.payload[0], 0x83)
    assert.deepEqual(fieldsOf(first!.payload), fieldsOf(second!.payload))
    assert.deepEqual(fieldsOf(second!.payload), [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':authority', 'dns.test'],
      [':path', '/dns-query'],
      ['content-type', 'application/dns-message'],
      ['accept', 'application/dns-message'],
      ['content-length', '5'],
    ])
    assert.equal(body!.payload.toString(), 'query')
  })

  test('a request without a body ends with its head, which may have a path of its own', async () => {
    const t = await new Stage().greet()
    const head = new RequestHead({ method: 'GET', scheme: 'https', authority: 'dns.test', path: '/q' }, HPACK)
    t.session.send(new Asked(head, null, '/q?dns=AAAB'))
    t.session.send(new Asked(head))
    await t.clock.advance(0)
    const sent = t.sent()
    assert.deepEqual(
      sent.map(({ flags }) => flags),
      [END_HEADERS | END_STREAM, END_HEADERS | END_STREAM],
    )
    assert.deepEqual(
      sent.map(({ payload }) => fieldsOf(payload).at(-1)),
      [
        [':path', '/q?dns=AAAB'],
        [':path', '/q'],
      ],
    )
  })

  test('RFC 9113, 6.10: a head larger than a frame goes on in CONTINUATION', async () => {
    const t = await new Stage().greet()
    const path = `/${'a'.repeat(40_000)}`
    t.session.send(new Asked(HEAD, null, path))
    await t.clock.advance(0)
    const sent = t.sent()
    assert.deepEqual(
      sent.map(({ type, flags }) => [type, flags]),
      [
        [FRAME.HEADERS, END_STREAM],
        [FRAME.CONTINUATION, 0],
        [FRAME.CONTINUATION, END_HEADERS],
      ],
    )
    assert.equal(fieldsOf(Buffer.concat(sent.map(({ payload }) => payload)))[3]![1], path)
  })

  test('while the socket takes nothing, requests wait and stay safe to send elsewhere', async () => {
    const t = await new Stage().greet()
    t.socket.stuck = true
    const before = await t.ask(1, 'x'.repeat(20_000))
    const waiting = await t.ask(5)
    assert.equal(t.sent().filter(({ type }) => type === FRAME.HEADERS).length, 1)
    t.socket.unstick()
    await t.clock.advance(0)
    await t.clock.advance(0)
    assert.equal(t.sent().filter(({ type }) => type === FRAME.HEADERS).length, 5)
    assert.deepEqual(states([...before, ...waiting]), Array(6).fill(null))
  })
})

describe('flow control of what is sent (RFC 9113, 6.9)', () => {
  const sizes = (t: Stage): number[] =>
    t
      .sent()
      .filter(({ type }) => type === FRAME.DATA)
      .map(({ payload }) => payload.length)

  test('a body waits for the window of its stream, and others pass it', async () => {
    const t = await new Stage().greet(setting(SETTING.INITIAL_WINDOW_SIZE, 3))
    await t.ask(2)
    assert.deepEqual(sizes(t), [3, 3])
    await t.receive(windowUpdate(3, 1))
    assert.deepEqual(sizes(t), [1])
    await t.receive(windowUpdate(3, 100))
    assert.deepEqual(sizes(t), [1])
    await t.receive(settings(setting(SETTING.INITIAL_WINDOW_SIZE, 4)))
    assert.deepEqual(sizes(t), [1])
    await t.receive(windowUpdate(1, 1))
    const [last] = t.sent().filter(({ type }) => type === FRAME.DATA)
    assert.deepEqual([last!.stream, last!.flags, last!.payload.toString()], [1, END_STREAM, 'y'])
  })

  test('6.9.2: a window may become negative, and has to come back first', async () => {
    const t = await new Stage().greet(setting(SETTING.INITIAL_WINDOW_SIZE, 4))
    await t.ask()
    await t.receive(settings(setting(SETTING.INITIAL_WINDOW_SIZE, 0)))
    t.sent()
    await t.receive(windowUpdate(1, 4))
    assert.deepEqual(sizes(t), [])
    await t.receive(windowUpdate(1, 1))
    assert.deepEqual(sizes(t), [1])
  })

  test('without a window of the connection no further stream is opened', async () => {
    const t = await new Stage().greet()
    await t.ask(1, 'x'.repeat(65_535))
    assert.deepEqual(sizes(t), [16_384, 16_384, 16_384, 16_383])
    const [waiting] = await t.ask()
    assert.deepEqual(t.sent(), [])
    await t.receive(goaway(1))
    assert.equal(waiting!.ended, 'NO_ERROR, unsent')
    await t.receive(response(1, 'ok'))
    assert.ok(t.events.includes('closed: ERR_DNS_CLOSED'))
  })

  test('a window of the connection that grows goes to whoever waits', async () => {
    const t = await new Stage().greet(setting(SETTING.INITIAL_WINDOW_SIZE, 1_000_000))
    await t.ask(3, 'x'.repeat(30_000))
    assert.equal(
      sizes(t).reduce((a, b) => a + b),
      65_535,
    )
    await t.receive(windowUpdate(0, 100_000))
    assert.equal(
      sizes(t).reduce((a, b) => a + b),
      90_000 - 65_535,
    )
  })

  test('8.1: a response before the body was all sent counts, and the rest is not sent', async () => {
    const t = await new Stage().greet(setting(SETTING.INITIAL_WINDOW_SIZE, 1))
    const [request] = await t.ask()
    t.sent()
    await t.receive(response(1, 'early'))
    assert.equal(request!.ended, '200 early')
    assert.deepEqual(
      t.sent().map(({ type }) => type),
      [FRAME.RST_STREAM],
    )
    await t.receive(windowUpdate(1, 100))
    assert.deepEqual(t.sent(), [])
  })
})

describe('what is received', () => {
  test('a response is told whole, with the fields that are wanted', async () => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    await t.receive(
      headers(1, [...OK, ['age', '7'], ['x', 'y'], ['content-length', '5']]),
      data(1, 'he', 0),
      data(1, 'llo'),
    )
    assert.equal(request!.ended, '200 hello')
    assert.equal(request!.headers!.get('age'), '7')
    assert.equal(request!.headers!.get('content-type'), 'application/dns-message')
    assert.deepEqual(t.events, ['drained'])
    assert.equal(t.session.size, 0)
  })

  const BLOCK = encodeHpack(OK)
  const SHAPES: readonly [string, Buffer, string][] = [
    ['in one frame each', response(1, 'body'), '200 body'],
    ['without content', headers(1, [[':status', '500']], END_HEADERS | END_STREAM), '500 '],
    ['with an empty frame at the end', octets(headers(1), data(1, 'body', 0), data(1, '')), '200 body'],
    ['octet by octet', octets(headers(1), ...[...'body'].map((c) => data(1, c, 0)), data(1, '')), '200 body'],
    [
      'with padding',
      octets(
        frame(FRAME.HEADERS, END_HEADERS | PADDED, 1, octets(2, BLOCK, '\0\0')),
        data(1, octets(4, 'body\0\0\0\0'), PADDED | END_STREAM),
      ),
      '200 body',
    ],
    [
      'with padding and nothing else at the end',
      octets(headers(1), data(1, 'body', 0), data(1, octets(1, '\0'), PADDED | END_STREAM)),
      '200 body',
    ],
    [
      'with a priority',
      octets(frame(FRAME.HEADERS, END_HEADERS | PRIORITY, 1, octets(u32(0), 9, BLOCK)), data(1, 'body')),
      '200 body',
    ],
    [
      'with padding and a priority',
      octets(frame(FRAME.HEADERS, END_HEADERS | PRIORITY | PADDED, 1, octets(1, u32(0), 9, BLOCK, 0)), data(1, 'body')),
      '200 body',
    ],
    [
      'with CONTINUATION',
      octets(
        frame(FRAME.HEADERS, 0, 1, BLOCK.subarray(0, 5)),
        frame(FRAME.CONTINUATION, 0, 1, BLOCK.subarray(5, 6)),
        frame(FRAME.CONTINUATION, END_HEADERS, 1, BLOCK.subarray(6)),
        data(1, 'body'),
      ),
      '200 body',
    ],
    [
      'with trailers',
      octets(headers(1), data(1, 'body', 0), headers(1, [['x', 'y']], END_HEADERS | END_STREAM)),
      '200 body',
    ],
    [
      'after interim responses',
      octets(
        headers(1, [[':status', '100']]),
        headers(1, [
          [':status', '103'],
          ['link', 'x'],
        ]),
        response(1, 'body'),
      ),
      '200 body',
    ],
    [
      'among unknown frames and bits',
      octets(
        frame(0xbb, 0xff, 7, 'x'),
        headers(1, OK, END_HEADERS | (0xd2 & ~PADDED & ~PRIORITY)),
        frame(0xbb, 0, 0, ''),
        frame(FRAME.PRIORITY, 0, 9, '12345'),
        data(1, 'body', END_STREAM | 0xf0),
      ),
      '200 body',
    ],
    [
      'with an unknown setting',
      octets(settings(setting(0x99, 5), setting(SETTING.HEADER_TABLE_SIZE, 0)), response(1, 'body')),
      '200 body',
    ],
    [
      'with the reserved bit of the stream set',
      octets(headers(1), frame(FRAME.DATA, END_STREAM, 0x8000_0001, 'body')),
      '200 body',
    ],
    [
      '304 with the length of what it stands for',
      headers(
        1,
        [
          [':status', '304'],
          ['content-length', '9'],
        ],
        END_HEADERS | END_STREAM,
      ),
      '304 ',
    ],
  ]

  test.each(SHAPES)('%s', async (_, wire, ended) => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    await t.receive(wire)
    assert.equal(request!.ended, ended)
    assert.deepEqual(t.farewells, [])
  })

  test.each(SHAPES)('%s, split at every octet', async (_, wire, ended) => {
    for (let at = 0; at <= wire.length; at++) {
      const t = await new Stage().greet()
      const [request] = await t.ask()
      t.socket.push(wire.subarray(0, at))
      await t.receive(wire.subarray(at))
      assert.equal(request!.ended, ended)
    }
    const t = await new Stage().greet()
    const [request] = await t.ask()
    for (const octet of wire) t.socket.push(Buffer.from([octet]))
    await t.clock.advance(0)
    assert.equal(request!.ended, ended)
  })

  test('a peer that uses a dynamic table all the same is understood, blocks of streams that nobody waits for included', async () => {
    const t = await new Stage().greet()
    const [first, second, third, fourth] = await t.ask(4)
    const block = (stream: number, coded: string): Buffer =>
      frame(FRAME.HEADERS, END_HEADERS | END_STREAM, stream, Buffer.from(coded, 'hex'))
    t.session.cancel(first!)
    await t.receive(block(1, '885501375f0161'), block(3, '88bf'))
    await t.receive(block(5, '885501385501385f0162'), block(7, '88bf'))
    assert.deepEqual(states([first!, second!, third!, fourth!]), [null, '200 ', '200 ', '200 '])
    assert.deepEqual(
      [second!, third!, fourth!].map(({ headers }) => headers!.get('age')),
      ['7', '8, 8', '8'],
    )
  })

  test('answers may come in any order and interleaved', async () => {
    const t = await new Stage().greet()
    const requests = await t.ask(3)
    await t.receive(headers(5), headers(1), data(1, 'a', 0), data(5, 'c'), headers(3), data(1, 'A'), data(3, 'b'))
    assert.deepEqual(states(requests), ['200 aA', '200 b', '200 c'])
  })

  test('a body of the largest size is taken, and windows are renewed on the way', async () => {
    const t = await new Stage().greet()
    const requests = await t.ask(20)
    t.sent()
    for (let i = 0; i < 20; i++) {
      const stream = 2 * i + 1
      const part = Buffer.alloc(16_383, 97 + i)
      await t.receive(
        headers(stream),
        data(stream, part, 0),
        data(stream, octets(200, part.subarray(0, 16_000), Buffer.alloc(200)), PADDED),
        data(stream, part, 0),
        data(stream, part, 0),
        data(stream, part.subarray(0, 386)),
      )
      assert.equal(requests[i]!.body_!.length, 65_535)
    }
    const renewed = t.sent().filter(({ type, stream }) => type === FRAME.WINDOW_UPDATE && stream === 0)
    assert.ok(renewed.length >= 2)
    assert.deepEqual(t.farewells, [])
  })

  test('6.5.3, 6.7: settings are acknowledged and pings answered with what they said', async () => {
    const t = await new Stage().greet()
    await t.receive(settings(), frame(FRAME.PING, 0, 0, 'whatever'))
    assert.deepEqual(
      t.sent().map(({ type, flags, payload }) => [type, flags, payload.toString()]),
      [
        [FRAME.SETTINGS, ACK, ''],
        [FRAME.PING, ACK, 'whatever'],
      ],
    )
  })
})

describe('limits and ends', () => {
  test('5.1.2: requests beyond the stream limit wait here, first come, first served', async () => {
    const t = await new Stage().greet(setting(SETTING.MAX_CONCURRENT_STREAMS, 2))
    const requests = await t.ask(5)
    const opened = (): number[] =>
      t
        .sent()
        .filter(({ type }) => type === FRAME.HEADERS)
        .map(({ stream }) => stream)
    assert.deepEqual(opened(), [1, 3])
    assert.ok(t.session.full && t.session.usable)
    assert.ok(t.session.cancel(requests[2]!))
    await t.receive(response(3, 'b'))
    assert.deepEqual(opened(), [5])
    await t.receive(settings(setting(SETTING.MAX_CONCURRENT_STREAMS, 10)))
    assert.deepEqual(opened(), [7])
    await t.receive(response(7, 'e'), response(5, 'd'), response(1, 'a'))
    assert.deepEqual(states(requests), ['200 a', '200 b', null, '200 d', '200 e'])
    assert.ok(!t.session.full)
  })

  test('6.5.2: until the peer has spoken, 100 streams at most are opened', async () => {
    const t = new Stage()
    await t.ask(150)
    assert.ok(!t.session.full)
    assert.equal(t.sent().filter(({ type }) => type === FRAME.HEADERS).length, 100)
    await t.receive(settings())
    assert.equal(t.sent().filter(({ type }) => type === FRAME.HEADERS).length, 50)
  })

  test('5.1.2: those of them that a lower limit refuses are sent again, once, and nobody is told', async () => {
    const t = new Stage()
    const requests = await t.ask(3)
    t.sent()
    t.session.cancel(requests[1]!)
    await t.receive(settings(setting(SETTING.MAX_CONCURRENT_STREAMS, 1)), reset(1, 7), reset(3, 7), response(5, 'c'))
    assert.deepEqual(states(requests), [null, null, '200 c'])
    const opened = t.sent().filter(({ type }) => type === FRAME.HEADERS)
    assert.deepEqual(
      opened.map(({ stream }) => stream),
      [7],
    )
    await t.receive(reset(7, 7))
    assert.equal(requests[0]!.ended, 'REFUSED_STREAM, unprocessed')
    assert.equal(t.session.size, 0)
  })

  test('RFC 9520, 3.1: one that was sent on another connection before is not sent again unasked', async () => {
    const first = await new Stage().greet()
    const [request] = await first.ask()
    await first.receive(reset(1, 7))
    assert.equal(request!.ended, 'REFUSED_STREAM, unprocessed')
    const second = new Stage()
    request!.ended = null
    second.session.send(request!)
    await second.clock.advance(0)
    await second.receive(settings(), reset(1, 7))
    assert.deepEqual([request!.ended, request!.sends], ['REFUSED_STREAM, unprocessed', 2])
  })

  test('6.8: GOAWAY hands back what is above its last stream and lets the rest finish', async () => {
    const t = await new Stage().greet(setting(SETTING.MAX_CONCURRENT_STREAMS, 4))
    const requests = await t.ask(5)
    await t.receive(goaway(2 ** 31 - 1))
    assert.deepEqual(states(requests), [null, null, null, null, 'NO_ERROR, unsent'])
    assert.ok(!t.session.usable && !t.session.closed)
    assert.ok(!t.session.send(new Asked(HEAD)))
    await t.receive(goaway(3))
    assert.deepEqual(states(requests).slice(2, 4), ['NO_ERROR, unprocessed', 'NO_ERROR, unprocessed'])
    await t.receive(response(1, 'a'), response(3, 'b'))
    assert.deepEqual(states(requests).slice(0, 2), ['200 a', '200 b'])
    assert.deepEqual(t.events, ['retired', 'drained', 'closed: ERR_DNS_CLOSED'])
    assert.deepEqual(t.farewells, [0])
    assert.ok(t.socket.destroyed)
  })

  test('6.4: a reset is a failure; REFUSED_STREAM is safe to send again', async () => {
    const t = await new Stage().greet()
    const requests = await t.ask(3)
    await t.receive(reset(1, 7), reset(3, 2), reset(5, 0x99))
    assert.deepEqual(states(requests), ['REFUSED_STREAM, unprocessed', 'INTERNAL_ERROR, lost', 'INTERNAL_ERROR, lost'])
    t.session.send(requests[0]!)
    requests[0]!.ended = null
    await t.clock.advance(0)
    await t.receive(response(7, 'again'))
    assert.equal(requests[0]!.ended, '200 again')
  })

  test('a cancelled request keeps its stream until the place is needed; what comes for it is dropped', async () => {
    const t = await new Stage().greet(setting(SETTING.MAX_CONCURRENT_STREAMS, 2))
    const [first, second] = await t.ask(2)
    assert.ok(t.session.cancel(first!) && t.session.cancel(second!))
    assert.ok(!t.session.cancel(first!))
    assert.equal(t.session.size, 0)
    await t.receive(response(1, 'unwanted'))
    t.sent()
    const [third, fourth] = await t.ask(2)
    assert.deepEqual(
      t.sent().map(({ type, stream }) => [type, stream]),
      [
        [FRAME.HEADERS, 5],
        [FRAME.DATA, 5],
        [FRAME.RST_STREAM, 3],
        [FRAME.HEADERS, 7],
        [FRAME.DATA, 7],
      ],
    )
    await t.receive(response(3, 'late'), response(5, 'c'), response(7, 'd'))
    assert.deepEqual(states([first!, second!, third!, fourth!]), [null, null, '200 c', '200 d'])
  })

  test('nothing is kept of what comes for a cancelled request', () => {
    const request = new Asked(HEAD)
    request.begin(1, 0)
    request.append(Buffer.from('first'), 0, 5, 65_535)
    const abandoned = new AbandonedRequest(request)
    const held: HttpRequest = abandoned
    held.append(Buffer.alloc(16_384), 0, 16_384, 65_535)
    assert.deepEqual([abandoned.content.length, abandoned.received], [0, 16_389])
  })

  test('cancelling thousands on a slow peer does not cost the connection when it answers after all', async () => {
    const t = await new Stage().greet(setting(SETTING.MAX_CONCURRENT_STREAMS, 10))
    for (let i = 0; i < 300; i++) for (const request of await t.ask(10)) t.session.cancel(request)
    const wire = Array.from({ length: 3000 }, (_, i) => response(2 * i + 1, 'late'))
    for (const part of wire) {
      await t.receive(part)
      await t.clock.advance(50)
    }
    const [request] = await t.ask()
    await t.receive(response(6001, 'ok'))
    assert.equal(request!.ended, '200 ok')
  })

  test('a cancelled request whose body is not all sent is reset at once', async () => {
    const t = await new Stage().greet(setting(SETTING.INITIAL_WINDOW_SIZE, 1))
    const [request] = await t.ask()
    t.sent()
    t.session.cancel(request!)
    await t.receive(windowUpdate(1, 10))
    assert.deepEqual(
      t.sent().map(({ type }) => type),
      [FRAME.RST_STREAM],
    )
  })

  test('retire() lets what is in flight finish; with nothing in flight it closes', async () => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    t.session.retire()
    assert.ok(!t.session.usable)
    await t.receive(response(1, 'ok'))
    assert.equal(request!.ended, '200 ok')
    assert.deepEqual(t.events, ['drained', 'closed: ERR_DNS_CLOSED'])
  })

  test('destroy() fails all with ERR_DNS_CLOSED; what was not sent is safe to send again', async () => {
    const t = await new Stage().greet(setting(SETTING.MAX_CONCURRENT_STREAMS, 1))
    const requests = await t.ask(2)
    t.session.destroy()
    t.session.destroy()
    assert.deepEqual(states(requests), ['ERR_DNS_CLOSED, lost', 'ERR_DNS_CLOSED, unsent'])
    assert.ok(t.socket.destroyed)
    assert.equal(t.clock.pending, 0)
  })

  test.each([
    ['ends', (t: Stage) => void t.socket.push(null)],
    ['breaks', (t: Stage) => void t.socket.destroy(new Error('read ECONNRESET'))],
    ['closes', (t: Stage) => void t.socket.destroy()],
  ])('what is in flight fails when the socket %s', async (_, how) => {
    const t = await new Stage().greet()
    const requests = await t.ask(2)
    how(t)
    await t.clock.advance(0)
    assert.deepEqual(states(requests), ['ERR_DNS_CONNECT, lost', 'ERR_DNS_CONNECT, lost'])
    assert.deepEqual(t.events, ['closed: ERR_DNS_CONNECT'])
    assert.equal(t.clock.pending, 0)
  })

  test('callbacks may ask, cancel and close', async () => {
    const t = await new Stage().greet()
    const [first, second, third] = await t.ask(3)
    const again = new Asked(HEAD)
    first!.onEnd = () => {
      t.session.cancel(second!)
      t.session.send(again)
    }
    third!.onEnd = () => t.session.destroy()
    await t.receive(response(1, 'a'), response(3, 'b'), response(5, 'c'), response(7, 'd'))
    assert.deepEqual(states([first!, second!, third!, again]), ['200 a', null, '200 c', 'ERR_DNS_CLOSED, unsent'])
  })
})

describe('signs of life', () => {
  const pings = (t: Stage): number => t.sent().filter(({ type, flags }) => type === FRAME.PING && flags === 0).length

  test('a peer that is quiet with work in flight is asked, and given up after 2 s', async () => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    await t.clock.advance(999)
    assert.equal(pings(t), 0)
    await t.clock.advance(1)
    await t.clock.advance(0)
    assert.equal(pings(t), 1)
    assert.ok(t.session.silent)
    await t.clock.advance(1999)
    assert.equal(request!.ended, null)
    await t.clock.advance(2)
    assert.equal(request!.ended, 'ERR_DNS_CONNECT, lost')
    assert.match(request!.error!.message, /no sign of life within 2000 ms/)
    assert.ok(t.socket.destroyed)
  })

  test('one that answers is asked again each time it is quiet, and never given up', async () => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    for (let i = 0; i < 20; i++) {
      await t.clock.advance(1500)
      const asked = t.sent().filter(({ type }) => type === FRAME.PING)
      for (const { payload } of asked) await t.receive(frame(FRAME.PING, ACK, 0, payload))
    }
    assert.ok(!t.session.silent)
    await t.receive(response(1, 'slow'))
    assert.equal(request!.ended, '200 slow')
  })

  test('nobody is asked while nobody waits', async () => {
    const t = await new Stage().greet()
    await t.ask()
    await t.receive(response(1, 'ok'))
    await t.clock.advance(60_000)
    assert.equal(pings(t), 0)
    await t.ask()
    await t.clock.advance(999)
    assert.equal(pings(t), 0)
    await t.clock.advance(2)
    assert.equal(pings(t), 1)
  })

  test('after a stall of the loop what has arrived meanwhile is read first', async () => {
    const t = await new Stage().greet()
    const [request] = await t.ask()
    await t.clock.advance(1001)
    t.clock.stall(60_000)
    t.socket.push(response(1, 'there'))
    await t.clock.advance(10)
    assert.equal(request!.ended, '200 there')
  })
})

test('frames of a session are well formed, whatever it is asked', async () => {
  const t = await new Stage().greet()
  await t.ask(3, 'x'.repeat(20_000))
  const wire = Buffer.concat(t.socket.written).subarray(PREFACE.length)
  assert.equal(
    cut(wire).reduce((sum, { payload }) => sum + 9 + payload.length, 0),
    wire.length,
  )
})
