import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message } from 'headrace'
import { readDesignations } from '../../src/upstream/designations.js'
import { svcb, type SvcbOptions } from './svcb.js'

const NAME = '_dns.resolver.arpa'
const query = Message.query(NAME, 'SVCB')

function read(records: readonly SvcbOptions[], additional: { name: string; type: string; data: string }[] = []) {
  const answers = records.map((record) => ({ name: NAME, ...svcb(record) }))
  return readDesignations(Message.reply(query, { answers, additional }), () => 0)
}
const texts = (...records: SvcbOptions[]) => read(records).resolvers.map(({ address }) => address.text)

describe('what can be spoken to', () => {
  test.each<[string, SvcbOptions, string[]]>([
    ['dot, port 853', { alpn: ['dot'] }, ['tls://dns.example:853']],
    ['dot on another port', { alpn: ['dot'], port: 8530 }, ['tls://dns.example:8530']],
    ['h2, port 443', { alpn: ['h2'], dohPath: '/q{?dns}' }, ['https://dns.example/q']],
    ['doq, port 853', { alpn: ['doq'] }, ['doq://dns.example:853']],
    ['h3, port 443', { alpn: ['h3'], dohPath: '/q{?dns}' }, ['h3://dns.example/q']],
    ['all on one port, those over TCP first', { alpn: ['h3', 'doq', 'h2', 'dot'], port: 4430, dohPath: '/q{?dns}' }, ['tls://dns.example:4430', 'https://dns.example:4430/q', 'doq://dns.example:4430', 'h3://dns.example:4430/q']], // prettier-ignore
    ['both: dot before h2', { alpn: ['h2', 'dot'], dohPath: '/q{?dns}' }, ['tls://dns.example:853', 'https://dns.example/q']],
    ['an upper-case name', { target: 'DNS.Example', alpn: ['dot'] }, ['tls://dns.example:853']],
    ['h2 without a path', { alpn: ['h2'] }, []],
    ['h2 with a template without dns (RFC 9461, section 5)', { alpn: ['h2'], dohPath: '/dns-query' }, []],
    ['h2 with a template that leads elsewhere', { alpn: ['h2'], dohPath: 'https://evil.test/{?dns}' }, []],
    ['h2 with the variable in the path', { alpn: ['h2'], dohPath: '/{dns}' }, []],
    ['no alpn', {}, []],
    ['no name (RFC 9462, section 4)', { target: '.', alpn: ['dot'] }, []],
    ['a name that is no host name', { target: '-x-.example', alpn: ['dot'] }, []],
    ['dot on port 53, which is forbidden', { alpn: ['dot'], port: 53 }, []],
    ['port 0', { alpn: ['dot'], port: 0 }, []],
    ['a key that is mandatory and known', { alpn: ['dot'], port: 853, extra: { 0: Buffer.from([0, 1, 0, 3]) } }, ['tls://dns.example:853']],
    ['a key that is mandatory and not known', { alpn: ['dot'], extra: { 0: Buffer.from([255, 1]), 0xff01: Buffer.from('x') } }, []],
    ['a key that is neither', { alpn: ['dot'], extra: { 0xff01: Buffer.from('x') } }, ['tls://dns.example:853']],
  ])('%s', (_what, record, expected) => assert.deepEqual(texts(record), expected)) // prettier-ignore

  test('the lowest SvcPriority comes first, whatever the order of records', () => {
    const record = (priority: number): SvcbOptions => ({ priority, target: `p${priority}.example`, alpn: ['dot'] })
    const expected = ['tls://p1.example:853', 'tls://p2.example:853', 'tls://p10.example:853']
    assert.deepEqual(texts(record(10), record(1), record(2)), expected)
  })

  test('equal priorities are drawn at random', () => {
    const answers = ['a.example', 'b.example'].map((target) => ({ name: NAME, ...svcb({ target, alpn: ['dot'] }) }))
    let draw = 1
    const { resolvers } = readDesignations(Message.reply(query, { answers }), () => --draw)
    assert.deepEqual(resolvers.map(({ address }) => address.host), ['b.example', 'a.example']) // prettier-ignore
  })
})

test('addresses come from hints and from the additional section, each once, and nobody else’s', () => {
  const ipv6 = { 6: Buffer.from('20010db8000000000000000000000001', 'hex') }
  const { resolvers } = read(
    [{ alpn: ['dot'], ipv4: ['192.0.2.1', '192.0.2.2'], extra: ipv6 }],
    [
      { name: 'DNS.example', type: 'A', data: '192.0.2.1' },
      { name: 'dns.example', type: 'AAAA', data: '2001:db8::2' },
      { name: 'other.example', type: 'A', data: '203.0.113.9' },
    ],
  )
  assert.deepEqual(resolvers[0]!.hints, ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'])
})

test('an alias stands for all, and the lowest TTL counts', () => {
  const found = read([{ alpn: ['dot'] }, { priority: 0, target: 'alias.example', ttl: 60 }])
  assert.deepEqual(found, { resolvers: [], alias: 'alias.example', ttl: 60 })
  assert.equal(read([{ priority: 0, target: '.' }]).alias, null)
})

test('a reply without such records says nothing', () => {
  assert.deepEqual(read([]), { resolvers: [], alias: null, ttl: Infinity })
})

test.each<[string, Readonly<Record<number, Buffer>>]>([
  ['alpn is empty', { 1: Buffer.alloc(0) }],
  ['a protocol name is empty', { 1: Buffer.from([0]) }],
  ['a protocol name is cut off', { 1: Buffer.from([4, 0x64, 0x6f]) }],
  ['the port is one octet', { 3: Buffer.from([1]) }],
  ['the port is three octets', { 3: Buffer.from([1, 2, 3]) }],
  ['no-default-alpn has a value', { 2: Buffer.from([1]) }],
  ['ipv4hint is empty', { 4: Buffer.alloc(0) }],
  ['ipv4hint is cut off', { 4: Buffer.from([192, 0, 2]) }],
  ['ipv6hint is cut off', { 6: Buffer.alloc(15) }],
  ['mandatory is empty', { 0: Buffer.alloc(0) }],
  ['mandatory is cut off', { 0: Buffer.from([0]) }],
  ['mandatory names itself', { 0: Buffer.from([0, 0]) }],
  ['mandatory names a key that is not there', { 0: Buffer.from([0, 5]) }],
  ['mandatory is out of order', { 0: Buffer.from([0, 3, 0, 1]), 3: Buffer.from([0, 53]) }],
  ['mandatory names a key twice', { 0: Buffer.from([0, 1, 0, 1]) }],
])('one malformed record voids them all: %s (R-SVCB-2)', (_what, extra) => {
  const bad: SvcbOptions = { priority: 9, extra, ...(extra[1] === undefined && { alpn: ['dot'] }) }
  assert.throws(() => read([{ alpn: ['dot'] }, bad]), { code: 'ERR_DNS_MALFORMED' })
})
