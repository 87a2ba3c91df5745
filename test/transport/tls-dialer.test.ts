import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { TlsOptions, TLSSocket } from 'node:tls'
import { afterEach, describe, test, vi } from 'vitest'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { TlsDialer } from '../../src/transport/tls-dialer.js'
import type { TlsSettings } from '../../src/transport/tls-options.js'
import { TlsTransport } from '../../src/transport/tls.js'
import type { TransportOptions } from '../../src/transport/transport.js'
import { ask, halfFake, optionsFor, until } from './support.js'
import { authority, good, settingsFor, TlsPeer } from './tls-support.js'

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const stranger = new FakeAuthority('stranger')
const namesake = new FakeAuthority('trusted')

afterEach(() => {
  vi.useRealTimers()
})

function dialer(port: number, settings: Partial<TlsSettings> = {}, options: Partial<TransportOptions> = {}): TlsDialer {
  return new TlsDialer(optionsFor(port, { name: 'quad9', tls: settingsFor(settings), ...options }), ['dot'])
}

function dial(dialer: TlsDialer): Promise<TLSSocket> {
  return dialer.dial(new AbortController().signal)
}

/** Dials, and waits until the session's ticket has come, if any is to. */
async function visit(dialer: TlsDialer): Promise<{ readonly resumed: boolean }> {
  const socket = await dial(dialer)
  const resumed = socket.isSessionReused()
  socket.end()
  socket.resume()
  await once(socket, 'close')
  return { resumed }
}

/** Asks, which must fail, and waits until the server has seen the end of it. */
async function refuse(transport: TlsTransport, peer: TlsPeer, message: RegExp): Promise<void> {
  await assert.rejects(ask(transport).ended, (error: Error & { code: string }) => {
    assert.equal(error.code, 'ERR_DNS_TLS', error.message)
    assert.match(error.message, message)
    assert.ok(error.message.startsWith('quad9: '))
    return true
  })
  await until(() => peer.open === 0)
}

interface Bad {
  readonly what: string
  readonly server?: { readonly cert: string; readonly key: string }
  readonly settings?: Partial<TlsSettings>
  readonly message: RegExp
}

const BAD: readonly Bad[] = [
  {
    what: 'another name',
    server: authority.issue({ names: ['evil.test', '192.0.2.1'] }),
    message: /the certificate of 127\.0\.0\.1:\d+ covers other names \(evil\.test, 192\.0\.2\.1\), not dns\.test$/,
  },
  { what: 'a wildcard of another level', server: authority.issue({ names: ['*.dns.test'] }), message: /not dns\.test/ },
  {
    what: 'another IP address',
    server: authority.issue({ names: ['127.0.0.2', 'dns.test'] }),
    settings: { identity: '127.0.0.1' },
    message: /covers other names \(127\.0\.0\.2, dns\.test\), not 127\.0\.0\.1$/,
  },
  {
    what: 'an IP address as a name',
    server: authority.issue({ names: ['dns.test'], commonName: '127.0.0.1' }),
    settings: { identity: '127.0.0.1' },
    message: /not 127\.0\.0\.1$/,
  },
  {
    what: 'the name as its common name alone',
    server: authority.issue({ names: [], commonName: 'dns.test' }),
    message: /covers no names, not dns\.test$/,
  },
  {
    what: 'the name as its common name, an IP address as the only alternative',
    server: authority.issue({ names: ['127.0.0.1'], commonName: 'dns.test' }),
    message: /covers other names \(127\.0\.0\.1\), not dns\.test$/,
  },
  {
    what: 'a day long past',
    server: authority.issue({ names: ['dns.test'], notAfter: new Date('2021-03-04T05:06:07Z') }),
    message: /has expired on 2021-03-04$/,
  },
  {
    what: 'a day to come',
    server: authority.issue({ names: ['dns.test'], notBefore: new Date('2100-01-02T00:00:00Z') }),
    message: /is not valid before 2100-01-02$/,
  },
  {
    what: 'an authority that nobody trusts',
    server: stranger.issue({ names: ['dns.test'] }),
    message: /is not signed by a trusted authority$/,
  },
  {
    what: 'an authority that only has a trusted one’s name',
    server: namesake.issue({ names: ['dns.test'] }),
    message: /is not signed by a trusted authority$/,
  },
  {
    what: 'itself as its authority',
    server: FakeAuthority.selfSigned({ names: ['dns.test'] }),
    message: /is signed by nobody but itself$/,
  },
  {
    what: 'a purpose that is not a server’s',
    server: authority.issue({ names: ['dns.test'], usage: 'client' }),
    message: /is not one for servers$/,
  },
  { what: 'no pinned key', settings: { pins: [stranger.pin] }, message: /has no pinned key in its chain$/ },
  {
    what: 'a hash that is not the DNS stamp’s',
    settings: { hashes: ['00'.repeat(32)] },
    message: /has no certificate of the DNS stamp in its chain$/,
  },
  {
    what: 'no pinned key, where nothing else is asked',
    settings: { pins: [stranger.pin], rejectUnauthorized: false },
    message: /no pinned key/,
  },
  { what: 'Node’s authorities alone to vouch for it', settings: { ca: null }, message: /not signed by a trusted/ },
]

describe.each(VERSIONS)('R-DOT-2, A26, T18: %s, a bad certificate', (version) => {
  test.each(BAD)(
    '$what: not one octet is sent, neither on the first connection nor on the next',
    async ({ server, settings, message }) => {
      await using peer = await TlsPeer.listen({ ...server, minVersion: version, maxVersion: version })
      const transport = new TlsTransport(optionsFor(peer.port, { name: 'quad9', tls: settingsFor(settings) }))
      await refuse(transport, peer, message)
      await refuse(transport, peer, message)
      assert.deepEqual([peer.octets, peer.accepted, peer.resumed], [0, 2, 0])
      await transport.close()
    },
  )

  test.each(BAD.filter(({ server }) => server !== undefined))(
    'N09: $what, once the good one’s ticket no longer serves: not one octet more is sent',
    async ({ server, message, settings }) => {
      await using peer = await TlsPeer.listen({ minVersion: version, maxVersion: version })
      const transport = new TlsTransport(optionsFor(peer.port, { name: 'quad9', tls: settingsFor(settings) }))
      await ask(transport).ended
      const { octets } = peer
      transport.renew()
      await until(() => peer.open === 0)
      peer.show(server!)
      peer.forget()
      await refuse(transport, peer, message)
      assert.deepEqual([peer.octets, peer.resumed], [octets, 0])
      await transport.close()
    },
  )
})

describe('a certificate that will do', () => {
  test.each<[string, { readonly cert: string; readonly key: string }, Partial<TlsSettings>]>([
    ['the name', good, {}],
    ['the name in another case', authority.issue({ names: ['DNS.test'] }), {}],
    ['a wildcard', authority.issue({ names: ['*.dns.test'] }), { identity: 'a.dns.test' }],
    ['R-DOT-3: the IP address', good, { identity: '127.0.0.1' }],
    ['an IPv6 address, however it is written', authority.issue({ names: ['2001:db8::1'] }), { identity: '2001:DB8:0::0:1' }], // prettier-ignore
    ['its own key pinned', good, { pins: [stranger.pin, good.pin] }],
    ['its authority’s key pinned', good, { pins: [authority.pin] }],
    ['its hash in the DNS stamp', good, { hashes: [good.hash] }],
    ['rejectUnauthorized false: any', stranger.issue({ names: ['evil.test'] }), { rejectUnauthorized: false }],
  ])('%s', async (_, server, settings) => {
    await using peer = await TlsPeer.listen(server)
    const one = dialer(peer.port, settings)
    await visit(one)
    await visit(one)
    assert.deepEqual([peer.secured.length, peer.resumed], [2, 1])
  })

  test('rejectUnauthorized false, and the pinned key', async () => {
    const server = stranger.issue({ names: ['evil.test'] })
    await using peer = await TlsPeer.listen(server)
    await visit(dialer(peer.port, { rejectUnauthorized: false, pins: [server.pin] }))
  })
})

test('R-DOT-7: a pinned authority that the server merely shows has pinned nothing', async () => {
  // Both are called the same, so that links by name lead from the certificate to the pinned key.
  const server = authority.issue({ names: ['dns.test'] })
  await using peer = await TlsPeer.listen({ ...server, cert: server.cert + namesake.cert })
  await assert.rejects(dial(dialer(peer.port, { pins: [namesake.pin] })), { code: 'ERR_DNS_TLS' })
  await assert.rejects(dial(dialer(peer.port, { pins: [namesake.pin], rejectUnauthorized: false })), {
    code: 'ERR_DNS_TLS',
  })
})

test('A26: NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing', async () => {
  await using peer = await TlsPeer.listen(stranger.issue({ names: ['dns.test'] }))
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  try {
    await assert.rejects(dial(dialer(peer.port)), { code: 'ERR_DNS_TLS' })
  } finally {
    vi.unstubAllEnvs()
    warn.mockRestore()
  }
})

describe('what the server is told', () => {
  test('SNI says the name, and nothing for an IP address (RFC 6066, section 3); ALPN offers dot', async () => {
    const names: unknown[] = []
    await using peer = await TlsPeer.listen()
    for (const identity of ['dns.test', '127.0.0.1']) {
      const socket = await dial(dialer(peer.port, { identity }))
      await until(() => peer.secured.length > names.length)
      assert.equal(socket.alpnProtocol, 'dot')
      names.push((peer.secured.at(-1) as TLSSocket & { servername: unknown }).servername)
      socket.destroy()
    }
    assert.deepEqual(names, ['dns.test', false])
  })

  test.each(VERSIONS)('%s: our own certificate, where it asks for one', async (version) => {
    const own = authority.issue({ names: [], commonName: 'a client', usage: 'client' })
    const options: TlsOptions = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
    await using peer = await TlsPeer.listen({ ...options, minVersion: version, maxVersion: version })
    const transport = new TlsTransport(optionsFor(peer.port, { tls: settingsFor({ cert: own.cert, key: own.key }) }))
    await ask(transport).ended
    assert.equal(peer.secured[0]!.getPeerCertificate().subject.CN, 'a client')
    await transport.close()
    const anonymous = new TlsTransport(optionsFor(peer.port, { tls: settingsFor() }))
    await assert.rejects(ask(anonymous).ended, ({ code }: { code: string }) => /^ERR_DNS_(TLS|CONNECT)$/.test(code))
    await anonymous.close()
  })

  test('ciphers and cipher suites leave the other version’s as they are', async () => {
    const cases: [TlsOptions, Partial<TlsSettings>, string][] = [
      [{}, { ciphersuites: 'TLS_CHACHA20_POLY1305_SHA256' }, 'TLS_CHACHA20_POLY1305_SHA256'],
      [{}, { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }, 'TLS_AES_256_GCM_SHA384'],
      [{ maxVersion: 'TLSv1.2' }, { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
      [{ maxVersion: 'TLSv1.2' }, { ciphersuites: 'TLS_AES_128_GCM_SHA256' }, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ]
    for (const [server, settings, expected] of cases) {
      await using peer = await TlsPeer.listen(server)
      const socket = await dial(dialer(peer.port, settings))
      assert.equal(socket.getCipher().standardName.startsWith('TLS_ECDHE') ? socket.getCipher().name : socket.getCipher().standardName, expected) // prettier-ignore
      socket.destroy()
    }
  })
})

describe('ALPN', () => {
  test('DoT does without where the server knows none (RFC 7858)', async () => {
    await using peer = await TlsPeer.listen({ ALPNProtocols: undefined })
    const socket = await dial(dialer(peer.port))
    assert.equal(socket.alpnProtocol, false)
    socket.destroy()
  })

  test.each<[string, string[] | undefined, RegExp]>([
    ['none', undefined, /chose no h2$/],
    ['others', ['http/1.1', 'dot'], /speaks none of the protocols that were offered$/],
  ])('N09: h2 is a must: a server that knows %s has failed', async (_, ALPNProtocols, message) => {
    await using peer = await TlsPeer.listen({ ALPNProtocols })
    const h2 = new TlsDialer(optionsFor(peer.port, { tls: settingsFor() }), ['h2'])
    await assert.rejects(dial(h2), { code: 'ERR_DNS_TLS', message })
    assert.equal(peer.octets, 0)
  })
})

describe('resumption', () => {
  test('N09: TLS 1.3: a ticket serves once; a fresh one comes with a full handshake', async () => {
    await using peer = await TlsPeer.listen({ minVersion: 'TLSv1.3' })
    const one = dialer(peer.port)
    const visits = [await visit(one), await visit(one), await visit(one), await visit(one)]
    assert.deepEqual(
      visits.map(({ resumed }) => resumed),
      [false, true, false, true],
    )
  })

  test('TLS 1.2: a session is resumed for as long as the server lets us', async () => {
    await using peer = await TlsPeer.listen({ maxVersion: 'TLSv1.2' })
    const one = dialer(peer.port)
    const visits = [await visit(one), await visit(one), await visit(one)]
    peer.forget()
    visits.push(await visit(one), await visit(one))
    assert.deepEqual(
      visits.map(({ resumed }) => resumed),
      [false, true, true, false, true],
    )
  })

  test('R-DOT-7: nobody resumes another one’s session: identity, pins and authorities are what it was verified by', async () => {
    await using peer = await TlsPeer.listen()
    await visit(dialer(peer.port))
    await assert.rejects(dial(dialer(peer.port, { identity: 'other.test' })), { code: 'ERR_DNS_TLS' })
    await assert.rejects(dial(dialer(peer.port, { pins: [stranger.pin] })), { code: 'ERR_DNS_TLS' })
    await assert.rejects(dial(dialer(peer.port, { ca: stranger.cert })), { code: 'ERR_DNS_TLS' })
    assert.equal(peer.resumed, 0)
  })

  test.each(VERSIONS)('%s: a ticket is not lost to an address that nothing listens on', async (version) => {
    await using peer = await TlsPeer.listen({ minVersion: version, maxVersion: version })
    const addresses = ['127.0.0.1']
    const one = dialer(peer.port, {}, { addresses })
    await visit(one)
    addresses[0] = '127.0.0.9'
    await assert.rejects(dial(one), { code: 'ERR_DNS_CONNECT' })
    addresses[0] = '127.0.0.1'
    assert.equal((await visit(one)).resumed, true)
  })

  test.each(VERSIONS)(
    '%s: a certificate that has expired since is asked for anew; not one octet is sent before',
    async (version) => {
      await using peer = await TlsPeer.listen({ minVersion: version, maxVersion: version })
      const transport = new TlsTransport(optionsFor(peer.port, { name: 'quad9', tls: settingsFor() }))
      await ask(transport).ended
      const { octets } = peer
      transport.renew()
      await until(() => peer.open === 0)
      vi.useFakeTimers({ toFake: ['Date'], now: new Date('2130-01-01') })
      await refuse(transport, peer, /has expired on 2120-01-01$/)
      // One resumed, one anew.
      assert.deepEqual([peer.octets, peer.accepted], [octets, 3])
      peer.show(authority.issue({ names: ['dns.test'], notAfter: new Date('2140-01-01') }))
      await ask(transport).ended
      await transport.close()
    },
  )

  test.each(VERSIONS)('%s: a server that resets what would resume is dialled again, once, in full', async (version) => {
    await using peer = await TlsPeer.listen({ minVersion: version, maxVersion: version })
    await using gate = await Gate.listen(peer.port)
    const transport = new TlsTransport(optionsFor(gate.port, { tls: settingsFor() }))
    await ask(transport).ended
    transport.renew()
    gate.resets = 1
    const asked = ask(transport)
    await asked.ended
    assert.deepEqual([gate.accepted, asked.retries, peer.resumed], [3, 0, 0])
    transport.renew()
    gate.resets = 2
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT', message: /reset the connection/ })
    assert.equal(gate.accepted, 5)
    gate.resets = 1
    await assert.rejects(ask(transport).ended, { code: 'ERR_DNS_CONNECT' })
    assert.equal(gate.accepted, 6)
    await ask(transport).ended
    await transport.close()
  })
})

describe('a server that does not shake hands', () => {
  test('is left after connectTimeout', async () => {
    const clock = halfFake()
    let hello = 0
    await using gate = await Gate.listen(0)
    gate.onData = (): void => void hello++
    const transport = new TlsTransport(optionsFor(gate.port, { clock, connectTimeout: 300, tls: settingsFor() }))
    const asked = ask(transport)
    await until(() => hello === 1)
    await clock.fake.advance(299)
    assert.equal(asked.settlements, 0)
    await clock.fake.advance(1)
    await assert.rejects(asked.ended, {
      code: 'ERR_DNS_CONNECT',
      message: 'test did not finish the TLS handshake within 300 ms',
    })
    await until(() => gate.open === 0)
    await transport.close()
    assert.equal(clock.fake.pending, 0)
  })

  test.each<[string, string | Buffer, RegExp]>([
    ['a greeting', '220 mail.test ESMTP\r\n', /127\.0\.0\.1:\d+ does not speak TLS$/],
    ['a DNS message', Buffer.from('\0\x0c\x12\x34\x80\x05\0\0\0\0\0\0\0\0'), /TLS/],
    ['an alert', Buffer.from([21, 3, 1, 0, 2, 2, 40]), /TLS with .* failed: .*handshake failure$/],
  ])('answers with %s: ERR_DNS_TLS', async (_, octets, message) => {
    await using gate = await Gate.listen(0)
    gate.onData = (_chunk, socket): void => void socket.write(octets)
    await assert.rejects(dial(dialer(gate.port)), { code: 'ERR_DNS_TLS', message })
    await until(() => gate.open === 0)
  })

  test('closes the connection instead', async () => {
    await using gate = await Gate.listen(0)
    gate.onData = (_chunk, socket): void => void socket.end()
    await assert.rejects(dial(dialer(gate.port)), { code: 'ERR_DNS_CONNECT', message: /reset the connection to 127/ })
  })

  test.each<[string, TlsOptions, Partial<TlsSettings>]>([
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }, {}],
    ['TLS 1.2, where minVersion is 1.3', { maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }],
  ])('speaks %s: ERR_DNS_TLS', async (_, server, settings) => {
    await using peer = await TlsPeer.listen(server)
    await assert.rejects(dial(dialer(peer.port, settings)), { code: 'ERR_DNS_TLS', message: /TLS with .* failed/ })
    assert.equal(peer.secured.length, 0)
  })

  test('dial() that is given up while it shakes hands closes its socket', async () => {
    const abort = new AbortController()
    await using gate = await Gate.listen(0)
    gate.onData = (): void => abort.abort()
    await assert.rejects(dialer(gate.port).dial(abort.signal))
    await until(() => gate.open === 0)
  })

  test('dial() that was given up before it began opens nothing that stays', async () => {
    await using gate = await Gate.listen(0)
    await assert.rejects(dialer(gate.port).dial(AbortSignal.abort()))
    await until(() => gate.open === 0)
  })
})

describe('several addresses', () => {
  test('one whose certificate is bad loses to the next, and gets not one octet', async () => {
    await using peer = await TlsPeer.listen()
    await using evil = await TlsPeer.listen(stranger.issue({ names: ['dns.test'] }), '127.0.0.2', peer.port)
    const addresses = ['127.0.0.2', '127.0.0.1']
    const transport = new TlsTransport(optionsFor(peer.port, { addresses, tls: settingsFor() }))
    await ask(transport).ended
    await until(() => evil.accepted === 1 && evil.open === 0)
    assert.deepEqual([evil.octets, peer.queries.length], [0, 1])
    await transport.close()
  })

  test('one that is silent loses to the next 250 ms later; the handshake that it never finished is closed', async () => {
    const clock = halfFake(new FakeClock())
    await using peer = await TlsPeer.listen()
    await using gate = await Gate.listen(0, '127.0.0.2', peer.port)
    let hello = 0
    gate.onData = (): void => void hello++
    const addresses = ['127.0.0.2', '127.0.0.1']
    const transport = new TlsTransport(optionsFor(peer.port, { addresses, clock, tls: settingsFor() }))
    const asked = ask(transport)
    await until(() => hello === 1)
    await clock.fake.advance(249)
    assert.equal(peer.secured.length, 0)
    await clock.fake.advance(1)
    await asked.ended
    await until(() => gate.open === 0)
    await transport.close()
  })

  test('all bad: one ERR_DNS_TLS that names each', async () => {
    await using peer = await TlsPeer.listen(stranger.issue({ names: ['dns.test'] }))
    const one = dialer(peer.port, {}, { addresses: ['127.0.0.9', '127.0.0.1'] })
    await assert.rejects(dial(one), {
      code: 'ERR_DNS_TLS',
      message: `quad9 refused the connection: nothing listens on 127.0.0.9:${peer.port}; quad9: the certificate of 127.0.0.1:${peer.port} is not signed by a trusted authority`,
    })
  })
})

/** Takes connections and passes them on, or not. */
class Gate {
  accepted = 0
  open = 0
  /** How many of the next connections are reset once they have said something. */
  resets = 0
  /** What to do with what comes, instead of passing it on. */
  onData: ((chunk: Buffer, socket: Socket) => void) | null = null
  readonly #target: number
  readonly #server = createServer((socket) => this.#take(socket))

  constructor(target: number) {
    this.#target = target
  }

  static async listen(target: number, host = '127.0.0.1', port = 0): Promise<Gate> {
    const gate = new Gate(target)
    gate.#server.listen(port, host)
    await once(gate.#server, 'listening')
    return gate
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(socket: Socket): void {
    this.accepted++
    this.open++
    socket.on('error', () => undefined)
    socket.on('close', () => this.open--)
    if (this.onData !== null) socket.on('data', (chunk: Buffer) => this.onData!(chunk, socket))
    else if (this.resets > 0) {
      this.resets--
      socket.once('data', () => socket.resetAndDestroy())
    } else {
      const onward = connect(this.#target, '127.0.0.1')
      onward.on('error', () => undefined)
      socket.pipe(onward).pipe(socket)
      onward.on('close', () => socket.destroy())
      socket.on('close', () => onward.destroy())
    }
  }
}

test('RFC 9113, 9.2.1: a server that wants to renegotiate is refused', async () => {
  await using peer = await TlsPeer.listen({ maxVersion: 'TLSv1.2' })
  const dialer = new TlsDialer(optionsFor(peer.port, { tls: settingsFor() }), ['dot'])
  const socket = await dialer.dial(new AbortController().signal)
  socket.on('error', () => undefined)
  await until(() => peer.secured.length === 1)
  const [server] = peer.secured
  server!.renegotiate({}, () => undefined)
  const [refusal] = (await once(server!, 'error')) as [{ code: string }]
  assert.equal(refusal.code, 'ERR_SSL_NO_RENEGOTIATION')
  socket.destroy()
})
