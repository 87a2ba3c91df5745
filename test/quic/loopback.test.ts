import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { QuicClient } from '../../src/quic/client.js'
import { QuicServer } from '../../src/quic/server.js'
import { ask, echo, ended, serverOptions, when } from './stage.js'

describe('quic over loopback', () => {
  const authority = new FakeAuthority()
  const { cert, key } = authority.issue({ names: ['quic.test', '127.0.0.1'] })
  let server: QuicServer
  let port: number

  beforeAll(async () => {
    server = await QuicServer.create({ ...serverOptions({ cert, key }), onConnection: echo })
    port = await server.bind('127.0.0.1', 0)
  })
  afterAll(() => server.destroy())

  test('a client asks and is answered', async () => {
    const client = await QuicClient.create({ alpn: ['echo'], ca: authority.cert })
    const { connection, connected } = when(client, { address: '127.0.0.1', port, serverName: 'quic.test' })
    await connected
    assert.equal(connection.alpn, 'echo')
    assert.equal(connection.peerCertificates.length, 1)
    assert.equal((await ask(connection, Buffer.from('hello'))).toString(), 'hello')
    assert.ok(connection.rtt > 0)
    const over = ended(connection)
    connection.close(7, 'enough')
    assert.deepEqual(await over, { cause: 'local', code: 7, reason: 'enough', established: true })
    client.destroy()
  })
})
