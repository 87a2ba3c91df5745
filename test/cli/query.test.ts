import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { headrace, upstream } from './stage.js'

const A = { answers: [{ name: 'www.example', type: 'A', ttl: 300, data: '192.0.2.1' }] }

describe('headrace query', () => {
  test('prints the reply as dig does', async () => {
    const { address } = await upstream(() => A)
    const { code, stdout, stderr } = await headrace(['query', 'www.example', '-u', `${address}|here`])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: \d+$/m)
    assert.match(stdout, /^;; flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: \d$/m)
    assert.match(stdout, /^;www\.example\.\t\tIN\tA$/m)
    assert.match(stdout, /^www\.example\.\t\t300\tIN\tA\t192\.0\.2\.1$/m)
    assert.match(stdout, /^;; Query time: [\d.]+ ms$/m)
    assert.match(stdout, /^;; SERVER: here$/m)
    assert.equal(stderr, '')
  })

  test('exits with 0 whatever the reply says', async () => {
    const { address } = await upstream(() => ({ rcode: 'NXDOMAIN' }))
    const { code, stdout } = await headrace(['query', 'nx.example', 'aaaa', `@${address}`])
    assert.equal(code, 0)
    assert.match(stdout, /status: NXDOMAIN/)
    assert.match(stdout, /^;nx\.example\.\t\tIN\tAAAA$/m)
  })

  test('asks over TCP with --tcp', async () => {
    const { address, seen } = await upstream(() => A)
    assert.equal((await headrace(['query', 'www.example', '--tcp', '-u', address])).code, 0)
    assert.deepEqual(seen, ['tcp'])
  })

  test('asks the system’s resolvers when it is given none', async () => {
    const { address, seen } = await upstream(() => A)
    const { code, stdout } = await headrace(['query', 'www.example', 'TYPE65280'], { systemServers: [address] })
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`SERVER: ${address}`))
    assert.deepEqual(seen, ['udp'])
  })

  test('prints what was tried with --trace', async () => {
    const { address } = await upstream(() => A)
    const { stdout } = await headrace(['query', 'www.example', '--trace', '-u', address, '--strategy', 'failover'])
    assert.match(
      stdout,
      /;; TRACE:\n(;; +[\d.]+ ms {2}.*\n)*;; +[\d.]+ ms {2}pool default: failover orders \S+ \(unknown, unmeasured, 0 outstanding\)\n/,
    )
    assert.match(
      stdout,
      new RegExp(
        `${address}: NOERROR after [\\d.]+ ms\\n;; +[\\d.]+ ms {2}pool default: takes the reply of ${address}`,
      ),
    )
    assert.match(stdout, new RegExp(`${address}: sent over udp \\(first\\)`))
  })

  test('prints no control character that a reply brings (A24)', async () => {
    const { address } = await upstream(() => ({ rcode: 'SERVFAIL', edns: { ede: [{ code: 0, text: '\u001b[31m' }] } }))
    const { stdout } = await headrace(['query', '\\027\\010x.example', 'TXT', '-u', address])

    assert.doesNotMatch(stdout, /[^\n\t -~]/)
    assert.match(stdout, /\\027\\010x\.example/)
  })

  test('exits with 9 and says why when nobody replies', async () => {
    const { address } = await upstream(() => null)
    const { code, stderr } = await headrace(['query', 'www.example', '-u', `${address}|silent`, '--timeout', '30'])
    assert.equal(code, 9)
    assert.match(stderr, /^;; no reply: .*silent.*\n$/)
  })

  test('prints with --trace what was tried of a query that nobody answers, too', async () => {
    const { address } = await upstream(() => null)
    const { code, stdout } = await headrace([
      'query',
      'a.example',
      '--trace',
      '-u',
      `${address}|silent`,
      '--timeout',
      '30',
    ])
    assert.equal(code, 9)
    assert.match(stdout, /silent: sent over udp \(first\)\n;; +[\d.]+ ms {2}silent: ERR_DNS_TIMEOUT after [\d.]+ ms\n/)
  })

  test.each([
    [[], /query needs a NAME/],
    [['a', 'A', 'b'], /there is no place for "b"/],
    [['a..b'], /NAME "a\.\.b" cannot be asked for: .*empty label/],
    [['a'.repeat(64)], /cannot be asked for: .*63/],
    [['a', 'AAAAA'], /^headrace: TYPE must be .*got "AAAAA".*did you mean "AAAA"/],
    [['a', '70000'], /TYPE must be .*got 70000/],
    [['a', '-u', '1.1.1.1:x'], /address "1\.1\.1\.1:x" has the port "x"/],
    [['a', '@1.1.1.1', '--strategy', 'fastets'], /--strategy must be one of .*did you mean "fastest"/],
    [['a', '@1.1.1.1', '--timeout', '0'], /--timeout must be a whole number from 1/],
    [['a'], /no upstream is given, and the system has no resolver/],
    [['a', '--trase'], /did you mean --trace/],
  ])('with %j exits with 2 and one line that says why', async (args, message) => {
    const { code, stdout, stderr } = await headrace(['query', ...args])
    assert.equal(code, 2)
    assert.match(stderr, message)
    assert.match(stderr, /^headrace: [^\n]*\n$/)
    assert.equal(stdout, '')
  })
})
