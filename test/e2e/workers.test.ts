import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'vitest'
import { FakeServer } from '../../src/testing/index.js'
import { Daemon, temporaryFolder, title } from '../helpers/peer.js'
import { askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { CLI } from '../helpers/serve.js'

const reason = existsSync('/proc/self/task') ? null : 'needs /proc, to find the workers'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Line {
  readonly msg: string
  readonly worker?: number
  readonly [field: string]: unknown
}

function linesOf({ output }: Daemon): readonly Line[] {
  return output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line) // prettier-ignore
}

function workersOf({ pid }: Daemon): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

async function stage(): Promise<{ daemon: Daemon; port: number; upstream: FakeServer; file: string }> {
  const upstream = await FakeServer.listen()
  cleanups.push(() => upstream.close())
  const file = join(temporaryFolder('workers'), 'headrace.toml')
  writeFileSync(file, `servers = ["${upstream.address}"]\n[server]\nlisten = ["127.0.0.1:0"]\n`)
  const daemon = new Daemon(process.execPath, [CLI, 'serve', '-c', file, '--workers', '2', '--metrics', '127.0.0.1:0'])
  cleanups.push(() => daemon.stop())
  await daemon.until((output) => output.includes('"msg":"workers"'))
  const port = Number(/"address":"127\.0\.0\.1:(\d+)"/.exec(daemon.output)![1])
  return { daemon, port, upstream, file }
}

async function ask(port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i += 20) {
    const batch = Array.from({ length: 20 }, (_, n) => askUdp(port, buildQuery(`n${i + n}.example`, 1, { id: n })))
    for (const reply of await Promise.all(batch)) assert.equal(rcodeOf(reply!), 0)
  }
}

describe.skipIf(reason !== null)(title('headrace serve --workers 2', reason), () => {
  test('shares the listeners, adds statistics up, starts again who ends, reloads and stops all', async () => {
    const { daemon, port, upstream, file } = await stage()
    assert.equal(linesOf(daemon).filter(({ msg }) => msg === 'listening').length, 1)
    await ask(port, 400)
    const { url } = linesOf(daemon).find(({ msg }) => msg === 'metrics') as unknown as { url: string }
    const text = await (await fetch(url)).text()
    assert.match(text, /^headrace_server_queries_total\{transport="udp"\} 400$/m)

    const [killed] = workersOf(daemon)
    process.kill(killed!, 'SIGKILL')
    await daemon.until((output) => output.includes('"msg":"worker ended"'))
    await ask(port, 100)
    await daemon.until(() => workersOf(daemon).length === 2 && !workersOf(daemon).includes(killed!))
    const ended = linesOf(daemon).find(({ msg }) => msg === 'worker ended')!
    assert.deepEqual([ended['how'], ended['wait_ms']], ['SIGKILL', 500])

    writeFileSync(file, `servers = ["${upstream.address}", "192.0.2.1"]\n[server]\nlisten = ["127.0.0.1:0"]\n`)
    await daemon.until((output) => output.match(/"msg":"configuration loaded"/g)?.length === 2)
    const loaded = linesOf(daemon).filter(({ msg }) => msg === 'configuration loaded').map(({ worker }) => worker) // prettier-ignore
    assert.deepEqual([...loaded].sort(), [1, 2])

    daemon.signal('SIGTERM')
    await daemon.ended()
    assert.equal(daemon.exitCode, 0)
    assert.equal(linesOf(daemon).filter(({ msg }) => msg === 'stopping').length, 3)
  })

  test('says once what it cannot do, and ends', async () => {
    const args = ['serve', '-l', '192.0.2.1:0', '--workers', '3', '9.9.9.9']
    const daemon = new Daemon(process.execPath, [CLI, ...args])
    cleanups.push(() => daemon.stop())
    await daemon.ended()
    assert.equal(daemon.exitCode, 1)
    assert.equal(daemon.output, 'headrace: cannot listen on 192.0.2.1:0 over udp: this machine has no such address\n')
  })
})
