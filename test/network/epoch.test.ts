import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { describe, test } from 'vitest'
import type { Interfaces } from '../../src/base/interfaces.js'
import { Epoch } from '../../src/network/epoch.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

const MAC = '02:00:00:00:00:01'

function info(address: string, more: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  return {
    address,
    netmask: '',
    family,
    mac: MAC,
    internal: false,
    cidr: `${address}/24`,
    ...more,
  } as NetworkInterfaceInfo
}

const HOME = { lo: [info('127.0.0.1', { internal: true })], wlan0: [info('192.168.1.7'), info('fe80::7')] }

function stage(interfaces: Interfaces = HOME) {
  const clock = new FakeClock()
  const told: string[] = []
  const now = { interfaces, looks: 0 }
  const look = (): Interfaces => {
    now.looks++
    return now.interfaces
  }
  const epoch = new Epoch(clock, look)
  const stop = epoch.watch((reason) => told.push(`${reason} at ${clock.now()}`))
  return { clock, epoch, told, now, stop }
}

describe('Epoch', () => {
  test('nothing runs until somebody watches, nor after the last one stopped', async () => {
    const clock = new FakeClock()
    const epoch = new Epoch(clock, () => assert.fail('looked'))
    epoch.changed('resume')
    await assert.rejects(clock.run(new Promise(() => undefined)), /no timer is set/)

    const t = stage()
    const stopSecond = t.epoch.watch(() => undefined)
    t.stop()
    t.stop()
    await t.clock.advance(20_000)
    assert.equal(t.now.looks, 5)
    stopSecond()
    await assert.rejects(t.clock.run(new Promise(() => undefined)), /no timer is set/)
    const again = t.epoch.watch(() => undefined)
    await t.clock.advance(5000)
    assert.equal(t.now.looks, 7)
    again()
  })

  test('never holds the process', () => {
    assert.equal(stage().clock.pending, 0)
  })

  test('a quiet day is one epoch', async () => {
    const { clock, told, stop } = stage()
    await clock.advance(86_400_000)
    assert.deepEqual(told, [])
    stop()
  })

  test('a sleep shows as a jump of the wall clock against the monotonic one', async () => {
    const { clock, told, stop } = stage()
    await clock.advance(7000)
    clock.sleep(5001)
    await clock.advance(20_000)
    assert.deepEqual(told, ['sleep at 10000'])
    stop()
  })

  test('a jump of 5 s or less is none', async () => {
    const { clock, told, stop } = stage()
    clock.sleep(5000)
    await clock.advance(60_000)
    assert.deepEqual(told, [])
    stop()
  })

  test('where the monotonic clock counts sleep (macOS, Windows), the late look gives it away', async () => {
    const { clock, told, stop } = stage()
    clock.stall(3_600_000)
    await clock.advance(0)
    assert.deepEqual(told, ['sleep at 3600000'])
    stop()
  })

  test('a wall clock that is set back is no sleep', async () => {
    const { clock, told, stop } = stage()
    clock.sleep(-3_600_000)
    await clock.advance(60_000)
    assert.deepEqual(told, [])
    stop()
  })

  const changes: readonly {
    readonly what: string
    readonly to: NodeJS.Dict<NetworkInterfaceInfo[]>
    readonly counts: boolean
  }[] = [
    { what: 'an address that is gone', to: { lo: HOME.lo }, counts: true },
    { what: 'another address', to: { ...HOME, wlan0: [info('10.0.0.7')] }, counts: true },
    { what: 'another prefix', to: { ...HOME, wlan0: [info('192.168.1.7', { cidr: '192.168.1.7/16' })] }, counts: true },
    { what: 'another MAC', to: { ...HOME, wlan0: [info('192.168.1.7', { mac: '02:0:0:0:0:2' })] }, counts: true },
    { what: 'an interface more', to: { ...HOME, tun0: [info('10.8.0.2')] }, counts: true },
    { what: 'the interfaces in another order', to: { wlan0: HOME.wlan0, lo: HOME.lo }, counts: false },
    { what: "a container's link-local address", to: { ...HOME, veth1: [info('fe80::42')] }, counts: false },
    { what: 'an address of the loopback', to: { ...HOME, lo: [...HOME.lo, info('::1', { internal: true })] }, counts: false }, // prettier-ignore
    { what: 'an interface without addresses', to: { ...HOME, eth0: undefined }, counts: false },
  ]
  test.each(changes)('$what: a new epoch $counts', async ({ to, counts }) => {
    const { clock, told, now, stop } = stage()
    await clock.advance(6000)
    now.interfaces = to
    await clock.advance(60_000)
    assert.deepEqual(told, counts ? ['interfaces at 10000'] : [])
    stop()
  })

  test('there and back again are two epochs, the next look taking what is for granted', async () => {
    const { clock, told, now, stop } = stage()
    now.interfaces = {}
    await clock.advance(5000)
    now.interfaces = HOME
    await clock.advance(60_000)
    assert.deepEqual(told, ['interfaces at 5000', 'interfaces at 10000'])
    stop()
  })

  test("a caller's reason reaches everybody, and what it explains is not found a second time", async () => {
    const { clock, epoch, told, now, stop } = stage()
    const others: string[] = []
    const stopOther = epoch.watch((reason) => others.push(reason))
    clock.sleep(60_000)
    now.interfaces = {}
    epoch.changed('resume')
    await clock.advance(60_000)
    assert.deepEqual([told, others], [['resume at 0'], ['resume']])
    stop()
    stopOther()
  })

  test('a listener may stop itself, or everybody, while it is told', async () => {
    const { clock, epoch, told, stop } = stage()
    const stopOther = epoch.watch(() => {
      stopOther()
      stop()
    })
    epoch.changed('resume')
    epoch.changed('again')
    assert.deepEqual(told, ['resume at 0'])
    await assert.rejects(clock.run(new Promise(() => undefined)), /no timer is set/)
  })

  test('a system that does not let us look is one whose network does not change', async () => {
    let calls = 0
    const clock = new FakeClock()
    const epoch = new Epoch(clock, () => (++calls > 2 ? null : HOME))
    const told: string[] = []
    const stop = epoch.watch((reason) => told.push(reason))
    await clock.advance(60_000)
    assert.ok(calls > 2)
    clock.sleep(60_000)
    await clock.advance(5000)
    assert.deepEqual(told, ['sleep'])
    stop()
  })

  test("one is shared by all on a clock, and reads this machine's interfaces", async () => {
    const clock = new FakeClock()
    const epoch = Epoch.of(clock)
    assert.equal(Epoch.of(clock), epoch)
    assert.notEqual(Epoch.of(new FakeClock()), epoch)
    const stop = epoch.watch(() => assert.fail('nothing changed'))
    await clock.advance(10_000)
    stop()
  })
})
