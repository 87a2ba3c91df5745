import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, Pool, Upstream, type DnsError } from 'headrace'

const upstreams = ['192.0.2.1']

test.each([
  [{ pools: [null] }, /"pools" must be an array of pools or of pool options .*; got null/],
  [{ pools: ['192.0.2.1'] }, /"pools" must be an array of pools or of pool options .*; got "192\.0\.2\.1"/],
  [{ pools: [['192.0.2.1']] }, /"pools" must be .*; got an array of 1/],
  [{ upstreams, routes: { lan: [] } }, /routes\["lan"\]" must hold at least one upstream/],
  [{ upstreams, routes: { lan: { to: upstreams, leek: true } } }, /leek" is not known; did you mean "leak"\?/],
  [{ upstreams, routes: { lan: { to: upstreams, action: 'refuse' } } }, /"to" exclude each other/],
  [{ upstreams, fallbackStrategy: 'nix' }, /^Forwarder: option "fallbackStrategy" must be one of parallel, /],
  [{ upstreams, strategy: 'nix' }, /^Forwarder: option "strategy" must be one of parallel, /],
  [
    { upstreams, upstreamDefaults: { timeuot: 1 } },
    /"upstreamDefaults\.timeuot" is not known; did you mean "timeout"\?/,
  ],
  [{ upstreams: [{ exchange: () => null }] }, /^Upstream: option "name" must be a string/],
  [{ upstreams: [{ name: 'x', exchange: 7 }] }, /^Upstream: option "exchange" must be a function; got 7/],
  [{ upstreams, cache: { timeout: 8000 } }, /^Forwarder: option "cache.timeout" must not be over timeout/],
  [{ upstreams, timeout: 2000, cache: { timeout: 2001 } }, /"cache.timeout" must not be over timeout/],
  [{ upstreams, health: { mode: 'passive' } }, /"health.mode" must be one of "active", "lazy", "off"/],
])('%j is refused with what is allowed', (options, message) => {
  assert.throws(
    () => new Forwarder(options as never),
    (e: DnsError) => e.code === 'ERR_DNS_INVALID_OPTION' && message.test(e.message),
  )
})

test('health: false, passive evidence alone, is taken everywhere', () => {
  new Forwarder({ upstreams, health: false })
  new Pool({ upstreams, health: false })
  new Upstream('192.0.2.1', { health: false })
})

describe("a user's exchanger behind a route", () => {
  test.each<[string, () => unknown]>([
    ['resolves with nothing', () => Promise.resolve(undefined)],
    ['resolves with something else', () => Promise.resolve({ message: 'NXDOMAIN' })],
    ['rejects with any error', () => Promise.reject(new Error('boom'))],
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
  ])('that %s is a failure like any other', async (_what, exchange) => {
    const own = { exchange } as never
    const forwarder = new Forwarder({ upstreams, routes: { lan: own } })
    const isDnsError = (e: DnsError): boolean => ['ERR_DNS_MALFORMED', 'ERR_DNS_CONNECT'].includes(e.code)
    await assert.rejects(forwarder.query('printer.lan'), isDnsError)
  })
})
