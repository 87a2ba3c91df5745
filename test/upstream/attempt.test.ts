import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message, type DnsError } from 'headrace'
import { Deadlines } from '../../src/base/deadlines.js'
import { defaultContext } from '../../src/query/context.js'
import type { TransportName } from '../../src/exchanger.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { Pending } from '../../src/transport/pending.js'
import { Attempt } from '../../src/upstream/attempt.js'
import type { Owner } from '../../src/upstream/attempt-owner.js'
import { RoundTrips } from '../../src/upstream/round-trips.js'

const ROUND_TRIP = 20

/** One upstream behind a link that loses what `loses` says; TCP takes a handshake more, and loses nothing. */
class Link {
  readonly clock = new FakeClock()
  readonly trips = new RoundTrips()
  readonly sent: (readonly [TransportName, number])[] = []
  replies = 0
  readonly failures: string[] = []
  readonly #loses: () => boolean
  readonly #owner: Owner

  constructor(loses: () => boolean, timeout = 2000) {
    this.#loses = loses
    const { clock, trips } = this
    this.#owner = {
      name: 'link',
      transport: 'udp',
      deadlines: Deadlines.of(clock),
      subnets: null,
      timeout,
      now: clock.now,
      epochAt: () => -Infinity,
      route: (kind) => ({
        send: (pending) => this.#send(kind, pending),
        renew: () => undefined,
        close: () => Promise.resolve(),
        destroy: () => undefined,
        size: 0,
      }),
      prepare: () => assert.fail('the route is ready'),
      rto: () => Math.min(trips.rto, timeout),
      spread: () => trips.spread,
      ednsOk: () => true,
      takeTcp: () => true,
      giveTcp: () => undefined,
      fallback: () => null,
      refusesEdns: () => assert.fail('nothing was refused'),
      late: () => undefined,
      ended: (attempt, _ending, reply) => this.#ended(attempt, reply !== null),
    }
  }

  ask(): void {
    const started = this.clock.now()
    new Attempt(this.#owner, 'udp', { message: Message.query('www.example.com') }, defaultContext(started), {
      started,
      deadline: started + 5000,
      timeout: undefined,
      attach: () => false,
      onReply: () => void this.replies++,
      onFailure: (error: DnsError) => void this.failures.push(error.code),
    }).begin()
  }

  #send(kind: TransportName, pending: Pending): void {
    pending.channel = { drop: () => true, resend: () => this.#transmit(kind, pending) }
    this.#transmit(kind, pending)
  }

  #transmit(kind: TransportName, pending: Pending): void {
    this.sent.push([kind, this.clock.now()])
    if (kind === 'udp' && this.#loses()) return
    const reply = () => pending.channel !== null && pending.onReply(Message.reply(pending.query, {}), 0)
    this.clock.setTimeout(reply, kind === 'tcp' ? 2 * ROUND_TRIP : ROUND_TRIP)
  }

  #ended(attempt: Attempt, replied: boolean): void {
    const now = this.clock.now()
    const elapsed = now - attempt.started
    if (!replied) this.trips.failure(elapsed, now)
    else if (attempt.detoured) this.trips.detour(elapsed, now)
    else if (attempt.resentAfter > 0) this.trips.unclear(elapsed, elapsed - attempt.resentAfter, now)
    else this.trips.reply(elapsed, now)
  }
}

/** The same numbers in [0, 1) each time (Park and Miller). */
function numbers(seed: number): () => number {
  return () => (seed = (seed * 48271) % 2147483647) / 2147483647
}

describe('over a link that loses', () => {
  test('a query goes out three times over UDP, then over TCP', async () => {
    const link = new Link(() => true)
    for (let i = 0; i < 80; i++) link.trips.reply(20, 0)
    link.ask()
    await link.clock.advance(2000)
    assert.deepEqual(link.sent, [
      ['udp', 0],
      ['udp', 100],
      ['udp', 121],
      ['tcp', 162],
    ])
    assert.equal(link.replies, 1)
  })

  test.each([300, 1000, 1500])('TCP still has time for a reply where RTO is %i ms', async (rto) => {
    const link = new Link(() => true)
    for (let i = 0; i < 40; i++) link.trips.reply(rto, 0)
    link.ask()
    await link.clock.advance(2000)
    const [kind, at] = link.sent.at(-1)!
    assert.equal(kind, 'tcp')
    assert.ok(at <= 1900, `TCP was asked after ${at} ms of 2000`)
    assert.equal(link.sent.length, 4)
    assert.equal(link.replies, 1)
  })

  test.each([0.2, 0.4])('a share of %f lost each way costs time and no query', async (share) => {
    const random = numbers(7)
    const link = new Link(() => random() < 1 - (1 - share) ** 2)
    for (let i = 0; i < 2000; i++) {
      link.ask()
      await link.clock.advance(10)
    }
    await link.clock.advance(2000)
    assert.deepEqual([link.replies, link.failures], [2000, []])
    assert.equal(link.trips.rto, 100)
    assert.equal(link.clock.pending, 0)
  })

  test('a failure leaves those after it their retransmissions', async () => {
    const link = new Link(() => false)
    for (let i = 0; i < 40; i++) link.trips.reply(20, 0)
    link.trips.failure(2000, 0)
    assert.ok(link.trips.srtt >= 2000)
    assert.equal(link.trips.rto, 100)
  })
})

describe('RTO where replies come to queries that were sent again', () => {
  test('stays, since they do not say to which transmission', () => {
    const trips = new RoundTrips()
    for (let i = 0; i < 40; i++) trips.reply(20, 0)
    trips.unclear(145, 20, 1)
    assert.deepEqual([trips.srtt, trips.rto], [20, 100])
  })

  test('rises when nothing else comes any more: the server has become slower', () => {
    const trips = new RoundTrips()
    for (let i = 0; i < 40; i++) trips.reply(20, 0)
    for (let i = 0; i < 40; i++) trips.unclear(350, 225, 1)
    assert.ok(trips.rto > 350)
  })
})
