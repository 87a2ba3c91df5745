import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { ConfigError, parseConfig, type ConfigFormat } from '../../src/config/index.js'

/** `line:column: path: message` of everything that is wrong. */
function problemsOf(format: ConfigFormat, text: string): readonly string[] {
  try {
    parseConfig(text, { format })
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.equal(error.code, 'ERR_DNS_INVALID_CONFIG')
    return error.problems.map(({ line, column, path, message }) => `${line}:${column}: ${path}: ${message}`)
  }
  return []
}

/** Each line of a document with what is wrong there; `expected` are beginnings. */
const CASES: readonly (readonly [string, ConfigFormat, string, readonly string[]])[] = [
  [
    "Ferrous DNS's table",
    'toml',
    `[dns]
query_timeot = 3
[[dns.pools]]
name = "a"
strategy = "Paralel"
servers = ["tsl://192.0.2.1", "udp://192.0.2.1:99999", { addr = "192.0.2.1", wieght = 3, tls = { pins = 3 } }]
[dns.health_check]
interval = "x"
failure_treshold = 2
`,
    [
      '2:1: dns.query_timeot: is not known; did you mean "query_timeout"?',
      '5:1: dns.pools[0].strategy: must be one of parallel,',
      '6:12: dns.pools[0].servers[0]: address "tsl://192.0.2.1" has the unknown scheme "tsl"; did you mean "tls"?',
      '6:31: dns.pools[0].servers[1]: address "udp://192.0.2.1:99999" has the port "99999"',
      '6:78: dns.pools[0].servers[2].wieght: is not known; did you mean "weight"?',
      '6:98: dns.pools[0].servers[2].tls.pins: must be an array of SHA-256 digests',
      '8:1: dns.health_check.interval: must be a number of seconds',
      '9:1: dns.health_check.failure_treshold: is not known; did you mean "failure_threshold"?',
    ],
  ],
  [
    'our own tables',
    'toml',
    `servers = ["192.0.2.1"]
[server]
allow = ["10.0.0.0/8", "10.0.0.0/33"]
[server.tls]
listen = ":853"
[service]
workers = -2
log_fromat = "human"
[forwarder.routes]
"corp" = { to = ["192.0.2.2"], leek = true }
"x.y" = { action = "drop" }
`,
    [
      '3:24: server.allow[1]: must be an IP address or a network such as',
      '4:1: server.tls: has neither "cert_file" nor "cert"',
      '4:1: server.tls: has neither "key_file" nor "key"',
      '7:1: service.workers: must be a whole number from 0 to 1024; got -2',
      '8:1: service.log_fromat: is not known; did you mean "log_format"?',
      '10:32: forwarder.routes.corp.leek: is not known; did you mean "leak"?',
      '11:11: forwarder.routes["x.y"].action: must be one of "refuse", "nxdomain", "nodata"; got "drop"',
    ],
  ],
  ['nobody to ask', 'toml', '[server]\nlisten = ":53"\n', ['1:1: : names nobody to ask, such as servers = [']],
  ['what is not TOML', 'toml', 'servers = ["192.0.2.1"\n', ['2:1: : is not TOML: expected comma']],
  [
    'pools of one name',
    'toml',
    '[[dns.pools]]\nname = "a"\nservers = ["192.0.2.1"]\n[[dns.pools]]\nname = "a"\nservers = ["192.0.2.1"]\n',
    ['5:1: dns.pools[1].name: must be another one: "a" is the name of dns.pools[0]'],
  ],
  [
    'our own options',
    'json',
    '{ "upstreams": ["192.0.2.1"],\n  "timeout": "x", "straegy": 1 }',
    [
      '2:3: timeout: must be a number of milliseconds from 1 to 2147483647; got "x"',
      '2:19: straegy: is not known; did you mean "strategy"?',
    ],
  ],
  ['a key twice', 'json', '{ "upstreams": ["192.0.2.1"],\n "timeout": 1, "timeout": 2 }', ['2:16: : has a key']],
  ['what is not JSON', 'json', '{ "upstreams": [\n "192.0.2.1",] }', ['2:14: : is not JSON: Unexpected token']],
  ['JSON without an end', 'json', '{ "upstreams": [', ['1:17: : is not JSON: Unexpected end']],
  ['JSON that is no table', 'json', 'null', ['1:1: : must be a table; got null']],
  [
    'keys that objects have',
    'json',
    '{ "__proto__": { "upstreams": ["192.0.2.1"] }, "constructor": 1 }',
    ['1:3: __proto__: is not known', '1:48: constructor: is not known'],
  ],
  [
    "lazydns' arguments",
    'lazydns',
    `plugins:
  - type: forward
    args:
      upstreams: ["192.0.2.1", 5]
      timeout: 0
      strategy: roundrobin
      max_attemps: 2
`,
    [
      '4:32: plugins[0].args.upstreams[1]: must be an address',
      '5:7: plugins[0].args.timeout: must be a whole number of seconds from 1 to 3600; got 0',
      '6:7: plugins[0].args.strategy: must be one of "round_robin", "random", "fastest"; got "roundrobin"; did you mean "round_robin"?',
      '7:7: plugins[0].args.max_attemps: is not known; did you mean "max_attempts"?',
    ],
  ],
  ['no forward', 'lazydns', 'plugins:\n  - type: hosts\n', ['1:1: : has no plugin of the type "forward"']],
  ['what is not YAML', 'lazydns', 'plugins: [\n', ['2:1: : is not YAML: ']],
  [
    'aliases of aliases',
    'lazydns',
    `${[...'abcd']
      .map(
        (name, i) =>
          `${name}: &${name} [${Array(10)
            .fill(i === 0 ? 'x' : `*${'abcd'[i - 1]}`)
            .join(',')}]`,
      )
      .join('\n')}
plugins: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]`,
    ["1:1: : can't be read: Excessive alias count"],
  ],
  [
    "dnsdist's backends",
    'dnsdist',
    `backends:
  - address: "192.0.2.300"
    protocol: "Do54"
    weight: 0
    health_checks: { mode: lazzy, rise: 0, lazy: { threshold: 200 } }
acl: ["10.0.0.0/8", "x"]
`,
    [
      '2:5: backends[0].address: address "udp://192.0.2.300" has "192.0.2.300", which is not an IPv4 address',
      '3:5: backends[0].protocol: must be one of "Do53", "DoT", "DoH"; got "Do54"; did you mean "Do53"?',
      '4:5: backends[0].weight: must be a whole number of shares of at least 1; got 0',
      '5:22: backends[0].health_checks.mode: must be one of "auto", "lazy", "up", "down"; got "lazzy"; did you mean "lazy"?',
      '5:35: backends[0].health_checks.rise: must be a whole number of probes of at least 1; got 0',
      '5:52: backends[0].health_checks.lazy.threshold: must be a whole number of percent from 1 to 100; got 200',
      '6:21: acl[1]: must be an IP address or a network',
    ],
  ],
  [
    "dns-proxy's sections",
    'dns-proxy',
    `[forwarder-dns]
server-addresses = 192.0.2.1,999.1.1.1, foo bar
server-port = 99999
server-adress = 1
server-port = 53
`,
    [
      '2:1: forwarder-dns.server-addresses: address "999.1.1.1" has "999.1.1.1", which is not an IPv4 address',
      '2:1: forwarder-dns.server-addresses: address "foo bar" has white space',
      '4:1: forwarder-dns.server-adress: is not known; did you mean "server-address"?',
      '5:1: : forwarder-dns.server-port is there before',
    ],
  ],
]

describe('what is wrong in a document', () => {
  test.each(CASES)('%s', (_, format, text, expected) => {
    const problems = problemsOf(format, text)
    assert.equal(problems.length, expected.length, problems.join('\n'))
    expected.forEach((beginning, i) => assert.ok(problems[i]!.startsWith(beginning), `${problems[i]} <> ${beginning}`))
  })

  test('is said as compilers say it', () => {
    assert.throws(() => parseConfig('servers = ["x y"]', { file: '/etc/headrace.toml' }), {
      name: 'ConfigError',
      message: '/etc/headrace.toml:1:12: servers[0]: address "x y" has white space or a control character in it',
    })
  })

  test('what has no effect here is a warning', () => {
    const { warnings } = parseConfig(
      `plugins:
  - type: hosts
  - type: forward
    args: { upstreams: ["192.0.2.1"] }
`,
      { format: 'lazydns' },
    )
    assert.deepEqual(
      warnings.map(({ line, column, path }) => [line, column, path]),
      [[2, 5, 'plugins[0]']],
    )
  })

  test('a document in Lua is a program', () => {
    assert.throws(
      () => parseConfig('setLocal("127.0.0.1")\nnewServer("192.0.2.1")\n'),
      /^.*Lua, which is a program; write it in YAML/,
    )
  })
})
