import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'vitest'
import { headrace } from './stage.js'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'headrace-check-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('headrace check', () => {
  test('says what would run, and warns', async () => {
    const path = file(
      'a.toml',
      `[dns]
dnssec_enabled = true
local_domain = "corp"
local_dns_server = "192.0.2.9"
upstream_servers = ["192.0.2.8"]
[[dns.pools]]
name = "secure"
strategy = "Parallel"
servers = ["tls://192.0.2.1", "192.0.2.2:5353|two"]
`,
    )
    assert.deepEqual(await headrace(['check', path]), {
      code: 0,
      stdout: `${path}: good (toml)
  Listen: 127.0.0.1:53
  Pool secure (parallel, priority 1):
    - tls://192.0.2.1:853
    - two
  Pool fallback (failover, priority 1):
    - 192.0.2.8:53
  Route: corp
`,
      stderr: `warning: ${path}:2:1: dns.dnssec_enabled: nothing is validated here: ask upstreams that validate\n`,
    })
  })

  test('says everything that is wrong in every file', async () => {
    const good = file('good.json', '{ "upstreams": ["192.0.2.1"] }')
    const bad = file('bad.toml', 'servers = ["192.0.2.1", "x:y:z"]\n"\\u001b[2J" = 1\n')
    const { code, stdout, stderr } = await headrace(['check', good, bad, join(folder, 'none.toml')])
    assert.equal(code, 1)
    assert.match(stdout, /good\.json: good \(json\)/)
    const lines = stderr.trimEnd().split('\n')
    assert.equal(lines.length, 3)
    assert.ok(lines[0]!.startsWith(`${bad}:1:25: servers[1]: address "x:y:z"`), lines[0])
    assert.ok(lines[1]!.startsWith(`${bad}:2:1: `), lines[1])
    assert.match(lines[2]!, /none\.toml:1:1: can't be read: ENOENT/)
    assert.doesNotMatch(stderr, /\u001b/)
  })
})
