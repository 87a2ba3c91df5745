import assert from 'node:assert/strict'
import { test } from 'vitest'
import { addressesOf, readInterfaces, type Interfaces } from '../../src/base/interfaces.js'
import { noInterfaces, readInterfacesBy } from '../helpers/interfaces.js'

test('a system that doesn’t tell its interfaces is no error', () => {
  assert.ok(Object.keys(readInterfaces()!).length > 0)
  readInterfacesBy(noInterfaces)
  assert.equal(readInterfaces(), null)
})

test('addresses are listed whatever holds them', () => {
  const held = (address: string) => ({ address, internal: false }) as never
  const interfaces: Interfaces = { eth0: [held('192.0.2.1'), held('2001:db8::1')], gone: undefined, tun0: [held('192.0.2.2')] } // prettier-ignore
  assert.deepEqual(addressesOf(interfaces).map(({ address }) => address), ['192.0.2.1', '2001:db8::1', '192.0.2.2']) // prettier-ignore
  assert.deepEqual(addressesOf({}), [])
})
