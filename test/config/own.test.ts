import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { Forwarder } from '../../src/index.js'
import { FakeAuthority } from '../../src/testing/index.js'
import { loadConfig, parseConfig } from '../../src/config/index.js'

describe('our own documents', () => {
  test('the example in TOML, whole', async () => {
    const config = await loadConfig('examples/headrace.toml')
    assert.deepEqual(config, {
      format: 'toml',
      file: 'examples/headrace.toml',
      forwarder: {
        pools: [
          {
            name: 'encrypted',
            strategy: 'Parallel',
            priority: 1,
            upstreams: [
              'https://cloudflare-dns.com/dns-query',
              'tls://9.9.9.9|quad9',
              { addr: 'tls://1.1.1.1', weight: 2, tls: { servername: 'one.one.one.one' } },
            ],
          },
          { name: 'plain', strategy: 'Failover', priority: 2, upstreams: ['udp://8.8.8.8:53', 'udp://1.1.1.1:53'] },
        ],
        fallback: ['udp://9.9.9.9:53'],
        fallbackStrategy: 'Failover',
        timeout: 5000,
        health: { interval: 30_000, timeout: 2000, failureThreshold: 3, successThreshold: 2 },
        routes: { corp: ['10.0.0.10:53'], 'home.arpa': ['192.168.1.1'], 'ads.example': { action: 'nxdomain' } },
        cache: { maxSize: 67_108_864, maxStale: 86_400 },
        upstreamDefaults: { timeout: 2000, bootstrap: ['10.0.0.10:53'] },
      },
      server: { listen: ['127.0.0.1:5353', '[::1]:5353'], allow: ['127.0.0.0/8', '::1/128'] },
      service: { status: '127.0.0.1:8053', metrics: null, logFormat: 'auto', logLevel: 'info', workers: 1 },
      warnings: [],
    })
    new Forwarder(config.forwarder).destroy()
  })

  test('one line is enough', () => {
    const { forwarder } = parseConfig('servers = ["192.0.2.1", { addr = "192.0.2.2", weight = 3 }]')
    assert.deepEqual(forwarder, { pools: [{ upstreams: ['192.0.2.1', { addr: '192.0.2.2', weight: 3 }] }] })
  })

  test('JSON has the names of code, a forwarder alone or with all else', () => {
    const forwarder = { pools: [{ name: 'a', strategy: 'failover', upstreams: ['192.0.2.1'] }], timeout: 3000 }
    assert.deepEqual(parseConfig(JSON.stringify(forwarder), { format: 'json' }).forwarder, forwarder)
    const whole = parseConfig(JSON.stringify({ forwarder, server: { listen: ':5353' }, service: { workers: 2 } }))
    assert.deepEqual(whole.forwarder, forwarder)
    assert.deepEqual(whole.server, { listen: ':5353' })
    assert.equal(whole.service.workers, 2)
  })

  test('names of files begin where the document is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-config-'))
    try {
      const { cert: ca } = new FakeAuthority()
      writeFileSync(join(folder, 'ca.pem'), ca)
      writeFileSync(join(folder, 'no.pem'), 'no certificate')
      const text = `servers = [{ addr = "tls://192.0.2.1", tls = { ca_file = "ca.pem" } }]
[server.tls]
listen = ":8853"
cert_file = "c.pem"
key_file = "/k.pem"
`
      const { forwarder, server } = parseConfig(text, { file: join(folder, 'headrace.toml') })
      assert.deepEqual(forwarder.pools, [{ upstreams: [{ addr: 'tls://192.0.2.1', tls: { ca } }] }])
      assert.deepEqual(server.tls, { listen: ':8853', certFile: join(folder, 'c.pem'), keyFile: '/k.pem' })
      assert.throws(
        () => parseConfig(`\n${text.replace('ca.pem', 'no.pem')}`, { file: join(folder, 'x.toml') }),
        /x\.toml:2:\d+: servers\[0\]\.tls\.ca: cannot be used: it is not PEM/,
      )
      assert.throws(
        () => parseConfig(text.replace('ca.pem', 'none.pem'), { file: join(folder, 'x.toml') }),
        /x\.toml:1:\d+: servers\[0\]\.tls\.ca_file: can't be read: ENOENT/,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('client subnets are kept or replaced, by the names of the document', () => {
    const text = `servers = [{ addr = "192.0.2.1", ecs = "keep", ecs_prefix = { ipv4 = 20 } }, { addr = "192.0.2.2", ecs = "203.0.113.0/24" }]`
    assert.deepEqual(parseConfig(text, { file: 'x.toml' }).forwarder.pools, [
      {
        upstreams: [
          { addr: '192.0.2.1', ecs: 'keep', ecsPrefix: { ipv4: 20 } },
          { addr: '192.0.2.2', ecs: '203.0.113.0/24' },
        ],
      },
    ])
    assert.throws(
      () => parseConfig(text.replace('203.0.113.0', '203.0.113.1'), { file: 'x.toml' }),
      /servers\[1\]\.ecs: must be "strip", "keep", or a subnet such as .* with no bits after its prefix/,
    )
  })

  test.each([
    ['a.toml', 'servers = ["192.0.2.1"]', 'toml'],
    ['a.conf', '[forwarder-dns]\nserver-address = 192.0.2.1\n', 'dns-proxy'],
    [undefined, 'server-address = 192.0.2.1\n', 'dns-proxy'],
    [undefined, '\n{ "upstreams": ["192.0.2.1"] }', 'json'],
    [undefined, 'plugins:\n  - { type: forward, args: { upstreams: ["192.0.2.1"] } }\n', 'lazydns'],
    ['a.yml', 'backends:\n  - address: 192.0.2.1\n', 'dnsdist'],
  ])('%s, %j is %s', (file, text, format) => {
    assert.equal(parseConfig(text, file === undefined ? {} : { file }).format, format)
  })

  test('files that cannot be read, and options that do not exist', async () => {
    await assert.rejects(loadConfig('/nonexistent/a.toml'), {
      code: 'ERR_DNS_INVALID_CONFIG',
      message: /^\/nonexistent\/a\.toml:1:1: can't be read: ENOENT/,
    })
    assert.throws(() => parseConfig('', { format: 'xml' as 'toml' }), { code: 'ERR_DNS_INVALID_OPTION' })
  })
})
