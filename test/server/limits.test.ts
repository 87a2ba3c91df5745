import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { buildQuery, frame, rcodeOf } from '../helpers/raw-dns.js'
import { serve, SocketClock, TcpClient, TestRoot, UdpClient } from './stage.js'

const query = (id = 1): Buffer => buildQuery('x.example', 1, { id })

describe('a client that is not allowed', () => {
  test('gets nothing over UDP and a closed connection over TCP (A16, R-5625-7)', async () => {
    const root = new TestRoot()
    const { port, server } = await serve(root, { allow: ['127.0.0.1'] })
    const denied: string[] = []
    server.on('denied', ({ client, why }) => denied.push(`${client.transport} ${client.address} ${why}`))
    const stranger = new UdpClient(port, '127.0.0.2')
    stranger.send(query())
    stranger.send(Buffer.from('garbage'))
    await new TcpClient(port, '127.0.0.2').closed
    await new UdpClient(port).ask(query())
    assert.equal(stranger.unread, 0)
    assert.equal(root.asked.length, 1)
    assert.deepEqual(denied.sort(), ['tcp 127.0.0.2 address', 'udp 127.0.0.2 address', 'udp 127.0.0.2 address'])
    assert.equal(server.stats.denied, 3)
  })

  test('is everybody outside private networks by default', async () => {
    const { AllowList } = await import('../../src/policy/allow-list.js')
    const list = new AllowList()
    assert.deepEqual(
      ['203.0.113.1', '2001:db8::1', '8.8.8.8'].map((ip) => list.allows(ip)),
      [false, false, false],
    )
  })
})

describe('limits', () => {
  test('more than maxConcurrent queries get SERVFAIL at once', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port, server } = await serve(root, { maxConcurrent: 2 })
    const client = new UdpClient(port)
    for (const id of [1, 2, 3]) client.send(query(id))
    const refused = await client.next()
    assert.deepEqual([refused.readUInt16BE(0), rcodeOf(refused)], [3, 2])
    root.release()
    assert.deepEqual([rcodeOf(await client.next()), rcodeOf(await client.next())], [0, 0])
    assert.deepEqual([server.stats.denied, server.stats.outstanding], [1, 0])
    root.holds = false
    assert.equal(rcodeOf(await client.ask(query(4))), 0)
  })

  test('loopback may have more than maxPerClient outstanding (A12)', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root, { maxPerClient: 1 })
    const client = new UdpClient(port)
    for (let id = 0; id < 20; id++) client.send(query(id))
    await root.until(20)
    root.release()
  })

  test('a loopback client gets its reply after maxReplyDelay too (A12)', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root, { maxReplyDelay: 100, clock })
    const client = new UdpClient(port)
    client.send(query())
    await root.until(1)
    await clock.advance(500)
    root.release()
    assert.equal(rcodeOf(await client.next()), 0)
  })

  test('limits over TCP: beyond maxConcurrent SERVFAIL, on the same connection', async () => {
    const root = new TestRoot()
    root.holds = true
    const { port } = await serve(root, { maxConcurrent: 1 })
    const client = new TcpClient(port)
    client.socket.write(Buffer.concat([frame(query(1)), frame(query(2))]))
    assert.equal(rcodeOf((await client.next())!), 2)
    root.release()
    assert.equal(rcodeOf((await client.next())!), 0)
  })
})
