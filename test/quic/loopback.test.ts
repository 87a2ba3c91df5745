import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { QuicClient } from '../../src/quic/client.js'
import { QuicServer } from '../../src/quic/server.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { seeded } from '../fuzz/mutate.js'
import { ask, echo, when } from './stage.js'

describe('quic over loopback', () => {
  const authority = new FakeAuthority()
  const certificate = authority.issue({ names: ['quic.test'] })
  const serverName = 'quic.test'
  let server: QuicServer
  let client: QuicClient
  let port: number

  beforeAll(async () => {
    server = await QuicServer.create({ ...certificate, alpn: ['echo'], onConnection: echo })
    port = await server.bind('127.0.0.1', 0)
    client = await QuicClient.create({ alpn: ['echo'], ca: authority.cert })
  })
  afterAll(() => {
    client.destroy()
    server.destroy()
  })

  test('a client asks and is answered, and its close is heard', async () => {
    const { connection, connected, end } = when(client, { address: '127.0.0.1', port, serverName })
    await connected
    assert.equal(connection.alpn, 'echo')
    assert.equal(connection.peerCertificates.length, 1)
    assert.ok(connection.localPort > 0)
    assert.equal((await ask(connection, Buffer.from('hello'))).toString(), 'hello')
    assert.ok(connection.rtt > 0)
    connection.close(7, 'enough')
    assert.deepEqual(await end, { cause: 'local', code: 7, reason: 'enough', established: true })
  })

  test('a hundred connections of one client share a server and its port', async () => {
    const all = Array.from({ length: 100 }, () => when(client, { address: '127.0.0.1', port, serverName }))
    await Promise.all(all.map(({ connected }) => connected))
    const answers = await Promise.all(all.map(({ connection }, i) => ask(connection, Buffer.from(`question ${i}`))))
    answers.forEach((answer, i) => assert.equal(answer.toString(), `question ${i}`))
    for (const { connection } of all) connection.close(0)
    await Promise.all(all.map(({ end }) => end))
  })

  test('over IPv6 too, on a socket of the owner', async () => {
    const socket = createSocket('udp6')
    socket.bind(0, '::1')
    await once(socket, 'listening')
    server.attach(socket)
    const { connection, connected } = when(client, { address: '::1', port: socket.address().port, serverName })
    await connected
    assert.equal((await ask(connection, Buffer.from('six'))).toString(), 'six')
    connection.close(0)
    socket.close()
  })

  test('a port where nobody listens is known at once', async () => {
    const free = createSocket('udp4')
    free.bind(0, '127.0.0.1')
    await once(free, 'listening')
    const nobody = free.address().port
    free.close()
    const { end } = when(client, { address: '127.0.0.1', port: nobody, serverName })
    const { cause, error, established } = await end
    assert.deepEqual([cause, established], ['refused', false])
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  })

  test('an address that is not ours to send from ends it', async () => {
    const { end } = when(client, { address: '127.0.0.1', port, serverName, source: '192.0.2.1' })
    const { cause, error } = await end
    assert.equal(cause, 'socket')
    assert.equal((error as NodeJS.ErrnoException).code, 'EADDRNOTAVAIL')
  })

  test('names and addresses that are none are refused, and nothing is left of them', async () => {
    const options = { address: '127.0.0.1', port, serverName: 'no name', handler: echo() }
    assert.throws(() => client.connect(options), /invalid server name/)
    assert.throws(() => client.connect({ ...options, port: 0, serverName }), /invalid remote address/)
  })

  test('what cannot be a configuration is refused', async () => {
    await assert.rejects(QuicClient.create({ alpn: ['x'], ca: 'nothing' }), /no certificate to trust/)
    await assert.rejects(QuicClient.create({ alpn: ['x'], cipherSuites: [0x1399] }), /none of the cipher suites/)
    await assert.rejects(
      QuicServer.create({ cert: certificate.cert, key: authority.issue().key, alpn: ['x'], onConnection: echo }),
      /keys may not be consistent|KeyMismatch/,
    )
  })

  test('thirty thousand datagrams of garbage change nothing', async () => {
    const below = seeded(1)
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const noise = Buffer.from(Array.from({ length: 4096 }, () => below(256)))
    for (let round = 0; round < 30; round++) {
      const sent = Array.from({ length: 1000 }, () => {
        const octets = Buffer.from(noise.subarray(below(2000), 2001 + below(1400)))
        // Every other one claims to begin a connection of version 1.
        if (below(2) === 0 && octets.length > 5) octets.set([0xc0 | below(64), 0, 0, 0, 1])
        return new Promise((resolve) => socket.send(octets, resolve))
      })
      await Promise.all(sent)
    }
    socket.close()
    const { connection, connected } = when(client, { address: '127.0.0.1', port, serverName })
    await connected
    assert.equal((await ask(connection, Buffer.from('still there'))).toString(), 'still there')
    connection.close(0)
  })

  test('a process with idle connections exits by itself', async () => {
    const program = fileURLToPath(new URL('idle-client.ts', import.meta.url))
    const tsx = fileURLToPath(new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url))
    const env = { ...process.env, PORT: String(port), CA: authority.cert }
    const { stdout } = await promisify(execFile)(process.execPath, [tsx, program], { env, timeout: 15_000 })
    assert.equal(stdout.trim(), 'answered')
  })
})
