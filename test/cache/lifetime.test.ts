import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isNegative, lifetime } from '../../src/cache/lifetime.js'
import { Message, type ReplyOptions } from '../../src/wire/message.js'
import { soa } from './stage.js'

const LIMITS = { minTtl: 0, maxTtl: 86_400, maxNegativeTtl: 3600 }
const A = (ttl: number, name = 'www.example') => ({ name, type: 'A', ttl, data: '192.0.2.1' })
const CNAME = (ttl: number) => ({ name: 'www.example', type: 'CNAME', ttl, data: 'edge.example' })
const reply = (options: ReplyOptions, type = 'A') => Message.reply(Message.query('www.example', type), options)

describe('how long a reply may be kept', () => {
  test.each<[string, ReplyOptions, number]>([
    ['as long as its TTL says', { answers: [A(300)] }, 300],
    ['as the lowest TTL of an RRset says (R-2181-1, section 5.2)', { answers: [A(300), { ...A(60), data: '192.0.2.2' }] }, 60],
    ['as the lowest TTL in a CNAME chain says', { answers: [CNAME(20), A(300, 'edge.example')] }, 20],
    ['as the lowest TTL of the other sections says', { answers: [A(300)], authority: [{ name: 'example', type: 'NS', ttl: 7, data: 'ns.example' }] }, 7],
    ['not at all with TTL 0', { answers: [A(0)] }, 0],
    ['no longer than maxTtl', { answers: [A(604_800)] }, 86_400],
    ['NXDOMAIN by the TTL of the SOA (R-2308-1, section 5)', { rcode: 'NXDOMAIN', authority: [soa('example', 60, 900)] }, 60],
    ['NXDOMAIN by the MINIMUM of the SOA (R-2308-1)', { rcode: 'NXDOMAIN', authority: [soa('example', 900, 60)] }, 60],
    ['NODATA by both (R-2308-1)', { authority: [soa('example', 900, 120)] }, 120],
    ['no longer than an hour when negative (R-2308-3)', { rcode: 'NXDOMAIN', authority: [soa('example', 86_400, 86_400)] }, 3600],
    ['NXDOMAIN without SOA not at all (R-2308-2, section 5)', { rcode: 'NXDOMAIN' }, 0],
    ['NODATA without SOA not at all (R-2308-2): a lame server sends that', {}, 0],
    ['a referral not at all', { authority: [{ name: 'example', type: 'NS', ttl: 300, data: 'ns.example' }] }, 0],
    ['a CNAME that leads nowhere by the SOA too', { answers: [CNAME(300)], authority: [soa('example', 900, 50)] }, 50],
    ['a CNAME that leads nowhere without SOA not at all', { answers: [CNAME(300)] }, 0],
    ['NXDOMAIN at the end of a CNAME by the SOA', { rcode: 'NXDOMAIN', answers: [CNAME(300)], authority: [soa('example', 40, 900)] }, 40],
    ['SERVFAIL not at all', { rcode: 'SERVFAIL' }, 0],
    ['REFUSED not at all', { rcode: 'REFUSED', answers: [A(300)] }, 0],
    ['BADVERS, an extended RCODE, not at all', { rcode: 'BADVERS', answers: [A(300)] }, 0],
    ['a truncated one not at all (R-2181-3)', { truncated: true, answers: [A(300)] }, 0],
  ])('%s', (_what, options, expected) => assert.equal(lifetime(reply(options), LIMITS), expected)) // prettier-ignore

  test('a TTL with its high bit set is a long one, not 0 (R-2181-4, RFC 8767, section 4)', () => {
    const octets = Buffer.from(reply({ answers: [A(300)] }).wire)
    octets.writeUInt32BE(0x8000_0001, octets.length - 10)
    assert.equal(lifetime(Message.from(octets), { ...LIMITS, maxTtl: 2 ** 31 - 1 }), 604_800)
    assert.equal(lifetime(Message.from(octets), LIMITS), 86_400)
  })

  test('minTtl raises, positive and negative', () => {
    const limits = { ...LIMITS, minTtl: 30 }
    assert.equal(lifetime(reply({ answers: [A(5)] }), limits), 30)
    assert.equal(lifetime(reply({ rcode: 'NXDOMAIN', authority: [soa('example', 5, 5)] }), limits), 30)
    assert.equal(lifetime(reply({ rcode: 'NXDOMAIN' }), limits), 0)
  })

  test('a signed reply is not kept: its signature covers its TTLs', () => {
    const plain = reply({ answers: [A(300)] }).wire
    const tsig = Buffer.from('00' + '00fa00ff00000000' + '0010' + '00' + '000000000000' + '012c' + '0000' + '1234' + '0000' + '0000', 'hex') // prettier-ignore
    tsig.writeUInt16BE(tsig.length - 11, 9)
    const signed = Buffer.concat([plain, tsig])
    signed.writeUInt16BE(1, 10)
    assert.equal(Message.from(signed).signed, true)
    assert.equal(lifetime(Message.from(signed), LIMITS), 0)
  })
})

test.each<[string, string, ReplyOptions, boolean]>([
  ['an address', 'A', { answers: [A(1)] }, false],
  ['a chain that ends in an address', 'A', { answers: [CNAME(1), A(1, 'edge.example')] }, false],
  ['only the CNAME', 'AAAA', { answers: [CNAME(1)] }, true],
  ['the CNAME that was asked for', 'CNAME', { answers: [CNAME(1)] }, false],
  ['anything for ANY', 'ANY', { answers: [CNAME(1)] }, false],
  ['nothing', 'A', {}, true],
  ['NXDOMAIN with a CNAME', 'A', { rcode: 'NXDOMAIN', answers: [CNAME(1)] }, true],
])('a reply with %s to %s: negative is %4$s', (_what, type, options, expected) => {
  const message = reply(options, type)
  assert.equal(isNegative(message, message.layout), expected)
})
