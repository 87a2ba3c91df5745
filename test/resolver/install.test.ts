import assert from 'node:assert/strict'
import dns from 'node:dns'
import { Resolver } from 'headrace'
import { afterEach, describe, test } from 'vitest'
import { FakeUpstream } from 'headrace/testing'

type Place = { lookup: unknown }
const callbacks = dns as Place
const promises = dns.promises as Place
const originals = [callbacks.lookup, promises.lookup]
const now = (): unknown[] => [callbacks.lookup, promises.lookup]
const resolver = (): Resolver => new Resolver(new FakeUpstream('fake'))

describe('several resolvers installed', () => {
  afterEach(() => void ([callbacks.lookup, promises.lookup] = originals))

  const ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] as const // prettier-ignore
  test.each(ORDERS)('closed in the order %d, %d, %d they leave what was there before', async (...order) => {
    const all = [resolver(), resolver(), resolver()]
    for (const one of all) one.install()
    const open = new Set(all)
    for (const i of order) {
      await all[i]!.close()
      open.delete(all[i]!)
      const last = [...open].at(-1)
      assert.deepEqual(now(), last === undefined ? originals : [last.lookup, last.lookup])
    }
  })

  test('one that is installed again is the last', () => {
    const [one, two] = [resolver(), resolver()]
    for (const each of [one, two]) each.install()
    one.uninstall()
    one.install()
    assert.deepEqual(now(), [one.lookup, one.lookup])
    two.uninstall()
    one.uninstall()
    assert.deepEqual(now(), originals)
  })

  test('what somebody else has put between them or in one place alone stays', () => {
    const theirs = (): void => undefined
    const [one, two] = [resolver(), resolver()]
    one.install()
    callbacks.lookup = theirs
    two.install()
    one.uninstall()
    assert.deepEqual(now(), [two.lookup, two.lookup])
    two.uninstall()
    assert.deepEqual(now(), [theirs, originals[1]])

    callbacks.lookup = originals[0]
    one.install()
    promises.lookup = theirs
    one.uninstall()
    assert.deepEqual(now(), [originals[0], theirs])
  })
})
