import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DnsError, Forwarder } from 'headrace'
import { serveStatus } from 'headrace/status'
import { FakeClock, FakeUpstream } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'
import { run } from '../../src/cli/run.js'
import { topLines } from '../../src/cli/top-text.js'
import type { StatusReport } from '../../src/status/report.js'
import { headrace } from './stage.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function page(...names: readonly string[]) {
  const clock = new FakeClock(1_700_000_000_000)
  const upstreams = names.map((name) => new FakeUpstream(name, { after: 4 }, { clock }))
  const forwarder = new Forwarder({ upstreams, strategy: 'failover', health: false, cache: {}, clock })
  const status = await serveStatus({ source: forwarder, listen: '127.0.0.1:0', interval: 1000, clock })
  cleanups.push(() => forwarder.destroy(), () => status.close()) // prettier-ignore
  const ask = (name: string) => clock.run(forwarder.query(name).catch(() => undefined))
  return { clock, upstreams, forwarder, status, ask }
}

/** A terminal in memory: what it shows now, line by line. */
class Terminal {
  readonly isTTY = true
  readonly columns: number
  readonly rows: number
  written = ''
  #waiting: (() => void)[] = []

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  write(text: string): void {
    this.written += text
    for (const look of this.#waiting.splice(0)) look()
  }

  /** The latest frame. */
  get frame(): readonly string[] {
    const [last = ''] = this.written.split('\u001b[H').slice(-1)
    return last.split('\n').map((line) => line.replaceAll(/\u001b\[[\d;?]*[a-zA-Z]/g, ''))
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.frame.join('\n'))) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

class Keyboard extends EventEmitter {
  readonly isTTY = true
  raw = false
  paused = false

  setRawMode(raw: boolean): void {
    this.raw = raw
  }

  pause(): void {
    this.paused = true
  }
}

function watch(url: string, { columns = 100, rows = 30, env = {}, args = [] as readonly string[] } = {}) {
  const terminal = new Terminal(columns, rows)
  const keys = new Keyboard()
  const signals = new EventEmitter()
  const clock = new FakeClock()
  const stderr = { text: '', write: (text: string) => void (stderr.text += text) }
  const code = run({ args: ['top', url, ...args], stdout: terminal, stderr, env, signals, systemServers: () => [], stdin: () => keys, clock }) // prettier-ignore
  return { terminal, keys, signals, clock, code, stderr }
}

describe('headrace top on a terminal', () => {
  test('shows upstreams, pools and incidents, again and again in place, until q', async () => {
    const { status, clock: time, upstreams, ask } = await page('quad9', 'isp')
    await ask('a.example')
    await time.advance(1000)
    const t = watch(status.url)
    await t.terminal.until(/All 2 upstreams are up/)
    assert.equal(t.keys.raw, true)
    assert.match(t.terminal.frame.join('\n'), /quad9 +unchecked +4\.0 ms +100 % +0 +4\.9 ms +1 +0/)
    assert.match(t.terminal.frame.join('\n'), /pool default: up, failover, 1 answered, 0 failed, 0 hedges/)
    upstreams[0]!.script = { error: new DnsError('ERR_DNS_TLS', 'no such certificate') }
    await ask('b.example')
    await time.advance(1000)
    await t.clock.advance(2000)
    await t.terminal.until(/0 s ago|1 s ago/)
    assert.match(t.terminal.frame.join('\n'), /[01] s ago +quad9: tls, no such certificate/)
    t.keys.emit('data', Buffer.from('q'))
    assert.equal(await t.code, 0)
    assert.deepEqual([t.keys.raw, t.keys.paused, t.keys.listenerCount('data'), t.signals.eventNames().length, t.clock.pending], [false, true, 0, 0, 0]) // prettier-ignore
    assert.ok(t.terminal.written.startsWith('\u001b[?1049h\u001b[?25l'))
    assert.ok(t.terminal.written.endsWith('\u001b[?25h\u001b[?1049l'))
  })

  test.each(['\u0003', 'Q', 'xq'])('ends at the keys %j', async (typed) => {
    const { status } = await page('quad9')
    const t = watch(status.url)
    await t.terminal.until(/quad9 is up/)
    t.keys.emit('data', Buffer.from(typed))
    assert.equal(await t.code, 0)
  })

  test.each(['SIGINT', 'SIGTERM'])('ends at %s, with the terminal as it was', async (signal) => {
    const { status } = await page('quad9')
    const t = watch(status.url)
    await t.terminal.until(/quad9 is up/)
    t.signals.emit(signal)
    assert.equal(await t.code, 0)
    assert.equal(t.keys.raw, false)
  })

  test('says that it is not live while the page is gone, and goes on when it is back', async () => {
    const { status, forwarder } = await page('quad9')
    const t = watch(status.url)
    await t.terminal.until(/quad9 is up/)
    await status.close()
    await t.clock.advance(2000)
    await t.terminal.until(/^NOT LIVE: .*can't be read: .*\nheadrace .*\nquad9 is up/)
    const again = await serveStatus({ source: forwarder, listen: `127.0.0.1:${status.port}` })
    cleanups.push(() => again.close())
    await t.clock.advance(2000)
    await t.terminal.until(/^headrace/)
    t.keys.emit('data', Buffer.from('q'))
    await t.code
  })

  test('lets nothing through that a terminal would act on', async () => {
    const evil = '\u001b[31mred\u0007\r\n\u009b2J“”'
    const { status, upstreams, ask, clock } = await page(evil)
    upstreams[0]!.script = { error: new DnsError('ERR_DNS_TLS', `${evil} again`) }
    await ask('a.example')
    await clock.advance(1000)
    const t = watch(status.url, { env: { NO_COLOR: '1' } })
    await t.terminal.until(/again/)
    t.keys.emit('data', Buffer.from('q'))
    await t.code
    const ours = t.terminal.written.replaceAll(/\u001b\[(\?1049[hl]|\?25[hl]|H|K|J)/g, '')
    assert.match(ours, /^[ -~\n]*$/)
  })
})

describe('headrace top elsewhere', () => {
  test('prints plain lines, once', async () => {
    const { status, ask, clock } = await page('quad9', 'a-rather-long-name-of-an-upstream')
    await ask('a.example')
    await clock.advance(1000)
    const { code, stdout } = await headrace(['top', '--once', status.url], { isTTY: false })
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^headrace \d.*\nAll 2 upstreams are up\n\nUPSTREAM +STATE +REPLY +SHARE +FAILED +95 % +ATTEMPTS +OUT\nquad9 /,
    )
    assert.match(stdout, /a-rather-long-name-of-an-upstream unchecked/)
    assert.match(stdout, /^[ -~\n]*$/)
  })

  test('sends the token', async () => {
    let seen: string | undefined
    const server = createServer((request, response) => {
      seen = request.headers.authorization
      response.writeHead(401).end('The token is needed.')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => server.close())
    const url = `127.0.0.1:${(server.address() as AddressInfo).port}/some/where`
    const { code, stderr } = await headrace(['top', url], { env: { HEADRACE_TOKEN: 'a-token-of-some-length' } })
    assert.equal(code, 1)
    assert.equal(seen, 'Bearer a-token-of-some-length')
    assert.match(stderr, /\/some\/where\/ says 401: The token is needed\.\n$/)
  })

  test.each([
    ['{', /can't be read: .*JSON/],
    ['null', /no status page/],
    ['{"upstreams":[]}', /no status page/],
    ['{"version":"1","summary":"","rate":[],"pools":[],"incidents":[],"upstreams":[{"name":"a","counts":{}}]}', /no status page/], // prettier-ignore
  ])('says so when the page is none: %s', async (body, message) => {
    const server = createServer((_, response) => response.end(body))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => server.close())
    const { code, stderr } = await headrace(['top', `127.0.0.1:${(server.address() as AddressInfo).port}`])
    assert.equal(code, 1)
    assert.match(stderr, message)
  })

  test.each([
    [['http://['], 2, /cannot be read/],
    [['a', 'b'], 2, /no place for "b"/],
    [['--interval', '1'], 2, /from 250/],
    [['--bogus'], 2, /not known/],
    [['127.0.0.1:1'], 1, /can't be read: /],
  ])('says what is wrong with %j', async (args, wanted, message) => {
    const { code, stderr } = await headrace(['top', ...args])
    assert.equal(code, wanted)
    assert.match(stderr, message)
  })

  test.each([
    ['top', '--help'],
    ['help', 'top'],
  ])('explains itself: %s %s', async (...args) => {
    const { code, stdout } = await headrace(args)
    assert.equal(code, 0)
    assert.match(stdout, /^headrace top \[URL\]/)
  })
})

test.each([200, 100, 80, 60, 40, 24, 12])(
  'no line is longer than %d columns, and none is left over',
  async (columns) => {
    const { status, ask, clock } = await page('quad9', 'a-rather-long-name-of-an-upstream-that-goes-on-and-on')
    await ask('a.example')
    await clock.advance(1000)
    const report = (await (await fetch(`${status.url}status.json`)).json()) as StatusReport
    for (const rows of [5, 30]) {
      const lines = topLines(report, { columns, rows, colour: false, bars: true })
      assert.ok(lines.length <= rows)
      for (const line of lines) assert.ok(line.length <= columns, line)
      if (columns >= 24) assert.match(lines[4]!, /^quad9 +unchecked/)
      const bare = topLines(report, { columns, rows, colour: true, bars: true }).map((line) =>
        line.replaceAll(/\u001b\[\d+m/g, ''),
      )
      assert.deepEqual(bare, lines)
    }
  },
)
