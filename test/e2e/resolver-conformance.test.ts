import assert from 'node:assert/strict'
import dns from 'node:dns'
import { isDeepStrictEqual } from 'node:util'
import { Message, Resolver } from 'headrace'
import { FakeServer, type FakeAnswer, type FakeRecord } from 'headrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Nsd, richQuestions } from '../helpers/nsd.js'
import { missing, title } from '../helpers/peer.js'

type Args = readonly unknown[]

/** A value, or the parts of an error that `node:dns` has. */
type Outcome = { readonly value: unknown } | { readonly error: object }

async function outcome(resolver: object, method: string, args: Args): Promise<Outcome> {
  try {
    return { value: await (resolver as Record<string, (...args: Args) => unknown>)[method]!(...args) }
  } catch (thrown) {
    return { error: parts(thrown) }
  }
}

function parts(thrown: unknown): object {
  const { name, message, code, errno, syscall, hostname } = thrown as NodeJS.ErrnoException & { hostname?: string }
  return { name, message, code, errno, syscall, hostname, isError: thrown instanceof Error }
}

/** The same call through callbacks; what is thrown at once stands out. */
function callbackOutcome(resolver: object, method: string, args: Args): Promise<Outcome | { readonly thrown: object }> {
  return new Promise((resolve) => {
    let returned = false
    const callback = (error: unknown, value: unknown): void => {
      assert.ok(returned, 'called before the call returned')
      resolve(error === null ? { value } : { error: parts(error) })
    }
    try {
      ;(resolver as Record<string, (...args: Args) => unknown>)[method]!(...args, callback)
      returned = true
    } catch (thrown) {
      resolve({ thrown: parts(thrown) })
    }
  })
}

/** Both faces of both resolvers, on one server. */
class Pair {
  readonly ours: Resolver
  readonly theirs = new dns.promises.Resolver({ timeout: 400, tries: 1 })
  readonly theirCallbacks = new dns.Resolver({ timeout: 400, tries: 1 })

  constructor(address: string) {
    // c-ares waits for its server, and so no shorter than that here: hosts files are no matter of these tests
    this.ours = new Resolver(address, { timeout: 400, hosts: false })
    this.theirs.setServers([address])
    this.theirCallbacks.setServers([address])
  }

  async agree(method: string, ...args: Args): Promise<Outcome> {
    const ours = await outcome(this.ours, method, args)
    const theirs = untyped(method, args, await outcome(this.theirs, method, args))
    if (isAliasOfItself(method, args, theirs)) return ours
    assert.deepEqual(ours, theirs, `${method}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`)
    const [ourCallback, theirCallback] = [
      await callbackOutcome(this.ours.callbacks, method, args),
      untyped(method, args, await callbackOutcome(this.theirCallbacks, method, args)),
    ]
    assert.deepEqual(ourCallback, theirCallback, `callbacks.${method}(${args.join(', ')})`)
    return ours
  }
}

/** Node 26 names the type in objects of all methods, or says that it is undefined; until then only ANY had it, and so it is with us. */
function untyped<T extends object>(method: string, args: Args, theirs: T): T | { value: unknown } {
  if (method === 'resolveAny' || args[1] === 'ANY' || !('value' in theirs)) return theirs
  const strip = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || !('type' in value)) return value
    return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'type'))
  }
  return { value: Array.isArray(theirs.value) ? theirs.value.map(strip) : strip(theirs.value) }
}

/** What c-ares makes of a reply that has an address where an alias was asked for; to us it has none. */
function isAliasOfItself(method: string, args: Args, theirs: Outcome): boolean {
  const asksForAlias = method === 'resolveCname' || args[1] === 'CNAME'
  return asksForAlias && 'value' in theirs && isDeepStrictEqual(theirs.value, [args[0]])
}

/** Methods by the type that they ask for, as far as Node 20 has them. */
const METHODS: Readonly<Record<string, string>> = {
  A: 'resolve4',
  AAAA: 'resolve6',
  ANY: 'resolveAny',
  CAA: 'resolveCaa',
  CNAME: 'resolveCname',
  MX: 'resolveMx',
  NAPTR: 'resolveNaptr',
  NS: 'resolveNs',
  PTR: 'resolvePtr',
  SOA: 'resolveSoa',
  SRV: 'resolveSrv',
  TXT: 'resolveTxt',
}
const A = { type: 'A', data: '192.0.2.1' } as const
const alias = (name: string, data: string, ttl = 300): FakeRecord => ({ name, type: 'CNAME', data, ttl })
const NAPTR = { order: 1, preference: 2, flags: 'u', services: 'E2U+sip', regexp: '!^.*$!sip:x!', replacement: '.' }
const SOA = { mname: 'm', rname: 'r', serial: 4_294_967_295, refresh: 2, retry: 3, expire: 4, minimum: 5 }

describe('replies of every kind', () => {
  let server: FakeServer
  let pair: Pair

  beforeAll(async () => {
    server = await FakeServer.listen()
    pair = new Pair(server.address)
  })
  afterAll(async () => {
    await pair.ours.close()
    await server.close()
  })

  const REPLIES: readonly (readonly [what: string, answer: FakeAnswer])[] = [
    ...['FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'].map(
      (rcode) => [rcode, rcode] as const,
    ),
    ['NXDOMAIN with records', { rcode: 'NXDOMAIN', answers: [{ name: 'a.example', type: 'A', data: '192.0.2.1' }] }],
    ['NXDOMAIN behind an alias', { rcode: 'NXDOMAIN', answers: [{ name: 'a.example', type: 'CNAME', data: 'b' }] }],
    ['no records', []],
    ['an address', [A]],
    ['an address of class CH', [{ type: 'A', class: 'CH', data: Buffer.from([1, 2, 3, 4]) }]],
    ['an alias that leads nowhere', [alias('a.example', 'b.example')]],
    ['aliases in a circle', [alias('a.example', 'b.example'), alias('b.example', 'a.example')]],
    ['a chain out of order', [{ name: 'b.example', ...A }, alias('a.example', 'b.example')]],
    ['TTLs that an alias cuts', [alias('a.example', 'b.example', 5), { name: 'b.example', ttl: 60, ...A }]],
    ['a chain of eight', chain(8)],
    ['a chain of twenty', chain(20)],
    ['text', [{ type: 'TXT', data: [Buffer.from([0, 1, 0xff, 65]), '', 'ü'] }, { type: 'TXT', data: 'b' }]],
    ['names with octets to escape', [{ type: 'NS', data: 'a\\.b.x\\032y.\\255.q\\"\\;\\(\\@\\$\\\\.\\\\032' }]],
    ['pointers', [{ type: 'PTR', data: 'p.example' }, { type: 'PTR', data: 'MiXed.example' }, { type: 'PTR', data: '.' }]],
    ['exchangers', [{ type: 'MX', data: { preference: 65_535, exchange: '.' } }]],
    ['an exchanger behind an alias', [alias('a.example', 'b.example'), { name: 'b.example', type: 'MX', data: { preference: 1, exchange: 'mx' } }]],
    ['two authorities', [{ type: 'SOA', data: SOA }, { type: 'SOA', data: { ...SOA, mname: 'n' } }]],
    ['services', [{ type: 'SRV', data: { priority: 1, weight: 2, port: 3, target: '.' } }]],
    ['NAPTR', [{ type: 'NAPTR', data: NAPTR }, { type: 'NAPTR', data: { ...NAPTR, flags: '', services: '"\\', replacement: 'a.b' } }]],
    ['CAA', [{ type: 'CAA', data: { flags: 128, tag: 'issue', value: 'x; y="é\u0001' } }, { type: 'CAA', data: { flags: 1, tag: 'ISSUEwild', value: ';' } }]],
    ['CAA with a tag that is a key', [{ type: 'CAA', data: { flags: 0, tag: 'critical', value: 'q' } }]],
    ['several types', [{ type: 'CAA', data: { flags: 0, tag: 'issue', value: 'x' } }, { type: 'TXT', data: ['a', 'b'] }, { ttl: 1, ...A },
      { type: 'AAAA', data: '::1', ttl: 2 }, { type: 'MX', data: { preference: 1, exchange: 'mx' } }, { type: 'NS', data: 'n' }, { type: 'SOA', data: SOA },
      { type: 'SRV', data: { priority: 1, weight: 2, port: 3, target: 't' } }, { type: 'PTR', data: 'p' }, { type: 'NAPTR', data: NAPTR },
      { type: 'HINFO', data: { cpu: 'a', os: 'b' } }, { type: 'A', data: '192.0.2.2', ttl: 3 }]],
    ['a type that nobody reads', [{ type: 'HINFO', data: { cpu: 'a', os: 'b' } }]],
  ] // prettier-ignore

  test.each(REPLIES)(
    '%s: values and errors are those of node:dns, whatever type was asked for',
    async (_what, answer) => {
      server.answer = () => answer
      for (const [type, method] of Object.entries(METHODS)) {
        await pair.agree(method, 'a.example')
        await pair.agree('resolve', 'a.example', type)
      }
      await pair.agree('resolve4', 'a.example', { ttl: true })
      await pair.agree('resolve6', 'a.example', { ttl: true })
      server.answer = ({ name }) => ownedBy(name, answer)
      await pair.agree('reverse', '192.0.2.9')
      await pair.agree('reverse', '2001:db8::fe:9')
    },
  )

  test.each([
    '::',
    '::1',
    '::2',
    '::ffff:192.0.2.1',
    '::192.0.2.1',
    '::1:0',
    '::1:0:0',
    '::ffff:0:192.0.2.1',
    '::ffff:0:0',
    '1::',
    '1:0:0:2::',
    '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1::',
    '1:0:0:2:0:0:0:3',
    '1:2:3:4:5:6:7:8',
    'fe80::1',
    '0:1::',
    '1:0:0:0:2:0:0:0',
    'abcd:ef01:2345:6789:abcd:ef01:2345:6789',
  ])('the IPv6 address %s is spelt as node:dns spells it', async (address) => {
    // prettier-ignore
    server.answer = () => [{ type: 'AAAA', data: address }]
    await pair.agree('resolve6', 'a.example')
  })

  const x = (length: number): string => 'x'.repeat(length)
  test.each([
    'a.example.',
    '',
    '.',
    'A.eXample',
    'a..b',
    '.a',
    'a..',
    '..',
    `${x(64)}.example`,
    `${x(63)}.example`,
    `${x(63)}.${x(63)}.${x(63)}.${x(61)}`,
    `${x(63)}.${x(63)}.${x(63)}.${x(61)}.`,
    `${x(60)}.${x(60)}.${x(60)}.${x(60)}.${x(12)}`,
    x(5000),
    'bücher.example',
    'BÜCHER.example.',
    'faß.de',
    '☃.net',
    '😀',
    'Ｇｏ.com',
    'a。b',
    'xn--bcher-kva.example',
    'a b',
    'ex ämple',
    'a\\032b',
    'a\\.b.example',
    'a\\065b',
    'a\\\\b',
    'a\\',
    'a\\300b',
    'a\\256b',
    '_x._y',
    '-',
    '*',
    'a/b',
    'a:b',
    'a@b',
    'a~b',
    "a'b",
    '1.2.3.4',
    '::1',
    'localhost',
    'x.onion',
    'X.ONION.',
    'onion',
    'x.onion.example',
    'xonion',
    '__proto__',
    'constructor',
  ])('the name %j is asked for, or refused, as node:dns does', async (name) => {
    // prettier-ignore
    server.answer = () => [A]
    const before = server.asked
    const { value } = (await pair.agree('resolve4', name)) as { value?: unknown }
    assert.equal(server.asked - before, value === undefined ? 0 : 4)
  })

  test.each(['foo', '', '1.2.3', '1.2.3.4.5', '::1::', '1.2.3.4 '])('reverse refuses %j', async (ip) => {
    await pair.agree('reverse', ip)
  })

  test.each(['192.0.2.9', '2001:db8::1', '::ffff:192.0.2.1', 'fe80::1%lo', '::'])(
    'reverse asks for %s by its name',
    async (ip) => {
      server.answer = () => [{ type: 'PTR', data: 'p.example' }]
      const before = server.queries.length
      await pair.agree('reverse', ip)
      assert.equal(new Set(server.queries.slice(before).map(({ name }) => name.toLowerCase())).size, 1)
    },
  )

  test.each(['SERVFAIL', 'REFUSED', 'NXDOMAIN', null])(
    'reverse knows one failure alone, whatever comes: %s',
    async (answer) => {
      server.answer = () => answer
      await pair.agree('reverse', '192.0.2.9')
    },
  )

  test('what comes truncated is asked for over TCP', async () => {
    server.answer = ({ transport, message }) =>
      transport === 'udp'
        ? { truncated: true }
        : Message.reply(message, { answers: [{ name: 'a.example', type: 'A', data: '192.0.2.7' }] })
    assert.deepEqual(await pair.agree('resolve4', 'a.example'), { value: ['192.0.2.7'] })
  })

  test('silence is ETIMEOUT', async () => {
    server.answer = () => null
    for (const method of ['resolve4', 'resolveMx']) await pair.agree(method, 'a.example')
  })

  test('a closed port is ECONNREFUSED', async () => {
    await server.refuse()
    try {
      for (const method of ['resolve4', 'resolveTxt', 'reverse'])
        await pair.agree(method, method === 'reverse' ? '192.0.2.1' : 'a.example')
    } finally {
      await server.resume()
    }
  })

  test('cancel() ends what is under way', async () => {
    server.answer = () => null
    for (const [method, arg] of [
      ['resolve4', 'a.example'],
      ['resolveAny', 'a.example'],
      ['reverse', '192.0.2.1'],
    ] as const) {
      // prettier-ignore
      const under = [pair.ours, pair.theirs].map(async (resolver) => {
        const ended = outcome(resolver, method, [arg])
        resolver.cancel()
        return ended
      })
      const [ours, theirs] = await Promise.all(under)
      assert.deepEqual(ours, theirs)
    }
  })
})

describe('arguments', () => {
  const resolver = new Resolver('127.0.0.1:9')
  const node = new dns.promises.Resolver()
  const nodeCallbacks = new dns.Resolver()
  const noop = (): void => undefined

  const thrown = (on: object, method: string, args: Args): object => {
    try {
      ;(on as Record<string, (...args: Args) => unknown>)[method]!(...args)
    } catch (error) {
      return parts(error)
    }
    return assert.fail(`${method}(${args.map(String).join(', ')}) throws nothing`)
  }

  test.each([
    ['resolve4'],
    ['resolve4', 5],
    ['resolve4', null],
    ['resolveTxt', {}],
    ['resolve', undefined],
    ['resolve', 'a', 5],
    ['resolve', 'a', 'FOO'],
    ['resolve', 'a', 'a'],
    ['resolve', 'a', null],
    ['resolve', 'a', 'toString'],
    ['reverse'],
    ['reverse', 5],
    ['setServers', 'x'],
    ['setServers'],
    ['setServers', { length: 1 }],
    ['setLocalAddress'],
    ['setLocalAddress', 'x'],
    ['setLocalAddress', '192.0.2.1', '192.0.2.2'],
    ['setLocalAddress', '::1', '::2'],
    ['setLocalAddress', '192.0.2.1', 5],
  ] as const)('%s(%j, %j) throws what node:dns throws', (method, ...args) => {
    // prettier-ignore
    assert.deepEqual(thrown(resolver, method, args), thrown(node, method, args))
  })

  test.each([
    ['resolve4', 'a'],
    ['resolve4', 'a', {}],
    ['resolve4', 5, noop],
    ['resolve4', 'a', {}, 5],
    ['resolve', 'a'],
    ['resolve', 'a', 'A'],
    ['resolve', 'a', 5, noop],
    ['resolve', 'a', 'FOO', noop],
    ['resolve', 5, noop],
    ['reverse', '192.0.2.1'],
    ['reverse', 'foo', noop],
    ['reverse', 5, noop],
  ] as const)('callbacks.%s(%j, %j) throws what node:dns throws', (method, ...args) => {
    // prettier-ignore
    assert.deepEqual(thrown(resolver.callbacks, method, args), thrown(nodeCallbacks, method, args))
  })

  test('servers are listed as node:dns lists them', () => {
    const servers = [
      '192.0.2.1',
      '[2001:db8::1]:53',
      '[2001:db8::1]:5353',
      '192.0.2.1:53',
      '192.0.2.1:5300',
      '2001:db8::2',
    ]
    resolver.setServers(servers)
    node.setServers(servers)
    assert.deepEqual(resolver.getServers(), node.getServers())
  })
})

const reason = missing('nsd')
describe.skipIf(reason !== null)(title('nsd', reason), () => {
  let nsd: Nsd
  let pair: Pair

  beforeAll(async () => {
    nsd = await Nsd.start()
    pair = new Pair(nsd.address)
  })
  afterAll(async () => {
    await pair.ours.close()
    await nsd.stop()
  })

  test.each(Object.entries(METHODS).filter(([type]) => type !== 'ANY'))(
    '%s of every name in a rich zone is what node:dns has',
    async (_type, method) => {
      const names = new Set(richQuestions().map(({ name }) => name))
      for (const name of names) await pair.agree(method, name)
    },
  )

  test('ANY, but for TLSA, which later versions of Node list', async () => {
    for (const name of [
      'rich.example',
      'mixed.rich.example',
      'cname.rich.example',
      'naptr.rich.example',
      'nowhere.rich.example',
    ])
      await pair.agree('resolveAny', name)
  })

  test.each(['medium', 'big', 'big-rrset'])('%s, which is large, comes whole', async (label) => {
    await pair.agree('resolveTxt', `${label}.rich.example`)
  })

  test('types that Node 20 has no method for', async () => {
    const { ours } = pair
    const [tlsa] = await ours.resolveTlsa('_853._tcp.rich.example', { ttl: true })
    assert.deepEqual(
      { ...tlsa, data: tlsa!.data.byteLength },
      { certUsage: 3, selector: 1, match: 1, data: 32, ttl: 3600 },
    )
    assert.deepEqual(await ours.resolveHttps('https.rich.example').then(([one]) => [one?.priority, one?.target, one?.params.alpn, one?.params.ipv4hint]), [1, '', ['h2', 'h3'], ['192.0.2.30']]) // prettier-ignore
    assert.deepEqual(await ours.resolveSvcb('svcb.rich.example'), [
      { priority: 1, target: 'ns1.rich.example', params: { alpn: ['dot', 'doq'], port: 853, ipv4hint: ['192.0.2.1'], ipv6hint: ['2001:db8::1'], key65333: Buffer.from('value') } },
    ]) // prettier-ignore
    assert.deepEqual(await ours.resolveSvcb('svcb-alias.rich.example'), [
      { priority: 0, target: 'svcb.rich.example', params: {} },
    ])
    assert.deepEqual(await ours.resolveSvcb('mandatory.rich.example'), [
      { priority: 1, target: 'ns1.rich.example', params: { mandatory: ['alpn'], alpn: ['dot'] } },
    ])
  })
})

/** `answer` with `name` in place of a.example. */
function ownedBy(name: string, answer: FakeAnswer): FakeAnswer {
  if (!Array.isArray(answer)) return answer
  const records = answer as readonly FakeRecord[]
  return records.map((record) =>
    typeof record === 'object' && record.name === 'a.example' ? { ...record, name } : record,
  )
}

function chain(length: number): FakeRecord[] {
  const links = Array.from({ length }, (_, i) => alias(i === 0 ? 'a.example' : `c${i}.example`, `c${i + 1}.example`))
  return [...links, { name: `c${length}.example`, ...A }]
}
