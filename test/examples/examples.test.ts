import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'vitest'
import { run } from '../helpers/peer.js'

const ROOT = new URL('../../', import.meta.url).pathname
const TSX = createRequire(import.meta.url).resolve('tsx/cli')

/** What an example must have said, and with which arguments it is run. */
const EXAMPLES: Readonly<Record<string, { readonly says: readonly RegExp[]; readonly args?: readonly string[] }>> = {
  'cache.ts': {
    says: [/1,000 clients at once: 1 upstream query/, /TTL 30 from memory after 1800 ms EDE 3/, /begins warm/],
  },
  'client-subnet.ts': {
    says: [
      /asked for 198\.51\.100\/24\n198\.51\.100\.7: 192\.0\.2\.98 from geo/,
      /198\.51\.7\.1.*: 192\.0\.2\.98 from memory/,
      /asked for \/0\n.*nothing told: 192\.0\.2\.3 from geo/,
      /in whose place.*: 192\.0\.2\.98 from geo/,
    ],
  },
  'config.ts': {
    says: [
      /lazydns: pool forward, fastest: .*doh/,
      /toml:3:1: .*did you mean "parallel"/,
      /toml:4:12: .*did you mean "tls"/,
    ],
  },
  'demo.ts': { args: ['--seconds', '2'], says: [/^ {2}dig @127/m, /^fast /m, /^troubled /m, /\b0 failed/] },
  'discovery.ts': { says: [/first\.example went over udp/, /designated: tls/, /second\.example went over tls/] },
  'doh-server.ts': {
    says: [/tls: NOERROR[\s\S]*https: NOERROR[\s\S]*renewed[\s\S]*tls: NOERROR[\s\S]*https: NOERROR/],
  },
  'electron-network.ts': {
    says: [/awake\n +disconnected: renewed\n +connected\nNOERROR/, /another network\n.*renewed/],
  },
  'encrypted.ts': { says: [/ERR_DNS_TLS: impostor/, /answered by dot/, /got 0 octets/, /answered by doh/] },
  'fetch.ts': {
    says: [
      /undici: hello from wiki\.intern/,
      /Agent: hello from mail/,
      /fetch: hello from shop/,
      /ENOTFOUND nowhere\.example/,
    ],
  },
  'forwarder.ts': { says: [/all is well: NOERROR from near/, /NOERROR from last-resort/, /ERR_DNS_ALL_FAILED/] },
  'health.ts': {
    says: [/main: up to down, 0 good, 3 bad in a row[\s\S]*answered by spare[\s\S]*main: down to up/, /5 rejected/],
  },
  'message.ts': { says: [/mail\.example A 192\.0\.2\.25/, /ERR_DNS_MALFORMED/] },
  'metrics.ts': {
    says: [/span main: ERR_DNS_CONNECT\nspan spare: RCODE 0/, /queries_total\{upstream="main",status="nxdomain"\} 1/],
  },
  'own-exchanger.ts': { says: [/tv\.home NXDOMAIN/, /log: www\.example A, RCODE 0 from two/] },
  'own-strategy.ts': { says: [/www\.corp\.example +office +NOERROR/, /what the strategy was told/] },
  'pool.ts': { says: [/asking second \(late\)/, /members now: second, third/, /no member is up/] },
  'reload.ts': {
    says: [
      /added: second; kept: first; removed: none\nasked before: 192\.0\.2\.1\nhits: 1\nrefused: .*did you mean "tls"/,
    ],
  },
  'quic.ts': { says: [/doq: NOERROR/, /h3: NOERROR[\s\S]*h3: 500 more/, /not trusted: ERR_DNS_TLS/] },
  'resolver.ts': { says: [/MX with TTLs/, /NXDOMAIN, on the list, says true/, /the server was asked 4 times/] },
  'router.ts': { says: [/wiki\.corp\.internal +NOERROR +from office/, /was asked 0 times/] },
  'server.ts': { says: [/4711 192\.0\.2\.1/, /1 reply sent/] },
  'status.ts': { says: [/far is down, 1 other is not\nnear: unknown, has answered[\s\S]*embedded: 200 text\/html/] },
  'testing.ts': { says: [/80 minutes passed; every query was answered/] },
  'trace.ts': { says: [/over udp \(retransmit\)/, /NOERROR from lossy/] },
  'upstream.ts': { says: [/NXDOMAIN/, /although a datagram was lost/, /ERR_DNS_CONNECT/] },
}

test('every example is run here', () => {
  const programs = readdirSync(`${ROOT}examples`).filter((name) => name.endsWith('.ts'))
  assert.deepEqual(programs.sort(), Object.keys(EXAMPLES).sort())
})

test.each(Object.entries(EXAMPLES))('%s runs to its end by itself and says what it shows', async (file, example) => {
  const { says, args = [] } = example
  const { code, stdout, stderr } = await run(process.execPath, [TSX, `examples/${file}`, ...args], { cwd: ROOT })
  assert.equal(code, 0, stderr)
  for (const line of says) assert.match(stdout, line)
  assert.doesNotMatch(stdout, /undefined|\[object/)
})
