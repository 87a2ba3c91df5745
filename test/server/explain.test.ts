import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { AllUpstreamsFailedError, DnsError, MalformedMessageError, TimeoutError } from '../../src/errors.js'
import { explain } from '../../src/server/explain.js'
import { Forwarder } from '../../src/forwarder/forwarder.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { serve, SocketClock, TestRoot, until, UdpClient } from './stage.js'
import { EDE } from '../../src/wire/constants.js'
import { Message } from '../../src/wire/message.js'
import { buildQuery } from '../helpers/raw-dns.js'

const late = new TimeoutError('a', 2000)
const cut = new DnsError('ERR_DNS_CONNECT', 'a refused')
const untrusted = new DnsError('ERR_DNS_TLS', 'a has expired')
const nobody = new DnsError('ERR_DNS_NO_UPSTREAM', 'empty')
const all = (...causes: unknown[]) => new AllUpstreamsFailedError('pool p', causes)

describe('the extended error of a failure (R-EDE-2)', () => {
  test.each<[string, unknown, number, string]>([
    ['a timeout', late, EDE.NO_REACHABLE_AUTHORITY, 'timeout'],
    ['nobody to ask', nobody, EDE.NO_REACHABLE_AUTHORITY, 'no upstream is up'],
    ['a broken connection', cut, EDE.NETWORK_ERROR, ''],
    ['a server that is not trusted', untrusted, EDE.NETWORK_ERROR, 'TLS'],
    ['every attempt late', all(late, late), EDE.NO_REACHABLE_AUTHORITY, 'timeout'],
    ['every attempt broken', all(cut, all(cut)), EDE.NETWORK_ERROR, ''],
    ['every server not trusted', all(all(untrusted), untrusted), EDE.NETWORK_ERROR, 'TLS'],
    ['one broken, one not trusted', all(cut, untrusted), EDE.NETWORK_ERROR, ''],
    ['one attempt late, one broken', all(late, cut), EDE.NO_REACHABLE_AUTHORITY, ''],
    ['one attempt late, nobody else', all(late, nobody), EDE.NO_REACHABLE_AUTHORITY, ''],
    ['no attempt at all', all(), EDE.NO_REACHABLE_AUTHORITY, ''],
    ['a reply that cannot be passed on', new MalformedMessageError('odd'), EDE.INVALID_DATA, ''],
    ['an error of a user', new Error('mine'), EDE.OTHER, ''],
    ['our own limit', new DnsError('ERR_DNS_OVERLOADED', 'full'), EDE.OTHER, ''],
  ])('of %s', (_what, error, code, text) => assert.deepEqual(explain(error), { code, text }))
})

describe('with every member down', () => {
  const edeOfFailure = async (failFast: boolean) => {
    const upstreams = [new FakeUpstream('a', 'refused'), new FakeUpstream('b', 'refused')]
    const forwarder = new Forwarder({ pools: [{ upstreams, failFast }], failFast, cache: false })
    for (const upstream of forwarder.upstreams) upstream.force('down')
    const { port } = await serve(forwarder)
    const reply = await new UdpClient(port).ask(buildQuery('x.example', 1, { edns: 1232 }))
    return Message.from(reply).ede
  }

  test('they are asked all the same, and what came of that is told', async () => {
    assert.deepEqual(await edeOfFailure(false), [{ code: EDE.NETWORK_ERROR, text: '' }])
  })

  test('nobody is asked with failFast, and that is told', async () => {
    assert.deepEqual(await edeOfFailure(true), [{ code: EDE.NO_REACHABLE_AUTHORITY, text: 'no upstream is up' }])
  })
})

describe('a client that sent OPT', () => {
  const edeOf = async (port: number, edns?: number) =>
    Message.from(await new UdpClient(port).ask(buildQuery('x.example', 1, edns === undefined ? {} : { edns }))).ede

  test('is told why it got SERVFAIL, one without OPT is not', async () => {
    const { port } = await serve({ exchange: () => Promise.reject(all(cut)) })
    assert.deepEqual(await edeOf(port, 1232), [{ code: EDE.NETWORK_ERROR, text: '' }])
    assert.deepEqual(await edeOf(port), [])
  })

  test('is told of a deadline that passed', async () => {
    const clock = new SocketClock()
    const { port } = await serve({ exchange: () => new Promise(() => undefined) }, { clock })
    const client = new UdpClient(port)
    const reply = client.ask(buildQuery('x.example', 1, { edns: 1232 }))
    await until(() => clock.pending > 0)
    await clock.advance(6000)
    assert.deepEqual(Message.from(await reply).ede, [{ code: EDE.NO_REACHABLE_AUTHORITY, text: 'timeout' }])
  })

  test('is told when the failure is remembered', async () => {
    const upstreams = [new FakeUpstream('a', 'refused')]
    const forwarder = new Forwarder({ upstreams, cache: {}, health: false })
    const { port } = await serve(forwarder, { specialUse: false })
    const why = { code: EDE.NETWORK_ERROR, text: '' }
    assert.deepEqual(await edeOf(port, 1232), [why])
    for (let i = 0; i < 2; i++) assert.deepEqual(await edeOf(port, 1232), [{ code: EDE.CACHED_ERROR, text: '' }, why])
    assert.equal(upstreams[0]!.asked, 1)
  })

  test('gets the extended error of a good reply too: a stale or a filtered one', async () => {
    const root = new TestRoot()
    root.reply = { ...root.reply, ede: [{ code: EDE.STALE_ANSWER, text: 'old' }] }
    const { port } = await serve(root)
    assert.deepEqual(await edeOf(port, 1232), [{ code: EDE.STALE_ANSWER, text: 'old' }])
    assert.deepEqual(await edeOf(port), [])
  })
})
