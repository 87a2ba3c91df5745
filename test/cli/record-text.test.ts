import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { absolute, recordText } from '../../src/cli/record-text.js'
import { Message } from '../../src/wire/message.js'
import type { ResourceRecordInput } from '../../src/wire/record.js'

function text(record: Omit<ResourceRecordInput, 'name'>): string {
  const query = Message.query('x.example', record.type)
  const reply = Message.reply(query, { answers: [{ name: 'x.example', ttl: 60, ...record }] })
  return recordText(Message.from(reply.wire).answers[0]!).replace(/^x\.example\.\t\t60\t\w+\t[\w-]+\t/, '')
}

describe('a record in presentation form', () => {
  test.each([
    ['A', '192.0.2.1', '192.0.2.1'],
    ['AAAA', '2001:db8::1', '2001:db8::1'],
    ['CNAME', 'y.example', 'y.example.'],
    ['NS', '.', '.'],
    ['MX', { preference: 10, exchange: 'mx.example' }, '10 mx.example.'],
    ['SRV', { priority: 1, weight: 2, port: 53, target: 's.example' }, '1 2 53 s.example.'],
    ['TXT', ['v=1 "a"', 'b\\c\u001b[31m'], '"v=1 \\"a\\"" "b\\\\c\\027[31m"'],
    ['CAA', { flags: 0, tag: 'issue', value: 'ca.example' }, '0 issue "ca.example"'],
    ['SOA', { mname: 'ns.example', rname: 'host.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 }, 'ns.example. host.example. 1 2 3 4 5'],
    ['HINFO', { cpu: 'RFC8482', os: '' }, '"RFC8482" ""'],
    ['DS', Buffer.from('303908020a0b', 'hex'), '12345 8 2 0A0B'],
    ['DNSKEY', Buffer.from('0101030d0a0b', 'hex'), '257 3 13 Cgs='],
    ['TLSA', Buffer.from('030101ff', 'hex'), '3 1 1 FF'],
    ['NSEC', Buffer.concat([Buffer.from('\u0001y\u0007example\0', 'latin1'), Buffer.from([0, 1, 0x40])]), 'y.example. A'],
    ['NSEC3', Buffer.from('0100000a02aabb05666f6f6261000140', 'hex'), '1 0 10 AABB CPNMUOJ1 A'],
    ['RRSIG', Buffer.concat([Buffer.from('0001080200000e10386d438038593dff3039', 'hex'), Buffer.from('\u0007example\0', 'latin1'), Buffer.from([1, 2])]), 'A 8 2 3600 20000101000000 19991216193111 12345 example. AQI='],
    ['SVCB', Buffer.from('0001000001000302683200030002203500040004c0000201fde80001aa', 'hex'), '1 . alpn="h2" port=8245 ipv4hint=192.0.2.1 key65000="\\170"'],
    ['TYPE65280', Buffer.from('deadbeef', 'hex'), '\\# 4 DEADBEEF'],
    ['NULL', Buffer.alloc(0), '\\# 0'],
  ] as const)('of type %s', (type, data, expected) => {
    assert.equal(text({ type, data: data }), expected)
  }) // prettier-ignore

  test('of type A in class CH is octets', () => {
    assert.equal(text({ type: 'A', class: 'CH', data: Buffer.from([1, 2]) }), '\\# 2 0102')
  })

  test.each([
    ['.', '.'],
    ['a.example', 'a.example.'],
    ['a\\.', 'a\\..'],
  ])('the name %s is %s with its dot', (name, expected) => {
    assert.equal(absolute(name), expected)
  })
})
