import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { ReplyOptions } from '../../src/wire/build.js'
import { Message } from '../../src/wire/message.js'
import { freshness } from '../../src/wire/ttl.js'

const A = (ttl: number) => ({ name: 'x.example', type: 'A', ttl, data: '192.0.2.1' })
const NS = { name: 'example', type: 'NS', ttl: 5, data: 'ns.example' }
const soa = (ttl: number, minimum: number) => ({
  name: 'example',
  type: 'SOA',
  ttl,
  data: { mname: 'a.example', rname: 'b.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
})

test.each<[string, ReplyOptions, number]>([
  ['the lowest TTL of the answers', { answers: [A(300), A(300), { ...A(60), type: 'TXT', data: ['a'] }] }, 60],
  ['0 for a TTL of 0', { answers: [A(0)] }, 0],
  ['the TTL of the SOA', { authority: [soa(50, 600)] }, 50],
  ['its MINIMUM', { rcode: 'NXDOMAIN', authority: [NS, soa(900, 600)] }, 600],
  ['a MINIMUM of over 2^31 as it is', { authority: [soa(0x7fff_ffff, 0xffff_ffff)] }, 0x7fff_ffff],
  ['the lowest of answers and SOA', { answers: [A(700)], authority: [soa(900, 60)] }, 60],
  ['nothing of NS in the authority section', { answers: [A(300)], authority: [NS] }, 300],
  ['nothing of an SOA in the additional section', { additional: [soa(5, 5)] }, 0],
  ['nothing of OPT', { answers: [A(300)], edns: true }, 300],
  ['0 for NODATA without SOA', { authority: [NS] }, 0],
  ['0 for SERVFAIL', { rcode: 'SERVFAIL', answers: [A(300)] }, 0],
])('freshness is %s (RFC 8484, section 5.1)', (_what, options, seconds) => {
  assert.equal(freshness(Message.reply(Message.query('x.example', 'A'), options).wire), seconds)
})

test('freshness takes a TTL with its high bit set for a week (RFC 8767, section 4)', () => {
  const { wire, answers } = Message.reply(Message.query('x.example', 'A'), { answers: [A(5)] })
  assert.equal(answers.length, 1)
  const octets = Buffer.from(wire)
  octets[octets.length - 10] = 0x80
  assert.equal(freshness(octets), 604_800)
})

test('freshness of a reply without a question is found as well', () => {
  const wire = Buffer.from(Message.reply(Message.query('x.example', 'A'), {}).wire.subarray(0, 12))
  wire[5] = 0
  assert.equal(freshness(wire), 0)
})
