import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { acceptReply } from '../../src/wire/accept.js'
import { Message } from '../../src/wire/message.js'
import { BAD_REPLIES, manyDeepNames, NINE, pointerBomb, pointerChain } from '../fixtures/malformed-replies.js'
import { concat, EXAMPLE, header, name, opt, pointer, question, record, u16 } from '../fixtures/packets.js'

const QUERY = Message.query('example.com', 'A', { id: 0x1234 })
const reply = (parts: Parameters<typeof header>[0], ...octets: Buffer[]): Buffer =>
  concat(header({ flags: 0x8180, ...parts }), ...octets)

describe('A06, T7: a packet that is not the reply is none, so that the wait goes on', () => {
  test('there are nine variants', () => assert.equal(NINE.length, 9))

  test.each(BAD_REPLIES)('$fault', ({ octets }) => assert.equal(acceptReply(octets, QUERY), null))
})

describe('a good reply is taken', () => {
  const good: readonly (readonly [string, Buffer])[] = [
    ['one answer', reply({ an: 1 }, question(), record())],
    ['QNAME spelt in another case (R-4343-1)', reply({ an: 1 }, question(name('eXaMpLe', 'CoM')), record())],
    ['no records', reply({}, question())],
    ['NXDOMAIN without SOA', reply({ flags: 0x8183 }, question())],
    ['an owner in full', reply({ an: 1 }, question(), record({ owner: EXAMPLE }))],
    ['AD, CD and Z set (R-5625-1)', reply({ flags: 0x81f0, an: 1 }, question(), record())],
    ['OPT before another record', reply({ ar: 2 }, question(), opt(), record())],
    [
      'an unknown type (R-3597-1)',
      reply({ an: 1 }, question(), record({ type: 65280, rdata: Buffer.from('deadbeef', 'hex') })),
    ],
    [
      'SVCB with parameters that are none (R-SVCB-1)',
      reply({ an: 1 }, question(), record({ type: 64, rdata: Buffer.from([0, 1, 0, 0, 9, 0, 1, 5, 0, 1, 0, 1, 7]) })),
    ],
    [
      'a compressed SRV target (RFC 3597, section 4)',
      reply({ an: 1 }, question(), record({ type: 33, rdata: concat(Buffer.alloc(6), pointer(12)) })),
    ],
    [
      'CH A, which is a name and a number',
      reply({ an: 1 }, question(), record({ class: 3, rdata: concat(name('a'), u16(1)) })),
    ],
  ]
  test.each(good)('%s', (_what, octets) => {
    const message = acceptReply(octets, QUERY)
    assert.ok(message !== null)
    assert.deepEqual(message.wire, octets)
  })
})

test('octets after the last record are left out, as BIND and unbound do', () => {
  const octets = reply({ an: 1 }, question(), record())
  const message = acceptReply(concat(octets, Buffer.from('garbage')), QUERY)!
  assert.deepEqual(message.wire, octets)
  assert.deepEqual(message.copyFor(QUERY, 0, { opt: null, maxSize: 512 }), octets)
})

test('a name may not run on into octets after the last record', () => {
  // The pointer leads to the last octet of the TTL, 3: a label of RDLENGTH and half the pointer; its other half, 38, is the next length.
  const octets = reply({ an: 1 }, question(), record({ type: 5, ttl: 3, rdata: pointer(38) }))
  assert.equal(octets[38], 3)
  assert.equal(acceptReply(concat(octets, Buffer.alloc(38, 0x61), Buffer.from([0])), QUERY), null)
})

describe('an error without a question is a reply, and gets the question of the query', () => {
  test.each([1, 2, 4, 5])('RCODE %i', (rcode) => {
    const message = acceptReply(header({ flags: 0x8180 | rcode, qd: 0 }), QUERY)!
    assert.equal(message.rcode, rcode)
    assert.equal(message.sameQuestion(QUERY), true)
    assert.deepEqual(message.question, { name: 'example.com', type: 'A', class: 'IN' })
  })

  test('an OPT record beside it does no harm', () => {
    const message = acceptReply(reply({ flags: 0x8181, qd: 0, ar: 1 }, opt()), QUERY)!
    assert.equal(message.rcode, 1)
    assert.equal(message.hasOpt, false)
  })
})

describe('R-2181-3: a truncated reply is recognised, however much of it is there', () => {
  const whole = reply(
    { flags: 0x8380, an: 2, ns: 1, ar: 1 },
    question(),
    record(),
    record(),
    record({ type: 2, rdata: name('ns') }),
    opt(),
  )
  const end = 12 + question().length

  test.each(Array.from({ length: whole.length - end + 1 }, (_, i) => end + i))('cut at octet %i', (length) => {
    const message = acceptReply(whole.subarray(0, length), QUERY)
    assert.ok(message !== null && message.truncated)
    message.guard()
    assert.deepEqual(Message.from(message.copyFor(QUERY, 0, { opt: null, maxSize: 512 })).answers, [])
  })
})

describe('T11, A20: no message is much work', () => {
  /**
   * Whether it can be done within `limit` ms: tried for a while, for a pause of the machine is nobody's fault. The figure is
   * 2 ms; a machine that many share takes more than twice its time.
   */
  function within(limit: number, run: () => void): boolean {
    for (const end = performance.now() + 2000; performance.now() < end;) {
      const start = performance.now()
      run()
      if (performance.now() - start < limit) return true
    }
    return false
  }

  test('a chain of 8,000 pointers is rejected at once', () => {
    const octets = pointerBomb()
    assert.equal(acceptReply(octets, QUERY), null)
    assert.ok(within(0.1, () => acceptReply(octets, QUERY)))
  })

  test('records that chain pointer to pointer are rejected at the 128th hop, and taken below', () => {
    const octets = pointerChain(200)
    assert.equal(acceptReply(octets, QUERY), null)
    assert.ok(acceptReply(pointerChain(100), QUERY) !== null)
    assert.ok(within(0.1, () => acceptReply(octets, QUERY)))
  })

  test.each([
    ['chains of 100 hops', pointerChain(100)],
    ['a thousand pointers at long names', manyDeepNames()],
  ])('%s are walked within 5 ms', (_what, octets) => {
    assert.ok(octets.length <= 65_535)
    assert.ok(within(5, () => acceptReply(octets, QUERY)))
  })

  test('counts of 65535 in a short message cost nothing', () => {
    const octets = reply({ an: 65535, ns: 65535, ar: 65535 }, question(), Buffer.alloc(65_000))
    assert.ok(within(0.05, () => acceptReply(octets, QUERY)))
  })
})

test('R-1035-3: 127 pointers in a name are followed, the 128th is not', () => {
  const chain = (hops: number): Buffer => {
    const start = 12 + question().length + 12
    const pointers = Array.from({ length: hops - 1 }, (_, i) => pointer(i === 0 ? 12 : start + (i - 1) * 2))
    return reply(
      { an: 2 },
      question(),
      record({ type: 65280, rdata: concat(...pointers) }),
      record({ owner: pointer(start + (hops - 2) * 2) }),
    )
  }
  assert.ok(acceptReply(chain(127), QUERY) !== null)
  assert.equal(acceptReply(chain(128), QUERY), null)
})
