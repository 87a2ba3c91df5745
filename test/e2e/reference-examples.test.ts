import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { afterEach, beforeAll, describe, test } from 'vitest'
import { collectMetrics } from '../../src/metrics/index.js'
import { FakeServer } from '../../src/testing/index.js'
import { startOnTerminal } from '../cli/stage.js'
import { askTcp, askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { Example, onLoopback, questions, referenceText, Upstreams, warmUp } from '../helpers/reference.js'
import { serve } from '../helpers/serve.js'

// What each example of the reference documents promises in its own words, seen at clients' and upstreams' sockets.

const NOERROR = new Set([0])
const SERVFAIL = 2
const PROBE = 'a.root-servers.net'
const [ADGUARD, CLOUDFLARE, GOOGLE] = [
  'doq://dns.adguard-dns.com:853',
  'https://cloudflare-dns.com/dns-query',
  'https://dns.google/dns-query',
] as const

interface Row {
  readonly file: string
  /** In the document's words. */
  readonly promise: string
  readonly check: (example: Example) => Promise<void>
  /** Of the document's text, beside the addresses. */
  readonly edit?: (text: string) => string
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
beforeAll(warmUp)

function promised(rows: readonly Row[]): void {
  test.each(rows.map((row) => [row.file, row.promise, row] as const))(
    '%s: %s',
    async (_, __, { file, check, edit }) => {
      const example = await Example.open(file, edit)
      cleanups.push(() => example[Symbol.asyncDispose]())
      await check(example)
    },
  )
}

/** The same promises of several documents. */
function each(files: readonly string[], rows: readonly Omit<Row, 'file'>[]): readonly Row[] {
  return files.flatMap((file) => rows.map((row) => ({ file, ...row })))
}

function repeated(value: number, { upstreams }: Example): readonly number[] {
  return upstreams.all.map(() => value)
}

function fail(server: FakeServer): void {
  server.faults = [{ kind: 'rcode', rcode: 'SERVFAIL' }]
}

function hang(server: FakeServer, name?: string): void {
  server.faults = [{ kind: 'drop', ...(name !== undefined && { name }) }]
}

function slow(server: FakeServer, ms: number): void {
  server.faults = [{ kind: 'delay', ms }]
}

describe('dns-proxy', () => {
  const several = [
    'dns-proxy-multiple.ini',
    'dns-proxy-mixed.ini',
    'dns-proxy-available.ini',
    'dns-proxy-internal.ini',
    'dns-proxy-dual-stack.ini',
  ]
  promised(
    each(several, [
      {
        promise: 'queries are distributed across all configured servers',
        check: async (e) => {
          assert.deepEqual(await e.askMany(4 * e.upstreams.all.length), NOERROR)
          assert.deepEqual(e.asked, repeated(4, e))
        },
      },
      {
        promise: 'if a server fails, queries automatically failover to the next',
        check: async (e) => {
          const [first, second] = e.upstreams.all
          await first!.refuse()
          fail(second!)
          assert.deepEqual(await e.askMany(3 * e.upstreams.all.length), NOERROR)
          hang(second!)
          assert.deepEqual(await e.askMany(3 * e.upstreams.all.length), NOERROR)
        },
      },
      {
        promise: 'no single point of failure: any one that is left answers',
        check: async (e) => {
          for (const left of e.upstreams.all) {
            for (const server of e.upstreams.all) await (server === left ? server.resume() : server.refuse())
            assert.equal((await e.ask())?.data, `192.0.2.${e.upstreams.all.indexOf(left) + 1}`)
          }
        },
      },
    ]),
  )
  promised([
    {
      file: 'dns-proxy-single.ini',
      promise: 'without server-addresses the proxy falls back to server-address',
      check: async (e) => {
        assert.deepEqual(await e.askMany(5), NOERROR)
        assert.deepEqual(e.asked, [5])
      },
    },
  ])
})

describe('lazydns', () => {
  promised([
    {
      file: 'lazydns-basic.yaml',
      promise: 'round_robin',
      check: async (e) => {
        assert.deepEqual(await e.askMany(10), NOERROR)
        assert.deepEqual(e.asked, [5, 5])
      },
    },
    {
      file: 'lazydns-basic.yaml',
      promise: 'failover with max_attempts',
      check: async (e) => {
        fail(e.at('8.8.8.8:53'))
        for (let i = 0; i < 6; i++) assert.equal((await e.ask())?.data, '192.0.2.2')
        fail(e.at('1.1.1.1:53'))
        const before = e.asked.reduce((a, b) => a + b)
        assert.equal((await e.ask())?.rcode, SERVFAIL)
        assert.ok(e.asked.reduce((a, b) => a + b) - before <= 3)
      },
    },
    {
      file: 'lazydns-basic.yaml',
      promise: 'timeout: a silent upstream costs a query less than its 5 s, since the next is asked meanwhile',
      check: async (e) => {
        hang(e.at('8.8.8.8:53'))
        for (let i = 0; i < 4; i++) {
          const reply = await e.ask()
          assert.equal(reply?.data, '192.0.2.2')
          assert.ok(reply.elapsed < 5000, `${reply.elapsed} ms`)
        }
      },
    },
    {
      file: 'lazydns-basic.yaml',
      promise: 'per-upstream counters by the tag of addr|tag',
      check: async (e) => {
        const metrics = collectMetrics(e.deployment)
        cleanups.push(() => metrics.close())
        await e.askMany(4)
        fail(e.at('1.1.1.1:53'))
        await e.askMany(4)
        const text = metrics.text()
        assert.match(text, /headrace_upstream_queries_total\{upstream="cloudflare",status="noerror"\} 2\n/)
        assert.match(text, /headrace_upstream_duration_seconds_count\{upstream="cloudflare"\} 4\n/)
        assert.match(text, /headrace_upstream_queries_total\{upstream="cloudflare",status="servfail"\} 2\n/)
      },
    },
    {
      file: 'lazydns-basic.yaml',
      promise: 'health_checks drive more informed failover: who fails is left out, and comes back',
      check: async (e) => {
        const google = e.at('8.8.8.8:53')
        await e.askMany(2)
        hang(google)
        await e.askMany(40)
        await e.pass(10_000)
        assert.deepEqual(e.health, ['down', 'up'])
        const before = questions(google).length
        assert.deepEqual(await e.askMany(10), NOERROR)
        assert.equal(questions(google).length, before)
        google.faults = []
        await e.pass(60_000)
        assert.deepEqual(e.health, ['up', 'up'])
        // Little at first, and its whole share after ten good replies.
        await e.askUntil(() => questions(google).length >= before + 12)
        const full = e.asked
        await e.askMany(10)
        assert.deepEqual([e.asked[0]! - full[0]!, e.asked[1]! - full[1]!], [5, 5])
      },
    },
    {
      file: 'lazydns-doh.yaml',
      promise: 'DoH upstreams, the faster of which is preferred once response times have been measured',
      check: async (e) => {
        const [doh, doh2] = [e.at('https://doh.example/dns-query'), e.at('https://doh2.example/dns-query')]
        slow(doh, 80)
        slow(doh2, 10)
        assert.deepEqual(await e.askMany(60), NOERROR)
        assert.ok(questions(doh2).length >= 50, e.asked.join(', '))
        assert.ok([...doh.queries, ...doh2.queries].every(({ transport }) => transport === 'https'))
      },
    },
    {
      file: 'lazydns-doh.yaml',
      promise: 'certificates are verified, and a bad one gets no query',
      check: async (e) => {
        const bad = e.at('https://doh.example/dns-query')
        bad.certificate = 'wrong-name'
        for (let i = 0; i < 5; i++) assert.equal((await e.ask())?.data, '192.0.2.2')
        assert.equal(bad.asked, 0)
      },
    },
    {
      file: 'lazydns-doh.yaml',
      promise: 'timeout: 3 s an attempt',
      check: async (e) => {
        for (const server of e.upstreams.all) hang(server)
        const reply = await e.ask()
        assert.equal(reply?.rcode, SERVFAIL)
        assert.ok(reply.elapsed >= 3000 && reply.elapsed < 4000, `${reply.elapsed} ms`)
        assert.deepEqual(e.asked, [1, 1])
      },
    },
    {
      file: 'lazydns-race.yaml',
      promise: 'concurrent: queries are raced to all upstreams, and the first successful response is used',
      check: async (e) => {
        const [google, cloudflare] = e.upstreams.all
        slow(google!, 60)
        assert.equal((await e.ask())?.data, '192.0.2.2')
        fail(cloudflare!)
        assert.equal((await e.ask())?.data, '192.0.2.1')
        slow(cloudflare!, 100)
        assert.equal((await e.ask())?.data, '192.0.2.1')
        assert.deepEqual(e.asked, [3, 3])
      },
    },
  ])
})

describe('dnsdist', () => {
  const file = 'dnsdist-check.yaml'
  const address = '192.0.2.1'
  const toLoopback = (source: string) => (text: string) => text.replace('192.0.2.127@eth1', source)
  promised([
    {
      file,
      promise: 'the query of the check, once every second',
      check: async (e) => {
        await e.pass(10_000)
        const { queries } = e.at(address)
        assert.ok(queries.length >= 10 && queries.length <= 11, `${queries.length}`)
        for (const { name, type, message } of queries)
          assert.deepEqual([name, type, message.question?.class], [PROBE, 'AAAA', 'CH'])
      },
    },
    {
      file,
      promise: 'mustResolve: NXDOMAIN, SERVFAIL and REFUSED take it down at once, one good check brings it back',
      check: async (e) => {
        const server = e.at(address)
        for (const rcode of ['NXDOMAIN', 'SERVFAIL', 'REFUSED']) {
          server.faults = [{ kind: 'rcode', rcode }]
          await e.pass(1100)
          assert.deepEqual(e.health, ['down'], rcode)
          server.faults = []
          await e.pass(1100)
          assert.deepEqual(e.health, ['up'], rcode)
        }
      },
    },
    {
      file: 'dnsdist-source.yaml',
      promise: 'by default A of a.root-servers.net., and any response but SERVFAIL is valid',
      edit: toLoopback('127.0.0.1'),
      check: async (e) => {
        const server = e.at(address)
        server.faults = [{ kind: 'rcode', rcode: 'NXDOMAIN' }]
        await e.pass(3000)
        assert.deepEqual(e.health, ['up'])
        assert.deepEqual([server.queries[0]!.name, server.queries[0]!.type], [PROBE, 'A'])
        fail(server)
        await e.pass(1100)
        assert.deepEqual(e.health, ['down'])
        hang(server)
        server.faults = []
        await e.pass(1100)
        hang(server)
        await e.pass(2100)
        assert.deepEqual(e.health, ['down'])
      },
    },
    {
      file: 'dnsdist-lazy.yaml',
      promise: 'nothing will happen until at least 10 queries, and 30 % of them, have failed by timeout',
      check: async (e) => {
        const server = e.at(address)
        await e.pass(1000)
        const first = e.probes()
        hang(server, 'www.example')
        for (let i = 0; i < 9; i++) await e.ask()
        await e.pass(30_000)
        assert.equal(e.probes(), first)
        await e.ask()
        await e.pass(1500)
        assert.equal(e.probes(), first + 1)
      },
    },
    {
      file: 'dnsdist-lazy.yaml',
      promise: 'if the check is successful, it stays up and no more is sent',
      check: async (e) => {
        const server = e.at(address)
        hang(server, 'www.example')
        for (let i = 0; i < 10; i++) await e.ask()
        await e.pass(3000)
        assert.deepEqual(e.health, ['up'])
        const sent = e.probes()
        await e.pass(30_000)
        assert.equal(e.probes(), sent)
      },
    },
    {
      file: 'dnsdist-lazy.yaml',
      promise: 'three failures take it down, checks then go out every 30 s, and two that succeed end them',
      check: async (e) => {
        const server = e.at(address)
        await e.askMany(10)
        const first = e.probes()
        hang(server)
        await e.askMany(10)
        await e.pass(5000)
        assert.deepEqual(e.health, ['down'])
        const failed = e.probes() - first
        await e.pass(60_000)
        assert.equal(e.probes() - first - failed, 2)
        server.faults = []
        await e.pass(30_000)
        assert.deepEqual(e.health, ['down'])
        await e.pass(30_000)
        assert.deepEqual(e.health, ['up'])
        const sent = e.probes()
        await e.pass(120_000)
        assert.equal(e.probes(), sent)
      },
    },
    {
      file: 'dnsdist-lazy.yaml',
      promise: 'TimeoutOnly: SERVFAIL is no failure',
      check: async (e) => {
        const server = e.at(address)
        server.faults = [{ kind: 'rcode', rcode: 'SERVFAIL', name: 'www.example' }]
        for (let i = 0; i < 20; i++) await e.ask()
        const sent = e.probes()
        await e.pass(10_000)
        assert.equal(e.probes(), sent)
        assert.deepEqual(e.health, ['up'])
      },
    },
  ])

  describe.skipIf(!Object.hasOwn(networkInterfaces(), 'lo'))('with an interface "lo"', () => {
    promised(
      [
        ['127.0.0.127', '127.0.0.127'],
        ['lo', '127.0.0.1'],
        ['127.0.0.127@lo', '127.0.0.127'],
      ].map(([source, from]) => ({
        file: 'dnsdist-source.yaml',
        promise: `the source address: ${source}`,
        edit: toLoopback(source!),
        check: async (e) => {
          await e.ask()
          assert.ok(e.at(address).queries.length > 0)
          for (const { remoteAddress } of e.at(address).queries) assert.equal(remoteAddress, from)
        },
      })),
    )
  })
})

describe('Ferrous DNS', () => {
  const UDP = 'udp://8.8.8.8:53'
  promised(
    each(
      ['ferrous-pools.toml', 'ferrous-combined.toml', 'ferrous-home.toml'],
      [
        {
          promise: 'all go through encrypted upstreams when available, to all of them at once',
          check: async (e) => {
            assert.deepEqual(await e.askMany(10), NOERROR)
            assert.deepEqual(e.asked, [10, 10, 10, 0, 0])
            assert.deepEqual(
              e.upstreams.all.slice(0, 3).map((server) => questions(server)[0]!.transport),
              ['doq', 'https', 'https'],
            )
          },
        },
        {
          promise: 'if all three are unreachable, queries fall back to plain UDP, and return when they are back',
          check: async (e) => {
            await e.askMany(3)
            const encrypted = [ADGUARD, CLOUDFLARE, GOOGLE].map((name) => e.at(name))
            for (const server of encrypted) await server.refuse()
            assert.deepEqual(await e.askMany(10), NOERROR)
            assert.equal((await e.ask())?.data, '192.0.2.4')
            assert.deepEqual(e.asked.slice(3)[1], 0)
            await e.pass(100_000)
            assert.deepEqual(e.health, ['down', 'down', 'down', 'up', 'up'])
            assert.equal((await e.ask())?.data, '192.0.2.4')
            await e.at(UDP).refuse()
            assert.equal((await e.ask())?.data, '192.0.2.5')
            for (const server of [...encrypted, e.at(UDP)]) await server.resume()
            await e.pass(100_000)
            assert.deepEqual(new Set(e.health), new Set(['up']))
            await e.askMany(2) // whose connections are made: a race may be over before
            const before = e.asked
            assert.deepEqual(await e.askMany(10), NOERROR)
            assert.deepEqual(
              e.asked.map((count, i) => count - before[i]!),
              [10, 10, 10, 0, 0],
            )
          },
        },
      ],
    ),
  )
  promised([
    {
      file: 'ferrous-parallel.toml',
      promise: 'queries all servers at once and returns the first successful response',
      check: async (e) => {
        await e.askMany(1)
        for (const [i, ms] of [40, 10, 70].entries()) slow(e.upstreams.all[i]!, ms)
        const reply = await e.ask()
        assert.equal(reply?.data, '192.0.2.2')
        assert.ok(reply.elapsed < 40, `${reply.elapsed} ms`)
        fail(e.at(CLOUDFLARE))
        assert.equal((await e.ask())?.data, '192.0.2.1')
        assert.deepEqual(e.asked, [3, 3, 3])
      },
    },
    {
      file: 'ferrous-balanced.toml',
      promise: 'round-robin across all healthy servers; who fails its check is skipped, and restored when it recovers',
      check: async (e) => {
        assert.deepEqual(await e.askMany(12), NOERROR)
        assert.deepEqual(e.asked, [3, 3, 3, 3])
        const d = e.at('tls://1.1.1.1:853')
        await d.refuse()
        await e.pass(100_000)
        assert.deepEqual(e.health, ['up', 'up', 'up', 'down'])
        assert.deepEqual(await e.askMany(12), NOERROR)
        assert.deepEqual(e.asked, [7, 7, 7, 3])
        await d.resume()
        await e.pass(100_000)
        assert.deepEqual(e.health, ['up', 'up', 'up', 'up'])
        await e.askUntil(() => e.asked[3]! > 3)
      },
    },
    {
      file: 'ferrous-balanced.toml',
      promise: 'with ramp_up = false its whole share is restored at once',
      edit: (text) => text.replace('priority = 1', 'priority = 1\nramp_up  = false'),
      check: async (e) => {
        const d = e.at('tls://1.1.1.1:853')
        await d.refuse()
        await e.pass(100_000)
        assert.equal(e.health[3], 'down')
        await d.resume()
        await e.pass(100_000)
        assert.deepEqual(await e.askMany(8), NOERROR)
        assert.deepEqual(e.asked, [2, 2, 2, 2])
      },
    },
    {
      file: 'ferrous-failover.toml',
      promise: 'all to the primary; all to the next while it fails; back to the primary as soon as it recovers',
      check: async (e) => {
        const answered = async (): Promise<ReadonlySet<string | null | undefined>> =>
          new Set([(await e.ask())?.data, (await e.ask())?.data, (await e.ask())?.data])
        assert.deepEqual(await answered(), new Set(['192.0.2.1']))
        assert.deepEqual(e.asked, [3, 0, 0])
        await e.at(ADGUARD).refuse()
        assert.deepEqual(await answered(), new Set(['192.0.2.2']))
        await e.at(CLOUDFLARE).refuse()
        assert.deepEqual(await answered(), new Set(['192.0.2.3']))
        await e.at(ADGUARD).resume()
        await e.pass(100_000)
        assert.deepEqual(await answered(), new Set(['192.0.2.1']))
      },
    },
    {
      file: 'ferrous-home.toml',
      promise: 'a check every 30 s; 3 failures in a row make it unhealthy, 2 successes bring it back',
      check: async (e) => {
        await e.pass(100_000)
        const server = e.at(UDP)
        const standing = async (seconds: number): Promise<readonly [number, string]> => {
          await e.pass(seconds * 1000)
          return [e.probes(3) - before, e.health[3]!]
        }
        const before = e.probes(3)
        const log: (readonly [number, string])[] = []
        fail(server)
        for (let i = 0; i < 5; i++) log.push(await standing(30))
        server.faults = []
        assert.deepEqual(log.slice(0, 2), [[1, 'up'], [2, 'up']]) // prettier-ignore
        assert.deepEqual(log.slice(2).map(([, state]) => state), ['down', 'down', 'down']) // prettier-ignore
        const [failed] = log.at(-1)!
        const [healed, state] = await standing(60)
        assert.equal(state, 'up')
        assert.ok(healed - failed >= 2, `${failed}, ${healed}`)
      },
    },
    {
      file: 'ferrous-home.toml',
      promise: 'with recovery_interval = 0 who is down is checked every 30 s as well',
      edit: (text) => `${text}recovery_interval = 0\n`,
      check: async (e) => {
        fail(e.at(UDP))
        await e.pass(100_000)
        assert.equal(e.health[3], 'down')
        const before = e.probes(3)
        await e.pass(90_000)
        assert.equal(e.probes(3) - before, 3)
      },
    },
    {
      file: 'ferrous-enterprise.toml',
      promise: 'balanced over six servers of three transports, with an emergency pool that is idle meanwhile',
      check: async (e) => {
        assert.deepEqual(await e.askMany(12), NOERROR)
        assert.deepEqual(e.asked, [2, 2, 2, 2, 2, 2, 0, 0, 0])
        for (const server of e.upstreams.all.slice(0, 6)) await server.refuse()
        assert.deepEqual(await e.askMany(6), NOERROR)
        await e.pass(40_000)
        const before = e.asked
        assert.deepEqual(await e.askMany(6), NOERROR)
        assert.deepEqual(
          e.asked.map((count, i) => count - before[i]!),
          [0, 0, 0, 0, 0, 0, 6, 0, 0],
        )
      },
    },
    {
      file: 'ferrous-home.toml',
      promise: 'dnssec_enabled: records of DNSSEC are asked for',
      check: async (e) => {
        await e.ask()
        for (const { message } of questions(e.at(CLOUDFLARE))) assert.equal(message.edns?.dnssecOk, true)
      },
    },
    {
      file: 'ferrous-home.toml',
      promise: 'query_timeout: who does not respond within 3 s has failed, and the next pool is asked',
      check: async (e) => {
        await e.ask()
        for (const name of [ADGUARD, CLOUDFLARE, GOOGLE]) hang(e.at(name), 'www.example')
        const reply = await e.ask()
        assert.equal(reply?.data, '192.0.2.4')
        assert.ok(reply.elapsed >= 3000 && reply.elapsed < 3500, `${reply.elapsed} ms`)
      },
    },
    {
      file: 'ferrous-fallback.toml',
      promise: 'upstream_servers are used by default_strategy: Parallel',
      check: async (e) => {
        assert.deepEqual(await e.askMany(5), NOERROR)
        assert.deepEqual(e.asked, [5, 5])
      },
    },
    {
      file: 'ferrous-servers.toml',
      promise: 'host names are resolved once',
      check: async (e) => {
        assert.deepEqual(await e.askMany(20), NOERROR)
        assert.deepEqual(
          e.upstreams.names.queries.filter(({ type }) => type === 'A').map(({ name }) => name),
          ['dns.adguard-dns.com', 'dns.google'],
        )
      },
    },
    {
      file: 'ferrous-split.toml',
      promise: 'the internal domain goes to the local resolver, everything else to DoH; it resolves the upstreams too',
      check: async (e) => {
        const local = e.at('10.0.0.10:53')
        local.answer = ({ name, type }) => (name === 'printer.corp' ? ['10.0.0.7'] : onLoopback({ type }))
        assert.equal((await e.ask('printer.corp'))?.data, '10.0.0.7')
        assert.deepEqual(await e.askMany(5), NOERROR)
        assert.deepEqual(questions(local), [])
        assert.deepEqual([questions(e.at(CLOUDFLARE)).length, questions(e.at(GOOGLE)).length], [5, 5])
        assert.ok([CLOUDFLARE, GOOGLE].every((name) => e.at(name).queries.every((query) => !/corp$/.test(query.name))))
        assert.ok(local.queries.some(({ name }) => name === 'cloudflare-dns.com'))
        assert.equal(e.upstreams.names.asked, 0)
        await local.refuse()
        assert.equal((await e.ask('scanner.corp'))?.rcode, SERVFAIL)
      },
    },
  ])
})

function upstreamsOf(file: string): Promise<Upstreams> {
  return upstreamsIn(referenceText(file))
}

async function upstreamsIn(text: string): Promise<Upstreams> {
  const upstreams = await Upstreams.of(text)
  cleanups.push(() => upstreams[Symbol.asyncDispose]())
  return upstreams
}

/** Runs `headrace serve` in this process, on a terminal; resolves with its port and what it has printed. */
async function served(...args: readonly string[]): Promise<{ readonly port: number; readonly printed: string }> {
  const { stdout, signals, code } = startOnTerminal(['serve', '-l', '127.0.0.1:0', ...args])
  cleanups.push(() => {
    signals.emit('SIGTERM')
    return code
  })
  const [printed, port] = await stdout.until(/Listening on 127\.0\.0\.1:(\d+)[^]*Upstream servers[^]*\n$/)
  return { port: Number(port), printed }
}

async function ask(port: number, name = 'www.example'): Promise<number | null> {
  const reply = await askUdp(port, buildQuery(name, 1))
  return reply === null ? null : rcodeOf(reply)
}

describe('the command line', () => {
  test('dns-proxy logs which servers are configured at startup', async () => {
    const upstreams = await upstreamsOf('dns-proxy-multiple.ini')
    const { printed } = await served('-c', upstreams.file('dns-proxy.ini'))
    const list = upstreams.all.map(({ address }) => `  - ${address}\n`).join('')
    assert.ok(printed.endsWith(`Upstream servers (balanced):\n${list}`), printed)
  })

  test.each([
    ['-u 9.9.9.9, whose port is server-port', '127.0.0.1'],
    ['-u 9.9.9.9:53', '127.0.0.1:'],
    ['-u [2606:4700:4700::1111]:53', '[::1]:'],
  ])('dns-proxy %s replaces all configured servers', async (_form, given) => {
    const upstreams = await upstreamsOf('dns-proxy-multiple.ini')
    const other = await FakeServer.listen({ host: given.startsWith('[') ? '::1' : '127.0.0.1' })
    cleanups.push(() => other.close())
    const text = upstreams.text.replace('server-port = 53', `server-port = ${other.port}`)
    const target = given.endsWith(':') ? `${given}${other.port}` : given
    const { port } = await served('-c', upstreams.file('dns-proxy.ini', text), '-u', target)
    assert.equal(await ask(port), 0)
    assert.ok(other.asked > 0)
    assert.ok(upstreams.all.every(({ asked }) => asked === 0))
  })

  test('dns-proxy with internal servers first and the others as fallbacks: --strategy failover', async () => {
    const upstreams = await upstreamsOf('dns-proxy-internal.ini')
    const { port } = await served('-c', upstreams.file('dns-proxy.ini'), '--strategy', 'failover')
    for (let i = 0; i < 4; i++) assert.equal(await ask(port), 0)
    assert.equal(questions(upstreams.at('192.168.1.1:53')).length, 4)
    await upstreams.at('192.168.1.1:53').refuse()
    assert.equal(await ask(port), 0)
    assert.equal(questions(upstreams.at('10.0.0.1:53')).length, 1)
  })

  test('dnsdist -l 130.161.252.29 -a 130.161.0.0/16 8.8.8.8 …: those of the network are answered, load is balanced', async () => {
    const upstreams = await upstreamsIn('8.8.8.8 208.67.222.222 [2620:0:ccc::2] [2620:0:ccd::2]')
    // Else replies are there before the next query is.
    for (const server of upstreams.all) slow(server, 20)
    const { port } = await served('-a', '127.0.0.0/8', ...upstreams.all.map(({ address }) => address))
    const replies = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(port, `h${i}.example`)))
    assert.deepEqual(new Set(replies), NOERROR)
    assert.ok(upstreams.all.every((server) => questions(server).length > 0))
  })

  test('dnsdist -a 130.161.0.0/16: everybody else gets nothing', async () => {
    const { all } = await upstreamsOf('dns-proxy-single.ini')
    const { port } = await served('-a', '130.161.0.0/16', all[0]!.address)
    assert.equal(await askTcp(port, buildQuery('www.example', 1)), null)
    assert.equal(questions(all[0]!).length, 0)
  })
})

describe('as a process of its own', () => {
  test.each(['dns-proxy-multiple.ini', 'lazydns-basic.yaml', 'dnsdist-check.yaml', 'ferrous-home.toml'])(
    'headrace serve -c %s',
    async (name) => {
      const upstreams = await upstreamsOf(name)
      const env = { NODE_EXTRA_CA_CERTS: upstreams.file('ca.pem', upstreams.authority.cert) }
      const { port, stop } = await serve([], ['-c', upstreams.file(name, resolved(upstreams))], env)
      cleanups.push(stop)
      // By checks: nobody has asked yet.
      while (upstreams.all.some(({ asked }) => asked === 0)) await new Promise((resolve) => setImmediate(resolve))
      for (let i = 0; i < 12; i++) assert.equal(await ask(port), 0)
      const asked = upstreams.all.map((server) => questions(server).length > 0)
      assert.deepEqual(asked, name === 'ferrous-home.toml' ? [true, true, true, false, false] : asked.map(() => true))
    },
  )
})

/** The document, in TOML with who knows the host names: a process can't be given other resolvers than the system's. */
function resolved({ text, names }: Upstreams): string {
  return text.includes('https://') ? `${text}[forwarder.upstream_defaults]\nbootstrap = ["${names.address}"]\n` : text
}
