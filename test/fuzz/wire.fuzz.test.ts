import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { MalformedMessageError } from '../../src/errors.js'
import { acceptQuery, acceptReply, errorReply } from '../../src/wire/accept.js'
import { optionFault, readEdns, type OptOut } from '../../src/wire/edns.js'
import { hashesFor, hashFor, networkOf } from '../../src/cache/networks.js'
import { Message } from '../../src/wire/message.js'
import { nameFromWire, nameToWire, sameName, skipName } from '../../src/wire/name.js'
import type { ResourceRecordInput } from '../../src/wire/record.js'
import { Subnet } from '../../src/wire/subnet.js'
import { BAD_QUERIES, ODD_QUERIES } from '../fixtures/malformed-queries.js'
import { BAD_REPLIES } from '../fixtures/malformed-replies.js'
import { concat, header, name, opt, option, pointer, question, record, u16 } from '../fixtures/packets.js'
import { mutate, seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_120)
const SLOW = 5

const OPT: OptOut = {
  udpPayloadSize: 1232,
  dnssecOk: true,
  ede: [{ code: 22, text: 'why' }],
  options: [{ code: 11, data: u16(1) }],
  padTo: 128,
}
const QUERY = Message.query('example.com', 'A', { id: 1 })
const RECORDS: readonly ResourceRecordInput[] = [
  { name: 'example.com', type: 'A', ttl: 300, data: '192.0.2.1' },
  { name: 'example.com', type: 'CNAME', ttl: 60, data: 'www.example.com' },
  { name: 'www.example.com', type: 'MX', data: { preference: 1, exchange: 'mx.example.com' } },
  { name: 'example.com', type: 'SOA', data: { mname: 'ns.example.com', rname: 'a\\.b.example.com', serial: 1 } },
  { name: 'example.com', type: 'TXT', data: ['a', 'bc'] },
  { name: 'example.com', type: 'SRV', data: { port: 53, target: 'srv.example.com' } },
  {
    name: 'example.com',
    type: 'NAPTR',
    data: { order: 1, preference: 2, flags: 'u', services: 'x', regexp: '!^!', replacement: '.' },
  },
  {
    name: 'example.com',
    type: 'HTTPS',
    data: { priority: 1, target: '.', params: [{ key: 1, value: Buffer.from('\x02h2') }] },
  },
  {
    name: 'example.com',
    type: 'RRSIG',
    data: {
      typeCovered: 'A',
      algorithm: 8,
      labels: 2,
      originalTTL: 1,
      expiration: 2,
      inception: 3,
      keyTag: 4,
      signersName: 'example.com',
      signature: Buffer.alloc(8),
    },
  },
  { name: 'example.com', type: 'NSEC', data: { nextDomain: 'a.example.com', rrtypes: ['A', 'RRSIG', 'TYPE65280'] } },
  { name: 'example.com', type: 'CAA', data: { tag: 'issue', value: 'ca.test' } },
  { name: 'example.com', type: 'DNSKEY', data: { flags: 257, algorithm: 8, key: Buffer.alloc(4) } },
  { name: 'example.com', type: 'DNAME', data: 'example.net' },
  { name: 'example.com', type: 'TYPE65280', data: Buffer.from('deadbeef', 'hex') },
]
const CORPUS: readonly Buffer[] = [
  ...RECORDS.map(
    (each) =>
      Message.reply(QUERY, {
        answers: [each, ...RECORDS.slice(0, 2)],
        authority: [each],
        additional: [each],
        edns: OPT,
      }).wire,
  ),
  Message.reply(QUERY, { answers: RECORDS, additional: RECORDS.slice(0, 4) }).wire,
  concat(
    header({ flags: 0x8180, an: 1, ar: 3 }),
    question(),
    record(),
    opt({ rdata: option(15, u16(3)) }),
    record({ owner: pointer(12) }),
    record({ owner: name('k'), type: 250, rdata: Buffer.alloc(16) }),
  ),
  ...BAD_REPLIES.map(({ octets }) => octets),
]

/** Feeds mutants to `target` for the time that it has; it may throw MalformedMessageError and nothing else, and must be quick. */
function fuzz(corpus: readonly Buffer[], target: (octets: Buffer, below: Below) => void): number {
  const end = performance.now() + SECONDS * 1000
  let runs = 0
  for (; performance.now() < end; runs++) {
    const below = seeded(SEED + runs)
    const octets = mutate(corpus[runs % corpus.length]!, below)
    const attempt = (): number => {
      const start = performance.now()
      run(() => target(Buffer.from(octets), seeded(runs)), octets, runs)
      return performance.now() - start
    }
    // A pause of the machine is nobody's fault: slow is what is slow each time.
    for (let left = 20; attempt() > SLOW; left--) {
      if (left === 0) assert.fail(`run ${runs} is slow: ${octets.toString('hex')}`)
    }
  }
  return runs
}

function run(target: () => void, octets: Buffer, runs: number): void {
  try {
    target()
  } catch (error) {
    if (error instanceof MalformedMessageError) return
    throw new Error(`run ${runs}: ${octets.toString('hex')}`, { cause: error })
  }
}

/** What `read` returns; null when the octets are malformed. */
function tried<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedMessageError) return null
    throw error
  }
}

function checkCopy(message: Message, query: Message, age: number, out: OptOut | null, maxSize: number): void {
  const wire = message.copyFor(query, age, { opt: out, maxSize })
  assert.ok(wire.length <= maxSize, 'larger than the client takes')
  const sent = tried(() => Message.from(wire))
  assert.ok(sent !== null, `malformed as sent: ${wire.toString('hex')}`)
  assert.equal(sent.layout.end, wire.length)
  assert.ok(sent.signed || sent.sameQuestion(query))
  if (!message.truncated && !message.signed && !sent.truncated)
    assert.equal(sent.wire.readUInt16BE(6), message.wire.readUInt16BE(6))
}

describe('fuzz: only MalformedMessageError comes out, quickly', { timeout: SECONDS * 4000 + 20_000 }, () => {
  test('message', () => {
    fuzz(CORPUS, (octets, below) => {
      const message = Message.from(octets)
      for (const read of [
        () => message.edns,
        () => message.ede,
        () => message.rcode,
        () => message.minTtl,
        () => message.question,
        () => message.questionKey,
      ])
        read()
      const clean = message.scrubbed()
      clean.guard()
      checkCopy(message, QUERY, below(1000), below(2) === 0 ? OPT : null, 512 + below(4096))
      checkCopy(clean, QUERY, below(2), below(2) === 0 ? OPT : null, 60 + below(300))
      const asked = tried(() =>
        Message.from(message.forUpstream(below(65536), { udpPayloadSize: 1232, edns: below(2) === 0 })),
      )
      assert.ok(asked !== null)
    })
  })

  test('records: decoded, encoded and decoded again they are the same', () => {
    fuzz(CORPUS, (octets) => {
      const message = Message.from(octets)
      for (const read of [() => message.answers, () => message.authority, () => message.additional]) {
        const records = tried(read)
        if (records === null) continue
        const again = Message.reply(QUERY, { answers: records })
        assert.deepEqual(again.answers.map(folded), records.map(folded))
      }
    })
  })

  test('name', () => {
    const names = [
      name(),
      name('example', 'com'),
      name('a.b', '\0\xff', '"\\'),
      concat(name('x'), Buffer.from([1, 0x61]), pointer(0)),
      name(...Array.from({ length: 120 }, () => 'x')),
    ]
    fuzz(names, (octets, below) => {
      const at = below(octets.length + 1)
      tried(() => skipName(octets, at))
      assert.equal(typeof sameName(octets, at, octets, below(octets.length + 1)), 'boolean')
      const text = nameFromWire(octets, at)
      assert.ok(/^[\x21-\x7e]*$/.test(text))
      const wire = nameToWire(text)
      assert.equal(nameFromWire(wire, 0), text)
      assert.ok(sameName(wire, 0, octets, at))
    })
  })

  test('name from text', () => {
    const texts = ['example.com', 'a\\.b.\\000\\255', '\\\\.\\"', 'x'.repeat(63), '.'].map((text) => Buffer.from(text))
    fuzz(texts, (octets) => {
      const wire = nameToWire(octets.toString('latin1'))
      assert.deepEqual(nameToWire(nameFromWire(wire, 0)), wire)
    })
  })

  test('OPT', () => {
    const rdata = [
      option(10, Buffer.alloc(24)),
      option(8, Buffer.from([0, 1, 24, 0, 192, 0, 2])),
      concat(option(15, u16(1)), option(12, Buffer.alloc(9)), option(11)),
    ]
    const corpus = rdata.map((each) => concat(header({ ar: 1 }), question(), opt({ rdata: each })))
    fuzz(corpus, (octets, below) => {
      const verdict = acceptQuery(octets, below(2) === 0)
      if (verdict.kind !== 'query' || !verdict.message.hasOpt) return
      const { wire, layout, edns } = verdict.message
      assert.equal(optionFault(wire, layout.opt, false), '')
      assert.deepEqual(readEdns(wire, layout.opt), edns)
      const options = edns!.options.map(({ code, data }) => ({ code, data: Buffer.from(data) }))
      assert.deepEqual(Message.query('a', 'A', { edns: { options } }).edns!.options, options)
    })
  })

  test('client subnet', () => {
    const corpus = ['00011800c00002', '0002380020010db8000000', '00010000', '00011400c000f0'].map((text) =>
      Buffer.from(text, 'hex'),
    )
    const limits = { ipv4: 24, ipv6: 56 }
    fuzz(corpus, (octets, below) => {
      const subnet = Subnet.read(octets)
      const query = Message.query('a', 'A', { edns: { options: [{ code: 8, data: octets }] } })
      assert.equal(acceptQuery(query.wire).kind === 'query', subnet !== null && subnet.scope === 0)
      if (subnet === null) return
      const told = subnet.shortened(limits)
      assert.ok(told.source <= subnet.source && told.scope === 0 && told.shares(subnet, told.source))
      const sent = Message.from(query.forUpstream(1, { udpPayloadSize: 1232, edns: true, padTo: below(2) * 128 }, told))
      assert.ok(sent.subnet!.equals(told))
      const reply = Message.reply(sent, { edns: { options: [{ code: 8, data: subnet.octets }] } })
      const isEchoed = told.source === 0 || told.equals(subnet)
      assert.equal(acceptReply(reply.wire, sent, told) !== null, isEchoed)
      assert.equal(reply.withoutSubnet().subnet, null)
      const network = networkOf(told, reply)
      assert.ok(network.shares(told, Math.min(network.scope, network.source)))
      const places = [...hashesFor(told, SEED)]
      assert.ok(
        places.some(
          ([hash, bits]) => hash === hashFor(network, SEED) && bits === Math.min(network.scope, network.source),
        ),
      )
    })
  })

  test('accept', () => {
    const corpus = [...CORPUS, ...BAD_QUERIES.map(({ octets }) => octets), ...ODD_QUERIES.map(({ octets }) => octets)]
    fuzz(corpus, (octets, below) => {
      const before = Buffer.from(octets)
      const verdict = acceptQuery(octets, below(2) === 0)
      if (verdict.kind === 'refuse')
        assert.ok(Message.from(errorReply(octets, verdict.rcode, verdict.hasOpt ? OPT : null)!).isReply)
      if (verdict.kind === 'query') {
        const asked = Message.from(verdict.message.forUpstream(7, { udpPayloadSize: 1232, edns: true }))
        assert.ok(asked.sameQuestion(verdict.message))
        assert.ok(Message.from(errorReply(verdict.message, 2, null)!).sameQuestion(verdict.message))
      }
      const reply = acceptReply(octets, QUERY)
      if (reply !== null) {
        assert.ok(reply.isReply && reply.sameQuestion(QUERY))
        checkCopy(reply.scrubbed(), QUERY, 1, OPT, 1232)
      }
      assert.deepEqual(octets, before, 'written to')
    })
  })
})

/** A record without what encoding may change: letters of the owner take the case of the QNAME. */
function folded(each: { readonly name: string; readonly ttl: number }): unknown {
  return { ...each, name: each.name.toLowerCase(), ttl: 0 }
}
