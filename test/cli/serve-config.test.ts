import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { FakeAuthority } from '../../src/testing/index.js'
import { temporaryFolder } from '../helpers/peer.js'
import { askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { headrace, start as startElsewhere, startOnTerminal as start, upstream, type Running } from './stage.js'

const LISTENING = /Listening on 127\.0\.0\.1:(\d+) \(udp and tcp\)/
const query = buildQuery('www.example', 1)

function fileOf(name: string, text: string): string {
  const file = join(temporaryFolder('serve'), name)
  writeFileSync(file, text)
  return file
}

function toml(upstreams: readonly string[], more = ''): string {
  const list = upstreams.map((address) => `"${address}"`).join(', ')
  return `[server]\nlisten = ["127.0.0.1:0"]\n[dns]\nupstream_servers = [${list}]\n${more}`
}

async function stop({ signals, code }: Running): Promise<void> {
  signals.emit('SIGTERM')
  assert.equal(await code, 0)
}

async function portOf({ stdout }: Running): Promise<number> {
  return Number((await stdout.until(LISTENING))[1])
}

describe('headrace serve -c', () => {
  test('serves what a document says, and says so', async () => {
    const [a, b] = [await upstream(() => ({})), await upstream(() => ({ rcode: 'NXDOMAIN' }))]
    const text = toml([a.address], `[forwarder.routes]\n"corp.example" = ["${b.address}"]\n`)
    const running = start(['serve', '-c', fileOf('headrace.toml', text)])
    const port = await portOf(running)
    assert.equal(rcodeOf((await askUdp(port, query))!), 0)
    assert.equal(rcodeOf((await askUdp(port, buildQuery('x.corp.example', 1)))!), 3)
    assert.ok(running.stdout.text.includes(`  - ${a.address}\nRoute: corp.example\n`), running.stdout.text)
    await stop(running)
  })

  test.each([
    ['127.0.0.9', '127.0.0.9:5353'],
    ['127.0.0.9:53', '127.0.0.9:53'],
    ['[::1]:53', '[::1]:53'],
  ])('with -u %s asks that one in the place of all that a document of dns-proxy has', async (given, shown) => {
    const ini = '[dns-proxy]\nlisten-address = 127.0.0.1\nlisten-port = 0\n[forwarder-dns]\nserver-addresses = 1.1.1.1,8.8.8.8\nserver-port = 5353\n' // prettier-ignore
    const running = start(['serve', '-c', fileOf('dns-proxy.ini', ini), '-u', given])
    await portOf(running)
    assert.match(running.stdout.text, /Upstream servers \(balanced\):\n(.*)\n$/)
    assert.ok(running.stdout.text.endsWith(`(balanced):\n  - ${shown}\n`), running.stdout.text)
    await stop(running)
  })

  test('flags go over the document', async () => {
    const file = fileOf('headrace.toml', toml(['192.0.2.1', '192.0.2.2']))
    const more = ['-l', '127.0.0.2:0', '-a', '10.0.0.0/8', '--strategy', 'random']
    const running = start(['serve', '-c', file, ...more])
    await running.stdout.until(/ {2}- 192\.0\.2\.2/)
    assert.match(running.stdout.text, /^Listening on 127\.0\.0\.2:\d+ .*\nAnswering 10\.0\.0\.0\/8, nobody else\nUpstream servers \(random\):\n/m) // prettier-ignore
    await stop(running)
  })

  test('says everything that is wrong with a document, and exits with 1', async () => {
    const file = fileOf('headrace.toml', '[dns]\nupstream_servers = ["tls://"]\nquery_timeuot = 3\n')
    const { code, stdout, stderr } = await headrace(['serve', '-c', file])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, new RegExp(`^${file}:2:\\d+: .*\n${file}:3:\\d+: .*did you mean.*\n$`))
  })

  test('with a file that is not there exits with 1', async () => {
    const { code, stderr } = await headrace(['serve', '-c', '/nowhere/headrace.toml'])
    assert.equal(code, 1)
    assert.match(stderr, /^\/nowhere\/headrace\.toml:1:1: can't be read/)
  })

  test('on SIGHUP loads it anew; a bad one leaves all as it was, with every problem said', async () => {
    const [a, b] = [await upstream(() => ({})), await upstream(() => ({ rcode: 'NXDOMAIN' }))]
    const file = fileOf('headrace.toml', toml([a.address]))
    const running = start(['serve', '-c', file])
    const port = await portOf(running)
    writeFileSync(file, '[dns]\nupstream_servers = ["tls://"]\nquery_timeuot = 3\n')
    running.signals.emit('SIGHUP')
    await running.stdout.until(/^error: SIGHUP: not loaded, the configuration of before stays in force$/m)
    assert.match(running.stdout.text, /^error: \S+:2:\d+: .*\nerror: \S+:3:\d+: .*did you mean/m)
    assert.equal(rcodeOf((await askUdp(port, query))!), 0)
    writeFileSync(file, toml([b.address]))
    running.signals.emit('SIGHUP')
    await running.stdout.until(/: configuration loaded; upstreams: 1 new, 1 gone, 0 kept\n {2}\+ .*\n {2}- .*\n/)
    assert.equal(rcodeOf((await askUdp(port, query))!), 3)
    await stop(running)
    assert.deepEqual(running.signals.eventNames(), [])
  })

  test('says on SIGHUP that another number of workers has to wait', async () => {
    const { address } = await upstream(() => ({}))
    const file = fileOf('headrace.toml', toml([address]))
    const running = start(['serve', '-c', file])
    await portOf(running)
    writeFileSync(file, toml([address], '[service]\nworkers = 2\n'))
    running.signals.emit('SIGHUP')
    await running.stdout.until(/^warning: 2 workers take effect at the next start$/m)
    await stop(running)
  })

  test('loads it anew when another file is put in its place', async () => {
    const [a, b] = [await upstream(() => ({})), await upstream(() => ({}))]
    const file = fileOf('headrace.toml', toml([a.address]))
    const running = start(['serve', '-c', file])
    await portOf(running)
    await new Promise((resolve) => setTimeout(resolve, 20))
    writeFileSync(`${file}.new`, toml([a.address, b.address]))
    renameSync(`${file}.new`, file)
    await running.stdout.until(/headrace\.toml has changed: configuration loaded; upstreams: 1 new, 0 gone, 1 kept/)
    await stop(running)
  })
})

describe('headrace serve', () => {
  test('writes JSON lines where nobody watches, with QNAMEs at debug only, and nothing raw', async () => {
    const { address } = await upstream(() => ({}))
    for (const level of ['info', 'debug']) {
      const running = startElsewhere(['serve', '-l', '127.0.0.1:0', '--log-level', level, `${address}|n\u00e4r`])
      const [, port] = await running.stdout.until(/"address":"127\.0\.0\.1:(\d+)"/)
      await askUdp(Number(port), buildQuery(Buffer.from('\x05\x1b[3\r\n\x00', 'latin1'), 1))
      await stop(running)
      const lines = running.stdout.text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>) // prettier-ignore
      assert.ok(lines.every(({ time, msg, level: at }) => !Number.isNaN(Date.parse(String(time))) && msg && at))
      const summary = lines.find(({ msg }) => msg === 'upstream summary')!
      assert.deepEqual([summary['upstream'], summary['queries'], summary['successes'], summary['failures']], ['n\u00e4r', 1, 1, 0]) // prettier-ignore
      assert.equal(typeof summary['elapsed_ms'], 'number')
      const replies = lines.filter(({ msg }) => msg === 'reply').map(({ qname }) => qname)
      assert.deepEqual(replies, level === 'debug' ? ['\\027[3\\013\\010'] : [])
      assert.match(running.stdout.text, /^[ -~\n]*$/)
    }
  })

  test('says that queries could not be answered, once for many', async () => {
    const running = start(['serve', '-l', '127.0.0.1:0', '--timeout', '100', '192.0.2.1'])
    const port = await portOf(running)
    await Promise.all([1, 2, 3].map((id) => askUdp(port, buildQuery(`n${id}.example`, 1, { id }))))
    await running.stdout.until(/^warning: 1 query could not be answered: /m)
    assert.equal(running.stdout.text.match(/could not be answered/g)!.length, 1)
    await stop(running)
  })

  test('serves a status page and metrics', async () => {
    const { address } = await upstream(() => ({}))
    const running = start(['serve', '-l', '127.0.0.1:0', '--status', '127.0.0.1:0', '--metrics', '127.0.0.1:0', address]) // prettier-ignore
    const port = await portOf(running)
    await askUdp(port, query)
    const [, page] = await running.stdout.until(/^Status page at (\S+)$/m)
    const [, metrics] = await running.stdout.until(/^Metrics at (\S+)$/m)
    const report = (await (await fetch(`${page}status.json`)).json()) as { upstreams: { name: string }[] }
    assert.deepEqual(report.upstreams.map(({ name }) => name), [address]) // prettier-ignore
    const response = await fetch(metrics!)
    assert.match(await response.text(), /^headrace_upstream_queries_total\{upstream="[^"]+",status="noerror"\} 1$/im)
    assert.equal((await fetch(metrics!.replace('/metrics', '/other'))).status, 404)
    await stop(running)
    await assert.rejects(fetch(metrics!))
  })

  test('with --verbose-health tells of probes of routes’ upstreams too', async () => {
    const [main, corp] = [await upstream(() => ({})), await upstream(() => ({}))]
    const text = toml([main.address], `[forwarder.routes]\n"corp.example" = ["${corp.address}|corp"]\n`)
    const running = start(['serve', '--verbose-health', '-c', fileOf('headrace.toml', text)])
    await askUdp(await portOf(running), buildQuery('x.corp.example', 1))
    await running.stdout.until(/^Probe of corp: good/m)
    await stop(running)
  })

  test('tells who started it that it is ready, loads anew and stops', async () => {
    const said: string[] = []
    const running = start(['serve', '-l', '127.0.0.1:0', '9.9.9.9'], { notify: (state) => said.push(state) })
    await portOf(running)
    running.signals.emit('SIGHUP')
    await running.stdout.until(/configuration loaded/)
    await new Promise((resolve) => setImmediate(resolve))
    await stop(running)
    assert.deepEqual(said, ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1'])
  })

  test('that cannot serve a page listens nowhere', async () => {
    const { code, stdout, stderr } = await headrace([
      'serve',
      '-l',
      '127.0.0.1:0',
      '--status',
      '192.0.2.1:8053',
      '9.9.9.9',
    ])
    assert.equal(code, 2)
    assert.match(stderr, /token/)
    assert.equal(stdout, '')
  })

  test('listens for TLS, HTTPS and QUIC with a certificate in files', async () => {
    const { cert, key } = new FakeAuthority().issue()
    const [certFile, keyFile] = [fileOf('cert.pem', cert), fileOf('key.pem', key)]
    const files = ['--cert', certFile, '--key', keyFile]
    const at = ['--tls', '127.0.0.1:0', '--https', '127.0.0.1:0', '--http3', '--quic', '127.0.0.1:0']
    const running = start(['serve', ...at, ...files, '9.9.9.9'])
    await running.stdout.until(/^Answering/m)
    const listening = [...running.stdout.text.matchAll(/^Listening on 127\.0\.0\.1:\d+ \((.*)\)$/gm)]
    assert.deepEqual(
      listening.map(([, over]) => over),
      ['tls', 'https', 'h3', 'doq'],
    )
    await stop(running)
  })

  test.each([
    [['--tls', ':853', '9.9.9.9'], /--tls needs --cert and --key/],
    [['--cert', 'a.pem', '--key', 'b.pem', '9.9.9.9'], /--cert and --key go with --tls, --https or --quic/],
    [['--log-format', 'xml', '9.9.9.9'], /--log-format must be one of auto, human, json; got "xml"/],
    [['--workers', '-1', '9.9.9.9'], /--workers needs a value/],
    [['--log-level', 'loud', '9.9.9.9'], /--log-level must be one of debug, info, warn, error; got "loud"/],
  ])('with %j exits with 2', async (args, message) => {
    const { code, stderr } = await headrace(['serve', ...args])
    assert.equal(code, 2)
    assert.match(stderr, message)
  })
})
