import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, test } from 'vitest'
import { FakeServer } from '../../src/testing/index.js'
import { Upstream } from '../../src/upstream/upstream.js'
import { Daemon } from '../helpers/peer.js'
import { CLI } from '../helpers/serve.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A descriptor that Node tells nobody of. */
const descriptorOf = (open: Socket | Server): number => (open as unknown as { _handle: { fd: number } })._handle.fd

/** A UDP and a TCP socket on one port of loopback, as a service manager would open them. */
async function openBoth(): Promise<{ udp: Socket; tcp: Server; port: number }> {
  for (;;) {
    const tcp = createServer()
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket('udp4')
    try {
      udp.bind(port, '127.0.0.1')
      await once(udp, 'listening')
      return { udp, tcp, port }
    } catch {
      tcp.close()
    }
  }
}

/** `headrace serve` as systemd starts it: with these descriptors from 3 on. */
function serveOn(descriptors: readonly number[], args: readonly string[]): Daemon {
  const command = `LISTEN_PID=$$ LISTEN_FDS=${descriptors.length} exec "$0" "$@"`
  const daemon = new Daemon('/bin/sh', ['-c', command, process.execPath, CLI, 'serve', ...args], { descriptors })
  cleanups.push(() => daemon.stop())
  return daemon
}

describe.skipIf(process.platform !== 'linux')('headrace serve with sockets that systemd has opened', () => {
  test('answers over them, and says what it has no use for', async () => {
    const server = await FakeServer.listen()
    cleanups.push(() => server.close())
    const [used, idle] = [await openBoth(), await openBoth()]
    const args = ['-l', `127.0.0.1:${used.port}`, '-u', `127.0.0.1:${server.port}`]
    const daemon = serveOn([used.udp, used.tcp, idle.udp].map(descriptorOf), args)
    // Whoever passes them keeps none.
    for (const { udp, tcp } of [used, idle]) {
      udp.close()
      tcp.close()
    }
    await daemon.until((output) => output.includes('"answering"'))
    assert.ok(daemon.output.includes(`"socket not used","fd":5,"address":"127.0.0.1:${idle.port}","transport":"udp"`))
    for (const scheme of ['udp', 'tcp']) {
      const upstream = new Upstream(`${scheme}://127.0.0.1:${used.port}`)
      cleanups.push(() => upstream.close())
      assert.equal((await upstream.query('a.example', 'A')).rcode, 'NOERROR')
    }
  })
})
