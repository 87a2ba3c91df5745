import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import { InFlight, MAX_IN_FLIGHT, randomId } from '../../src/transport/in-flight.js'
import type { Channel } from '../../src/transport/pending.js'
import { badReply, BAD_REPLIES } from '../../src/testing/bad-replies.js'
import { Message } from '../../src/wire/message.js'
import { Asked } from './support.js'

const CHANNEL: Channel = { drop: () => false }

function table(reusesIds = false): InFlight {
  return new InFlight(CHANNEL, reusesIds)
}

function replyTo(asked: Asked, id = asked.id): Buffer {
  const wire = Buffer.from(Message.reply(asked.query).wire)
  wire.writeUInt16BE(id, 0)
  return wire
}

describe('settling', () => {
  test('a reply takes its query out and settles it, once', async () => {
    const inFlight = table()
    const asked = new Asked()
    inFlight.add(asked)
    assert.equal(asked.channel, CHANNEL)
    assert.equal(inFlight.size, 1)
    assert.equal(inFlight.settle(replyTo(asked)), 'settled')
    assert.equal((await asked.ended).id, asked.id)
    assert.equal(asked.channel, null)
    assert.equal(inFlight.size, 0)
    assert.equal(inFlight.settle(replyTo(asked)), 'late')
    assert.equal(inFlight.take(asked), false)
    assert.equal(asked.settlements, 1)
  })

  test.each([...BAD_REPLIES])('A06: %s leaves the query in flight, and the reply after it settles it', (kind) => {
    const inFlight = table()
    const asked = new Asked()
    inFlight.add(asked)
    assert.notEqual(inFlight.settle(badReply(kind, asked.query, replyTo(asked))), 'settled')
    assert.equal(asked.settlements, 0)
    assert.equal(inFlight.size, 1)
    assert.equal(asked.mismatches, asked.noticed)
    assert.equal(inFlight.settle(replyTo(asked)), 'settled')
  })

  test('A01: all 65,536 IDs with another question settle nothing; one is a mismatch', () => {
    const inFlight = table()
    const asked = new Asked('example.com')
    inFlight.add(asked)
    const other = new Asked('example.net')
    const seen = { settled: 0, mismatch: 0, late: 0, unknown: 0 }
    for (let id = 0; id < 65_536; id++) seen[inFlight.settle(replyTo(other, id))]++
    assert.deepEqual(seen, { settled: 0, mismatch: 1, late: 0, unknown: 65_535 })
    assert.equal(asked.mismatches, 1)
  })

  test('a query that was taken out is not settled by its late reply, and its ID stays reserved (N04)', () => {
    const inFlight = table()
    const asked = new Asked()
    inFlight.add(asked)
    assert.equal(inFlight.take(asked), true)
    assert.equal(inFlight.take(asked), false)
    assert.equal(inFlight.settle(replyTo(asked)), 'late')
    assert.equal(asked.settlements, 0)
    for (let n = 0; n < 5000; n++) {
      const next = new Asked()
      inFlight.add(next)
      assert.notEqual(next.id, asked.id)
      inFlight.take(next)
    }
  })

  test('T10: whatever octets come, nothing is thrown and only a reply to the question settles', () => {
    const inFlight = table()
    const asked = new Asked()
    let replies = 0
    asked.onReply = (reply) => {
      replies++
      assert.ok(reply.isReply && reply.sameQuestion(asked.query))
    }
    const options = {
      answers: [{ name: 'example.com', type: 'MX', ttl: 9, data: { preference: 1, exchange: 'mx.example.com' } }],
    }
    const good = Message.reply(Message.query('example.com', 'A', { edns: true }), options).wire
    for (let n = 0; n < 20_000; n++) {
      if (asked.channel === null) inFlight.add(asked)
      const wire = Buffer.from(good.subarray(0, n % 3 === 0 ? randomBytes(1)[0]! % good.length : good.length))
      for (const octet of randomBytes(n % 5)) wire[2 + (octet % (good.length - 2))] = randomBytes(1)[0]!
      if (wire.length >= 2) wire.writeUInt16BE(asked.id, 0)
      inFlight.settle(wire)
    }
    assert.ok(replies > 0)
    assert.ok(inFlight.size <= 1)
  })

  test('failAll fails everything in the order in which it was sent, and what is sent meanwhile is not touched', async () => {
    const inFlight = table()
    const order: number[] = []
    const all = Array.from({ length: 100 }, (_, n) => {
      const asked = new Asked()
      asked.onFailure = () => void order.push(n)
      inFlight.add(asked)
      return asked
    })
    const next = new Asked()
    all[0]!.onFailure = () => {
      order.push(0)
      inFlight.add(next)
    }
    inFlight.failAll(new DnsError('ERR_DNS_CONNECT', 'gone'))
    assert.deepEqual(order, [...all.keys()])
    assert.deepEqual([...inFlight], [next])
  })
})

describe('IDs', () => {
  test('are unique among what is in flight and what was, over UDP', () => {
    const inFlight = table()
    const seen = new Set<number>()
    for (let n = 0; n < 20_000; n++) {
      const asked = new Asked()
      inFlight.add(asked)
      seen.add(asked.id)
      inFlight.settle(replyTo(asked))
    }
    assert.equal(seen.size, 20_000)
  })

  test('serve again on a stream once the reply came, or came late', () => {
    const inFlight = table(true)
    for (let n = 0; n < 100_000; n++) {
      const asked = new Asked()
      inFlight.add(asked)
      if (n % 2 === 0) inFlight.take(asked)
      inFlight.settle(replyTo(asked))
    }
    assert.equal(inFlight.full, false)
  })

  test('a table is full at 2,048 in flight', () => {
    const inFlight = table()
    for (let n = 0; n < MAX_IN_FLIGHT; n++) {
      assert.equal(inFlight.full, false)
      inFlight.add(new Asked())
    }
    assert.equal(inFlight.full, true)
  })

  test('R-5452-2: are evenly spread (chi-square, p > 0.001) and say nothing of the next one (lag-1 below 0.1)', () => {
    const ids = Array.from({ length: 65_536 }, randomId)
    const buckets = new Array<number>(256).fill(0)
    for (const id of ids) buckets[id >> 8]!++
    const chiSquare = buckets.reduce((sum, seen) => sum + (seen - 256) ** 2 / 256, 0)
    // 255 degrees of freedom: p = 0.001 at 330.5; a run in ten thousand fails at 347.7.
    assert.ok(chiSquare < 347.7, `chi-square ${chiSquare}`)
    assert.ok(Math.abs(lag1(ids)) < 0.1)
  })
})

function lag1(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  let [with1, alone] = [0, 0]
  for (let n = 1; n < values.length; n++) with1 += (values[n]! - mean) * (values[n - 1]! - mean)
  for (const value of values) alone += (value - mean) ** 2
  return with1 / alone
}
