import assert from 'node:assert/strict'
import { test } from 'vitest'
import { IntTable } from '../../src/base/int-table.js'

test('does what a Map does, whatever comes and goes', () => {
  const table = new IntTable<number | null>()
  const map = new Map<number, number | null>()
  // A generator of its own, so that each run is the same; few keys, so that they meet often.
  let state = 1
  const random = (below: number): number => (state = (state * 48_271) % 0x7fff_ffff) % below
  for (let i = 0; i < 200_000; i++) {
    // Runs of keys that want the same place, the last one at the end of the table among them.
    const key = random(40) * 64 + [0, 1, 62, 63][random(4)]! - random(2) * 0x8000_0000
    const what = random(10)
    if (what < 5) {
      table.set(key, what === 0 ? null : i)
      map.set(key, what === 0 ? null : i)
    } else assert.equal(table.delete(key), map.delete(key))
    assert.equal(table.get(key), map.get(key))
    assert.equal(table.has(key), map.has(key))
    assert.equal(table.size, map.size)
    if (i % 5000 === 0) assert.deepEqual(new Set(table.values()), new Set(map.values()))
    if (i % 50_000 === 49_999) {
      table.clear()
      map.clear()
    }
  }
})

test('takes 10,000 entries and gives each of them back', () => {
  const table = new IntTable<string>()
  for (let i = 0; i < 10_000; i++) table.set(i * 7, `${i}`)
  for (let i = 0; i < 10_000; i++) assert.equal(table.get(i * 7), `${i}`)
  assert.equal(table.size, 10_000)
  assert.equal(table.get(3), undefined)
})
