import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { ClientLimits } from '../../src/policy/client-limits.js'

describe('ClientLimits (A12)', () => {
  test('lets each address have so many outstanding, and one more for each that is given back', () => {
    const limits = new ClientLimits(2)
    assert.deepEqual(
      [1, 2, 3].map(() => limits.take('192.0.2.1')),
      [true, true, false],
    )
    assert.equal(limits.take('192.0.2.2'), true, 'another client')
    limits.release('192.0.2.1')
    assert.deepEqual(
      [1, 2].map(() => limits.take('192.0.2.1')),
      [true, false],
    )
  })

  test('exempts loopback and remembers nothing of it', () => {
    const limits = new ClientLimits(1)
    for (const address of ['127.0.0.1', '127.0.0.1', '127.8.8.8', '::1', '::1'])
      assert.equal(limits.take(address), true)
    limits.release('::1')
    assert.equal(limits.size, 0)
  })

  test('giving back what was never taken changes nothing', () => {
    const limits = new ClientLimits(1)
    limits.release('192.0.2.1')
    assert.equal(limits.take('192.0.2.1'), true)
    limits.release('192.0.2.1')
    limits.release('192.0.2.1')
    assert.deepEqual([limits.take('192.0.2.1'), limits.take('192.0.2.1')], [true, false])
  })

  test('A22: an address is only a key', () => {
    const limits = new ClientLimits(1)
    assert.deepEqual(
      [limits.take('__proto__'), limits.take('__proto__'), limits.take('constructor')],
      [true, false, true],
    )
  })

  test('forgets clients with nothing outstanding, and never those with something', () => {
    const limits = new ClientLimits(1)
    limits.take('192.0.2.1')
    for (let i = 0; i < 50_000; i++) {
      limits.take(`2001:db8::${i}`)
      limits.release(`2001:db8::${i}`)
    }
    assert.ok(limits.size <= 4096, `${limits.size}`)
    assert.equal(limits.take('192.0.2.1'), false)
  })

  test('is bounded when nobody gives anything back: new addresses are turned away', () => {
    const limits = new ClientLimits(1)
    let taken = 0
    for (let i = 0; i < 70_000; i++) if (limits.take(`2001:db8::${i}`)) taken++
    assert.equal(taken, 65_536)
    assert.equal(limits.size, 65_536)
    limits.release('2001:db8::7')
    assert.equal(limits.take('192.0.2.9'), true)
  })
})
