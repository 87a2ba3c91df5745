import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Root } from '../../src/server/root.js'
import { Desk } from '../../src/server/desk.js'
import type { Client, ReturnPath } from '../../src/server/answer.js'
import { readServerOptions, type ServerOptions } from '../../src/server/options.js'
import { Counters } from '../../src/server/stats.js'
import { claimPort, releasePort } from '../../src/transport/own-ports.js'
import { parseAddress } from '../../src/address/address.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { later, TestRoot } from './stage.js'

class FakePath implements ReturnPath {
  readonly sent: Buffer[] = []
  underWay = 0
  readonly stream: boolean

  constructor(stream = false) {
    this.stream = stream
  }

  deliver(octets: Buffer): boolean {
    this.sent.push(octets)
    return true
  }

  enter(): void {
    this.underWay++
  }

  leave(): void {
    this.underWay--
  }
}

function stage(
  root: Root,
  options: ServerOptions = {},
): { desk: Desk; clock: FakeClock; counters: Counters; path: FakePath } {
  const clock = new FakeClock()
  const counters = new Counters()
  const desk = new Desk(root, readServerOptions({ clock, ...options }), counters, {
    hears: () => false,
    report: () => assert.fail('nobody listens'),
  })
  return { desk, clock, counters, path: new FakePath() }
}

function from(address: string, port = 4000, transport: 'udp' | 'tcp' = 'udp'): Client {
  return { address, port, transport, peer: address }
}

const query = buildQuery('x.example', 1)

describe('clients elsewhere', () => {
  test('have at most maxPerClient queries outstanding; over UDP the rest gets nothing, over TCP SERVFAIL (A12)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { desk, counters, path, clock } = stage(root, { maxPerClient: 1000 })
    for (let i = 0; i < 5000; i++) desk.take(query, from('192.0.2.1', 4001 + i), path)
    desk.take(query, from('192.0.2.2'), path)
    assert.equal(root.asked.filter(({ ctx }) => ctx.client !== null).length, 1001)
    const stream = new FakePath(true)
    desk.take(query, from('192.0.2.1', 4000, 'tcp'), stream)
    assert.deepEqual(stream.sent.map(rcodeOf), [2])
    root.release()
    await clock.advance(0)
    assert.equal(path.sent.length, 1001)
    assert.deepEqual([counters.outstanding, counters.snapshot().denied, path.underWay], [0, 4001, 0])
    desk.take(query, from('192.0.2.1'), path)
    assert.equal(counters.outstanding, 1)
  })

  test('get nothing over UDP after maxReplyDelay, over TCP their reply', async () => {
    const root = new TestRoot()
    root.holds = true
    const { desk, clock, path, counters } = stage(root, { maxReplyDelay: 100 })
    const stream = new FakePath(true)
    desk.take(query, from('192.0.2.1'), path)
    desk.take(query, from('192.0.2.1', 4000, 'tcp'), stream)
    await clock.advance(102)
    assert.deepEqual([counters.snapshot().dropped, counters.outstanding], [1, 1])
    root.release()
    await clock.advance(0)
    assert.deepEqual([path.sent.length, stream.sent.length], [0, 1])
    assert.equal(path.underWay + stream.underWay, 0)
  })
})

describe('a UDP query that comes again', () => {
  test('while it is under way is asked and answered once, also when another client has its port and ID', async () => {
    const root = new TestRoot()
    root.holds = true
    const { desk, path, clock, counters } = stage(root)
    for (let i = 0; i < 3; i++) desk.take(query, from('192.0.2.1', 65535), path)
    desk.take(query, from('192.0.2.2', 65535), path)
    desk.take(buildQuery('y.example', 1), from('192.0.2.1', 65535), path)
    assert.deepEqual([root.asked.length, counters.duplicates, counters.outstanding], [3, 2, 3])
    root.release()
    await clock.advance(0)
    assert.equal(path.sent.length, 3)
    desk.take(query, from('192.0.2.1', 65535), path)
    assert.equal(root.asked.length, 4)
  })

  test('over TCP is another query', () => {
    const root = new TestRoot()
    root.holds = true
    const { desk } = stage(root)
    const stream = new FakePath(true)
    for (let i = 0; i < 2; i++) desk.take(query, from('192.0.2.1', 5, 'tcp'), stream)
    assert.equal(root.asked.length, 2)
  })
})

describe('a root that breaks its contract', () => {
  const reply = (rcode: number): [string, Root['exchange']] => [
    `resolves with ${String(rcode)}`,
    () => Promise.resolve(rcode as never),
  ]
  const broken: readonly (readonly [string, Root['exchange']])[] = [
    ['throws', () => { throw new Error('no') }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('no'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['rejects with a function', () => Promise.reject(() => assert.fail('called'))],
    ['returns undefined', () => undefined as never],
    ['resolves with null', () => Promise.resolve(null as never)],
    reply(0),
    ['resolves with no message', () => Promise.resolve({ message: null, upstream: null, age: 0 } as never)],
    ['resolves with octets', (asked) => Promise.resolve({ message: asked.message.wire, upstream: null, age: 0 } as never)],
    ['resolves with a thenable that throws', () => ({ then: () => { throw new Error('no') } }) as never], // prettier-ignore
    ['replies to another question', async () => ({ message: (await import('../../src/wire/message.js')).Message.reply((await import('../../src/wire/message.js')).Message.query('y.example')), upstream: null, age: 0 })],
  ] // prettier-ignore
  test.each(broken)('and %s gets SERVFAIL for its client, and the next query is served', async (_how, exchange) => {
    const { desk, clock, path, counters } = stage({ exchange })
    desk.take(query, from('127.0.0.1'), path)
    desk.take(query, from('127.0.0.1', 4001), path)
    await clock.advance(0)
    await clock.advance(0)
    assert.deepEqual(path.sent.map(rcodeOf), [2, 2])
    assert.deepEqual([counters.outstanding, counters.snapshot().failures, path.underWay], [0, 2, 0])
  })

  test('and never settles gets SERVFAIL at the deadline; what comes later is ignored', async () => {
    const root = new TestRoot()
    root.holds = true
    const { desk, clock, path, counters } = stage(Object.assign(root, { timeout: 700 }))
    desk.take(query, from('127.0.0.1'), path)
    await clock.advance(699)
    assert.equal(path.sent.length, 0)
    await clock.advance(1)
    assert.deepEqual(path.sent.map(rcodeOf), [2])
    root.release()
    await clock.advance(30)
    assert.equal(path.sent.length, 1)
    assert.deepEqual([counters.outstanding, counters.snapshot().failures], [0, 1])
    assert.equal(clock.pending, 0)
  })

  test.each([undefined, NaN, -1, 'soon', Infinity])('with a timeout of %s is given 5 s', (timeout) => {
    const { desk } = stage({ exchange: () => Promise.reject(new Error('no')), timeout: timeout as never })
    assert.equal(desk.timeout, 5000)
  })
})

describe('a query that this process sent itself (A13)', () => {
  const hints = (address: string) => ({
    covers: () => false,
    hasPrivateUpstream: false,
    upstreams: [{ name: 'u', address: parseAddress(address) }],
  })

  test.each([
    ['from a socket of the root’s upstream here', '127.0.0.1:53', 'u', '127.0.0.1', true],
    ['from a socket of somebody else’s upstream', '127.0.0.1:53', 'other', '127.0.0.1', false],
    ['from the same port elsewhere', '127.0.0.1:53', 'u', '192.0.2.1', false],
    ['from the port of an upstream that is elsewhere', '192.0.2.53:53', 'u', '127.0.0.1', false],
  ])('%s', async (_what, address, owner, client, isLoop) => {
    const root = Object.assign(new TestRoot(), { hints: hints(address) })
    const { desk, path, clock, counters } = stage(root)
    claimPort('udp', 4321, owner)
    later(() => releasePort('udp', 4321))
    desk.take(query, from(client, 4321), path)
    await clock.advance(0)
    assert.deepEqual(path.sent.map(rcodeOf), [isLoop ? 2 : 0])
    assert.deepEqual([root.asked.length, counters.snapshot().denied], isLoop ? [0, 1] : [1, 0])
  })

  test.each([
    ['goes where we listen', 53, true],
    ['goes elsewhere, and whose port another connection may have', 5353, false],
  ])('from a connection that has the port of one of ours that %s', async (_what, port, isLoop) => {
    const root = Object.assign(new TestRoot(), { hints: hints(`127.0.0.1:${port}`) })
    const { desk, path, clock } = stage(root)
    claimPort('tcp', 4321, 'u')
    later(() => releasePort('tcp', 4321))
    desk.take(query, { ...from('127.0.0.1', 4321), transport: 'tcp' }, path)
    await clock.advance(0)
    assert.deepEqual(path.sent.map(rcodeOf), [isLoop ? 2 : 0])
  })
})

describe('a query that comes back through other forwarders (A13)', () => {
  test('is found by a probe once 512 queries have had no reply; from there all is refused for two seconds', async () => {
    const root = new TestRoot()
    root.holds = true
    const { desk, path, clock, counters } = stage(root)
    for (let i = 0; i < 512; i++) desk.take(query, from('192.0.2.1', 2000 + i), path)
    assert.equal(root.asked.length, 513, 'one probe')
    const probe = root.asked.find(({ ctx }) => ctx.client === null)!.query.message
    assert.match(probe.question!.name, /^[0-9a-f]{16}\.loop-check\.headrace\.example$/)
    desk.take(query, from('192.0.2.1', 5000), path)
    assert.equal(root.asked.length, 514, 'at most one probe a second')
    desk.take(probe.wire, from('192.0.2.7'), path)
    desk.take(query, from('192.0.2.7', 5001), path)
    desk.take(query, from('192.0.2.8', 5002), path)
    assert.deepEqual([path.sent.map(rcodeOf), counters.snapshot().denied, root.asked.length], [[2, 2], 2, 515])
    root.release()
    await clock.advance(2001)
    desk.take(query, from('192.0.2.7', 5003), path)
    assert.equal(root.asked.length, 516)
  })

  test('is not looked for while replies come', async () => {
    const root = new TestRoot()
    const { desk, path, clock } = stage(root)
    for (let i = 0; i < 2000; i++) {
      desk.take(query, from('192.0.2.1', 2000 + i), path)
      if (i % 500 === 0) await clock.advance(0)
    }
    assert.equal(root.asked.length, 2000)
  })

  test('does no harm when the probe fails', () => {
    const { desk, path } = stage({
      exchange: (_asked, ctx) => {
        if (ctx!.client === null) throw new Error('no')
        return new Promise(() => undefined)
      },
    })
    for (let i = 0; i < 600; i++) desk.take(query, from('192.0.2.1', 2000 + i), path)
    assert.equal(path.sent.length, 0)
  })
})
