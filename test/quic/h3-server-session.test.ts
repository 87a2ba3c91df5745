import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import type { Field } from '../../src/http/field.js'
import type { ReceivedRequest } from '../../src/http/received-request.js'
import type { H3Fault } from '../../src/quic/h3-error.js'
import { FRAME, frameOf, STREAM } from '../../src/quic/h3-frames.js'
import type { H3Request, RequestHandler } from '../../src/quic/h3-request.js'
import { H3ServerSession, type H3ServerOwner } from '../../src/quic/h3-server-session.js'
import type { RequestEnd } from '../../src/http/received-request.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import {
  data,
  FakeQuic,
  FakeStream,
  goaway,
  GREETING,
  headers,
  octets,
  response,
  section,
  settings,
} from './h3-stage.js'

const GET: readonly Field[] = [[':method', 'GET'], [':scheme', 'https'], [':authority', 'dns.test'], [':path', '/x?y']] // prettier-ignore
const POST: readonly Field[] = [...GET.map(([name, value]): Field => [name, name === ':method' ? 'POST' : value])]
const frame = (type: number, payload: readonly number[] = []): Buffer => frameOf(type, Buffer.from(payload))
const NOBODY = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }

/** One request as it was told. */
class Told implements RequestHandler {
  readonly request: H3Request
  readonly head: ReceivedRequest
  readonly events: string[] = []
  readonly #body: Buffer[] = []

  constructor(request: H3Request, head: ReceivedRequest) {
    this.request = request
    this.head = head
  }

  get body(): string {
    return Buffer.concat(this.#body).toString()
  }

  onBody(part: Buffer): void {
    this.#body.push(part)
  }

  onEnd(): void {
    this.events.push('end')
  }

  onGone(end: RequestEnd): void {
    this.events.push({ done: 'gone', cancelled: 'cancelled', rough: 'gone roughly' }[end])
  }
}

/** A server's session on a connection whose client the test plays. */
class ServerStage implements H3ServerOwner {
  readonly quic = new FakeQuic()
  readonly told: Told[] = []
  readonly events: string[] = []
  readonly session = new H3ServerSession(this.quic, { wanted: ['content-type'], clock: new FakeClock() }, this)
  /** Answers at once what the head asks. */
  eager = false
  #streams = 0
  #channels = 0

  constructor() {
    this.session.onConnected(this.quic)
  }

  onRequest(request: H3Request, head: ReceivedRequest): RequestHandler {
    const told = new Told(request, head)
    this.told.push(told)
    if (this.eager) request.respond(200, [], Buffer.from('eager'))
    return told
  }

  onUnheard(): void {
    this.events.push('unheard')
  }

  onFault(fault: H3Fault): void {
    this.events.push(`fault: ${fault.h3Code}`)
  }

  onClosed(): void {
    this.events.push('closed')
  }

  /** The client opens a stream for a request. */
  asks(): FakeStream {
    return this.#opened(4 * this.#streams++)
  }

  /** The client opens a stream of another kind. */
  opens(head: Buffer = Buffer.alloc(0)): FakeStream {
    const stream = this.#opened(4 * this.#channels++ + 2)
    if (head.length > 0) stream.data(head)
    return stream
  }

  #opened(id: number): FakeStream {
    const stream = new FakeStream(id, NOBODY, this.quic)
    stream.handler = this.session.onStream(this.quic, stream)
    return stream
  }
}

describe('a request', () => {
  const wire = octets(headers([...POST, ['content-type', 'a/b'], ['content-length', '5']]), data('he'), frame(0x21, [1]), data('llo'), headers([['x-sum', '1']])) // prettier-ignore

  test.each(['data', 'trickle'] as const)('is told as it comes, and answered (%s)', (way) => {
    const t = new ServerStage()
    const stream = t.asks()
    stream[way](wire, true)
    const [told] = t.told
    const { method, path } = told!.head
    assert.deepEqual([method, path, told!.head.get('content-type'), told!.body], ['POST', '/x?y', 'a/b', 'hello'])
    assert.deepEqual([told!.events, t.session.size], [['end'], 1])
    told!.request.respond(200, [['content-length', '2']], Buffer.from('ok'))
    assert.deepEqual(stream.octets, response('ok', [[':status', '200'], ['content-length', '2']])) // prettier-ignore
    assert.deepEqual(
      [stream.finished, stream.cancelled, told!.events, t.session.size],
      [true, null, ['end', 'gone'], 0],
    )
    told!.request.respond(500, [], null)
    assert.equal(t.quic.end, null)
  })

  test('may be answered before all of it came; the rest is not looked at', () => {
    const t = new ServerStage()
    t.eager = true
    const stream = t.asks()
    stream.data(octets(headers(POST), data('x'.repeat(9000))))
    stream.data(Buffer.alloc(9000, 0xff))
    assert.deepEqual([t.told[0]!.body, t.told[0]!.request.gone], ['', false])
    stream.data(Buffer.alloc(0), true)
    assert.deepEqual([t.told[0]!.events, stream.cancelled, t.quic.end], [['gone'], null, null])
  })

  test('that is answered by its head, which is all of it, is over', () => {
    const t = new ServerStage()
    t.eager = true
    const stream = t.asks()
    stream.data(headers(GET), true)
    assert.deepEqual([t.told[0]!.events, stream.cancelled, stream.finished, t.session.size], [['gone'], null, true, 0])
  })

  test('that does not end is given up', () => {
    const t = new ServerStage()
    t.eager = true
    const stream = t.asks()
    stream.data(headers(POST))
    for (let i = 0; i < 9; i++) stream.data(Buffer.alloc(8000))
    assert.deepEqual([t.told[0]!.events, stream.cancelled, t.session.size], [['gone roughly'], 'H3_NO_ERROR', 0])
  })

  test.each<[string, (stream: FakeStream) => void]>([
    ['resets it', (stream) => stream.reset(0x10c)],
    ['wants no answer', (stream) => stream.handler.onStopped(0x10c)],
  ])('whose client %s is over', (_, end) => {
    const t = new ServerStage()
    const stream = t.asks()
    stream.data(headers(GET))
    end(stream)
    const [told] = t.told
    assert.deepEqual(
      [told!.events, told!.request.gone, stream.cancelled],
      [['cancelled'], true, 'H3_REQUEST_CANCELLED'],
    )
    told!.request.respond(200, [], null)
    assert.equal(stream.written.length, 0)
  })

  test('that is reset before its head came is nobody’s, and counted', () => {
    const t = new ServerStage()
    t.asks().reset(0x10c)
    assert.deepEqual([t.told, t.events, t.session.size], [[], ['unheard'], 0])
  })

  const without = (name: string): readonly Field[] => GET.filter((field) => field[0] !== name)
  const malformed: readonly (readonly [string, Buffer, string])[] = [
    ['nothing', Buffer.alloc(0), 'H3_REQUEST_INCOMPLETE'],
    ['no method', headers(without(':method')), 'H3_MESSAGE_ERROR'],
    ['no scheme', headers(without(':scheme')), 'H3_MESSAGE_ERROR'],
    ['no path', headers(without(':path')), 'H3_MESSAGE_ERROR'],
    ['no authority', headers(without(':authority')), 'H3_MESSAGE_ERROR'],
    ['an empty path', headers([...without(':path'), [':path', '']]), 'H3_MESSAGE_ERROR'],
    ['another host', headers([...GET, ['host', 'other.test']]), 'H3_MESSAGE_ERROR'],
    ['a status', headers([...GET, [':status', '200']]), 'H3_MESSAGE_ERROR'],
    ['a path twice', headers([...GET, [':path', '/']]), 'H3_MESSAGE_ERROR'],
    ['a pseudo-field behind others', headers([['a', 'b'], ...GET]), 'H3_MESSAGE_ERROR'],
    ['a field of HTTP/1.1', headers([...GET, ['connection', 'close']]), 'H3_MESSAGE_ERROR'],
    ['a line break', headers([...GET, ['a', 'b\nc']]), 'H3_MESSAGE_ERROR'],
    ['less than its length', octets(headers([...POST, ['content-length', '2']]), data('x')), 'H3_MESSAGE_ERROR'],
    ['more than its length', octets(headers([...POST, ['content-length', '2']]), data('xyz')), 'H3_MESSAGE_ERROR'],
    ['a pseudo-field at the end', octets(headers(POST), data('x'), headers(GET)), 'H3_MESSAGE_ERROR'],
    ['a head over the limit', headers([...GET, ['x', 'y'.repeat(16_400)]]), 'H3_EXCESSIVE_LOAD'],
    ['a head that is announced over the limit', frameOf(FRAME.HEADERS, Buffer.alloc(40_000)), 'H3_EXCESSIVE_LOAD'],
  ]

  test.each(malformed)('with %s is refused alone', (_, bad, code) => {
    for (const way of ['data', 'trickle'] as const) {
      const t = new ServerStage()
      const stream = t.asks()
      stream[way](bad, true)
      assert.deepEqual([stream.cancelled, t.quic.end, t.session.size], [code, null, 0])
      assert.deepEqual(t.told.flatMap(({ events }) => events).concat(t.events), [t.told.length > 0 ? 'gone roughly' : 'unheard']) // prettier-ignore
      t.asks().data(headers(GET), true)
      assert.deepEqual(t.told.at(-1)!.events, ['end'])
    }
  })

  test('with a host in place of :authority is fine', () => {
    const t = new ServerStage()
    t.asks().data(headers([...without(':authority'), ['host', 'dns.test']]), true)
    assert.deepEqual(t.told[0]!.events, ['end'])
  })
})

describe('broken rules end the connection with their code', () => {
  test.each<[string, Buffer, string]>([
    ['DATA first', data('x'), 'H3_FRAME_UNEXPECTED'],
    ['DATA after trailers', octets(headers(POST), headers([['a', 'b']]), data('x')), 'H3_FRAME_UNEXPECTED'],
    ['SETTINGS', settings(), 'H3_FRAME_UNEXPECTED'],
    ['a push', frame(FRAME.PUSH_PROMISE, [0]), 'H3_FRAME_UNEXPECTED'],
    ['half a frame', headers(GET).subarray(0, -1), 'H3_FRAME_ERROR'],
    ['a dynamic table', frameOf(FRAME.HEADERS, octets(section(GET), 0x80)), 'QPACK_DECOMPRESSION_FAILED'],
  ])('on the stream of a request: %s', (_, wire, code) => {
    const t = new ServerStage()
    t.asks().data(wire, true)
    assert.deepEqual([t.quic.end, t.events], [code, [`fault: ${code}`]])
  })

  test.each<[string, readonly Buffer[], string]>([
    ['a push', [octets(STREAM.PUSH, 0)], 'H3_STREAM_CREATION_ERROR'],
    ['no SETTINGS', [octets(STREAM.CONTROL, goaway(0))], 'H3_MISSING_SETTINGS'],
    ['MAX_PUSH_ID that goes down', [octets(GREETING, frame(13, [2]), frame(13, [1]))], 'H3_ID_ERROR'],
    ['two control streams', [GREETING, GREETING], 'H3_STREAM_CREATION_ERROR'],
  ])('on other streams: %s', (_, streams, code) => {
    const t = new ServerStage()
    for (const wire of streams) t.opens(wire)
    assert.deepEqual([t.quic.end, t.events], [code, [`fault: ${code}`]])
  })

  test('a flood of frames that mean nothing', () => {
    const t = new ServerStage()
    const stream = t.asks()
    for (let i = 0; i < 1000; i++) stream.data(frame(0x21))
    assert.equal(t.quic.end, 'H3_EXCESSIVE_LOAD')
  })
})

describe('the connection', () => {
  test('may say of pushes what it will', () => {
    const t = new ServerStage()
    t.opens(octets(GREETING, frame(13, [1]), frame(13, [2]), goaway(0)))
    t.asks().data(headers(GET), true)
    assert.deepEqual([t.quic.end, t.told.length], [null, 1])
  })

  test('GOAWAY: what came goes on, what comes is rejected', () => {
    const t = new ServerStage()
    const [first, second] = [t.asks(), t.asks()]
    first.data(headers(GET), true)
    t.session.goaway()
    t.session.goaway()
    assert.deepEqual(t.quic.ours[0]!.octets.subarray(-3), goaway(8))
    second.data(headers(GET), true)
    const third = t.asks()
    third.data(headers(GET), true)
    assert.deepEqual([t.told.length, third.cancelled, t.session.size], [2, 'H3_REQUEST_REJECTED', 2])
    for (const { request } of t.told) request.respond(200, [], null)
    assert.deepEqual([first.finished, second.finished, t.session.size], [true, true, 0])
  })

  test('that ends takes its requests with it', () => {
    const t = new ServerStage()
    t.asks().data(headers(GET), true)
    t.session.onClosed(t.quic, { cause: 'idle', code: 0, reason: '', established: true })
    assert.deepEqual([t.told[0]!.events, t.events, t.session.size], [['end', 'gone'], ['closed'], 0])
  })
})
