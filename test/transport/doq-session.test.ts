import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { DnsError } from '../../src/errors.js'
import type { Loss } from '../../src/http/request.js'
import type { ConnectionEnd } from '../../src/quic/types.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { DOQ_CODES } from '../../src/transport/doq-codes.js'
import { DoqRequest } from '../../src/transport/doq-request.js'
import { DoqSession } from '../../src/transport/doq-session.js'
import { frame } from '../../src/transport/framing.js'
import { Pending } from '../../src/transport/pending.js'
import { Message } from '../../src/wire/message.js'
import { FakeQuic, FakeStream } from '../quic/h3-stage.js'

class Query extends Pending {
  override onReply(): void {}
  override onFailure(): void {}
  override onMismatch(): void {}
  override cancel(): void {}
  override ring(): void {}
}

/** A session with a connection whose other end is the test. */
class Stage {
  readonly clock = new FakeClock()
  readonly quic = new FakeQuic()
  readonly session = new DoqSession({ name: 'doq', clock: this.clock })
  readonly events: string[] = []
  /** How each request ended, by its number. */
  readonly ends: string[] = []

  constructor() {
    this.session.owner = {
      onRetired: () => this.events.push('retired'),
      onDrained: () => this.events.push('drained'),
      onClosed: ({ message }) => this.events.push(`closed: ${message}`),
    }
  }

  connect(): this {
    this.session.onConnected(this.quic)
    return this
  }

  ask(count = 1): DoqRequest[] {
    return Array.from({ length: count }, () => {
      const number = this.ends.push('') - 1
      const message = Message.query('www.example')
      const request = new DoqRequest(frame(message.forUpstream(0, { udpPayloadSize: 1232, edns: true })), new Query(message, 5000)) // prettier-ignore
      request.owner = {
        cancel: (of) => this.session.cancel(of),
        onMessage: (_of, octets) => (this.ends[number] = `reply of ${octets.length}`),
        onLost: (_of, { message: why }: DnsError, loss: Loss) => (this.ends[number] = `${loss}: ${why}`),
      }
      assert.ok(this.session.send(request))
      return request
    })
  }

  stream(number = 0): FakeStream {
    return this.quic.streams[number]!
  }

  lose(end: Partial<ConnectionEnd>): void {
    this.quic.closed = true
    this.session.onClosed(this.quic, { cause: 'idle', code: 0, reason: 'timed out', established: true, ...end })
  }
}

const REPLY = Message.reply(Message.query('www.example', 'A', { id: 0 }), {}).wire

describe('a session of DNS over QUIC', () => {
  test('asks each query on a stream of its own, with ID 0 and FIN (RFC 9250, section 4.2)', () => {
    const t = new Stage().connect()
    t.ask(3)
    assert.deepEqual(
      t.quic.streams.map(({ id, finished, octets }) => [id, finished, octets.readUInt16BE(0), octets.readUInt16BE(2)]),
      [0, 4, 8].map((id) => [id, true, t.stream().octets.length - 2, 0]),
    )
  })

  test('takes a reply however it is cut, and then is idle', () => {
    const whole = frame(REPLY)
    for (let cut = 0; cut <= whole.length; cut++) {
      const t = new Stage().connect()
      t.ask()
      t.stream().data(whole.subarray(0, cut))
      t.stream().data(whole.subarray(cut), true)
      assert.deepEqual([t.ends, t.events], [[`reply of ${REPLY.length}`], ['drained']])
    }
    const t = new Stage().connect()
    t.ask()
    t.stream().trickle(whole, true)
    assert.deepEqual(t.ends, [`reply of ${REPLY.length}`])
  })

  const withId = Buffer.from(REPLY)
  withId[1] = 1
  const withKeepalive = Message.reply(Message.query('www.example', 'A', { id: 0, edns: true }), {
    edns: { options: [{ code: 11, data: Buffer.from([0, 1]) }] },
  }).wire
  test.each<[string, Buffer, boolean]>([
    ['a message ID other than 0', frame(withId), true],
    ['the edns-tcp-keepalive option', frame(withKeepalive), true],
    ['more than one message', Buffer.concat([frame(REPLY), frame(REPLY)]), true],
    ['an octet behind the message', Buffer.concat([frame(REPLY), Buffer.alloc(1)]), false],
    ['an end within the message', frame(REPLY).subarray(0, 20), true],
    ['an end within the length', Buffer.alloc(1), true],
    ['an end without a message', Buffer.alloc(0), true],
  ])('%s ends the connection with DOQ_PROTOCOL_ERROR, and all queries go elsewhere', (_, octets, fin) => {
    const t = new Stage().connect()
    t.ask(2)
    t.stream().data(octets, fin)
    assert.equal(t.quic.endCode, DOQ_CODES.PROTOCOL_ERROR)
    for (const end of t.ends) assert.match(end, /^lost: doq broke DNS over QUIC: /)
    assert.match(t.events.at(-1)!, /^closed: /)
    assert.equal(t.clock.pending, 0)
  })

  test('so does a stream of the server’s own', () => {
    const t = new Stage().connect()
    t.ask()
    t.session.onStream(t.quic, new FakeStream(3, { onData() {}, onReset() {}, onStopped() {}, onLost() {} }))
    assert.equal(t.quic.endCode, DOQ_CODES.PROTOCOL_ERROR)
  })

  test('one that takes no query at all is not asked on another', () => {
    const t = new Stage().connect()
    t.ask(1)
    t.stream().reset(DOQ_CODES.EXCESSIVE_LOAD)
    assert.deepEqual(t.ends, ['malformed: doq abandoned the query: DOQ_EXCESSIVE_LOAD'])
    assert.deepEqual([t.events, t.quic.endCode], [['drained'], null])
  })

  test('so does one that refuses a query while it works on others, before any is answered', () => {
    const t = new Stage().connect()
    t.ask(3)
    t.stream(1).reset(DOQ_CODES.EXCESSIVE_LOAD)
    assert.match(t.ends[1]!, /^unprocessed/)
    t.stream(0).data(frame(REPLY), true)
    t.stream(2).reset(DOQ_CODES.EXCESSIVE_LOAD)
    assert.match(t.ends[2]!, /^unprocessed/)
    assert.equal(t.quic.endCode, DOQ_CODES.NO_ERROR)
  })

  test.each<[number, string]>([
    [DOQ_CODES.INTERNAL_ERROR, 'lost: doq abandoned the query: DOQ_INTERNAL_ERROR'],
    [0xd098ea5e, 'lost: doq abandoned the query: code 3499682398'],
  ])('a stream that is reset with %d ends its query alone', (code, end) => {
    const t = new Stage().connect()
    t.ask(2)
    t.stream(0).reset(code)
    t.stream(1).data(frame(REPLY), true)
    assert.deepEqual(t.ends, [end, `reply of ${REPLY.length}`])
    assert.equal(t.quic.endCode, null)
  })

  test('a server that takes no more queries on this connection, having answered some, gets the rest on another', () => {
    const t = new Stage().connect()
    t.quic.credit = 3
    t.ask(4)
    t.stream(0).data(frame(REPLY), true)
    t.stream(1).reset(DOQ_CODES.EXCESSIVE_LOAD)
    const refused = 'unprocessed: doq abandoned the query: DOQ_EXCESSIVE_LOAD'
    assert.deepEqual(t.ends, [`reply of ${REPLY.length}`, refused, '', refused.replace('unprocessed', 'unsent')])
    assert.deepEqual([t.events, t.quic.endCode], [['retired'], null])
    assert.throws(() => t.ask(), 'it takes no more')
    t.stream(2).data(frame(REPLY), true)
    assert.equal(t.ends[2], `reply of ${REPLY.length}`)
    assert.equal(t.quic.endCode, DOQ_CODES.NO_ERROR)
  })

  test('a query that nobody wants any more is cancelled, and the connection goes on (section 4.3.1)', () => {
    const t = new Stage().connect()
    const [first] = t.ask(2)
    assert.ok(t.session.cancel(first!))
    assert.equal(t.stream(0).cancelCode, DOQ_CODES.REQUEST_CANCELLED)
    assert.ok(!t.session.cancel(first!))
    t.stream(1).data(frame(REPLY), true)
    assert.equal(t.ends[1], `reply of ${REPLY.length}`)
  })

  test('queries beyond the stream limit wait for credit', () => {
    const t = new Stage().connect()
    t.quic.credit = 2
    t.quic.renews = true
    t.ask(5)
    assert.equal(t.quic.streams.length, 2)
    assert.ok(t.session.full)
    for (let i = 0; i < 5; i++) {
      t.stream(i).data(frame(REPLY), true)
      t.session.onCredit()
    }
    assert.deepEqual(t.ends, Array(5).fill(`reply of ${REPLY.length}`))
    assert.deepEqual(t.events, ['drained'])
  })

  test('where no more streams are granted although none is open, queries go elsewhere unharmed', async () => {
    const t = new Stage().connect()
    t.quic.credit = 1
    t.ask(3)
    t.stream(0).data(frame(REPLY), true)
    assert.deepEqual(t.events, [])
    await t.clock.advance(50)
    assert.deepEqual(t.ends.slice(1), Array(2).fill('unsent: the connection to doq has no streams left'))
    assert.deepEqual(t.events.slice(0, 2), ['retired', 'drained'])
    assert.equal(t.quic.endCode, DOQ_CODES.NO_ERROR)
  })

  test('queries from before the connection is up wait for it, and are unharmed where it never comes', () => {
    const waiting = new Stage()
    waiting.ask(2)
    waiting.connect()
    assert.equal(waiting.quic.streams.length, 2)
    const t = new Stage()
    t.ask(2)
    t.lose({ cause: 'refused', reason: 'nobody listens there' })
    for (const end of t.ends) assert.match(end, /^unsent: the connection to doq broke: nobody listens there/)
  })

  test('a server that gives no sign of life is asked for one, and then given up', async () => {
    const t = new Stage().connect()
    t.ask()
    await t.clock.advance(750)
    assert.deepEqual([t.quic.pings, t.session.silent], [1, true])
    await t.clock.advance(750)
    assert.match(t.ends[0]!, /^lost: the connection to doq gave no sign of life within 750 ms/)
    assert.equal(t.clock.pending, 0)
  })

  test('one that acknowledges is alive, however long a reply takes', async () => {
    const t = new Stage().connect()
    t.ask()
    for (let i = 0; i < 10; i++) {
      await t.clock.advance(750)
      t.quic.heard++
      await t.clock.advance(750)
    }
    t.stream().data(frame(REPLY), true)
    assert.deepEqual(t.ends, [`reply of ${REPLY.length}`])
    t.session.destroy()
    assert.equal(t.clock.pending, 0)
  })

  test('retire waits for what is under way; destroy does not', () => {
    const t = new Stage().connect()
    t.ask()
    t.session.retire()
    assert.equal(t.quic.endCode, null)
    t.stream().data(frame(REPLY), true)
    assert.equal(t.quic.endCode, DOQ_CODES.NO_ERROR)
    const cut = new Stage().connect()
    cut.ask()
    cut.session.destroy()
    assert.match(cut.ends[0]!, /^lost: the connection to doq was closed here/)
  })
})
