import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Nsd, richQuestions, type Question } from '../helpers/nsd.js'
import { missing, title } from '../helpers/peer.js'
import { askTcp, askUdp, buildQuery, comparable, isTruncated, optOf, records, typeNumber } from '../helpers/raw-dns.js'
import { serve, startScript, type Served } from '../helpers/serve.js'

const reason = missing('nsd')
const VARIANTS = [
  { ask: askUdp, via: 'udp', edns: undefined, dnssecOk: false },
  { ask: askUdp, via: 'udp', edns: 1232, dnssecOk: false },
  { ask: askUdp, via: 'udp', edns: 1232, dnssecOk: true },
  { ask: askTcp, via: 'tcp', edns: undefined, dnssecOk: false },
  { ask: askTcp, via: 'tcp', edns: 1232, dnssecOk: true },
] as const

describe.skipIf(reason !== null)(title('headrace serve in front of nsd, octet for octet', reason), () => {
  let nsd: Nsd
  let served: Served

  beforeAll(async () => {
    nsd = await Nsd.start()
    served = await serve([nsd.address])
  })
  afterAll(async () => {
    await served?.stop()
    await nsd?.stop()
  })

  for (const question of richQuestions()) {
    test(`${question.name} ${question.type} is answered as nsd answers it`, async () => {
      for (const variant of VARIANTS) await compare(question, variant)
    })
  }

  async function compare(question: Question, variant: (typeof VARIANTS)[number]): Promise<void> {
    const said = `${variant.via}${variant.edns === undefined ? '' : ' EDNS'}${variant.dnssecOk ? ' DO' : ''}`
    const spec = variant.edns === undefined ? {} : { edns: variant.edns, dnssecOk: variant.dnssecOk }
    const query = buildQuery(question.name, typeNumber(question.type), { ...spec, id: 4711 })
    const [direct, ours] = await Promise.all([variant.ask(nsd.port, query), variant.ask(served.port, query)])
    assert.ok(direct !== null && ours !== null, `${said}: no reply`)
    assert.equal(ours.readUInt16BE(0), 4711, `${said}: the ID`)
    checkOpt(ours, spec, said)
    if (isTruncated(direct)) return checkTruncated(ours, said)
    assert.equal(comparable(ours).toString('hex'), comparable(direct).toString('hex'), said)
    const ttls = records(direct).filter(({ type }) => type !== 41).map(({ ttl }) => ttl) // prettier-ignore
    assert.deepEqual(records(ours).filter(({ type }) => type !== 41).map(({ ttl }) => ttl), ttls, `${said}: TTLs`) // prettier-ignore
  }

  test('a name is spelt in the reply as the client spelt it, to either upper or lower case', async () => {
    for (const name of ['A.RICH.EXAMPLE', 'a.rich.example', 'A.rIcH.eXaMpLe']) {
      const reply = await askUdp(served.port, buildQuery(name, 1))
      assert.equal(reply?.subarray(13, 14).toString(), name[0], name)
      assert.equal(reply?.subarray(15, 19).toString(), name.slice(2, 6), name)
    }
  })

  test('RD is passed on and copied back, set or not (R-1035-1)', async () => {
    for (const flags of [0x0000, 0x0100]) {
      const query = buildQuery('a.rich.example', 1, { flags })
      const [direct, ours] = await Promise.all([askUdp(nsd.port, query), askUdp(served.port, query)])
      assert.deepEqual(comparable(ours!), comparable(direct!))
    }
  })

  test('a class other than IN is passed on (R-5625-2)', async () => {
    const query = buildQuery('rich.example', typeNumber('TXT'), { qclass: 3 })
    const [direct, ours] = await Promise.all([askUdp(nsd.port, query), askUdp(served.port, query)])
    assert.deepEqual(comparable(ours!), comparable(direct!))
  })

  test('a reply over 1232 octets comes truncated over UDP, however much the client takes (R-9715-2)', async () => {
    for (const [name, edns] of [
      ['medium', undefined],
      ['medium', 1232],
      ['medium', 4096],
      ['big', 4096],
      ['big-rrset', 65535],
    ] as const) {
      // prettier-ignore
      const spec = edns === undefined ? {} : { edns }
      const ours = await askUdp(served.port, buildQuery(`${name}.rich.example`, 16, spec))
      assert.ok(ours !== null, `${name} ${edns}`)
      checkOpt(ours, spec, `${name} ${edns}`)
      checkTruncated(ours, `${name} ${edns}`)
    }
  })

  test.each(['medium', 'big', 'big-rrset'])('%s, over 1232 octets, comes whole over TCP', async (name) => {
    for (const spec of [{}, { edns: 1232 }]) {
      const query = buildQuery(`${name}.rich.example`, 16, spec)
      const [direct, ours] = await Promise.all([askTcp(nsd.port, query), askTcp(served.port, query)])
      assert.ok(ours!.length > 1232)
      assert.equal(comparable(ours!).toString('hex'), comparable(direct!).toString('hex'))
    }
  })

  test('4 kB come whole over UDP with maxUdpSize: 4096 to a client that takes them (R-5625-5)', async () => {
    const wide = await startScript('forward.mjs', [
      JSON.stringify([{ forwarder: { pools: [{ upstreams: [nsd.address] }] }, server: { maxUdpSize: 4096 } }]),
    ])
    try {
      // the authority section and an OPT bring it to just under 4096
      const query = buildQuery('big-rrset.rich.example', 16, { edns: 4096 })
      const [whole, ours] = await Promise.all([askTcp(nsd.port, query), askUdp(wide.port, query)])
      assert.ok(ours!.length > 4000 && ours!.length <= 4096, `${ours!.length} octets`)
      assert.equal(comparable(ours!).toString('hex'), comparable(whole!).toString('hex'))
      checkTruncated((await askUdp(wide.port, buildQuery('big-rrset.rich.example', 16, { edns: 1232 })))!, '1232')
      checkTruncated((await askUdp(wide.port, buildQuery('big-rrset.rich.example', 16)))!, '512')
    } finally {
      await wide.stop()
    }
  })
})

/** OPT is ours: there when the client sent one, and only then, with our size and the client's DO (R-6891-1). */
function checkOpt(reply: Buffer, spec: { edns?: number; dnssecOk?: boolean }, said: string): void {
  const opt = optOf(reply)
  assert.equal(opt !== null, spec.edns !== undefined, `${said}: an OPT`)
  if (opt === null) return
  assert.equal(opt.rrclass >= 1232 && opt.rrclass <= 4096, true, `${said}: our size, not ${opt.rrclass}`)
  assert.equal((opt.ttl & 0x8000) !== 0, spec.dnssecOk === true, `${said}: DO`)
}

/** TC=1, and no records: a client must not take part of an RRset for the whole (RFC 2181, section 9). */
function checkTruncated(reply: Buffer, said: string): void {
  assert.equal(isTruncated(reply), true, `${said}: TC`)
  assert.deepEqual(records(reply).filter((record) => record.type !== 41), [], `${said}: no records`) // prettier-ignore
}
