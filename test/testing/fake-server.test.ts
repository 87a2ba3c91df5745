import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'vitest'
import { FakeServer } from '../../src/testing/fake-server.js'
import { BAD_REPLIES } from '../../src/testing/bad-replies.js'
import { Message } from '../../src/wire/message.js'
import { askTcp, askUdp, frame, optOf, rcodeOf, isTruncated } from '../helpers/raw-dns.js'

function query(name = 'example.com', type = 'A', edns = false): Buffer {
  return Message.query(name, type, { id: 0x1234, edns }).wire
}

async function answersOf(wire: Buffer | null): Promise<unknown[]> {
  assert.ok(wire)
  return Message.from(wire).answers.map(({ name, type, ttl, data }) => [name, type, ttl, data])
}

describe('answers', () => {
  test('default answers are 192.0.2.1 and 2001:db8::1 for 300 s, and no records for other types', async () => {
    await using server = await FakeServer.listen()
    assert.deepEqual(await answersOf(await askUdp(server.port, query())), [['example.com', 'A', 300, '192.0.2.1']])
    assert.deepEqual(await answersOf(await askTcp(server.port, query('example.com', 'AAAA'))), [
      ['example.com', 'AAAA', 300, '2001:db8::1'],
    ])
    assert.deepEqual(await answersOf(await askUdp(server.port, query('example.com', 'MX'))), [])
  })

  test('a table is looked up by name and type, then by name, in any case', async () => {
    const answer = {
      'WWW.example. a': [
        { data: '192.0.2.7', ttl: 5 },
        { data: '192.0.2.8', ttl: 5 },
      ],
      'gone.example': 'NXDOMAIN',
      'alias.example A': {
        answers: [{ name: 'alias.example', type: 'CNAME', ttl: 9, data: 'www.example' }],
        authoritative: true,
      },
    }
    await using server = await FakeServer.listen({ answer })
    const both = [['www.EXAMPLE', 'A', 5, '192.0.2.7'], ['www.EXAMPLE', 'A', 5, '192.0.2.8']] // prettier-ignore
    assert.deepEqual(await answersOf(await askUdp(server.port, query('www.EXAMPLE'))), both)
    assert.equal(rcodeOf((await askUdp(server.port, query('gone.example', 'TXT')))!), 3)
    assert.deepEqual(await answersOf(await askUdp(server.port, query('alias.example'))), [
      ['alias.example', 'CNAME', 9, 'www.example'],
    ])
    assert.deepEqual(await answersOf(await askUdp(server.port, query('other.example'))), [
      ['other.example', 'A', 300, '192.0.2.1'],
    ])
  })

  test('names that mean something to JavaScript are names', async () => {
    await using server = await FakeServer.listen({
      answer: { __proto__: null, 'constructor A': ['192.0.2.9'] } as never,
    })
    assert.deepEqual(await answersOf(await askUdp(server.port, query('constructor'))), [
      ['constructor', 'A', 300, '192.0.2.9'],
    ])
    assert.deepEqual(await answersOf(await askUdp(server.port, query('__proto__'))), [
      ['__proto__', 'A', 300, '192.0.2.1'],
    ])
  })

  test('a function sees who asked what and how, may take its time, and is heard when it throws', async () => {
    const server = await FakeServer.listen({
      answer: async ({ name, type, transport }) => {
        if (name === 'throws.example') throw new Error('script')
        return transport === 'tcp' ? 'REFUSED' : [{ data: type === 'A' ? '192.0.2.3' : '2001:db8::3' }]
      },
    })
    assert.deepEqual(await answersOf(await askUdp(server.port, query())), [['example.com', 'A', 300, '192.0.2.3']])
    assert.equal(rcodeOf((await askTcp(server.port, query()))!), 5)
    assert.equal(await askUdp(server.port, query('throws.example'), 50), null)
    assert.deepEqual(server.queries.map(({ name, transport, id }) => [name, transport, id]), [
      ['example.com', 'udp', 0x1234],
      ['example.com', 'tcp', 0x1234],
      ['throws.example', 'udp', 0x1234],
    ]) // prettier-ignore
    await assert.rejects(server.close(), { message: 'script' })
  })

  test('what is larger than the client takes over UDP is truncated, and whole over TCP', async () => {
    const many = Array.from({ length: 40 }, (_, n) => `192.0.2.${n}`)
    await using server = await FakeServer.listen({ answer: () => many })
    const small = (await askUdp(server.port, query()))!
    assert.ok(isTruncated(small) && small.length <= 512)
    assert.equal((await answersOf(await askUdp(server.port, query('example.com', 'A', true)))).length, 40)
    assert.equal((await answersOf(await askTcp(server.port, query()))).length, 40)
  })

  test('R-6891-1: an OPT is answered with one, no OPT with none', async () => {
    await using server = await FakeServer.listen()
    assert.ok(optOf((await askUdp(server.port, query('example.com', 'A', true)))!))
    assert.equal(optOf((await askUdp(server.port, query()))!), null)
  })
})

describe('faults', () => {
  test.each([...BAD_REPLIES])('%s goes out in place of the reply', async (kind) => {
    await using server = await FakeServer.listen({ faults: [{ kind }] })
    const wire = (await askUdp(server.port, query()))!
    const expected: Record<string, (wire: Buffer) => boolean> = {
      'wrong-id': () => wire.readUInt16BE(0) !== 0x1234,
      'wrong-question': () => wire.readUInt16BE(0) === 0x1234 && Message.from(wire).question!.name === 'example.cox',
      short: () => wire.length === 3,
      'partial-question': () => wire.length === 26,
      'header-only': () => wire.length === 12 && wire.readUInt16BE(4) === 0,
      'query-bit': () => wire[2]! < 0x80,
      empty: () => wire.length === 0,
      'pointer-loop': () => wire.readUInt16BE(29) === 0xc000 + 29,
      'other-opcode': () => (wire[2]! & 0x78) === 0x10,
    }
    assert.ok(expected[kind]!(wire), wire.toString('hex'))
  })

  test('first and every choose which queries are befallen, and a new list starts counting anew', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'rcode', rcode: 'SERVFAIL', first: 2 }] })
    const rcodes = async (n: number): Promise<number[]> => {
      const seen: number[] = []
      for (let i = 0; i < n; i++) seen.push(rcodeOf((await askUdp(server.port, query()))!))
      return seen
    }
    assert.deepEqual(await rcodes(4), [2, 2, 0, 0])
    server.faults = [{ kind: 'rcode', rcode: 'REFUSED', every: 3 }]
    assert.deepEqual(await rcodes(6), [0, 0, 5, 0, 0, 5])
    server.faults = [
      { kind: 'rcode', rcode: 'REFUSED', transport: 'tcp' },
      { kind: 'rcode', rcode: 'NOTIMP', name: 'OTHER.com' },
    ]
    assert.deepEqual(await rcodes(1), [0])
  })

  test('truncated befalls UDP, reset and half-close befall TCP', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'truncated' }] })
    assert.ok(isTruncated((await askUdp(server.port, query()))!))
    assert.ok(!isTruncated((await askTcp(server.port, query()))!))
    server.faults = [{ kind: 'reset' }]
    await assert.rejects(askTcp(server.port, query()), { code: 'ECONNRESET' })
    assert.ok(await askUdp(server.port, query()))
    server.faults = [{ kind: 'half-close' }]
    assert.equal(await askTcp(server.port, query()), null)
  })

  test('slow octets, replies in reverse and a close after so many replies', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'slow' }] })
    assert.ok(await askTcp(server.port, query('a')))
    server.faults = [
      { kind: 'out-of-order', count: 3 },
      { kind: 'close-after', replies: 3 },
    ]
    assert.deepEqual(await idsUntilClose(server.port, [1, 2, 3, 4]), [3, 2, 1])
  })

  test('refuse() closes the port and resume() opens the same one', async () => {
    await using server = await FakeServer.listen()
    const { address } = server
    await server.refuse()
    await assert.rejects(askTcp(server.port, query()), { code: 'ECONNREFUSED' })
    await server.resume()
    assert.equal(server.address, address)
    assert.ok(await askTcp(server.port, query()))
  })

  test.each<[string, object]>([
    ['a transport that nobody knows', { transports: ['sctp'] }],
    ['a fault that nobody knows', { faults: [{ kind: 'dorp' }] }],
  ])('%s is refused clearly', async (_, options) => {
    await assert.rejects(FakeServer.listen(options), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test('what is no query is not answered and does no harm', async () => {
    await using server = await FakeServer.listen()
    assert.equal(await askUdp(server.port, Buffer.from('hello'), 30), null)
    assert.equal(await askTcp(server.port, Buffer.alloc(0), 30), null)
    assert.equal(server.asked, 0)
    assert.ok(await askUdp(server.port, query()))
  })
})

function idsUntilClose(port: number, ids: number[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let all = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => (all = Buffer.concat([all, chunk])))
    socket.on('error', reject)
    socket.on('close', () => {
      const seen: number[] = []
      for (let at = 0; at < all.length; at += 2 + all.readUInt16BE(at)) seen.push(all.readUInt16BE(at + 2))
      resolve(seen)
    })
    socket.write(Buffer.concat(ids.map((id) => frame(Message.query('example.com', 'A', { id }).wire))))
  })
}
