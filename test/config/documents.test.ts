import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Forwarder, type Pool } from '../../src/index.js'
import { parseConfig, type Config } from '../../src/config/index.js'
import { addressesOf, fixture } from './fixture.js'

/** What a forwarder makes of the first pool. */
function build(config: Config, check: (pools: readonly Pool[], forwarder: Forwarder) => void): void {
  const forwarder = new Forwarder(config.forwarder)
  try {
    check(forwarder.pools, forwarder)
  } finally {
    forwarder.destroy()
  }
}

describe("dns-proxy's examples", () => {
  test.each([
    ['dns-proxy-multiple.ini', ['1.1.1.1:53', '1.0.0.1:53', '8.8.8.8:53', '8.8.4.4:53']],
    ['dns-proxy-single.ini', ['8.8.8.8:53']],
    ['dns-proxy-available.ini', ['1.1.1.1:53', '1.0.0.1:53', '8.8.8.8:53', '8.8.4.4:53', '9.9.9.9:53']],
    ['dns-proxy-internal.ini', ['192.168.1.1:53', '10.0.0.1:53', '1.1.1.1:53', '8.8.8.8:53']],
    [
      'dns-proxy-dual-stack.ini',
      ['1.1.1.1:53', '[2606:4700:4700::1111]:53', '8.8.8.8:53', '[2001:4860:4860::8888]:53'],
    ],
    [
      'dns-proxy-mixed.ini',
      ['1.1.1.1:53', '8.8.8.8:53', '[2606:4700:4700::1111]:53', '[2001:4860:4860::8888]:53', '192.168.1.1:5353'],
    ],
  ])('%s: every server is asked by turns, and the next one if one fails', (name, expected) => {
    const config = fixture(name)
    assert.equal(config.format, 'dns-proxy')
    assert.deepEqual(config.warnings, [])
    build(config, ([pool], { upstreams }) => {
      assert.equal(pool!.strategy.name, 'balanced')
      assert.deepEqual(
        upstreams.map(({ address }) =>
          address!.host.includes(':') ? `[${address!.host}]:${address!.port}` : `${address!.host}:${address!.port}`,
        ),
        expected,
      )
    })
  })
})

describe("lazydns' examples", () => {
  test('basic: by turns, three attempts of 5 s, tags, checks', () => {
    const config = fixture('lazydns-basic.yaml')
    assert.equal(config.format, 'lazydns')
    assert.deepEqual(config.forwarder.pools, [
      {
        name: 'forward',
        priority: 1,
        upstreams: ['8.8.8.8:53', '1.1.1.1:53|cloudflare'],
        strategy: 'balanced',
        timeout: 5000,
        maxAttempts: 3,
        health: { mode: 'lazy' },
      },
    ])
    build(config, (_, { upstreams }) => assert.deepEqual(upstreams.map(({ name }) => name).slice(1), ['cloudflare']))
  })

  test('DNS over HTTPS: the fastest, 3 s', () => {
    const config = fixture('lazydns-doh.yaml')
    build(config, ([pool], { upstreams }) => {
      assert.equal(pool!.strategy.name, 'fastest')
      assert.deepEqual(
        upstreams.map(({ address }) => address!.text),
        ['https://doh.example/dns-query', 'https://doh2.example/dns-query'],
      )
      assert.equal(upstreams[1]!.name, 'doh2')
    })
    assert.equal((config.forwarder.pools![0] as { timeout: number }).timeout, 3000)
  })

  test('concurrent over 1: all at once, and no checks', () => {
    const [pool] = fixture('lazydns-race.yaml').forwarder.pools!
    assert.deepEqual(
      { ...pool },
      {
        name: 'forward_race',
        priority: 1,
        upstreams: ['8.8.8.8:53', '1.1.1.1:53'],
        strategy: 'parallel',
        timeout: 5000,
        maxAttempts: 3,
        health: false,
      },
    )
  })
})

describe("dnsdist's examples", () => {
  test('of use_client_subnet: a subnet that a client sends goes on, and that no other does is warned of', () => {
    const text =
      'backends: [{ address: 192.0.2.1, use_client_subnet: true }, { address: 192.0.2.2, use_client_subnet: false }]'
    const { forwarder, warnings } = parseConfig(text, { format: 'dnsdist' })
    const { upstreams } = forwarder.pools![0]! as { upstreams: readonly { ecs?: string }[] }
    assert.deepEqual(
      upstreams.map(({ ecs }) => ecs),
      ['keep', undefined],
    )
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!.message, /goes on/)
    assert.equal(warnings[0]!.path, 'backends[0].use_client_subnet')
  })

  test('a check of its own', () => {
    const config = fixture('dnsdist-check.yaml')
    assert.equal(config.format, 'dnsdist')
    assert.deepEqual(addressesOf(config), [
      {
        addr: 'udp://192.0.2.1',
        health: {
          mode: 'active',
          mustResolve: true,
          query: { name: 'a.root-servers.net.', type: 'AAAA', class: 'CH' },
        },
      },
    ])
    build(config, ([pool]) => assert.equal(pool!.strategy.name, 'least-outstanding'))
  })

  test('the lazy check, number by number', () => {
    assert.deepEqual(addressesOf(fixture('dnsdist-lazy.yaml')), [
      {
        addr: 'udp://192.0.2.1',
        health: {
          mode: 'lazy',
          interval: 1000,
          failureThreshold: 3,
          successThreshold: 2,
          lazy: { mode: 'timeout-only', failedInterval: 30_000, threshold: 30, sampleSize: 100, minSampleCount: 10 },
        },
      },
    ])
  })

  test('an address and an interface to ask from', () => {
    const config = fixture('dnsdist-source.yaml')
    assert.deepEqual(addressesOf(config), [{ addr: 'udp://192.0.2.1', source: '192.0.2.127@eth1' }])
  })
})

describe("Ferrous DNS's examples", () => {
  const CHECK = { interval: 30_000, timeout: 2000, failureThreshold: 3, successThreshold: 2 }

  test('home: pools by priority, 3 s an attempt, its checks', () => {
    const config = fixture('ferrous-home.toml')
    assert.equal(config.format, 'toml')
    assert.equal(config.forwarder.upstreamDefaults!.timeout, 3000)
    assert.equal(config.forwarder.timeout, 6000)
    assert.deepEqual(config.forwarder.health, CHECK)
    assert.deepEqual(
      config.warnings.map(({ line, path }) => [line, path]),
      [[3, 'dns.dnssec_enabled']],
    )
    build(config, (pools) => {
      assert.deepEqual(
        pools.map(({ name, priority, strategy }) => [name, priority, strategy.name]),
        [
          ['secure', 1, 'parallel'],
          ['fallback', 2, 'failover'],
        ],
      )
      assert.equal(pools[0]!.members.length, 3)
    })
  })

  test('enterprise', () => {
    const config = fixture('ferrous-enterprise.toml')
    assert.equal(config.forwarder.timeout, 5000)
    assert.deepEqual(config.forwarder.health, {
      interval: 15_000,
      timeout: 1000,
      failureThreshold: 2,
      successThreshold: 1,
    })
    build(config, (pools) => {
      assert.deepEqual(
        pools.map(({ name, strategy, members }) => [name, strategy.name, members.length]),
        [
          ['primary', 'balanced', 6],
          ['emergency', 'failover', 3],
        ],
      )
    })
  })

  test('split: the own domain stays in the own network, and its server finds the others', () => {
    const { forwarder } = fixture('ferrous-split.toml')
    assert.deepEqual(forwarder.routes, { corp: ['10.0.0.10:53'] })
    assert.deepEqual(forwarder.upstreamDefaults, { timeout: 3000, bootstrap: ['10.0.0.10:53'] })
  })

  test('combined strategies, and a document that is a list of servers', () => {
    build(fixture('ferrous-combined.toml'), (pools) => {
      assert.deepEqual(
        pools.map(({ strategy }) => strategy.name),
        ['parallel', 'failover'],
      )
    })
    build(fixture('ferrous-servers.toml'), (_, { upstreams }) => assert.equal(upstreams.length, 2))
  })

  test('upstream_servers are the global fallback, by the default strategy', () => {
    build(fixture('ferrous-fallback.toml'), (pools) => {
      assert.deepEqual(
        pools.map(({ name, strategy, members }) => [name, strategy.name, members.length]),
        [['fallback', 'parallel', 2]],
      )
    })
  })
})
