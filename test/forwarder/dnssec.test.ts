import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Message, type NamedExchanger, type Query } from 'headrace'
import { FakeClock, FakeUpstream, type ReplyBehaviour } from 'headrace/testing'

const SIGNATURE = {
  type: 'RRSIG',
  data: {
    typeCovered: 'A',
    algorithm: 13,
    labels: 2,
    originalTTL: 300,
    expiration: 1_800_000_000,
    inception: 1_700_000_000,
    keyTag: 1,
    signersName: 'example',
    signature: Buffer.alloc(64, 1),
  },
}
const DENIAL = { name: 'example', type: 'NSEC', data: { nextDomain: 'a.example', rrtypes: ['A', 'RRSIG'] } }
function signed(query: Query): ReplyBehaviour {
  const { dnssecOk, qtype } = query.message
  const proofs = dnssecOk || qtype === 46
  return {
    authenticData: true,
    answers: [{ type: 'A', data: '192.0.2.1' }, ...(proofs ? [SIGNATURE] : [])],
    authority: dnssecOk ? [DENIAL] : [],
  }
}

function stage(cache = false) {
  const clock = new FakeClock()
  const seen: boolean[] = []
  const upstream = new FakeUpstream(
    'validating',
    (query) => {
      seen.push(query.message.dnssecOk)
      return signed(query)
    },
    { clock },
  )
  const forwarder = new Forwarder({ upstreams: [upstream], dnssec: 'request', clock, ...(cache && { cache: {} }) })
  const ask = (type: string, options: object) => clock.run(forwarder.query('www.example', type, options))
  return { seen, ask, upstream }
}

describe("dnssec: 'request'", () => {
  test.each([
    ['nothing', 'A', {}, ['A'], [], false],
    ['EDNS', 'A', { edns: true }, ['A'], [], false],
    ['AD', 'A', { authenticData: true }, ['A'], [], true],
    ['DO', 'A', { dnssecOk: true }, ['A', 'RRSIG'], ['NSEC'], true],
    ['nothing, for RRSIG', 'RRSIG', {}, ['A', 'RRSIG'], [], false],
    ['nothing, for ANY', 'ANY', {}, ['A', 'RRSIG'], ['NSEC'], false],
  ])('a client that sets %s (%s) gets what belongs to it', async (_, type, options, answers, authority, isAd) => {
    const { seen, ask } = stage()
    const { message } = await ask(type, options)
    assert.deepEqual(seen, [true])
    assert.deepEqual(
      message.answers.map((record) => record.type),
      answers,
    )
    assert.deepEqual(
      message.authority.map((record) => record.type),
      authority,
    )
    assert.equal(message.authenticData, isAd)
  })

  test('one entry of the cache is for all of them', async () => {
    const { seen, ask, upstream } = stage(true)
    for (const options of [{}, { dnssecOk: true }, { authenticData: true }, { edns: true }]) await ask('A', options)
    assert.deepEqual(seen, [true])
    assert.equal(upstream.asked, 1)
    assert.deepEqual(
      (await ask('A', { dnssecOk: true })).answers.map(({ type }) => type),
      ['A', 'RRSIG'],
    )
    assert.equal((await ask('A', {})).message.authenticData, false)
  })

  test('a server without EDNS is asked without it', async () => {
    const seen: boolean[] = []
    const old: NamedExchanger = {
      name: 'old',
      exchange({ message }) {
        seen.push(message.hasOpt)
        const octets = Buffer.concat([message.wire.subarray(0, message.questionEnd)])
        octets.set(message.hasOpt ? [0x81, 0x81] : [0x81, 0x80], 2)
        octets[11] = 0
        return Promise.resolve({ message: Message.from(octets), upstream: 'old', age: 0 })
      },
    }
    const forwarder = new Forwarder({ upstreams: [old], dnssec: 'request' })
    assert.equal((await forwarder.query('www.example')).rcode, 'NOERROR')
    assert.deepEqual(seen, [true, false])
    await forwarder.close()
  })
})
