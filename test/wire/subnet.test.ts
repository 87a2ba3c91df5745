import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { acceptReply } from '../../src/wire/accept.js'
import { Message } from '../../src/wire/message.js'
import { NO_SUBNET, Subnet } from '../../src/wire/subnet.js'

const SUBNET = 8
const subnet = (text: string): Subnet => Subnet.parse(text)!
const hex = (given: Subnet | null): string | null => given?.octets.toString('hex') ?? null
const asking = (given: Subnet | null, more: { readonly code: number; readonly data: Buffer }[] = []): Message =>
  Message.query('www.example', 'A', {
    edns: { options: [...(given === null ? [] : [{ code: SUBNET, data: given.octets }]), ...more] },
  })

describe('a subnet in text', () => {
  test.each([
    ['192.0.2.0/24', '00011800c00002'],
    ['192.0.2.1/32', '00012000c0000201'],
    ['10.128.0.0/9', '000109000a80'],
    ['0.0.0.0/0', '00010000'],
    ['::/0', '00020000'],
    ['2001:db8:0:4200::/56', '0002380020010db8000042'],
    ['2001:db8::1/128', '0002800020010db8000000000000000000000001'],
  ])('%s is %s on the wire', (text, octets) => assert.equal(hex(Subnet.parse(text)), octets))

  test.each([
    '192.0.2.1/24',
    '192.0.2.0/7',
    '192.0.2.0/33',
    '192.0.2.0',
    '192.0.2/24',
    '2001:db8::1/64',
    '2001:db8::/129',
    'fe80::%eth0/64',
    '192.0.2.0/024x',
    '/24',
    '',
  ])('%s is none', (text) => assert.equal(Subnet.parse(text), null))
})

describe('a subnet', () => {
  test.each([
    ['192.0.2.129/32', '00011800c00002'],
    ['192.0.0.0/10', '00010a00c000'],
    ['2001:db8:1:2:3::/80', '0002380020010db8000100'],
    ['::/0', '00020000'],
  ])('%s is never lengthened, and shortened as the limits say (R-ECS-3)', (text, octets) => {
    assert.equal(hex(subnet(text).shortened({ ipv4: 24, ipv6: 56 })), octets)
  })

  test('that is cut within an octet keeps no bit beyond', () => {
    assert.equal(hex(subnet('192.0.2.255/32').shortened({ ipv4: 29, ipv6: 1 })), '00011d00c00002f8')
  })

  test.each([
    ['192.0.2.0/24', '192.0.3.0/24', 23, true],
    ['192.0.2.0/24', '192.0.3.0/24', 24, false],
    ['192.0.2.0/24', '192.0.2.128/25', 24, true],
    ['192.0.2.0/24', '192.0.2.128/25', 25, false],
    ['0.0.0.0/0', '192.0.2.0/24', 0, true],
    ['::/0', '0.0.0.0/0', 0, false],
  ])('%s shares with %s its first %i bits: %s', (a, b, bits, shares) => {
    assert.equal(subnet(a).shares(subnet(b), bits), shares)
    assert.equal(subnet(b).shares(subnet(a), bits), shares)
  })
})

describe('a query for an upstream', () => {
  const OPTIONS = { udpPayloadSize: 1232, edns: true }

  test.each([
    ['nothing of a client’s subnet', null, []],
    ['the subnet that is given', subnet('192.0.2.0/24'), [SUBNET]],
  ])('has %s, and none of its other options', (_what, given, codes) => {
    const query = asking(subnet('198.51.100.0/24'), [{ code: 10, data: Buffer.alloc(8) }])
    const sent = Message.from(query.forUpstream(7, OPTIONS, given))
    assert.deepEqual(
      sent.edns!.options.map(({ code }) => code),
      codes,
    )
    assert.equal(hex(sent.subnet), hex(given))
  })

  test('has it beside keepalive and padding, in a multiple of what is asked for', () => {
    const octets = asking(null).forUpstream(7, { ...OPTIONS, padTo: 128, keepalive: true }, subnet('192.0.2.0/24'))
    assert.equal(octets.length, 128)
    assert.deepEqual(
      Message.from(octets).edns!.options.map(({ code }) => code),
      [SUBNET, 11, 12],
    )
  })

  test('has none where it has no OPT record', () => {
    const sent = Message.from(asking(null).forUpstream(7, { ...OPTIONS, edns: false }, subnet('192.0.2.0/24')))
    assert.equal(sent.edns, null)
  })
})

describe('a reply to a query that was sent with 192.0.2.0/24', () => {
  const QUERY = Message.query('www.example')
  const replyWith = (...data: Buffer[]): Message =>
    Message.reply(QUERY, { edns: { options: data.map((octets) => ({ code: SUBNET, data: octets })) } })

  test.each([
    ['without a subnet', [], true],
    ['with it', ['00011800c00002'], true],
    ['with it and a scope', ['00011810c00002'], true],
    ['with it and a longer scope', ['00011820c00002'], true],
    ['with another address', ['00011800c00003'], false],
    ['with another source', ['00011700c00002'], false],
    ['with another family', ['00021800c00002'], false],
    ['with none of the address', ['00010000'], false],
    ['with one that is malformed', ['00011800c000'], false],
    ['with bits after the prefix', ['00011700c00003'], false],
    ['with it and another one', ['00011800c00002', '00011800c00003'], false],
  ])('%s: accepted? (R-ECS-4)', (_what, data, isAccepted) => {
    const { wire } = replyWith(...data.map((text) => Buffer.from(text, 'hex')))
    assert.equal(acceptReply(wire, QUERY, subnet('192.0.2.0/24')) !== null, isAccepted)
    assert.ok(acceptReply(wire, QUERY) !== null, 'who sent none has nothing to compare')
  })

  test('to one with SOURCE 0 may say what network was taken in its place (section 7.3)', () => {
    const { wire } = replyWith(subnet('198.51.100.0/24').octets)
    assert.ok(acceptReply(wire, QUERY, NO_SUBNET) !== null)
  })

  test('can be had without it, and the other options as they were', () => {
    const ede = { code: 15, data: Buffer.from([0, 22]) }
    const options = [{ code: SUBNET, data: subnet('192.0.2.0/24').octets }, ede]
    const reply = Message.reply(QUERY, { edns: { options }, answers: [{ name: 'www.example', type: 'A', data: '192.0.2.1' }] }) // prettier-ignore
    const bare = reply.withoutSubnet()
    bare.guard()
    assert.deepEqual([hex(bare.subnet), bare.ede.length, bare.answers.length], [null, 1, 1])
    assert.equal(hex(reply.subnet), '00011800c00002', 'the original is untouched')
    assert.equal(bare.withoutSubnet(), bare)
  })
})
