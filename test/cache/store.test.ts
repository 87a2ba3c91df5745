import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { hashQuestion } from '../../src/cache/key.js'
import { Store } from '../../src/cache/store.js'
import { Message } from '../../src/wire/message.js'
import { seeded } from '../fuzz/mutate.js'

const MIB = 2 ** 20

/** A store, and a reply to a question by number, padded to about `size` octets. */
function stage(maxSize = MIB) {
  const store = new Store(maxSize)
  const replyFor = (n: number, size = 0, stamp = 0) => {
    const query = Message.query(`n${n}.example`, 'A')
    const data = Array.from({ length: Math.ceil(size / 256) }, () => Buffer.alloc(Math.min(255, size), stamp))
    return Message.reply(query, size === 0 ? {} : { answers: [{ name: 'x', type: 'TXT', data }] }).wire
  }
  const find = (n: number, flags = 0, partition = 0) => {
    const { wire, questionEnd } = Message.query(`N${n}.Example`, 'A')
    return store.find(hashQuestion(wire, questionEnd, 7), flags, partition, wire, questionEnd)
  }
  const put = (n: number, size = 0, { stamp = 0, flags = 0, partition = 0 } = {}) => {
    const wire = replyFor(n, size, stamp)
    const hash = hashQuestion(wire, new Message(wire).questionEnd, 7)
    const { length } = wire
    store.put(
      { hash, flags, partition, stored: n, lifetime: 60, length, additional: 0 },
      wire,
      find(n, flags, partition),
    )
  }
  /** Puts replies to questions that never came before; their octets are made once, since a flood takes many. */
  const flood = (size = 0) => {
    const wire = replyFor(1_000_000, size)
    const { length } = wire
    const { questionEnd } = new Message(wire)
    const digits = wire.indexOf('1000000')
    let n = 1_000_000
    return (times: number) => {
      for (let i = 0; i < times; i++) {
        wire.write(String(++n), digits, 'latin1')
        const hash = hashQuestion(wire, questionEnd, 7)
        const place = { hash, flags: 0, partition: 0, stored: n, lifetime: 60, length, additional: 0 }
        store.put(place, wire, store.find(hash, 0, 0, wire, questionEnd))
      }
    }
  }
  const octets = (location: number) => {
    const slab = store.slabOf(location)
    const at = store.offsetOf(location)
    return slab.bytes.subarray(slab.message(at), slab.message(at) + slab.length(at))
  }
  const use = (n: number) => {
    const location = find(n)
    if (location !== 0) store.slabOf(location).use(store.offsetOf(location))
    return location !== 0
  }
  return { store, put, find, flood, octets, replyFor, use }
}

describe('what was put in', () => {
  test('is found by its question in any case, its flags and its partition', () => {
    const t = stage()
    t.put(1, 0, { flags: 1, partition: 3 })
    assert.notEqual(t.find(1, 1, 3), 0)
    for (const [flags, partition] of [[0, 3], [1, 0], [3, 3]] as const) assert.equal(t.find(1, flags, partition), 0) // prettier-ignore
    assert.equal(t.find(2, 1, 3), 0)
  })

  test('comes back octet for octet, with its times', () => {
    const t = stage()
    t.put(5, 700)
    const location = t.find(5)
    assert.deepEqual(t.octets(location), t.replyFor(5, 700))
    const [slab, at] = [t.store.slabOf(location), t.store.offsetOf(location)]
    assert.deepEqual([slab.stored(at), slab.lifetime(at)], [5, 60])
  })

  test('is replaced in its place when the new one fits, else written anew', () => {
    const t = stage()
    t.put(1, 300)
    const first = t.find(1)
    t.put(1, 200, { stamp: 9 })
    assert.equal(t.find(1), first)
    t.put(1, 3000, { stamp: 7 })
    assert.notEqual(t.find(1), first)
    assert.deepEqual(t.octets(t.find(1)), t.replyFor(1, 3000, 7))
    assert.equal(t.store.count, 1)
  })

  test('is gone when removed, and the others are not', () => {
    const t = stage()
    for (let n = 0; n < 2000; n++) t.put(n)
    for (let n = 0; n < 2000; n += 2) t.store.remove(t.find(n))
    for (let n = 0; n < 2000; n++) assert.equal(t.find(n) === 0, n % 2 === 0)
    assert.equal(t.store.count, 1000)
    let seen = 0
    t.store.each(() => seen++)
    assert.equal(seen, 1000)
  })

  test('the longest message fits into the smallest store', () => {
    const t = stage()
    const wire = Buffer.concat([t.replyFor(1), Buffer.alloc(65_535 - t.replyFor(1).length, 1)])
    t.store.put({ hash: 1, flags: 0, partition: 0, stored: 0, lifetime: 1, length: 65_535, additional: 0 }, wire, 0)
    assert.equal(t.store.count, 1)
  })

  test('clear leaves nothing behind', () => {
    const t = stage()
    for (let n = 0; n < 50_000; n++) t.put(n)
    t.store.clear()
    assert.equal(t.store.count, 0)
    assert.ok(t.store.size < 50_000)
    t.put(1)
    assert.notEqual(t.find(1), 0)
  })
})

describe('memory', () => {
  test.each([MIB, 3 * MIB, 5_000_000])('%d octets are never exceeded, whatever is put in', (maxSize) => {
    const t = stage(maxSize)
    const below = seeded(maxSize)
    for (let n = 0; n < 60_000; n++) {
      t.put(below(40_000), below(20) === 0 ? below(20_000) : below(80))
      if (below(3) === 0) t.use(below(40_000))
      assert.ok(t.store.size <= maxSize, `${t.store.size} after ${n}`)
    }
    assert.ok(t.store.evicted > 0)
  })

  test('does not fragment: any traffic leaves most of it in use', () => {
    const t = stage(4 * MIB)
    const below = seeded(3)
    for (let i = 0; i < 300_000; i++) {
      const n = below(40_000)
      if (below(4) === 0) t.use(n)
      else t.put(n, below(5) === 0 ? below(400) : 0)
    }
    let used = 0
    t.store.each((slab, at) => (used += slab.size(at)))
    assert.ok(used > 0.7 * t.store.size, `${used} of ${t.store.size}`)
  })

  test('a model agrees: what is found is what was put in last', () => {
    const t = stage()
    const model = new Map<number, Buffer>()
    const below = seeded(11)
    for (let i = 0; i < 40_000; i++) {
      const n = below(5000)
      const what = below(10)
      if (what === 0) {
        const location = t.find(n)
        if (location !== 0) t.store.remove(location)
        model.delete(n)
      } else if (what < 6) {
        const size = below(600)
        t.put(n, size, { stamp: i & 0xff })
        model.set(n, t.replyFor(n, size, i & 0xff))
      } else if (t.use(n)) assert.deepEqual(t.octets(t.find(n)), model.get(n))
    }
    let live = 0
    t.store.each(() => live++)
    assert.equal(live, t.store.count)
  })
})

describe('scans', () => {
  test.each([
    ['small', 0, 64 * MIB, 8000],
    ['small in a small cache', 0, 4 * MIB, 8000],
    ['large', 4000, 64 * MIB, 8000],
  ])('10 popular names at 1/s beside unique %s replies for 60 s are hits (A15, T21)', (_what, size, maxSize, rate) => {
    const t = stage(maxSize)
    const flood = t.flood(size)
    let hits = 0
    for (let second = 0; second < 60; second++) {
      for (let name = 0; name < 10; name++) {
        if (t.use(name)) hits++
        else t.put(name)
        flood(rate / 10)
      }
    }
    assert.ok(hits >= 0.9 * 600, `${hits} hits of 600`)
  })

  test('everything being wanted is no reason to stop: each step still makes room', () => {
    const t = stage()
    for (let n = 0; n < 100_000; n++) {
      t.put(n)
      t.use(n)
      t.use(n)
    }
    assert.ok(t.store.count > 1000)
    assert.notEqual(t.find(99_999), 0)
  })
})
