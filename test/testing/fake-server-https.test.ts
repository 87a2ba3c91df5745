import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:tls'
import { describe, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { Fault } from '../../src/testing/fake-faults.js'
import { FakeServer, type FakeServerOptions } from '../../src/testing/fake-server.js'
import { Message } from '../../src/wire/message.js'
import { isTruncated, rcodeOf } from '../helpers/raw-dns.js'
import { until } from '../transport/support.js'
import { dialHttps, get, post, queryFor, type Response } from './support.js'

function listen(options: FakeServerOptions = {}): Promise<FakeServer> {
  return FakeServer.listen({ transports: ['https'], ...options })
}

/** Asks a server with `faults` so many times at once on one session, and closes everything. */
async function askAll(faults: readonly Fault[], count = 1): Promise<{ responses: Response[]; server: FakeServer }> {
  await using server = await listen({ faults })
  const session = await dialHttps(server)
  const responses = await Promise.all(Array.from({ length: count }, (_, n) => post(session, queryFor(`q${n}.test`))))
  session.destroy()
  return { responses, server }
}

async function askOne(...faults: readonly Fault[]): Promise<Response> {
  return (await askAll(faults)).responses[0]!
}

function statuses(responses: readonly Response[]): number[] {
  return responses.map(({ status }) => status)
}

/** Resolves with code and last stream of the GOAWAY that comes. */
async function goAwayOf(session: ClientHttp2Session): Promise<readonly [number, number]> {
  const [code, lastStream] = (await once(session, 'goaway')) as [number, number]
  return [code, lastStream]
}

describe('answers', () => {
  test('R-DOH-1: POST and GET are answered with the type, the length and the message', async () => {
    await using server = await listen({ answer: { 'gone.test': 'NXDOMAIN' } })
    const session = await dialHttps(server)
    for (const ask of [post, get]) {
      const { status, headers, body } = await ask(session, queryFor())
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'application/dns-message')
      assert.equal(headers['content-length'], String(body.length))
      assert.equal(Message.from(body).answers[0]?.data, '192.0.2.1')
      assert.equal(body.readUInt16BE(0), 0)
    }
    assert.equal(rcodeOf((await get(session, queryFor('gone.test'))).body), 3)
    assert.deepEqual(server.queries.map(({ transport, method, name }) => [transport, method, name]), [
      ['https', 'POST', 'example.com'],
      ['https', 'GET', 'example.com'],
      ['https', 'GET', 'gone.test'],
    ]) // prettier-ignore
    assert.deepEqual([server.asked, server.accepted, server.connections, server.handshakes], [3, 1, 1, 1])
    session.destroy()
  })

  test('many at once share a connection, and what is large is not truncated', async () => {
    const many = Array.from({ length: 200 }, (_, n) => `192.0.2.${n}`)
    await using server = await listen({ answer: () => many })
    const session = await dialHttps(server)
    const responses = await Promise.all(Array.from({ length: 200 }, () => post(session, queryFor())))
    assert.ok(responses.every(({ body }) => !isTruncated(body) && Message.from(body).answers.length === 200))
    assert.deepEqual([server.asked, server.accepted], [200, 1])
    session.destroy()
  })

  test.each<[string, number, Buffer | null, Record<string, string>]>([
    ['another path', 404, queryFor(), { ':path': '/resolve' }],
    ['another method', 405, queryFor(), { ':method': 'PUT' }],
    ['another type', 415, queryFor(), { 'content-type': 'application/json' }],
    ['no type', 415, null, {}],
    ['no query in a GET', 400, null, { ':method': 'GET' }],
    ['padding in a GET', 400, null, { ':method': 'GET', ':path': '/dns-query?dns=AAAA==' }],
    ['octets that are no query', 400, Buffer.from('hello'), {}],
    ['no octets', 400, Buffer.alloc(0), {}],
    ['a path that is none', 404, queryFor(), { ':path': '//' }],
  ])('R-DOH-8: %s is answered with %i', async (_, status, wire, headers) => {
    await using server = await listen()
    const session = await dialHttps(server)
    const response = await post(session, wire, headers)
    assert.deepEqual([response.status, response.body.length], [status, 0])
    assert.equal(server.asked, 0)
    assert.equal((await post(session, queryFor())).status, 200)
    session.destroy()
  })

  test('what is no HTTP/2 does no harm', async () => {
    await using server = await listen()
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.ca })
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    socket.resume()
    await once(socket, 'close')
    const session = await dialHttps(server)
    assert.equal((await post(session, queryFor())).status, 200)
    session.destroy()
    await until(() => server.connections === 0)
  })

  test('a function that throws leaves the request without a response, and close() tells', async () => {
    const server = await listen({
      answer: () => {
        throw new Error('script')
      },
    })
    const session = await dialHttps(server)
    const response = post(session, queryFor())
    await until(() => server.asked === 1)
    await assert.rejects(server.close(), { message: 'script' })
    assert.equal((await response).status, 0)
  })
})

describe('responses', () => {
  test.each([500, 503, 429, 404, 302, 599, 201])('status %i comes with the reply all the same', async (status) => {
    const response = await askOne({ kind: 'response', status, headers: { Location: 'https://192.0.2.1/' } })
    assert.equal(response.status, status)
    assert.equal(response.headers.location, 'https://192.0.2.1/')
    assert.equal(Message.from(response.body).answers.length, 1)
  })

  test('header fields stand in place of the usual ones or beside them, and add up', async () => {
    const { status, headers } = await askOne(
      { kind: 'response', headers: { 'Content-Type': 'text/html', age: '250' } },
      { kind: 'response', status: 203, headers: { age: '9' } },
    )
    assert.equal(status, 203)
    assert.equal(headers['content-type'], 'text/html')
    assert.equal(headers.age, '9')
  })

  test('a header field that cannot be sent is told by close()', async () => {
    const server = await listen({ faults: [{ kind: 'response', headers: { connection: 'close' } }, { kind: 'delay', ms: 1 }] }) // prettier-ignore
    const session = await dialHttps(server)
    const response = post(session, queryFor())
    await until(() => server.asked === 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await assert.rejects(server.close(), { code: 'ERR_HTTP2_INVALID_CONNECTION_HEADERS' })
    assert.equal((await response).status, 0)
  })

  test('R-DOH-5: an oversized body is one octet more than a message can have, or what is said', async () => {
    assert.equal((await askOne({ kind: 'oversized' })).body.length, 65_536)
    const { body, headers } = await askOne({ kind: 'oversized', octets: 300_000 })
    assert.equal(body.length, 300_000)
    assert.equal(headers['content-length'], '300000')
    assert.equal(Message.from(body.subarray(0, 45)).answers.length, 1)
  })

  test('bad replies, an empty one too, come with status 200', async () => {
    const empty = await askOne({ kind: 'empty' })
    assert.deepEqual([empty.status, empty.body.length], [200, 0])
    assert.notEqual((await askOne({ kind: 'wrong-id' })).body.readUInt16BE(0), 0)
    assert.equal((await askOne({ kind: 'garbage' })).body.length, 64)
    assert.equal(rcodeOf((await askOne({ kind: 'rcode', rcode: 'SERVFAIL' })).body), 2)
  })

  test('slow replies are whole, several at once', async () => {
    const { responses } = await askAll([{ kind: 'slow', ms: 0.1 }], 3)
    assert.deepEqual(statuses(responses), [200, 200, 200])
    assert.ok(responses.every(({ body }) => Message.from(body).answers.length === 1))
  })

  test('slow responses go out octet by octet, fast ones behind them', async () => {
    const clock = new FakeClock()
    await using server = await listen({ faults: [{ kind: 'slow', ms: 10, first: 1 }], clock })
    const session = await dialHttps(server)
    let settled = false
    const both = Promise.all([post(session, queryFor()), post(session, queryFor())]).finally(() => (settled = true))
    while (!settled) {
      await clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(statuses(await both), [200, 200])
    assert.ok(clock.now() >= 10 * 45, `took ${clock.now()} ms`)
    session.destroy()
  })

  test('replies in reverse', async () => {
    await using server = await listen({ faults: [{ kind: 'out-of-order', count: 3 }] })
    const session = await dialHttps(server)
    const order: string[] = []
    await Promise.all(['a', 'b', 'c'].map(async (name) => order.push(Message.from((await post(session, queryFor(name))).body).question!.name))) // prettier-ignore
    assert.deepEqual(order, ['c', 'b', 'a'])
    session.destroy()
  })
})

describe('streams and connections', () => {
  test.each([
    [2, undefined],
    [7, 7],
    [11, 11],
  ])('RST_STREAM says %i and leaves the connection', async (code, given) => {
    await using server = await listen({ faults: [{ kind: 'rst-stream', first: 1, ...(given === undefined ? {} : { code: given }) }] }) // prettier-ignore
    const session = await dialHttps(server)
    const [first, second] = await Promise.all([post(session, queryFor()), post(session, queryFor())])
    assert.deepEqual([first.status, first.code, second.status], [0, code, 200])
    assert.equal(server.accepted, 1)
    session.destroy()
  })

  test('N10: a graceful GOAWAY answers what came before it, and then the connection is closed', async () => {
    await using server = await listen({ faults: [{ kind: 'goaway', first: 1, name: 'third.test' }, { kind: 'delay', ms: 1, name: 'first.test' }] }) // prettier-ignore
    const session = await dialHttps(server)
    const goAway = goAwayOf(session)
    const closed = once(session, 'close')
    const names = ['first.test', 'second.test', 'third.test', 'fourth.test']
    const responses = await Promise.all(names.map((name) => post(session, queryFor(name))))
    assert.deepEqual(await goAway, [0, 5])
    assert.deepEqual(statuses(responses), [200, 200, 200, 0])
    assert.equal(responses[3]!.code, 7, 'REFUSED_STREAM')
    await closed
    await until(() => server.connections === 0)
  })

  test('an abrupt GOAWAY says that nothing was dealt with, the first stream included', async () => {
    await using server = await listen({ faults: [{ kind: 'goaway', lastStream: 0, code: 11, first: 1 }] })
    const session = await dialHttps(server)
    const goAway = goAwayOf(session)
    const responses = await Promise.all([post(session, queryFor()), post(session, queryFor())])
    assert.deepEqual(await goAway, [11, 0])
    assert.deepEqual(statuses(responses), [0, 0])
    await until(() => server.connections === 0)
    const again = await dialHttps(server)
    assert.equal((await post(again, queryFor())).status, 200)
    again.destroy()
  })

  test('a GOAWAY in between leaves what is above its last stream unanswered', async () => {
    await using server = await listen({ faults: [{ kind: 'goaway', lastStream: 3, name: 'third.test' }] })
    const session = await dialHttps(server)
    const names = ['first.test', 'second.test', 'third.test']
    const responses = await Promise.all(names.map((name) => post(session, queryFor(name))))
    assert.deepEqual(statuses(responses), [200, 200, 0])
    await until(() => server.connections === 0)
  })

  test.each<[string, Fault]>([
    ['reset', { kind: 'reset' }],
    ['half-close', { kind: 'half-close' }],
    ['reset-midway', { kind: 'reset-midway' }],
  ])('%s ends the connection and all that is on it', async (kind, fault) => {
    await using server = await listen({ faults: [fault] })
    const session = await dialHttps(server)
    const responses = await Promise.all([post(session, queryFor()), post(session, queryFor())])
    if (!session.destroyed) await once(session, 'close')
    const octets = responses.map(({ body }) => body.length)
    assert.ok(kind === 'reset-midway' ? octets.every((n) => n < 45) : octets.every((n) => n === 0), String(octets))
    await until(() => server.connections === 0)
  })

  test('close-after answers so many, whole, and then closes the connection', async () => {
    await using server = await listen({ faults: [{ kind: 'close-after', replies: 3 }] })
    const session = await dialHttps(server)
    const responses = await Promise.all(Array.from({ length: 5 }, () => post(session, queryFor())))
    assert.deepEqual(statuses(responses), [200, 200, 200, 0, 0])
    assert.ok(responses.slice(0, 3).every(({ body }) => Message.from(body).answers.length === 1))
    await until(() => server.connections === 0)
  })

  test('drop leaves one stream without an answer, PING is answered', async () => {
    await using server = await listen({ faults: [{ kind: 'drop', first: 1 }] })
    const session = await dialHttps(server)
    const dropped = post(session, queryFor())
    assert.equal((await post(session, queryFor())).status, 200)
    await new Promise((resolve) => session.ping(resolve))
    session.destroy()
    assert.equal((await dropped).status, 0)
  })

  test('N10: after silence not even a PING is answered, and the connection stays', async () => {
    await using server = await listen({ faults: [{ kind: 'silence', first: 1 }] })
    const session = await dialHttps(server)
    const silent = post(session, queryFor())
    await until(() => server.asked === 1)
    let ponged = false
    session.ping((error) => (ponged = error === null))
    const before = server.received
    await until(() => server.received > before)
    const other = await dialHttps(server)
    assert.equal((await post(other, queryFor())).status, 200)
    assert.deepEqual([ponged, session.destroyed, server.connections], [false, false, 2])
    session.destroy()
    other.destroy()
    assert.equal((await silent).status, 0)
    await until(() => server.connections === 0)
  })

  test('handshake-silence and close-after-handshake befall https too', async () => {
    await using server = await listen({ faults: [{ kind: 'handshake-silence', first: 1 }, { kind: 'close-after-handshake', every: 2 }] }) // prettier-ignore
    const silent = connect({ host: '127.0.0.1', port: server.port, ca: server.ca })
    silent.on('error', () => undefined)
    await until(() => server.accepted === 1)
    const closed = await dialHttps(server)
    if (!closed.destroyed) await once(closed, 'close')
    assert.deepEqual([server.handshakes, server.asked], [1, 0])
    const session = await dialHttps(server)
    assert.equal((await post(session, queryFor())).status, 200)
    session.destroy()
    silent.destroy()
  })

  test('clients that vanish and cancel at any moment leave nothing behind', async () => {
    await using server = await listen({ faults: [{ kind: 'delay', ms: 1, every: 2 }, { kind: 'slow', every: 3 }, { kind: 'goaway', every: 7 }] }) // prettier-ignore
    for (let n = 0; n < 10; n++) {
      const session = await dialHttps(server)
      const responses = Array.from({ length: 5 }, () => post(session, queryFor()))
      if (n % 2 === 0) await responses[0]
      session.destroy()
      await Promise.all(responses)
    }
    await until(() => server.connections === 0)
    assert.equal(server.accepted, 10)
  })

  test.each<[string, Fault]>([
    ['duplicate', { kind: 'duplicate', transport: 'https' }],
    ['a bad reply and then a good one', { kind: 'wrong-id', goodAfter: 5 }],
    ['truncated', { kind: 'truncated' }],
    ['a status that is none', { kind: 'response', status: 99 }],
    ['a status that is no number', { kind: 'response', status: '500' as never }],
  ])('%s over https is refused clearly', async (_, fault) => {
    await assert.rejects(listen({ faults: [fault] }), { code: 'ERR_DNS_INVALID_OPTION' })
  })
})
