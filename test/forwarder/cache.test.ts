import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Cache, Forwarder } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import type { Script } from '../../src/testing/behaviour.js'

function stage(scripts: { main?: Script; corp?: Script } = {}) {
  const clock = new FakeClock()
  const main = new FakeUpstream('main', scripts.main ?? {}, { clock })
  const corp = new FakeUpstream('corp', scripts.corp ?? {}, { clock })
  const forwarder = new Forwarder({ upstreams: [main], routes: { 'corp.test': corp }, cache: {}, clock })
  return { clock, main, corp, forwarder, query: (name: string, more = {}) => clock.run(forwarder.query(name, 'A', more)) }
} // prettier-ignore

describe('the cache of a Forwarder', () => {
  test('is there when it is asked for', () => {
    assert.equal(new Forwarder(['192.0.2.1']).cache, null)
    assert.equal(new Forwarder({ upstreams: ['192.0.2.1'], cache: false }).cache, null)
    assert.ok(new Forwarder({ upstreams: ['192.0.2.1'], cache: {} }).cache instanceof Cache)
  })

  test('answers for the default and for each route', async () => {
    const t = stage()
    for (const name of ['www.example', 'www.corp.test']) {
      assert.notEqual((await t.query(name)).upstream, null)
      assert.equal((await t.query(name)).upstream, null)
    }
    assert.deepEqual([t.main.asked, t.corp.asked, t.forwarder.cache!.stats.hits], [1, 1, 2])
  })

  test("never serves what a route's upstream said of other names (A10, MaginotDNS)", async () => {
    const evil = { name: 'www.example', type: 'A', ttl: 86_400, data: '203.0.113.66' }
    const t = stage({ corp: (query) => ({ answers: [{ ...evil, name: query.message.question!.name }, evil], additional: [evil] }) }) // prettier-ignore
    await t.query('x.corp.test')
    await t.query('x.corp.test')
    const reply = await t.query('www.example')
    assert.deepEqual([reply.upstream, reply.answers[0]!.data], ['main', '192.0.2.1'])
  })

  test('of a route that leaks: its own failure is remembered, and the default is asked and remembered for itself', async () => {
    const clock = new FakeClock()
    const main = new FakeUpstream('main', {}, { clock })
    const lan = new FakeUpstream('lan', { rcode: 'SERVFAIL' }, { clock })
    const forwarder = new Forwarder({ upstreams: [main], routes: { lan: { to: lan, leak: true } }, cache: {}, clock })
    assert.equal((await clock.run(forwarder.query('x.lan'))).upstream, 'main')
    assert.equal((await clock.run(forwarder.query('x.lan'))).upstream, null)
    assert.deepEqual([lan.asked, main.asked], [1, 1])
  })

  test('forgets failures when the network changes', async () => {
    const t = stage({ main: ['refused', {}] })
    await assert.rejects(t.query('www.example'))
    await assert.rejects(t.query('www.example'))
    assert.equal(t.main.asked, 1)
    t.forwarder.networkChanged()
    assert.equal((await t.query('www.example')).upstream, 'main')
  })

  test('stands after the router in a trace, before the pools', async () => {
    const t = stage()
    const steps = async (name: string) => (await t.query(name, { trace: true })).trace!.map(({ step }) => step)
    assert.deepEqual(await steps('www.corp.test'), ['route', 'cache'])
    assert.deepEqual((await steps('www.example')).slice(0, 2), ['cache', 'pool'])
    assert.deepEqual(await steps('www.example'), ['cache'])
  })

  test('takes the options, and the timeout of the forwarder', async () => {
    const clock = new FakeClock()
    const up = new FakeUpstream('up', 'silent', { clock })
    const forwarder = new Forwarder({ upstreams: [up], cache: { maxTtl: 5 }, timeout: 700, clock })
    assert.equal(forwarder.cache!.timeout, 700)
    await assert.rejects(clock.run(forwarder.query('www.example')))
    await assert.rejects(clock.run(forwarder.query('www.example')))
    assert.equal(up.asked, 1, 'a failure within 700 ms is one')
  })

  test('is gone with the forwarder', async () => {
    const t = stage()
    await t.query('www.example')
    await t.forwarder.close()
    assert.equal(t.forwarder.cache!.stats.entries, 0)
    await assert.rejects(t.query('www.example'), { code: 'ERR_DNS_CLOSED' })
    assert.equal(t.clock.pending, 0)
  })
})
