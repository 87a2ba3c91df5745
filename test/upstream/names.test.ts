import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { finderFrom, Names, type Found } from '../../src/upstream/names.js'

type Script = Record<4 | 6, () => Promise<Found>>

const found = (ttl: number, ...addresses: string[]) => Promise.resolve({ addresses, ttl })
const unreachable = () => Promise.reject(new Error('no network'))
const never = () => new Promise<Found>(() => undefined)

/** Names of `host.example` that are found as `script` says, which may be changed. */
function stage(first: Partial<Script>, family: 4 | 6 | null = null) {
  const clock = new FakeClock()
  const script: Script = { 4: () => found(60), 6: () => found(60), ...first }
  const asked: string[] = []
  let changes = 0
  const names = new Names({
    name: 'up',
    host: 'host.example',
    family,
    find: (host, of) => {
      asked.push(`${host}/${of}`)
      return script[of]()
    },
    finder: 'its bootstrap',
    clock,
    onChange: () => changes++,
  })
  const use = async () => {
    names.refresh()
    await clock.advance(0)
    return names.addresses
  }
  return { clock, script, asked, names, use, changes: () => changes, find: () => clock.run(names.find()) }
}

describe('finding the addresses of a name', () => {
  test('asks for both families at once, and knows both', async () => {
    const t = stage({ 4: () => found(60, '192.0.2.1'), 6: () => found(60, '2001:db8::1') })
    await t.find()
    await t.clock.advance(0)
    assert.deepEqual(t.names.addresses, ['192.0.2.1', '2001:db8::1'])
    assert.deepEqual(t.asked, ['host.example/4', 'host.example/6'])
  })

  test.each([4, 6] as const)(
    'goes on with IPv%i while the other family is silent (RFC 8305, section 3)',
    async (family) => {
      const address = family === 4 ? '192.0.2.1' : '2001:db8::1'
      const t = stage({ 4: never, 6: never, [family]: () => found(60, address) })
      await t.find()
      assert.deepEqual(t.names.addresses, [address])
    },
  )

  test('adds the other family when it comes', async () => {
    let answer!: (value: Found) => void
    const t = stage({ 4: () => found(60, '192.0.2.1'), 6: () => new Promise((resolve) => (answer = resolve)) })
    await t.find()
    answer({ addresses: ['2001:db8::1'], ttl: 60 })
    await t.clock.advance(0)
    assert.deepEqual([t.names.addresses, t.changes()], [['192.0.2.1', '2001:db8::1'], 2])
  })

  test('takes NODATA in one family for no failure', async () => {
    const t = stage({ 6: () => found(60, '2001:db8::1') })
    await t.find()
    assert.deepEqual(t.names.addresses, ['2001:db8::1'])
  })

  test('asks for the family of the source alone', async () => {
    const t = stage({ 4: () => found(60, '192.0.2.1') }, 4)
    await t.find()
    assert.deepEqual(t.asked, ['host.example/4'])
  })

  test('is one lookup for all who wait', async () => {
    const t = stage({ 4: () => found(60, '192.0.2.1') })
    await t.clock.run(Promise.all([t.names.find(), t.names.find(), t.names.find()]))
    assert.equal(t.asked.length, 2)
  })

  test.each<[string, Partial<Script>]>([
    ['there are none', {}],
    ['nobody can be asked', { 4: unreachable, 6: unreachable }],
    ['one family has none and the other cannot be asked', { 6: unreachable }],
    ['there is no answer within 5 s', { 4: never, 6: never }],
  ])('fails where %s, and a second later the next query tries again (R-9520-2)', async (_what, script) => {
    const t = stage(script)
    const error = { code: 'ERR_DNS_CONNECT', message: 'up: its bootstrap finds no address of host.example' }
    await assert.rejects(t.find(), error)
    assert.ok(t.clock.now() <= 5000)
    t.clock.stall(999)
    await assert.rejects(t.find(), error)
    assert.equal(t.asked.length, 2)
    t.clock.stall(1)
    await assert.rejects(t.find(), error)
    assert.equal(t.asked.length, 4)
    t.script[4] = () => found(60, '192.0.2.1')
    t.clock.stall(1000)
    await t.find()
    assert.deepEqual(t.names.addresses, ['192.0.2.1'])
    assert.equal(t.clock.pending, 0)
  })
})

test('after a change of network a failure is not believed any more', async () => {
  const t = stage({})
  await assert.rejects(t.find())
  t.names.renew()
  t.script[4] = () => found(60, '192.0.2.1')
  await t.find()
  assert.deepEqual(t.names.addresses, ['192.0.2.1'])
})

describe('refreshing them', () => {
  const oneAddress = async (ttl: number) => {
    const t = stage({ 4: () => found(ttl, '192.0.2.1') })
    await t.find()
    t.asked.length = 0
    return t
  }

  test.each([
    ['300 s are 300 s', 300, 300],
    ['0 s are 10 s', 0, 10],
    ['a negative TTL is 10 s', -5, 10],
    ['a week is a day', 604_800, 86_400],
    ['no TTL at all is a day', Infinity, 86_400],
  ])('begins with the first use after the TTL: %s', async (_what, ttl, seconds) => {
    const t = await oneAddress(ttl)
    t.clock.stall(1000 * seconds - 1)
    await t.use()
    assert.equal(t.asked.length, 0)
    t.clock.stall(1)
    await t.use()
    assert.equal(t.asked.length, 2)
  })

  test('goes by the shorter TTL of the two families', async () => {
    const t = stage({ 4: () => found(300, '192.0.2.1'), 6: () => found(30, '2001:db8::1') })
    await t.find()
    await t.clock.advance(30_000)
    await t.use()
    assert.equal(t.asked.length, 4)
  })

  test('the system’s resolver, which says no TTL, is asked again after a minute', async () => {
    assert.deepEqual(await finderFrom(async () => ['192.0.2.1'])('host.example', 4), {
      addresses: ['192.0.2.1'],
      ttl: 60,
    })
  })

  test('leaves the old addresses in use until there are new ones', async () => {
    const t = await oneAddress(60)
    let answer!: (value: Found) => void
    t.script[4] = () => new Promise((resolve) => (answer = resolve))
    t.clock.stall(60_000)
    assert.deepEqual(await t.use(), ['192.0.2.1'])
    answer({ addresses: ['192.0.2.2'], ttl: 60 })
    assert.deepEqual(await t.use(), ['192.0.2.2'])
  })

  test.each<[string, () => Promise<Found>]>([
    ['fails', unreachable],
    ['brings no addresses any more', () => found(60)],
  ])('that %s leaves them in use for ever, and tries again after 1, 2, 4 … 30 s (RFC 9520)', async (_what, answer) => {
    const t = await oneAddress(60)
    t.script[4] = answer
    t.clock.stall(60_000)
    const at: number[] = []
    const start = t.clock.now()
    while (at.length < 8) {
      const before = t.asked.length
      assert.deepEqual(await t.use(), ['192.0.2.1'])
      if (t.asked.length > before) at.push((t.clock.now() - start) / 1000)
      t.clock.stall(500)
    }
    assert.deepEqual(at, [0, 1, 3, 7, 15, 31, 61, 91])
  })

  test('that succeeds forgets how often it failed', async () => {
    const t = await oneAddress(60)
    t.script[4] = unreachable
    t.clock.stall(60_000)
    for (let i = 0; i < 5; i++) {
      await t.use()
      t.clock.stall(30_000)
    }
    t.script[4] = () => found(60, '192.0.2.1')
    await t.use()
    t.script[4] = unreachable
    t.clock.stall(60_000)
    await t.use()
    const before = t.asked.length
    t.clock.stall(1000)
    await t.use()
    assert.equal(t.asked.length, before + 2)
  })

  test('a family that has gone goes, and one that cannot be asked stays', async () => {
    const t = stage({ 4: () => found(60, '192.0.2.1'), 6: () => found(60, '2001:db8::1') })
    await t.find()
    await t.clock.advance(60_000)
    t.script[4] = () => found(60)
    assert.deepEqual(await t.use(), ['2001:db8::1'])
    t.script[6] = unreachable
    await t.clock.advance(60_000)
    assert.deepEqual(await t.use(), ['2001:db8::1'])
  })

  test('the same addresses in another order are no change', async () => {
    const t = stage({ 4: () => found(60, '192.0.2.1', '192.0.2.2') })
    await t.find()
    t.script[4] = () => found(60, '192.0.2.2', '192.0.2.1')
    t.clock.stall(60_000)
    assert.deepEqual(await t.use(), ['192.0.2.1', '192.0.2.2'])
    assert.equal(t.changes(), 1)
  })

  test('a change of network has the next use look up again, whatever is under way', async () => {
    const t = await oneAddress(300)
    t.names.renew()
    t.script[4] = never
    t.script[6] = never
    assert.deepEqual(await t.use(), ['192.0.2.1'])
    t.names.renew()
    t.script[4] = () => found(300, '192.0.2.7')
    assert.deepEqual(await t.use(), ['192.0.2.7'])
  })
})
