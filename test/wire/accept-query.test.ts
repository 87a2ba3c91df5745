import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { acceptQuery, errorReply } from '../../src/wire/accept.js'
import { rcodeName } from '../../src/wire/constants.js'
import { Message } from '../../src/wire/message.js'
import { BAD_QUERIES, ODD_QUERIES } from '../fixtures/malformed-queries.js'
import { concat, header, name, opt, question } from '../fixtures/packets.js'

const OPT = { udpPayloadSize: 1232, dnssecOk: false, ede: [], options: [], padTo: 0 }

describe('T9: a bad packet from a client is dropped or refused, never passed on', () => {
  test('there are at least 54 kinds of them', () => assert.ok(BAD_QUERIES.length >= 54))

  test.each(BAD_QUERIES)('$fault: $becomes', ({ octets, becomes, stream }) => {
    const verdict = acceptQuery(octets, stream ?? false)
    if (verdict.kind === 'query') assert.fail('passed on')
    assert.equal(verdict.kind === 'drop' ? 'drop' : rcodeName(verdict.rcode), becomes)
    assert.notEqual(verdict.why, '')
  })

  test.each(BAD_QUERIES)('the error reply to $fault is well formed and has its ID', ({ octets, stream }) => {
    const verdict = acceptQuery(octets, stream ?? false)
    const reply = errorReply(octets, verdict.kind === 'refuse' ? verdict.rcode : 1, null)
    if (verdict.kind === 'drop') assert.equal(reply, null)
    else {
      const message = Message.from(reply!)
      assert.equal(message.id, octets.readUInt16BE(0))
      assert.equal(message.isReply, true)
      assert.equal(message.opcode, (octets[2]! >> 3) & 15)
      assert.equal(message.recursionDesired, (octets[2]! & 1) === 1)
      assert.equal(message.hasData || message.truncated, false)
    }
  })
})

describe('an unusual packet that breaks no rule is passed on', () => {
  test.each(ODD_QUERIES)('$what', ({ octets, stream }) => {
    const verdict = acceptQuery(octets, stream ?? false)
    assert.equal(verdict.kind, 'query', verdict.kind === 'query' ? '' : verdict.why)
  })
})

test('R-6891-1: the verdict on a bad query says whether its OPT could be read', () => {
  const withOpt = acceptQuery(concat(header({ ar: 1 }), question(), opt({ version: 1 })))
  const without = acceptQuery(concat(header(), question(name('example'), 252)))
  assert.ok(withOpt.kind === 'refuse' && withOpt.hasOpt)
  assert.ok(without.kind === 'refuse' && !without.hasOpt)
})

test('R-6891-2: BADVERS goes out with our OPT, version 0; without OPT it is SERVFAIL', () => {
  const query = Message.query('example.com', 'A', { id: 77 })
  const bad = Message.from(errorReply(query, 16, OPT)!)
  assert.deepEqual([bad.rcode, bad.edns?.version, bad.edns?.extendedRcode, bad.id], [16, 0, 1, 77])
  assert.equal(Message.from(errorReply(query, 16, null)!).rcode, 2)
})

test('an error reply repeats the question as it was spelt', () => {
  const query = Message.query('wWw.ExAmPlE.cOm', 'AAAA')
  assert.equal(Message.from(errorReply(query, 5, null)!).question?.name, 'wWw.ExAmPlE.cOm')
})

test('no error is sent in reply to a reply', () => {
  assert.equal(errorReply(Message.reply(Message.query('a')), 1, null), null)
})
