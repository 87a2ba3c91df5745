import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, test } from 'vitest'
import { HOSTS, Nsd } from '../helpers/nsd.js'
import { Daemon, missing, peer, temporaryFolder, title } from '../helpers/peer.js'
import { CLI } from '../helpers/serve.js'

const reason = missing('nsd', 'dnsperf')
const LOADED = /"msg":"configuration loaded"/g

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function nsd(): Promise<Nsd> {
  const one = await Nsd.start()
  cleanups.push(() => one.stop())
  return one
}

/** Settings that take turns: who is asked, by what strategy, with a cache or without, and what else is listened on. */
function documents(a: Nsd, b: Nsd): readonly string[] {
  const head = (more = ''): string =>
    `[server]\nlisten = ["127.0.0.1:0"${more}]\nmax_concurrent = 20000\nmax_per_client = 20000\n`
  return [
    `servers = ["${a.address}"]\n${head()}`,
    `servers = ["${b.address}", "${a.address}"]\n${head(', "127.0.0.2:0"')}[forwarder]\ntimeout = 4000\n`,
    `servers = ["${b.address}"]\n${head()}[forwarder.cache]\nmax_size = 4194304\n`,
  ]
}

describe.skipIf(reason !== null)(title('headrace serve is loaded anew under load', reason), () => {
  test.each(['udp', 'tcp'])('and loses no query over %s', async (mode) => {
    const texts = documents(await nsd(), await nsd())
    const folder = temporaryFolder('reload')
    const [file, queries] = [join(folder, 'headrace.toml'), join(folder, 'queries')]
    writeFileSync(file, texts[0]!)
    writeFileSync(queries, Array.from({ length: HOSTS }, (_, i) => `h${i}.load.example A\n`).join(''))
    const daemon = new Daemon(process.execPath, [CLI, 'serve', '-c', file])
    cleanups.push(() => daemon.stop())
    await daemon.until((output) => /"address":"127\.0\.0\.1:\d+"[^]*"msg":"upstream"/.test(output))
    const port = /"address":"127\.0\.0\.1:(\d+)"/.exec(daemon.output)![1]!
    const args = ['-s', '127.0.0.1', '-p', port, '-d', queries, '-l', '4', '-Q', '1000', '-q', '100', '-c', '4', '-t', '4', '-m', mode] // prettier-ignore
    const client = spawn(peer('dnsperf')!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let report = ''
    client.stdout.on('data', (chunk: Buffer) => (report += chunk.toString()))
    const over = new Promise((resolve) => client.once('close', resolve))
    let isOver = false
    void over.then(() => (isOver = true))
    let loads = 0
    while (!isOver) {
      // In one step: it is also read when the system tells of a change, whenever that is.
      writeFileSync(`${file}.next`, texts[++loads % texts.length]!)
      renameSync(`${file}.next`, file)
      daemon.signal('SIGHUP')
      await daemon.until((output) => isOver || (output.match(LOADED)?.length ?? 0) >= loads)
    }
    await over
    const count = (what: string): number => Number(new RegExp(`${what}: +(\\d+)`).exec(report)?.[1] ?? NaN)
    assert.ok(count('Queries sent') > 1000, report)
    assert.ok(loads > 10, `${loads} loads`)
    assert.equal(count('Queries lost'), 0, report)
    assert.match(report, /Response codes: +NOERROR \d+ \(100\.00%\)/)
    assert.doesNotMatch(daemon.output, /"level":"error"/)
  })
})
