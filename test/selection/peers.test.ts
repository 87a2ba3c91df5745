import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { coredns } from '../../benchmarks/selection/peers/coredns.js'
import { dnsdist } from '../../benchmarks/selection/peers/dnsdist.js'
import { dnsproxy } from '../../benchmarks/selection/peers/dnsproxy.js'
import { hickory } from '../../benchmarks/selection/peers/hickory.js'
import { lazydns } from '../../benchmarks/selection/peers/lazydns.js'
import { DEAD, stage } from './stage.js'

const one = (given: Parameters<typeof hickory>[0]) => hickory(given, 1)
const two = (given: Parameters<typeof hickory>[0]) => hickory(given, 2)
const until = (to: number) => [{ kind: 'silent', from: 0, to } as const]

describe("dnsproxy's lifetime mean", () => {
  test('draws nearly all traffic to one that was never measured, until its first failure is in', async () => {
    const t = stage(dnsproxy, { near: {}, dead: { faults: DEAD } })
    await t.flood(10, 20, 0)
    const before = { near: t.asked('near'), dead: t.asked('dead') }
    await t.flood(400, 20, 0)
    assert.ok(t.asked('near') - before.near <= 1, String(t.asked('near')))
    assert.ok(t.asked('dead') - before.dead >= 399)
  })

  test('is still paying for an outage that is over after thousands of replies', async () => {
    const t = stage(dnsproxy, { back: { takes: 10, faults: until(20_000) }, other: { takes: 30 } })
    await t.flood(40, 500)
    const before = t.asked('back')
    for (let i = 0; i < 2000; i++) await t.ask()
    assert.ok(t.asked('back') - before < 400, 'three in four would be its share')
  })

  test('hands on a SERVFAIL without asking the next', async () => {
    const t = stage(dnsproxy, { bad: { faults: [{ kind: 'servfail', from: 0, to: Infinity }] }, good: {} })
    assert.ok((await t.flood(100, 20)) < 75)
  })
})

describe("lazydns' fastest", () => {
  test('asks a dead one that was never measured first, and again, for ever', async () => {
    const t = stage(lazydns, { dead: { faults: DEAD }, near: {} })
    assert.equal(await t.flood(20, 100), 0)
    assert.deepEqual([t.asked('dead'), t.asked('near')], [40, 0])
  })

  test('never looks again at one that was slow when it was measured', async () => {
    const t = stage(lazydns, { a: {}, b: { takes: 11 } })
    await t.flood(200, 20)
    assert.deepEqual([t.asked('a'), t.asked('b')], [199, 1])
  })
})

describe("hickory's SRTT", () => {
  test('asks two at once by default, and the faster answers', async () => {
    const t = stage(two, { a: { takes: 50 }, b: { takes: 10 } })
    assert.equal(await t.ask(), true)
    assert.equal(t.clock.now(), 10)
    assert.deepEqual([t.asked('a'), t.asked('b')], [1, 1])
  })

  test('one that always loses is never measured, and so always asked along', async () => {
    const t = stage(two, { fast: {}, slow: { takes: 90 }, mid: { takes: 40 } })
    for (let i = 0; i < 50; i++) await t.ask()
    assert.ok(t.asked('slow') >= 49, String(t.asked('slow')))
  })

  test('an average fades while it is not asked, so that one that failed is tried again', async () => {
    const t = stage(one, { near: {}, dead: { faults: DEAD } })
    for (let i = 0; i < 20; i++) await t.ask()
    const before = t.asked('dead')
    assert.equal(before, 1)
    // 150 ms fade to less than 10 in 180 s times ln 15, while the other is not asked either.
    await t.flood(100, 10_000)
    assert.ok(t.asked('dead') > before)
  })

  test('asks the next one where a connection fails, and gives up where a time limit passes', async () => {
    const closed = stage(one, { closed: { faults: [{ kind: 'closed', from: 0, to: Infinity }] }, near: {} })
    assert.equal(await closed.flood(10, 100), 10)
    const silent = stage(one, { dead: { faults: DEAD } })
    assert.equal(await silent.ask(), false)
    assert.equal(silent.clock.now(), 5000)
  })
})

describe("dnsdist's least outstanding", () => {
  test('loses what it sent to a dead server, and finds that by a check', async () => {
    const t = stage(dnsdist, { dead: { faults: DEAD }, near: {} })
    const answered = await t.flood(100, 20)
    assert.equal(answered, 100 - t.asked('dead'))
    assert.ok(t.asked('dead') >= 1 && t.asked('dead') < 10, String(t.asked('dead')))
    await t.chooser.close?.()
  })

  test('one good check brings a server back', async () => {
    const t = stage(dnsdist, { back: { takes: 5, faults: until(5000) }, other: { takes: 20 } })
    await t.flood(60, 100, 0)
    const before = t.asked('back')
    await t.flood(20, 100, 0)
    assert.equal(t.asked('back') - before, 20)
    await t.chooser.close?.()
  })

  test('has nobody to ask while all are down', async () => {
    const t = stage(dnsdist, { dead: { faults: DEAD } })
    await t.flood(1, 3000, 0)
    assert.equal(await t.ask(), false)
    assert.equal(t.asked('dead'), 1)
    await t.chooser.close?.()
  })
})

describe("CoreDNS' random", () => {
  test('asks the next after two seconds, and stops asking once three checks have failed', async () => {
    const t = stage(coredns, { dead: { faults: DEAD }, near: {} })
    assert.equal(await t.flood(200, 100), 200)
    assert.ok(t.asked('dead') > 10 && t.asked('dead') < 60, String(t.asked('dead')))
  })

  test('asks anybody when all are down', async () => {
    const t = stage(coredns, { dead: { faults: DEAD } })
    assert.equal(await t.flood(3, 6000), 0)
    assert.ok(t.asked('dead') >= 3)
  })
})
