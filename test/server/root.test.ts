import assert from 'node:assert/strict'
import { onTestFinished, test } from 'vitest'
import { parseAddress } from '../../src/address/address.js'
import { LoopGuard, type Root } from '../../src/server/root.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { claimPort, releasePort } from '../../src/transport/own-ports.js'
import { noInterfaces, readInterfacesBy } from '../helpers/interfaces.js'

test('addresses of this machine stay known while the system doesn’t tell them, and a query is no loop before', () => {
  const port = 40_001
  claimPort('udp', port, 'up')
  onTestFinished(() => releasePort('udp', port))
  const upstreams = [{ name: 'up', address: parseAddress('192.0.2.7:5353') }]
  const root: Root = { exchange: () => assert.fail('asked'), hints: { upstreams, covers: () => false, hasPrivateUpstream: false } } // prettier-ignore
  const client = { address: '192.0.2.7', port, transport: 'udp' } as const
  const clock = new FakeClock()
  const guard = new LoopGuard(root, new Set([5353]), clock)

  readInterfacesBy(noInterfaces)
  assert.equal(guard.isOwn(client), false)
  readInterfacesBy(() => ({ eth0: [{ address: '192.0.2.7', family: 'IPv4', internal: false } as never] }))
  clock.stall(5000)
  assert.equal(guard.isOwn(client), true)
  readInterfacesBy(noInterfaces)
  clock.stall(5000)
  assert.equal(guard.isOwn(client), true)
})
