import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer as createTcpServer } from 'node:net'
import { describe, test } from 'vitest'
import { parseAddress } from '../../src/address/address.js'
import { DnsError } from '../../src/errors.js'
import { createServer, type Server, type ServerEvents } from '../../src/server/server.js'
import { buildQuery, frame, rcodeOf } from '../helpers/raw-dns.js'
import { issued } from './encrypted-stage.js'
import { later, serve, SocketClock, TcpClient, TestRoot, UdpClient, until } from './stage.js'

const query = (id = 1): Buffer => buildQuery('x.example', 1, { id })

function failing(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DnsError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

describe('createServer', () => {
  test('listens over UDP and TCP on one port of its choice, for each address', async () => {
    const { server } = await serve(new TestRoot(), { listen: ['127.0.0.1:0', '127.0.0.2:0'] })
    const texts = server.addresses.map(String)
    assert.equal(texts.length, 4)
    assert.match(texts[0]!, /^udp:\/\/127\.0\.0\.1:\d+$/)
    assert.equal(texts[1], texts[0]!.replace('udp', 'tcp'))
    assert.deepEqual(Object.keys(server.addresses[0]!), ['transport', 'address', 'port', 'host'])
    assert.equal(server.addresses[2]!.host, `127.0.0.2:${server.addresses[2]!.port}`)
  })

  test('listens on IPv6, where there is some', async (t) => {
    const opened = await createServer(new TestRoot(), { listen: '[::1]:0' }).catch((error: unknown) => error)
    if (opened instanceof DnsError) return t.skip('this machine has no IPv6')
    const server = opened as Server
    later(() => server.destroy())
    const { port, host } = server.addresses[0]!
    assert.equal(host, `[::1]:${port}`)
    const socket = createSocket('udp6')
    const reply = await new Promise<Buffer>((resolve) => {
      socket.on('message', resolve)
      socket.send(query(), port, '::1')
    })
    socket.close()
    assert.equal(rcodeOf(reply), 0)
  })

  test.each([
    [{ lisen: '127.0.0.1:0' }, /option "lisen" is not known; did you mean "listen"\?/],
    [{ listen: [] }, /"listen" must be an address/],
    [{ listen: 53 }, /"listen" must be an address .*got 53/],
    [{ allow: ['10.0.0.0/33'] }, /"allow\[0\]" must be .*prefix is 0 to 32/],
    [{ allow: '10.0.0.0/8' }, /"allow" must be an array/],
    [{ maxConcurrent: 0 }, /"maxConcurrent" must be a whole number of at least 1; got 0/],
    [{ maxUdpSize: 511 }, /"maxUdpSize" must be a whole number from 512 to 65535; got 511/],
    [{ maxReplyDelay: 0 }, /"maxReplyDelay" must be a number of milliseconds/],
    [
      { inherit: [{ fd: 3, transport: 'udp', address: 'x', port: 53 }] },
      /"inherit" must be an array of \{ fd, transport/,
    ],
    [{ idleTimeout: '10s' }, /"idleTimeout" must be a number of milliseconds .*got "10s"/],
    [{ localNames: ['lan'] }, /"localNames" must be an array of "test", "local", "home.arpa"/],
    [{ any: 'refuse' }, /"any" must be one of "pass", "notimp", "hinfo"; got "refuse"/],
    [{ tls: { listen: ':853' } }, /"tls\.cert" is missing: give either cert \(PEM\) or certFile/],
    [{ tls: { cert: 'c' } }, /"tls\.key" is missing/],
    [{ tls: { cert: 'c', certFile: '/c', key: 'k' } }, /"tls\.cert" is given twice/],
    [{ tls: { cert: 1, key: 'k' } }, /"tls\.cert" must be PEM text or octets; got 1/],
    [{ tls: { cert: 'c', key: 'k', listen: [] } }, /"tls\.listen" must be an address/],
    [{ tls: { cert: 'c', key: 'k', path: '/x' } }, /"tls\.path" is not known/],
    [{ https: {} }, /"https\.cert" is missing/],
    [{ https: { cert: 'c', key: 'k', path: 'dns-query' } }, /"https\.path" must be a path such as "\/dns-query"/],
    [{ https: { cert: 'c', key: 'k', path: '/a?b' } }, /"https\.path" must be a path/],
    [{ https: true }, /"https" must be an object; got true/],
    [{ handshakeTimeout: 0 }, /"handshakeTimeout" must be a number of milliseconds/],
    [{ quic: {} }, /"quic\.cert" is missing/],
    [{ clock: {} }, /"clock" must be a Clock/],
  ])('refuses %j, saying what is allowed', async (options, message) => {
    await assert.rejects(createServer(new TestRoot(), options as object), failing('ERR_DNS_INVALID_OPTION', message))
  })

  test.each([null, undefined, {}, 'tls://9.9.9.9', { exchange: 1 }])('refuses the root %j', async (root) => {
    await assert.rejects(
      createServer(root as never, {}),
      failing('ERR_DNS_INVALID_OPTION', /"root" must be a Forwarder/),
    )
  })

  test('refuses an address that cannot be read', async () => {
    await assert.rejects(
      createServer(new TestRoot(), { listen: 'dns.example:53' }),
      failing('ERR_DNS_INVALID_ADDRESS', /dns\.example/),
    )
  })

  test('says which address is in use, and leaves nothing open', async () => {
    const tcp = createTcpServer()
    const port = await new Promise<number>((resolve) => {
      tcp.listen(0, '127.0.0.1', () => resolve((tcp.address() as { port: number }).port))
    })
    later(() => tcp.close())
    const listen = ['127.0.0.2:' + port, '127.0.0.1:' + port]
    await assert.rejects(
      createServer(new TestRoot(), { listen }),
      failing('ERR_DNS_LISTEN', new RegExp(`127\\.0\\.0\\.1:${port} over tcp: it is in use`)),
    )
    const { server } = await serve(new TestRoot(), { listen: listen[0]! })
    assert.equal(server.addresses[0]!.port, port)
  })

  test('says that this machine does not have an address', async () => {
    await assert.rejects(
      createServer(new TestRoot(), { listen: '192.0.2.1:0' }),
      failing('ERR_DNS_LISTEN', /192\.0\.2\.1:0 over udp: this machine has no such address/),
    )
  })

  test.each([
    ['127.0.0.1', (port: number) => `127.0.0.1:${port}`, true],
    ['0.0.0.0', (port: number) => `127.0.0.1:${port}`, true],
    ['127.0.0.1', (port: number) => `tcp://127.0.0.1:${port}`, true],
    ['127.0.0.1', (port: number) => `127.0.0.2:${port}`, false],
    ['0.0.0.0', (port: number) => `192.0.2.1:${port}`, false],
  ])('on %s refuses a root with an upstream at its own address (A13)', async (host, upstream, refused) => {
    const free = await serve(new TestRoot())
    free.server.destroy()
    await free.server.close()
    const { port } = free
    const hints = {
      covers: () => false,
      hasPrivateUpstream: false,
      upstreams: [{ name: 'me', address: parseAddress(upstream(port)) }],
    }
    const opened = createServer(Object.assign(new TestRoot(), { hints }), { listen: `${host}:${port}` })
    if (refused) await assert.rejects(opened, failing('ERR_DNS_INVALID_OPTION', /upstream "me" is asked as well/))
    else (await opened).destroy()
  })

  test.each([
    ['tls', 'tls', true],
    ['https', 'https', true],
    ['tls', 'udp', false],
    ['https', 'tls', false],
  ] as const)(
    'for %s refuses an upstream over %s at its own address: %j (A13)',
    async (listener, upstream, refused) => {
      const free = await serve(new TestRoot())
      free.server.destroy()
      await free.server.close()
      const host = `127.0.0.1:${free.port}`
      const hints = {
        covers: () => false,
        hasPrivateUpstream: false,
        upstreams: [{ name: 'me', address: parseAddress(`${upstream}://${host}`) }],
      }
      const root = Object.assign(new TestRoot(), { hints })
      const opened = createServer(root, { [listener]: { listen: host, cert: issued.cert, key: issued.key } })
      const message = new RegExp(`"${listener}\\.listen" holds ${host}, where upstream "me" is asked`)
      if (refused) await assert.rejects(opened, failing('ERR_DNS_INVALID_OPTION', message))
      else (await opened).destroy()
    },
  )

  test('says which encrypted address is in use', async () => {
    const { server } = await serve(new TestRoot())
    const { host } = server.addresses[0]!
    const { cert, key } = issued
    await assert.rejects(
      createServer(new TestRoot(), { https: { listen: host, cert, key } }),
      failing('ERR_DNS_LISTEN', new RegExp(`${host} over https: it is in use`)),
    )
  })
})

describe('events', () => {
  test('tell of queries, replies, failures and bad packets', async () => {
    const root = new TestRoot()
    const { server, port } = await serve(root)
    const seen: string[] = []
    const names: (keyof ServerEvents)[] = ['query', 'reply', 'failure', 'malformed', 'denied', 'close']
    for (const name of names) server.on(name, () => seen.push(name))
    server.on('reply', ({ client, query: asked, reply, upstream, elapsed, size }) => {
      assert.equal(client.transport, 'udp')
      assert.equal(asked.question!.name, 'x.example')
      assert.equal(reply.id, asked.id)
      assert.ok(elapsed >= 0 && size === reply.wire.length)
      seen.push(String(upstream))
    })
    const client = new UdpClient(port)
    await client.ask(query())
    root.exchange = () => Promise.reject(new Error('no'))
    await client.ask(query())
    await client.ask(buildQuery('x.example', 252))
    await server.close()
    assert.deepEqual(seen, ['query', 'reply', 'test', 'query', 'failure', 'reply', 'null', 'malformed', 'close'])
    const { queries, replies, failures, malformed } = server.stats
    assert.deepEqual({ queries, replies, failures, malformed }, { queries: 2, replies: 3, failures: 1, malformed: 1 })
  })
})

describe('close', () => {
  test('answers what is under way over UDP and TCP, and takes no more', async () => {
    const root = new TestRoot()
    root.holds = true
    const { server, port } = await serve(root)
    const [udp, tcp, idle] = [new UdpClient(port), new TcpClient(port), new TcpClient(port)]
    await idle.connected()
    udp.send(query(1))
    tcp.socket.write(frame(query(2)))
    await root.until(2)
    const closing = server.close()
    await idle.closed
    udp.send(query(3))
    tcp.socket.write(frame(query(4)))
    await new TcpClient(port).closed
    root.release()
    assert.equal((await udp.next()).readUInt16BE(0), 1)
    assert.equal((await tcp.next())!.readUInt16BE(0), 2)
    assert.equal(await tcp.next(), null)
    await closing
    assert.equal(root.asked.length, 2)
    assert.deepEqual([server.stats.outstanding, server.stats.connections], [0, 0])
  })

  test('frees the port, is idempotent, and fires close once', async () => {
    const { server, port } = await serve(new TestRoot())
    let closed = 0
    server.on('close', () => closed++)
    await Promise.all([server.close(), server.close()])
    await server[Symbol.asyncDispose]()
    server.destroy()
    assert.equal(closed, 1)
    const again = await serve(new TestRoot(), { listen: `127.0.0.1:${port}` })
    assert.equal(again.port, port)
  })

  test('is bounded: a client that never lets go is cut off', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    root.holds = true
    const { server, port } = await serve(root, { clock })
    const client = new TcpClient(port)
    client.socket.write(frame(query(1)))
    await root.until(1)
    let closed = false
    const closing = server.close().then(() => (closed = true))
    await clock.advance(4900)
    assert.equal(closed, false)
    await clock.advance(1200)
    await closing
    await client.closed
    assert.equal(clock.pending, 0)
  })

  test('leaves nothing that holds the process (N12)', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => /UDP|TCP/.test(name)).length
    await until(() => sockets() === 0)
    const root = new TestRoot()
    const { server, port } = await serve(root)
    await new UdpClient(port).ask(query())
    const tcp = new TcpClient(port)
    tcp.socket.write(frame(query()))
    await tcp.next()
    await server.close()
    await until(() => sockets() === 1) // the test's own UDP client
  })

  test('destroy cuts connections and leaves queries unanswered, with no timer left', async () => {
    const clock = new SocketClock()
    const root = new TestRoot()
    root.holds = true
    const { server, port } = await serve(root, { clock })
    const client = new TcpClient(port)
    client.socket.write(frame(query(1)))
    await root.until(1)
    server.destroy()
    await client.closed
    root.release()
    await server.close()
    await clock.advance(60_000)
    assert.equal(await client.next(), null)
    assert.deepEqual([server.stats.outstanding, server.stats.replies, clock.pending], [0, 0, 0])
  })
})
