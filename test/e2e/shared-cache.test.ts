import assert from 'node:assert/strict'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { Cache } from 'headrace'
import { FakeUpstream } from 'headrace/testing'
import type { Script } from '../../src/testing/behaviour.js'
import { Daemon, freePort, missing, pause, peer, temporaryFolder, title } from '../helpers/peer.js'

const reason = missing('redis-server')

describe.skipIf(reason !== null)(title('a cache shared through redis', reason), () => {
  let redis: Daemon
  let port: number
  const ends: (() => unknown)[] = []

  beforeAll(async () => {
    port = await freePort()
    const folder = temporaryFolder('redis')
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
    redis = new Daemon(peer('redis-server')!, args, { cwd: folder })
    await redis.until((output) => output.includes('Ready to accept connections'))
  })
  afterEach(async () => {
    redis.signal('SIGCONT')
    for (const end of ends.splice(0).reverse()) await end()
  })
  afterAll(() => redis?.stop())

  /** A cache as another process would have it: its own connection, its own upstream. */
  function stage(script: Script) {
    const upstream = new FakeUpstream('up', script)
    const store = new KeyvRedis(`redis://127.0.0.1:${port}`)
    const keyv = new Keyv(store, { namespace: 'dns' })
    const errors: unknown[] = []
    keyv.on('error', (error: unknown) => errors.push(error))
    const cache = new Cache(upstream, { store: keyv })
    ends.push(
      () => store.disconnect(true).catch(() => undefined),
      () => cache.close(),
    )
    return { upstream, keyv, cache, errors }
  }

  /** The first query of a connection may be late for its 20 ms. */
  const connected = ({ keyv }: ReturnType<typeof stage>) => keyv.get('nothing')

  test('one asks, the other knows, with the octets of every type and the age', async () => {
    const one = stage({ answers: [{ type: 'A', ttl: 300, data: '192.0.2.99' }] })
    const two = stage('refused')
    await Promise.all([connected(one), connected(two)])
    await one.cache.query('shared.example', 'A', { dnssecOk: true })
    for (let tries = 0; tries < 50; tries++) {
      const found = await two.cache.query('shared.example', 'A', { dnssecOk: true }).catch(() => null)
      two.cache.networkChanged()
      if (found === null) continue
      assert.deepEqual([found.upstream, found.answers[0]!.data], [null, '192.0.2.99'])
      return
    }
    assert.fail('redis never had it')
  })

  test('a redis that stands still costs no query more than its budget', async () => {
    const t = stage({})
    await connected(t)
    redis.signal('SIGSTOP')
    for (let i = 0; i < 5; i++) {
      const { elapsed, upstream } = await t.cache.query(`stopped${i}.example`)
      assert.equal(upstream, 'up')
      // 20 ms, and what a busy machine adds.
      assert.ok(elapsed >= 15 && elapsed < 200, String(elapsed))
    }
  })

  test('what stands in redis is not believed when it is something else', async () => {
    const t = stage({})
    await connected(t)
    await t.cache.query('trust.example')
    await pause(50)
    const keys: string[] = []
    for await (const [key] of t.keyv.iterator!(undefined) as AsyncIterable<[string, string]>) keys.push(key)
    const mine = keys.find((key) => Buffer.from(key.split(':').at(-1)!, 'base64url').includes('trust'))!
    assert.ok(mine, keys.join(' '))
    for (const bad of ['', 'garbage', { a: 1 }, (await t.keyv.get(keys.find((key) => key !== mine)!)) as string]) {
      await t.keyv.set(mine, bad)
      const other = stage({ rcode: 'REFUSED' })
      await connected(other)
      assert.equal((await other.cache.query('trust.example')).rcode, 'REFUSED')
    }
  })

  test('a redis that goes away in the middle fails nothing', async () => {
    const t = stage({})
    await connected(t)
    await redis.stop()
    for (let i = 0; i < 5; i++) assert.equal((await t.cache.query(`gone${i}.example`)).upstream, 'up')
  })
})
