import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { askTcp, askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { headrace, startOnTerminal as start, upstream } from './stage.js'

const LISTENING = /Listening on 127\.0\.0\.1:(\d+) \(udp and tcp\)\n[^]*Upstream servers.*\n( {2}- .*\n)+/
const query = buildQuery('www.example', 1)

describe('headrace serve', () => {
  test('says where it listens and lists its upstreams, forwards over UDP and TCP, and stops on SIGTERM', async () => {
    const [a, b] = [await upstream(() => ({})), await upstream(() => ({}))]
    const running = start(['serve', '-l', '127.0.0.1:0', '-a', '127.0.0.0/8', a.address, `${b.address}|second`])
    const [, port] = await running.stdout.until(LISTENING)
    assert.ok(running.stdout.text.includes('Answering 127.0.0.0/8, nobody else\n'))
    assert.ok(
      running.stdout.text.includes(`(least-outstanding):\n  - ${a.address}\n  - ${b.address} (second)\n`),
      running.stdout.text,
    )
    assert.equal(rcodeOf((await askUdp(Number(port), query))!), 0)
    assert.equal(rcodeOf((await askTcp(Number(port), query))!), 0)
    assert.deepEqual([...a.seen, ...b.seen].sort(), ['tcp', 'udp'])
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
    assert.match(
      running.stdout.text,
      /SIGTERM: stopping\nUpstream \S+: 1 queries, 1 successes, 0 failures.*\nUpstream second: 1 queries, 1 successes, 0 failures.*\n$/,
    )
    assert.deepEqual([running.signals.listenerCount('SIGINT'), running.signals.listenerCount('SIGTERM')], [0, 0])
  })

  test('answers what is under way before it stops on SIGINT', async () => {
    const slow = await upstream(() => null)
    const running = start(['serve', '-l', '127.0.0.1:0', '-u', slow.address])
    const [, port] = await running.stdout.until(LISTENING)
    const reply = askUdp(Number(port), query)
    while (slow.held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    running.signals.emit('SIGINT')
    assert.match(running.stdout.text, /SIGINT: stopping, answering 1 query under way\n$/)
    slow.held[0]!()
    assert.equal(rcodeOf((await reply)!), 0)
    assert.equal(await running.code, 0)
  })

  test('ends at once on a second signal', async () => {
    const slow = await upstream(() => null)
    const running = start(['serve', '-l', '127.0.0.1:0', slow.address])
    const [, port] = await running.stdout.until(LISTENING)
    void askUdp(Number(port), query, 50)
    while (slow.held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    running.signals.emit('SIGTERM')
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 143)
  })

  test('with -u asks those and no others', async () => {
    const [configured, replacing] = [await upstream(() => ({})), await upstream(() => ({}))]
    const running = start(['serve', '-l', '127.0.0.1:0', configured.address, '-u', replacing.address])
    const [, port] = await running.stdout.until(LISTENING)
    await askUdp(Number(port), query)
    assert.deepEqual([configured.seen, replacing.seen], [[], ['udp']])
    assert.ok(!running.stdout.text.includes(configured.address))
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('takes the form dnsdist takes, lists of addresses too', async () => {
    const running = start([
      'serve',
      '-l',
      '127.0.0.1:0',
      '-a',
      '127.0.0.0/8',
      '8.8.8.8',
      '208.67.222.222',
      '2620:0:ccc::2',
      '1.1.1.1,9.9.9.9:5353',
    ])
    await running.stdout.until(LISTENING)
    for (const text of ['8.8.8.8:53', '208.67.222.222:53', '[2620:0:ccc::2]:53', '1.1.1.1:53', '9.9.9.9:5353']) {
      assert.ok(running.stdout.text.includes(`  - ${text}\n`), text)
    }
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('uses the system’s resolvers when it is given none, and says so', async () => {
    const { address, seen } = await upstream(() => ({}))
    const running = start(['serve', '-l', '127.0.0.1:0'], { systemServers: [address] })
    const [, port] = await running.stdout.until(LISTENING)
    assert.match(running.stdout.text, /No upstreams given: using the system's resolvers/)
    await askUdp(Number(port), query)
    assert.deepEqual(seen, ['udp'])
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('with --verbose prints a line for each reply', async () => {
    const { address } = await upstream(() => ({ rcode: 'NXDOMAIN' }))
    const running = start(['serve', '-v', '-l', '127.0.0.1:0', `${address}|up`])
    const [, port] = await running.stdout.until(LISTENING)
    await askUdp(Number(port), buildQuery('a\\010b.example', 28))
    await running.stdout.until(/^127\.0\.0\.1 udp a\\010b\.example AAAA NXDOMAIN [\d.]+ ms up$/m)
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('with --verbose-health prints a line for each probe', async () => {
    const { address } = await upstream(() => ({}))
    const running = start(['serve', '--verbose-health', '-l', '127.0.0.1:0', `${address}|near`])
    const [, port] = await running.stdout.until(LISTENING)
    await askUdp(Number(port), query)
    await running.stdout.until(/^Probe of near: good \(NOERROR\), [\d.]+ ms; unknown, next in (0\.9|1\.[01]) s$/m)
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('with --max-udp-size sends as much over UDP', async () => {
    const big = await upstream(() => ({
      answers: Array.from({ length: 15 }, () => ({ name: 'www.example', type: 'TXT', data: ['t'.repeat(187)] })),
    }))
    const running = start(['serve', '-l', '127.0.0.1:0', '--max-udp-size', '4096', big.address])
    const [, port] = await running.stdout.until(LISTENING)
    const reply = await askUdp(Number(port), buildQuery('www.example', 16, { edns: 4096 }))
    assert.ok(reply!.length > 2800)
    running.signals.emit('SIGTERM')
    assert.equal(await running.code, 0)
  })

  test('that cannot listen exits with 1 and says where and why', async () => {
    const { code, stderr } = await headrace(['serve', '-l', '192.0.2.1:0', '9.9.9.9'])
    assert.equal(code, 1)
    assert.equal(stderr, 'headrace: cannot listen on 192.0.2.1:0 over udp: this machine has no such address\n')
  })

  test.each([
    [['-l', 'dns.example:53', '9.9.9.9'], /address "dns\.example:53" cannot be listened on/],
    [['-a', '10.0.0.0/99', '9.9.9.9'], /--allow must be .*got "10\.0\.0\.0\/99"/],
    [['--strategy', 'best', '9.9.9.9'], /--strategy must be one of parallel, .*got "best"/],
    [['--max-udp-size', '100', '9.9.9.9'], /--max-udp-size must be a whole number from 512 to 65535; got "100"/],
    [['9.9.9.9:0'], /has the port "0"/],
    [[], /no upstream is given/],
  ])('with %j exits with 2 and one line that says why', async (args, message) => {
    const { code, stdout, stderr } = await headrace(['serve', ...args])
    assert.equal(code, 2)
    assert.match(stderr, message)
    assert.match(stderr, /^headrace: [^\n]*\n$/)
    assert.equal(stdout, '')
  })
})
