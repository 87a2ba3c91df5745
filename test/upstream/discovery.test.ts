import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, describe, test } from 'vitest'
import { createServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { Forwarder, Upstream, type UpstreamOptions } from 'headrace'
import { FakeAuthority, FakeServer } from 'headrace/testing'
import type { FakeServerOptions } from '../../src/testing/fake-server.js'
import { until } from '../transport/support.js'
import { Jumping } from '../helpers/jumping.js'
import { svcb, type SvcbOptions } from './svcb.js'

const NAME = '_dns.resolver.arpa'
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const TRANSPORTS = [['h2', 'https'], ['doq', 'doq'], ['h3', 'h3']] as const // prettier-ignore

/** A server, encrypted too, that says `records` of itself; `port` of a record is that of the transport its alpn names. */
async function stage(
  records: readonly SvcbOptions[] | null,
  serverOptions: FakeServerOptions = {},
  options: UpstreamOptions = {},
) {
  const clock = new Jumping()
  const plain = await FakeServer.listen()
  const encrypted = await FakeServer.listen({ transports: ['tls', 'https', 'doq', 'h3'], ...serverOptions })
  const answers = records?.map((record) => {
    const transport = TRANSPORTS.find(([alpn]) => record.alpn?.includes(alpn) === true)?.[1] ?? 'tls'
    const port = encrypted.portOf(transport)
    return svcb({ ipv4: ['127.0.0.1'], ...(record.alpn === undefined ? {} : { port }), ...record })
  })
  plain.answer = { [`${NAME} SVCB`]: answers ?? [], 'dns.example A': ['127.0.0.1'], 'dns.example AAAA': [] }
  const up = new Upstream(plain.address, {
    discovery: true,
    clock,
    timeout: 8000,
    tls: { ca: encrypted.ca },
    ...options,
  })
  closing.push(() => plain.close(), () => encrypted.close(), () => up.close()) // prettier-ignore
  const seen: unknown[] = []
  up.on('designation', ({ designated, reason }) => seen.push([designated, reason]))
  return {
    plain, encrypted, up, clock, seen,
    /** Asks, and says over which transport the query came to a server. */
    async ask(): Promise<string | undefined> {
      const name = `q${Math.random()}.example`
      await up.query(name)
      return [...plain.queries, ...encrypted.queries].findLast((query) => query.name === name)?.transport
    },
    settled: () => until(() => plain.queries.some(({ name }) => name === NAME)),
    discoveries: () => plain.queries.filter(({ name }) => name === NAME).length,
  } // prettier-ignore
}

describe('a plain upstream that designates an encrypted resolver', () => {
  test.each<[string, SvcbOptions, string]>([
    ['DoT', { alpn: ['dot'] }, 'tls'],
    ['DoH', { alpn: ['h2'], dohPath: '/dns-query{?dns}' }, 'https'],
    ['DoQ', { alpn: ['doq'] }, 'doq'],
    ['DoH over HTTP/3', { alpn: ['h3'], dohPath: '/dns-query{?dns}' }, 'h3'],
  ])('is asked in the clear until that has proved itself, then over %s', async (_what, record, transport) => {
    const t = await stage([record])
    assert.equal(await t.ask(), 'udp')
    await until(() => t.up.designated !== null)
    assert.equal(await t.ask(), transport)
    assert.deepEqual(
      [t.up.transport, t.up.designated?.transport, t.up.designated?.host],
      ['udp', transport, 'dns.example'],
    )
    assert.deepEqual(t.seen, [[t.up.designated?.text, null]])
  })

  test('may be one over TCP', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    const up = new Upstream(t.plain.addressOf('tcp'), { discovery: true, tls: { ca: t.encrypted.ca } })
    closing.push(() => up.close())
    await up.query('a.example')
    await until(() => up.designated !== null)
  })

  test('has its statistics and replies in the same place', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    const transports: string[] = []
    t.up.on('reply', ({ transport }) => transports.push(transport))
    await t.ask()
    await until(() => t.up.designated !== null)
    await t.ask()
    assert.deepEqual(transports, ['udp', 'tls'])
    assert.deepEqual([t.up.stats.queries, t.up.stats.replies], [2, 2])
  })

  test('is not asked about it without the option, nor once it is known before the TTL has passed', async () => {
    const t = await stage([{ alpn: ['dot'], ttl: 300 }])
    const other = new Upstream(t.plain.address)
    closing.push(() => other.close())
    await other.query('a.example')
    assert.equal(t.discoveries(), 0)
    await t.ask()
    await until(() => t.up.designated !== null)
    t.clock.jump(299)
    await t.ask()
    assert.equal(t.encrypted.queries.filter(({ name }) => name === NAME).length, 1)
    t.clock.jump(2)
    await t.ask()
    await until(() => t.encrypted.queries.filter(({ name }) => name === NAME).length === 2)
    assert.equal(await t.ask(), 'tls')
  })

  test('is asked for the name’s addresses where none came along', async () => {
    const t = await stage([{ alpn: ['dot'], ipv4: ['127.0.0.1'] }])
    const { port } = t.plain
    t.plain.answer = {
      [`${NAME} SVCB`]: [{ ...svcb({ alpn: ['dot'], port: t.encrypted.portOf('tls') }) }],
      'dns.example A': ['127.0.0.1'],
      'dns.example AAAA': [],
    }
    await t.ask()
    await until(() => t.up.designated !== null)
    assert.ok(port > 0 && t.plain.queries.some(({ name, type }) => name === 'dns.example' && type === 'A'))
  })

  test('may name it by an alias', async () => {
    const t = await stage(null)
    const record = svcb({ alpn: ['dot'], port: t.encrypted.portOf('tls'), ipv4: ['127.0.0.1'] })
    t.plain.answer = {
      [`${NAME} SVCB`]: [svcb({ priority: 0, target: 'alias.example' })],
      'alias.example SVCB': [record],
    }
    await t.ask()
    await until(() => t.up.designated !== null)
    assert.equal(await t.ask(), 'tls')
  })

  test('whose alias leads to itself is left after 8 steps (R-SVCB-2)', async () => {
    const t = await stage(null)
    t.plain.answer = { [`${NAME} SVCB`]: [svcb({ priority: 0, target: NAME })] }
    await t.ask()
    await until(() => t.discoveries() === 9)
    assert.equal(await t.ask(), 'udp')
    assert.equal(t.discoveries(), 9)
  })

  test('has the next one asked where the first does not prove itself', async () => {
    const t = await stage([
      { priority: 1, alpn: ['dot'], port: 9 },
      { priority: 2, alpn: ['h2'], dohPath: '/dns-query{?dns}' },
    ])
    await t.ask()
    await until(() => t.up.designated !== null)
    assert.equal(t.up.designated?.transport, 'https')
  })

  test('has no more than eight of those that it names tried', async () => {
    const t = await stage(null)
    const hosts = Array.from({ length: 30 }, (_, n) => `host${n}.example`)
    const nowhere = hosts.flatMap((host) => [[`${host} A`, []] as const, [`${host} AAAA`, []] as const])
    const records = hosts.map((target) => svcb({ target, alpn: ['dot'] }))
    t.plain.answer = { ...Object.fromEntries(nowhere), [`${NAME} SVCB`]: records }
    await t.ask()
    const lookedUp = (): number => new Set(t.plain.queries.flatMap(({ name }) => /^host/.test(name) ? [name] : [])).size // prettier-ignore
    await until(() => lookedUp() === 8)
    for (let i = 0; i < 20; i++) await t.ask()
    assert.equal(lookedUp(), 8)
  })

  test('is still a plain one where encryption is required', async () => {
    const upstreamDefaults = { discovery: true }
    assert.throws(() => new Forwarder({ upstreams: ['192.0.2.1'], upstreamDefaults, requireEncryption: true }), {
      code: 'ERR_DNS_INVALID_OPTION',
      message: /asked in the clear over udp/,
    })
    const upstreams = ['tls://192.0.2.1', 'https://dns.example/dns-query']
    await new Forwarder({ upstreams, requireEncryption: true }).close()
  })
})

describe('no certificate for the upstream’s IP address, no use (R-DDR-2)', () => {
  test.each(['wrong-name', 'expired', 'not-yet-valid', 'untrusted', 'self-signed', 'common-name-only'] as const)(
    '%s: not asked again before the TTL has passed, and not one query goes there',
    async (certificate) => {
      const t = await stage([{ alpn: ['dot'], ttl: 300 }], { certificate })
      await t.ask()
      await t.settled()
      for (let i = 0; i < 3; i++) assert.equal(await t.ask(), 'udp')
      t.clock.jump(299)
      await t.ask()
      assert.deepEqual([t.discoveries(), t.up.designated, t.encrypted.asked, t.seen], [1, null, 0, []])
    },
  )

  test('one for its name is not enough, and rejectUnauthorized: false changes nothing', async () => {
    const authority = new FakeAuthority()
    const certificate = authority.issue({ names: ['dns.example'] })
    const tls = { ca: authority.cert, rejectUnauthorized: false, servername: 'dns.example' }
    const t = await stage([{ alpn: ['dot'] }], { authority, certificate }, { tls })
    await t.ask()
    await t.settled()
    for (let i = 0; i < 3; i++) assert.equal(await t.ask(), 'udp')
    assert.deepEqual([t.up.designated, t.encrypted.asked], [null, 0])
  })

  test('it is asked for without a name in TLS (R-DDR-3; RFC 9462, section 6.3)', async () => {
    const { cert, key } = new FakeAuthority().issue()
    const server = createServer({ cert, key, ALPNProtocols: ['dot'] })
    const names: unknown[] = []
    server.on('secureConnection', (socket) => names.push(socket.servername))
    server.on('tlsClientError', () => names.push('refused'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => void server.close())
    const t = await stage([{ alpn: ['dot'], port: (server.address() as AddressInfo).port }])
    await t.ask()
    await until(() => names.length > 0)
    assert.ok(names.every((name) => name === false || name === 'refused'))
  })
})

describe('plain goes on', () => {
  test.each<[string, readonly SvcbOptions[] | null]>([
    ['there is none', null],
    ['headrace speaks no protocol of it', [{ alpn: ['http/1.1'] }]],
    ['a record is malformed', [{ alpn: ['dot'] }, { alpn: ['dot'], extra: { 6: Buffer.alloc(3) } }]],
  ])('where %s', async (_what, records) => {
    const t = await stage(records)
    await t.ask()
    await t.settled()
    for (let i = 0; i < 3; i++) assert.equal(await t.ask(), 'udp')
    assert.deepEqual([t.discoveries(), t.up.designated], [1, null])
  })

  test('where the designated one cannot be reached, and after a minute it is tried again', async () => {
    const t = await stage([{ alpn: ['dot'], ttl: 3600 }])
    await t.encrypted.refuse()
    await t.ask()
    await t.settled()
    assert.equal(await t.ask(), 'udp')
    await t.encrypted.resume()
    // Nothing tells that the first look is over.
    for (let turns = 0; turns < 500; turns++) await new Promise((resolve) => setImmediate(resolve))
    t.clock.jump(61)
    await t.ask()
    await until(() => t.up.designated !== null)
  })

  test('where there is none it is asked again after an hour', async () => {
    const t = await stage(null)
    await t.ask()
    await t.settled()
    t.clock.jump(3599)
    await t.ask()
    assert.equal(t.discoveries(), 1)
    t.clock.jump(2)
    await t.ask()
    await until(() => t.discoveries() === 2)
  })

  test('where the designated resolver is lost: that very query is answered in the clear, and after a minute it is tried again', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    await t.ask()
    await until(() => t.up.designated !== null)
    const designated = t.up.designated?.text
    await t.encrypted.refuse()
    assert.equal(await t.ask(), 'udp')
    assert.deepEqual(t.seen, [[designated, null], [null, 'ERR_DNS_CONNECT']]) // prettier-ignore
    assert.equal(t.up.stats.failures, 0)
    await t.encrypted.resume()
    t.clock.jump(59)
    assert.equal(await t.ask(), 'udp')
    assert.equal(t.discoveries(), 1)
    t.clock.jump(2)
    await t.ask()
    await until(() => t.up.designated !== null)
    assert.equal(await t.ask(), 'tls')
  })

  test('where its certificate is another one all at once', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    await t.ask()
    await until(() => t.up.designated !== null)
    const port = t.encrypted.portOf('tls')
    await t.encrypted.refuse()
    const impostor = await FakeServer.listen({ transports: ['tls'], port })
    closing.push(() => impostor.close())
    assert.equal(await t.ask(), 'udp')
    assert.deepEqual(t.seen.at(-1), [null, 'ERR_DNS_TLS'])
  })

  test('a change of network asks again, and what proved itself is used meanwhile', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    await t.ask()
    await until(() => t.up.designated !== null)
    t.up.networkChanged()
    const before = t.encrypted.queries.length
    assert.equal(await t.ask(), 'tls')
    await until(() => t.encrypted.queries.slice(before).some(({ name }) => name === NAME))
  })
})

describe('closing', () => {
  test('while it looks for a designated resolver takes no time', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    t.plain.answer = (query) => (query.name === NAME ? null : ['192.0.2.1'])
    await t.ask()
    const started = performance.now()
    await t.up.close()
    assert.ok(performance.now() - started < 1000)
  })

  test('drains the designated resolver too', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    await t.ask()
    await until(() => t.up.designated !== null)
    const reply = t.up.query('last.example')
    await t.up.close()
    assert.equal((await reply).rcode, 'NOERROR')
    await until(() => t.encrypted.connections === 0)
  })

  test('by force fails what is asked there', async () => {
    const t = await stage([{ alpn: ['dot'] }])
    await t.ask()
    await until(() => t.up.designated !== null)
    t.encrypted.faults = [{ kind: 'drop' }]
    const reply = t.up.query('last.example')
    t.up.destroy()
    await assert.rejects(reply, { code: 'ERR_DNS_CLOSED' })
  })
})
