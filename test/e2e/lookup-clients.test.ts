import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once, type EventEmitter } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { createRequire } from 'node:module'
import net, { type AddressInfo } from 'node:net'
import axios from 'axios'
import got from 'got'
import { Forwarder, Resolver, Upstream, type CallbackLookup } from 'headrace'
import { FakeAuthority, FakeServer } from 'headrace/testing'
import { Agent, fetch as undiciFetch, request } from 'undici'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { title } from '../helpers/peer.js'

/** What is used of ws, which comes without types. */
interface Ws {
  readonly WebSocket: new (url: string, options: object) => EventEmitter & { close(): void }
  readonly WebSocketServer: new (options: object) => EventEmitter & { close(): void }
}
const { WebSocket, WebSocketServer } = createRequire(import.meta.url)('ws') as Ws

/** A name that only our upstream knows, and one that it doesn't. */
const HOST = 'site.headrace-test'
const NOWHERE = 'nowhere.headrace-test'
const BODY = 'reached'

/** Sites on loopback, and a DNS server over HTTPS that alone knows where they are. */
class World {
  readonly authority = new FakeAuthority()
  readonly #certificate = this.authority.issue({ names: [HOST] })
  readonly http = http.createServer((_request, response) => response.end(BODY))
  readonly https = https.createServer(this.#certificate, (_request, response) => response.end(BODY))
  readonly http2 = http2.createSecureServer(this.#certificate, (_request, response) => response.end(BODY))
  readonly sockets = new WebSocketServer({ server: this.http })
  dns!: FakeServer
  upstream!: Upstream
  forwarder!: Forwarder
  resolver!: Resolver

  async start(): Promise<void> {
    this.sockets.on('connection', (socket: { send(text: string): void }) => socket.send(BODY))
    for (const server of [this.http, this.https, this.http2]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    this.dns = await FakeServer.listen({
      transports: ['https'],
      answer: ({ name, type }) => {
        if (name === HOST) return type === 'A' ? ['127.0.0.1'] : []
        return name === NOWHERE ? 'NXDOMAIN' : 'REFUSED'
      },
    })
    this.upstream = new Upstream(this.dns.addressOf('https'), { tls: { ca: this.dns.ca } })
    this.forwarder = new Forwarder({ upstreams: [this.upstream], health: false })
    this.resolver = new Resolver(this.forwarder)
  }

  get lookup(): CallbackLookup {
    return this.resolver.callbacks.lookup
  }

  async stop(): Promise<void> {
    await this.resolver.close()
    await this.forwarder.close()
    await this.upstream.close()
    await this.dns.close()
    this.sockets.close()
    for (const server of [this.http, this.https, this.http2]) server.close()
  }

  url(scheme: 'http' | 'https' | 'ws' | 'h2', host = HOST): string {
    const server = scheme === 'https' ? this.https : scheme === 'h2' ? this.http2 : this.http
    return `${scheme === 'h2' ? 'https' : scheme}://${host}:${(server.address() as AddressInfo).port}/`
  }
}

const world = new World()
beforeAll(() => world.start())
afterAll(() => world.stop())

async function text(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

function get(options: http.RequestOptions & https.RequestOptions, over: typeof http | typeof https): Promise<string> {
  return new Promise((resolve, reject) => {
    over.get(options, (response) => void text(response).then(resolve, reject)).on('error', reject)
  })
}

/** Every client, asking for a host over a connection of its own. */
const CLIENTS: Readonly<Record<string, (host: string) => Promise<string>>> = {
  'net.connect': async (host) => {
    const { port } = new URL(world.url('http'))
    const socket = net.connect({ host, port: Number(port), lookup: world.lookup })
    socket.end('GET / HTTP/1.0\r\n\r\n')
    return (await text(socket)).split('\r\n\r\n')[1] ?? ''
  },
  'net.connect to one family': async (host) => {
    const { port } = new URL(world.url('http'))
    const socket = net.connect({ host, port: Number(port), family: 4, lookup: world.lookup })
    socket.end('GET / HTTP/1.0\r\n\r\n')
    return (await text(socket)).split('\r\n\r\n')[1] ?? ''
  },
  'http.Agent': async (host) => {
    const agent = new http.Agent({ lookup: world.lookup })
    const { port } = new URL(world.url('http'))
    return get({ host, port, agent }, http)
  },
  'https.request': async (host) => {
    const { port } = new URL(world.url('https'))
    const agent = new https.Agent({ lookup: world.lookup, ca: world.authority.cert })
    return get({ host, port, agent }, https)
  },
  'http2.connect': async (host) => {
    const session = http2.connect(world.url('h2', host), {
      ca: world.authority.cert,
      lookup: world.lookup,
    } as http2.SecureClientSessionOptions)
    const failed = once(session, 'error').then(([error]) => Promise.reject(error as Error))
    failed.catch(() => undefined)
    try {
      return await Promise.race([text(session.request({ ':path': '/' })), failed])
    } finally {
      session.destroy()
    }
  },
  'undici request': async (host) => {
    const dispatcher = new Agent({ connect: { lookup: world.lookup } })
    try {
      return await (await request(world.url('http', host), { dispatcher })).body.text()
    } finally {
      await dispatcher.close()
    }
  },
  'undici fetch over https': async (host) => {
    const dispatcher = new Agent({ connect: { lookup: world.lookup, ca: world.authority.cert } })
    try {
      return await (await undiciFetch(world.url('https', host), { dispatcher })).text()
    } finally {
      await dispatcher.close()
    }
  },
  'global fetch with a dispatcher': async (host) => {
    const dispatcher = new Agent({ connect: { lookup: world.lookup } })
    try {
      return await (await fetch(world.url('http', host), { dispatcher } as unknown as RequestInit)).text()
    } finally {
      await dispatcher.close()
    }
  },
  got: async (host) => {
    const options = { dnsLookup: world.lookup as never, retry: { limit: 0 } }
    return got(world.url('http', host), options).text()
  },
  'got over https': async (host) => {
    const https = { certificateAuthority: world.authority.cert }
    return got(world.url('https', host), {
      dnsLookup: world.lookup,
      https,
      retry: { limit: 0 },
    }).text()
  },
  axios: async (host) => {
    const httpAgent = new http.Agent({ lookup: world.lookup })
    return (await axios.get<string>(world.url('http', host), { httpAgent })).data
  },
  'axios with its lookup': async (host) => {
    return (
      await axios.get<string>(world.url('http', host), {
        lookup: world.lookup as never,
        httpAgent: new http.Agent(),
      })
    ).data
  },
  ws: async (host) => {
    const socket = new WebSocket(world.url('ws', host), { lookup: world.lookup })
    const [message] = (await once(socket, 'message')) as [Buffer]
    socket.close()
    return message.toString()
  },
}

/** The fetch of Node 26 is that of undici 8, which takes no dispatcher of the undici that we test with. */
const FOREIGN = Number.parseInt(process.versions['undici'] ?? '0') > 7
const clients = Object.entries(CLIENTS).map(([name, client]) => ({ name, client, foreign: FOREIGN && name.startsWith('global fetch') })) // prettier-ignore

for (const { name, client, foreign } of clients) {
  const reason = foreign ? 'this fetch takes no dispatcher of undici 6' : null
  describe.skipIf(foreign)(title(name, reason), () => {
    test('reaches a site by a name that only our upstream knows, over HTTPS', async () => {
      const before = world.dns.asked
      assert.equal(await client(HOST), BODY)
      assert.ok(world.dns.asked > before)
    })

    test('is told ENOTFOUND of a name that is not there', async () => {
      await assert.rejects(client(NOWHERE), (error: unknown) => deepCode(error) === 'ENOTFOUND')
    })
  })
}

test('dgram sends to a name, and passes the family as a number', async () => {
  const receiver = dgram.createSocket('udp4')
  const sender = dgram.createSocket({ type: 'udp4', lookup: world.lookup as never })
  try {
    receiver.bind(0, '127.0.0.1')
    await once(receiver, 'listening')
    sender.send('hello', receiver.address().port, HOST)
    assert.equal(String(((await once(receiver, 'message')) as [Buffer])[0]), 'hello')
  } finally {
    sender.close()
    receiver.close()
  }
})

describe('install()', () => {
  afterEach(() => world.resolver.uninstall())

  const INSTALLED: Readonly<Record<string, (host: string) => Promise<unknown>>> = {
    'global fetch': async (host) => (await fetch(world.url('http', host))).text(),
    'http.get': (host) => get({ host, port: new URL(world.url('http')).port, agent: false }, http),
    axios: async (host) => (await axios.get<string>(world.url('http', host), { httpAgent: new http.Agent() })).data,
    got: (host) => got(world.url('http', host), { retry: { limit: 0 }, agent: { http: new http.Agent() } }).text(),
  }

  test.each(Object.entries(INSTALLED))('%s needs not be told', async (_name, client) => {
    await assert.rejects(client(HOST))
    world.resolver.install()
    assert.equal(await client(HOST), BODY)
    world.resolver.uninstall()
    await assert.rejects(client(HOST))
  })

  test('both functions are replaced, by-name imports too, and put back', async () => {
    const before = [dns.lookup, dns.promises.lookup]
    world.resolver.install()
    world.resolver.install()
    const { lookup } = await import('node:dns')
    const promised = await import('node:dns/promises')
    assert.deepEqual([lookup, promised.lookup], [world.resolver.lookup, world.resolver.lookup])
    assert.deepEqual(await promised.lookup(HOST), { address: '127.0.0.1', family: 4 })
    world.resolver.uninstall()
    world.resolver.uninstall()
    assert.deepEqual([dns.lookup, dns.promises.lookup], before)
    assert.equal((await import('node:dns')).lookup, before[0])
  })

  test('what somebody else has put there since stays', () => {
    const original = dns.lookup
    const theirs = (() => undefined) as unknown as typeof dns.lookup
    world.resolver.install()
    ;(dns as { lookup: unknown }).lookup = theirs
    world.resolver.uninstall()
    assert.equal(dns.lookup, theirs)
    ;(dns as { lookup: unknown }).lookup = original
  })

  test('closing takes it back', async () => {
    const before = dns.lookup
    const other = new Resolver('127.0.0.1:9')
    other.install()
    await other.close()
    assert.equal(dns.lookup, before)
  })

  test('an upstream’s own name is still looked up by the system, not through itself', async () => {
    const { port } = world.dns
    const upstream = new Upstream(`https://localhost:${port}/dns-query`, {
      tls: { ca: world.dns.ca, servername: '127.0.0.1', rejectUnauthorized: false },
    })
    const resolver = new Resolver(upstream)
    try {
      resolver.install()
      assert.deepEqual(await resolver.resolve4(HOST), ['127.0.0.1'])
      assert.equal(world.dns.queries.some(({ name }) => name === 'localhost'), false) // prettier-ignore
    } finally {
      await resolver.close()
      await upstream.close()
    }
  })
})

/** The code of an error, or of what is behind it. */
function deepCode(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code === 'ENOTFOUND' || cause === undefined ? code : deepCode(cause)
}
