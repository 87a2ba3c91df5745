import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { acceptReply } from '../../src/wire/accept.js'
import { Message } from '../../src/wire/message.js'
import type { ResourceRecordInput } from '../../src/wire/record.js'
import { concat, EXAMPLE, header, name, opt, pointer, question, record } from '../fixtures/packets.js'

const QUERY = Message.query('www.example.com', 'A')
const A = (owner: string): ResourceRecordInput => ({ name: owner, type: 'A', ttl: 60, data: '192.0.2.1' })
const CNAME = (owner: string, target: string): ResourceRecordInput => ({
  name: owner,
  type: 'CNAME',
  ttl: 60,
  data: target,
})
const DNAME = (owner: string, target: string): ResourceRecordInput => ({
  name: owner,
  type: 'DNAME',
  ttl: 60,
  data: target,
})
const owners = (message: Message): string[] => message.answers.map((answer) => `${answer.name} ${answer.type}`)

describe('A08: an answer says nothing about names that nobody asked for', () => {
  const cases: readonly (readonly [string, readonly ResourceRecordInput[], readonly number[]])[] = [
    ['the QNAME alone', [A('www.example.com'), A('www.example.com')], [0, 1]],
    ['the QNAME in another case', [A('WWW.example.COM')], [0]],
    ['a record of another owner', [A('www.example.com'), A('victim.test')], [0]],
    ['a record of another owner first', [A('victim.test'), A('www.example.com')], [1]],
    ['nothing of the QNAME at all', [A('victim.test')], []],
    ['a parent', [A('example.com'), A('www.example.com')], [1]],
    ['a child', [A('a.www.example.com'), A('www.example.com')], [1]],
    ['a CNAME chain', [CNAME('www.example.com', 'a.test'), CNAME('a.test', 'b.test'), A('b.test')], [0, 1, 2]],
    [
      'a CNAME chain upside down',
      [A('b.test'), CNAME('a.test', 'b.test'), CNAME('www.example.com', 'a.test')],
      [0, 1, 2],
    ],
    ['a CNAME chain and a stranger', [CNAME('www.example.com', 'a.test'), A('b.test'), A('a.test')], [0, 2]],
    ['a CNAME of a stranger', [A('www.example.com'), CNAME('x.test', 'www.example.com')], [0]],
    ['a CNAME loop', [CNAME('www.example.com', 'a.test'), CNAME('a.test', 'www.example.com')], [0, 1]],
    ['a CNAME to itself', [CNAME('www.example.com', 'www.example.com')], [0]],
    [
      'a DNAME above the QNAME',
      [DNAME('example.com', 'example.net'), CNAME('www.example.com', 'www.example.net'), A('www.example.net')],
      [0, 1, 2],
    ],
    [
      'a DNAME above a link of the chain',
      [CNAME('www.example.com', 'x.y.test'), DNAME('y.test', 'z.test'), CNAME('x.y.test', 'x.z.test'), A('x.z.test')],
      [0, 1, 2, 3],
    ],
    ['a DNAME elsewhere', [A('www.example.com'), DNAME('other.test', 'example.net')], [0]],
  ]
  test.each(cases)('%s', (_what, answers, kept) => {
    const reply = Message.reply(QUERY, { answers })
    const before = owners(reply)
    const clean = reply.scrubbed()
    assert.deepEqual(
      owners(clean),
      kept.map((i) => before[i]!),
    )
    assert.equal(clean === reply, kept.length === answers.length)
    assert.equal(clean.scrubbed(), clean)
  })

  test('RRSIG records follow their owner', () => {
    const rrsig = (owner: Buffer): Buffer =>
      record({ owner, type: 46, rdata: concat(Buffer.from([0, 1]), Buffer.alloc(16), name('s'), Buffer.alloc(4)) })
    const query = Message.query('example.com', 'A')
    const reply = acceptReply(
      concat(
        header({ flags: 0x8180, an: 4 }),
        question(),
        record(),
        rrsig(pointer(12)),
        record({ owner: name('x') }),
        rrsig(name('x')),
      ),
      query,
    )!
    assert.deepEqual(owners(reply.scrubbed()), ['example.com A', 'example.com RRSIG'])
  })

  test('a chain in order is followed whole, one in disorder for 8 passes', () => {
    const links = Array.from({ length: 30 }, (_, i) =>
      CNAME(i === 0 ? 'www.example.com' : `n${i}.test`, `n${i + 1}.test`),
    )
    assert.equal(Message.reply(QUERY, { answers: links }).scrubbed().answers.length, 30)
    assert.equal(Message.reply(QUERY, { answers: [...links].reverse() }).scrubbed().answers.length, 9)
  })

  test('names that pointed into what was dropped stay whole, RDATA and OPT too', () => {
    const query = Message.query('example.com', 'MX')
    const at = 12 + question().length
    const reply = acceptReply(
      concat(
        header({ flags: 0x8180, an: 2, ns: 1, ar: 2 }),
        question(EXAMPLE, 15),
        record({ owner: name('mail', 'victim', 'test') }),
        record({ type: 15, rdata: concat(Buffer.from([0, 10]), pointer(at)) }),
        record({ type: 6, owner: pointer(at + 5), rdata: concat(pointer(at), pointer(at + 5), Buffer.alloc(20)) }),
        record({ type: 33, owner: pointer(at), rdata: concat(Buffer.alloc(6), pointer(at)) }),
        opt({ size: 4096 }),
      ),
      query,
    )!
    const clean = Message.from(reply.scrubbed().wire)
    assert.deepEqual(
      clean.answers.map(({ data }) => data),
      [{ preference: 10, exchange: 'mail.victim.test' }],
    )
    assert.equal(clean.authority[0]!.name, 'victim.test')
    assert.deepEqual(
      [clean.additional[0]!.name, (clean.additional[0]!.data as { target: string }).target],
      ['mail.victim.test', 'mail.victim.test'],
    )
    assert.equal(clean.edns?.udpPayloadSize, 4096)
    assert.ok(
      clean.wire.includes(concat(Buffer.from([0, 24]), Buffer.alloc(6), name('mail', 'victim', 'test'))),
      'R-3597-2: the SRV target is not compressed',
    )
  })

  test('a plain reply is found clean while it is walked', () => {
    const reply = acceptReply(
      concat(header({ flags: 0x8180, an: 1 }), question(), record()),
      Message.query('example.com'),
    )!
    assert.equal(reply.layout.marks & 2, 0)
    assert.equal(reply.scrubbed(), reply)
  })

  test('a reply without a question, or signed, is left as it is', () => {
    const bare = Message.from(concat(header({ flags: 0x8180, qd: 0, an: 1 }), record({ owner: name('a') })))
    assert.equal(bare.scrubbed(), bare)
  })
})
