import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { stage } from './stage.js'

describe('a reply', () => {
  test('is asked for once while its TTL lasts, and ages', async () => {
    const t = stage()
    assert.equal((await t.query()).upstream, 'up')
    await t.clock.advance(299_999)
    const hit = await t.query()
    assert.deepEqual([hit.upstream, hit.age, hit.answers[0]!.ttl, t.upstream.asked], [null, 299, 1, 1])
    await t.clock.advance(1)
    assert.deepEqual([(await t.query()).upstream, t.upstream.asked], ['up', 2])
  })
})
