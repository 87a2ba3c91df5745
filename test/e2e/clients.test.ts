import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { DIGS, said, TYPEABLE } from '../helpers/digs.js'
import { HOSTS, Nsd } from '../helpers/nsd.js'
import { missing, peer, run, temporaryFolder, title } from '../helpers/peer.js'
import { serve, type Served } from '../helpers/serve.js'

const TRANSPORTS = [
  { over: 'UDP', flags: ['+notcp', '+bufsize=1232'] },
  { over: 'UDP without EDNS', flags: ['+notcp', '+noedns'] },
  { over: 'TCP', flags: ['+tcp'] },
] as const

for (const { client, sections } of DIGS) {
  const reason = missing('nsd', client)
  describe.skipIf(reason !== null)(title(`${client} against headrace serve in front of nsd`, reason), () => {
    const peers = stage()

    test.each(TRANSPORTS)(
      'sees over $over what it sees when it asks nsd',
      async ({ flags }) => {
        for (const { name, type } of TYPEABLE) {
          const [direct, ours] = await Promise.all([
            run(peer(client)!, ['@127.0.0.1', '-p', `${peers.nsd.port}`, ...flags, ...sections, name, type]),
            run(peer(client)!, ['@127.0.0.1', '-p', `${peers.served.port}`, ...flags, ...sections, name, type]),
          ])
          assert.equal(ours.code, 0, `${name} ${type}: ${ours.stdout}${ours.stderr}`)
          assert.equal(said(ours.stdout), said(direct.stdout), `${name} ${type}`)
          assert.match(ours.stdout, /NOERROR|NXDOMAIN|REFUSED/, `${name} ${type}`)
        }
      },
      60_000,
    )

    test('gets 4 kB by falling back to TCP', async () => {
      const flags = ['@127.0.0.1', '-p', `${peers.served.port}`, 'big.rich.example', 'TXT', '+short']
      const { stdout } = await run(peer(client)!, flags)
      assert.ok(stdout.replaceAll(/[^x]/g, '').length > 3800, stdout)
    })
  })
}

const load = missing('nsd', 'dnsperf')
describe.skipIf(load !== null)(title('dnsperf at full speed against headrace serve in front of nsd', load), () => {
  const peers = stage()
  const folder = temporaryFolder('dnsperf')
  const names = join(folder, 'names')
  writeFileSync(names, Array.from({ length: HOSTS }, (_, i) => `h${i}.load.example A\n`).join(''))

  test.each([
    { over: 'udp', args: ['-m', 'udp', '-c', '10', '-q', '200', '-l', '5', '-b', '4096'] },
    { over: 'tcp', args: ['-m', 'tcp', '-c', '10', '-q', '200', '-l', '3'] },
  ])(
    'loses nothing over $over',
    async ({ args }) => {
      const { stdout } = await run(peer('dnsperf')!, [
        '-s',
        '127.0.0.1',
        '-p',
        `${peers.served.port}`,
        '-d',
        names,
        ...args,
      ])
      const count = (what: string): number => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(stdout)?.[1] ?? NaN)
      assert.equal(count('Queries lost'), 0, stdout)
      assert.ok(count('Queries completed') > 1000, stdout)
      assert.match(stdout, /Response codes:\s+NOERROR \d+ \(100\.00%\)/, stdout)
    },
    30_000,
  )
})

function stage(): { nsd: Nsd; served: Served } {
  const peers: { nsd?: Nsd; served?: Served } = {}
  beforeAll(async () => {
    peers.nsd = await Nsd.start()
    peers.served = await serve([peers.nsd.address])
  })
  afterAll(async () => {
    await peers.served?.stop()
    await peers.nsd?.stop()
  })
  return peers as { nsd: Nsd; served: Served }
}
