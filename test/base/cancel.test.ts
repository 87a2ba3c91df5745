import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, test } from 'vitest'
import { CancelScope } from '../../src/base/cancel.js'

describe('cancel scope', () => {
  test('cancels everything attached, once', () => {
    const scope = new CancelScope()
    const cancelled: string[] = []
    for (const name of ['a', 'b', 'c']) scope.onCancel(() => cancelled.push(name))
    assert.equal(scope.cancelled, false)
    scope.cancel()
    scope.cancel()
    assert.equal(scope.cancelled, true)
    assert.deepEqual(cancelled.sort(), ['a', 'b', 'c'])
  })

  test('cancels at once what is attached after the end', () => {
    const scope = new CancelScope()
    scope.cancel()
    let cancelled = 0
    scope.onCancel(() => cancelled++)
    scope.attach({ cancel: () => cancelled++ })
    assert.equal(cancelled, 2)
  })

  test('one attached while cancelling is cancelled too', () => {
    const scope = new CancelScope()
    let cancelled = 0
    scope.onCancel(() => scope.onCancel(() => cancelled++))
    scope.cancel()
    assert.equal(cancelled, 1)
  })

  test('cancelling from within cancels nobody twice', () => {
    const scope = new CancelScope()
    let cancelled = 0
    for (let i = 0; i < 3; i++) {
      scope.onCancel(() => {
        cancelled++
        scope.cancel()
      })
    }
    scope.cancel()
    assert.equal(cancelled, 3)
  })

  test('scopes nest: the inner one ends with the outer, not the other way round', () => {
    const [outer, inner] = [new CancelScope(), new CancelScope()]
    outer.attach(inner)
    inner.cancel()
    assert.equal(outer.cancelled, false)
    const other = new CancelScope()
    outer.attach(other)
    outer.cancel()
    assert.equal(other.cancelled, true)
  })

  test('forgets what it cancelled', () => {
    const scope = new CancelScope()
    let cancelled = 0
    scope.attach({ cancel: () => cancelled++ })
    scope.cancel()
    scope.attach({ cancel: () => {} })
    scope.cancel()
    assert.equal(cancelled, 1)
  })
})

describe('a scope from an AbortSignal', () => {
  test('ends when the signal aborts', () => {
    const controller = new AbortController()
    const { scope } = CancelScope.fromSignal(controller.signal)
    assert.equal(scope.cancelled, false)
    controller.abort()
    assert.equal(scope.cancelled, true)
  })

  test('has ended already when the signal had', () => {
    const { scope, release } = CancelScope.fromSignal(AbortSignal.abort())
    assert.equal(scope.cancelled, true)
    release()
  })

  test('leaves no listener on a signal that lives long (N08)', () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 1000; i++) CancelScope.fromSignal(signal).release()
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('shares one listener with all others of its signal, which would be warned of otherwise', () => {
    const controller = new AbortController()
    const { signal } = controller
    const held = Array.from({ length: 100 }, () => CancelScope.fromSignal(signal))
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    held[0]!.release()
    held[1]!.scope.onCancel(() => held[2]!.release())
    controller.abort()
    assert.deepEqual([...new Set(held.map(({ scope }) => scope.cancelled))], [false, true])
    assert.deepEqual(held.flatMap(({ scope }, i) => (scope.cancelled ? [] : [i])), [0, 2]) // prettier-ignore
    for (const { release } of held) release()
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('does not end after release', () => {
    const controller = new AbortController()
    const { scope, release } = CancelScope.fromSignal(controller.signal)
    release()
    release()
    controller.abort()
    assert.equal(scope.cancelled, false)
  })
})
