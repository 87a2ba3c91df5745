import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { specialUse, type SpecialUseHints } from '../../src/policy/special-use.js'
import { Message } from '../../src/wire/message.js'

const NOBODY: SpecialUseHints = { covers: () => false, hasPrivateUpstream: false, extra: [] }
const ONE = `1.${'0.'.repeat(31)}ip6.arpa`
const V6_ANY = `${'0.'.repeat(32)}ip6.arpa`

/** `NOERROR A=127.0.0.1`, `NXDOMAIN invalid`: the RCODE, the answers, and in negative replies the zone of the SOA. */
function ask(
  name: string,
  type: string | number = 'A',
  hints: Partial<SpecialUseHints> = {},
  options = {},
): string | null {
  const query = Message.query(name, type, { id: 77, ...options })
  const reply = specialUse(query, { ...NOBODY, ...hints })
  if (reply === null) return null
  const read = Message.from(reply.wire)
  assert.equal(read.id, 77)
  assert.ok(read.isReply && read.authoritative && read.recursionAvailable)
  assert.ok(read.sameQuestion(query))
  const rcode = read.rcode === 0 ? 'NOERROR' : read.rcode === 3 ? 'NXDOMAIN' : String(read.rcode)
  const answers = read.answers.map(
    (record) => `${record.type}=${record.type === 'SOA' ? record.name : (record.data as string)}`,
  )
  const zones = read.authority.map((record) => record.name)
  return [rcode, ...answers, ...zones].join(' ')
}

describe('specialUse (A29)', () => {
  test.each<[string, string | number, string]>([
    ['localhost', 'A', 'NOERROR A=127.0.0.1'],
    ['LocalHost', 'A', 'NOERROR A=127.0.0.1'],
    ['a.b.localhost', 'A', 'NOERROR A=127.0.0.1'],
    ['localhost', 'AAAA', 'NOERROR AAAA=::1'],
    ['localhost', 'ANY', 'NOERROR A=127.0.0.1 AAAA=::1'],
    ['localhost', 'MX', 'NOERROR localhost'],
    ['x.localhost', 'SOA', 'NOERROR localhost'],
    ['localhost', 'SOA', 'NOERROR SOA=localhost'],
    ['localhost', 65280, 'NOERROR localhost'],
    ['invalid', 'A', 'NXDOMAIN invalid'],
    ['a.INVALID', 'TXT', 'NXDOMAIN invalid'],
    ['xyz.onion', 'A', 'NXDOMAIN onion'],
    ['onion', 'SOA', 'NXDOMAIN onion'],
    ['resolver.arpa', 'A', 'NOERROR resolver.arpa'],
    ['_dns.resolver.arpa', 'SVCB', 'NOERROR resolver.arpa'],
    ['a._dns.Resolver.Arpa', 'A', 'NOERROR resolver.arpa'],
    ['1.0.0.10.in-addr.arpa', 'PTR', 'NXDOMAIN 10.in-addr.arpa'],
    ['10.in-addr.arpa', 'PTR', 'NOERROR 10.in-addr.arpa'],
    ['10.in-addr.arpa', 'SOA', 'NOERROR SOA=10.in-addr.arpa'],
    ['1.1.16.172.in-addr.arpa', 'PTR', 'NXDOMAIN 16.172.in-addr.arpa'],
    ['31.172.in-addr.arpa', 'NS', 'NOERROR 31.172.in-addr.arpa'],
    ['4.3.168.192.IN-ADDR.ARPA', 'PTR', 'NXDOMAIN 168.192.in-addr.arpa'],
    ['4.3.254.169.in-addr.arpa', 'PTR', 'NXDOMAIN 254.169.in-addr.arpa'],
    ['4.3.2.0.in-addr.arpa', 'PTR', 'NXDOMAIN 0.in-addr.arpa'],
    ['255.255.255.255.in-addr.arpa', 'PTR', 'NOERROR 255.255.255.255.in-addr.arpa'],
    ['x.255.255.255.255.in-addr.arpa', 'PTR', 'NXDOMAIN 255.255.255.255.in-addr.arpa'],
    ['2.0.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN 127.in-addr.arpa'],
    ['x.1.0.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN 127.in-addr.arpa'],
    ['1\\.0\\.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN 127.in-addr.arpa'],
    ['0.0.127.in-addr.arpa', 'PTR', 'NOERROR 127.in-addr.arpa'],
    ['1.0.0.127.in-addr.arpa', 'PTR', 'NOERROR PTR=localhost'],
    ['1.0.0.127.in-addr.arpa', 'A', 'NOERROR 127.in-addr.arpa'],
    [ONE, 'PTR', 'NOERROR PTR=localhost'],
    [`x.${ONE}`, 'PTR', `NXDOMAIN ${ONE}`],
    [V6_ANY, 'PTR', `NOERROR ${V6_ANY}`],
    ['1.d.f.ip6.arpa', 'PTR', 'NXDOMAIN d.f.ip6.arpa'],
    ['8.e.f.ip6.arpa', 'PTR', 'NOERROR 8.e.f.ip6.arpa'],
    ['1.B.E.F.ip6.arpa', 'PTR', 'NXDOMAIN b.e.f.ip6.arpa'],
    ['7.8.b.d.0.1.0.0.2.ip6.arpa', 'PTR', 'NXDOMAIN 8.b.d.0.1.0.0.2.ip6.arpa'],
  ])('answers %s %s itself: %s', (name, type, expected) => {
    assert.equal(ask(name, type), expected)
  })

  test.each([
    'example.com',
    'www.example.org',
    '.',
    'com',
    'localhosts',
    'localhost.example',
    'invalid.example.net',
    'notinvalid',
    'xinvalid.com',
    'internal',
    'loca1',
    'lower',
    'one',
    'onions',
    'only1',
    'indiana',
    'archi',
    'area',
    'tech',
    'team',
    'a.loans',
    'b.africa',
    'test',
    'a.test',
    'local',
    'printer.local',
    'home.arpa',
    'nas.home.arpa',
    'arpa',
    'in-addr.arpa',
    'ip6.arpa',
    'e164.arpa',
    'resolvers.arpa',
    'uri.arpa',
    '8.8.8.8.in-addr.arpa',
    '15.172.in-addr.arpa',
    '32.172.in-addr.arpa',
    '172.in-addr.arpa',
    '016.172.in-addr.arpa',
    '192.in-addr.arpa',
    '169.192.in-addr.arpa',
    '169.in-addr.arpa',
    '255.in-addr.arpa',
    '255.255.255.in-addr.arpa',
    '2.0.192.in-addr.arpa',
    '64.100.in-addr.arpa',
    'f.ip6.arpa',
    'e.f.ip6.arpa',
    'c.f.ip6.arpa',
    'c.e.f.ip6.arpa',
    '7.e.f.ip6.arpa',
    '1.0.0.2.ip6.arpa',
    '0.ip6.arpa',
    'df.ip6.arpa',
    '1\\.10.in-addr.arpa',
    'foo\\.10.in-addr.arpa',
    'x\\.localhost',
    '\\000localhost',
    '__proto__',
    'constructor',
  ])('A22, A23: lets %s go on', (name) => {
    assert.equal(ask(name, 'PTR'), null)
  })

  test('answers test, local and home.arpa only by option, each by its own', () => {
    const all = { extra: ['test', 'local', 'home.arpa'] as const }
    assert.equal(ask('a.test', 'A', all), 'NXDOMAIN test')
    assert.equal(ask('printer.local', 'A', all), 'NXDOMAIN local')
    assert.equal(ask('nas.home.arpa', 'A', all), 'NXDOMAIN home.arpa')
    assert.equal(ask('home.arpa', 'A', all), 'NOERROR home.arpa')
    assert.equal(ask('a.test', 'A', { extra: ['local'] }), null)
  })

  test('asks upstream for private ranges when an upstream is private, but never for 127.0.0.1 and ::1', () => {
    const hints = { hasPrivateUpstream: true }
    assert.equal(ask('1.0.0.10.in-addr.arpa', 'PTR', hints), null)
    assert.equal(ask('1.d.f.ip6.arpa', 'PTR', hints), null)
    assert.equal(ask('1.0.0.127.in-addr.arpa', 'PTR', hints), 'NOERROR PTR=localhost')
    assert.equal(ask(ONE, 'PTR', hints), 'NOERROR PTR=localhost')
    assert.equal(ask('localhost', 'A', hints), 'NOERROR A=127.0.0.1')
  })

  test('leaves what a route covers to the route, and asks about no other name', () => {
    const asked: string[] = []
    const covers = (query: Message): boolean => {
      asked.push(query.question!.name)
      return query.question!.name.endsWith('dev.localhost')
    }
    assert.equal(ask('dev.localhost', 'A', { covers }), null)
    assert.equal(ask('localhost', 'A', { covers }), 'NOERROR A=127.0.0.1')
    assert.equal(ask('example.com', 'A', { covers }), null)
    assert.deepEqual(asked, ['dev.localhost', 'localhost'])
  })

  test('R-DDR-1: everything at and below resolver.arpa is NODATA, whatever the upstreams', () => {
    for (const type of ['A', 'SVCB', 'HTTPS', 'ANY', 'TXT'])
      assert.equal(ask('_dns.resolver.arpa', type, { hasPrivateUpstream: true }), 'NOERROR resolver.arpa')
  })

  test('is about class IN alone', () => {
    assert.equal(ask('localhost', 'A', {}, { class: 'CH' }), null)
  })

  test('R-2308-4: negative replies carry an SOA with a TTL, so that they are kept', () => {
    const soa = specialUse(Message.query('a.invalid'), NOBODY)!.authority[0]!
    assert.equal(soa.ttl, 10_800)
    assert.equal(soa.type === 'SOA' && soa.data.minimum, 10_800)
  })

  test('R-EDE-2: says so in an extended error, if the query had EDNS', () => {
    assert.deepEqual(specialUse(Message.query('a.invalid', 'A', { edns: true }), NOBODY)!.ede, [
      { code: 29, text: 'special-use name' },
    ])
    assert.equal(specialUse(Message.query('a.invalid'), NOBODY)!.edns, null)
    assert.deepEqual(specialUse(Message.query('localhost', 'A', { edns: true }), NOBODY)!.ede, [])
  })

  test('throws nothing but ERR_DNS_MALFORMED, whatever the octets', () => {
    let seed = 1
    const next = (): number => (seed = (seed * 48271) % 2147483647)
    const base = Message.query('1.0.0.127.in-addr.arpa', 'PTR').wire
    for (let i = 0; i < 10_000; i++) {
      const wire = Buffer.from(base.subarray(0, 12 + (next() % (base.length - 11))))
      for (let flips = next() % 4; flips > 0; flips--) wire[12 + (next() % Math.max(1, wire.length - 12))] = next()
      try {
        specialUse(new Message(wire), NOBODY)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_DNS_MALFORMED')
      }
    }
  })
})
