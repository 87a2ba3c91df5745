import assert from 'node:assert/strict'
import { collectMetrics, mergeSnapshots } from 'headrace/metrics'
import { createStatusHandler } from 'headrace/status'
import { describe, test } from 'vitest'
import { forwarderOf, handlerFor, later, TOKEN } from './stage.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const BEARER = { authorization: `Bearer ${TOKEN}`, ...JSON_TYPE }

describe('the handler', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', /<h1><.* id="summary">/],
    ['/page.js', 'text/javascript; charset=utf-8', /new EventSource/],
    ['/page.css', 'text/css; charset=utf-8', /prefers-color-scheme: dark/],
    ['/icon.svg', 'image/svg+xml', /^<svg/],
    ['/status.json', 'application/json', /^\{"version"/],
    ['/metrics', 'text/plain; version=0.0.4; charset=utf-8', /headrace_upstream_up\{upstream="one"\} 1/],
  ] as [string, string, RegExp][])('has %s', async (path, type, content) => {
    const { forwarder, clock } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock })
    const { status, headers, body } = await ask(path)
    assert.deepEqual([status, headers['content-type']], [200, type])
    assert.match(body, content)
    const head = await ask(path, { method: 'HEAD' })
    assert.deepEqual([head.status, head.body], [200, ''])
  })

  test('lets nothing run in its responses that is not its own, and nobody keep or frame them', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock })
    for (const path of ['/', '/status.json', '/page.js', '/nowhere']) {
      const { headers } = await ask(path)
      const policy = String(headers['content-security-policy'])
      assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/)
      assert.doesNotMatch(policy, /unsafe|\*/)
      assert.match(policy, /frame-ancestors 'none'/)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['access-control-allow-origin'], undefined)
    }
    const { body } = await ask('/')
    assert.doesNotMatch(body, /<script>|<style|style=|onclick|https?:/)
  })

  test('writes OpenMetrics for who asks for it', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock })
    const { headers, body } = await ask('/metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    })
    assert.match(headers['content-type']!, /^application\/openmetrics-text/)
    assert.match(body, /# EOF\n$/)
  })

  test.each([
    ['/nowhere', 'GET', 404],
    ['//evil.example', 'GET', 404],
    ['/status.json/', 'GET', 404],
    ['/', 'POST', 405],
    ['/status.json', 'DELETE', 405],
    ['/metrics', 'OPTIONS', 405],
    ['/actions/flush', 'GET', 405],
    ['/actions/flush', 'OPTIONS', 405],
    ['/actions/', 'POST', 404],
  ])('for %s by %s is %d', async (path, method, status) => {
    const { forwarder, clock } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock })
    assert.equal((await ask(path, { method })).status, status)
  })

  test('sends who asks for its mount point without a slash there', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const handler = createStatusHandler(forwarder, { clock })
    later(() => handler.close())
    const asked = async (originalUrl: string) => {
      let seen: unknown[] = []
      const response = { writeHead: (status: number, headers: Record<string, string>) => (seen = [status, headers['location']]), end: () => undefined } // prettier-ignore
      const request = { url: '/', originalUrl, method: 'GET', headers: { host: 'localhost' }, socket: {} }
      handler(request as never, response as never)
      await Promise.resolve()
      return seen
    }
    assert.deepEqual(await asked('/admin/dns?x'), [308, './dns/'])
    assert.deepEqual(await asked('//evil.example'), [308, './evil.example/'])
    assert.deepEqual(await asked('/admin/dns/'), [200, undefined])
  })
})

describe('actions', () => {
  test('force an upstream and let it go again', async () => {
    const { forwarder, clock } = forwarderOf('one', 'two')
    const { ask, report } = await handlerFor(forwarder, { clock, token: TOKEN })
    const force = (state: unknown) =>
      ask('/actions/force', { method: 'POST', headers: BEARER, body: JSON.stringify({ upstream: 'two', state }) })
    assert.equal((await force('down')).status, 200)
    assert.equal(forwarder.upstreams[1]!.isUp, false)
    const two = (await report()).upstreams[1]!
    assert.deepEqual([two.state, two.forced], ['down', 'down'])
    assert.equal((await force(null)).status, 200)
    assert.equal(forwarder.upstreams[1]!.isUp, true)
    assert.equal((await force('sideways')).status, 400)
  })

  test('flush the cache', async () => {
    const { forwarder, clock, ask: query } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock, token: TOKEN })
    await query('a.example')
    await query('b.test')
    const flush = (body: string) => ask('/actions/flush', { method: 'POST', headers: BEARER, body })
    assert.equal((await flush('{"name":"example"}')).status, 200)
    assert.equal(forwarder.cache!.stats.entries, 1)
    assert.equal((await flush('{"name":"no..name"}')).status, 400)
    assert.equal((await flush('{}')).status, 200)
    assert.equal(forwarder.cache!.stats.entries, 0)
  })

  test.each([
    ['no token', JSON_TYPE, '{"upstream":"one","state":"down"}', 401],
    [
      'a wrong one',
      { ...JSON_TYPE, authorization: 'Bearer not-the-token-at-all' },
      '{"upstream":"one","state":"down"}',
      401,
    ],
    ['a form of another page', { ...BEARER, 'content-type': 'text/plain' }, '{"upstream":"one","state":"down"}', 400],
    ['no such upstream', BEARER, '{"upstream":"__proto__","state":"down"}', 404],
    ['no JSON', BEARER, '{', 400],
    ['another kind of JSON', BEARER, '[]', 400],
    ['too much', BEARER, JSON.stringify({ upstream: 'x'.repeat(5000), state: 'down' }), 400],
  ])('do nothing for %s', async (_what, headers, body, status) => {
    const { forwarder, clock } = forwarderOf('one')
    const { ask } = await handlerFor(forwarder, { clock, token: TOKEN })
    assert.equal((await ask('/actions/force', { method: 'POST', headers, body })).status, status)
    assert.equal(forwarder.upstreams[0]!.isUp, true)
  })

  test.each([{ token: undefined }, { token: TOKEN, actions: false as const }])(
    'are not there with %j',
    async (options) => {
      const { forwarder, clock } = forwarderOf('one')
      const { ask, report } = await handlerFor(forwarder, { clock, ...options } as never)
      assert.equal((await ask('/actions/flush', { method: 'POST', headers: BEARER, body: '{}' })).status, 403)
      assert.equal((await report()).actions, false)
    },
  )
})

describe('the report', () => {
  test('has a sample each interval, and only the new ones for who says since when', async () => {
    const { forwarder, clock, upstreams, ask } = forwarderOf('one', 'two')
    const { report } = await handlerFor(forwarder, { clock, interval: 1000 })
    await ask('a.example')
    await clock.advance(1000)
    upstreams[0]!.script = 'refused'
    await ask('b.example')
    await clock.advance(1000)
    const all = await report()
    assert.deepEqual([all.full, all.times.length, all.rate], [true, 3, [0, 1, 2]])
    const [one, two] = all.upstreams
    assert.deepEqual(one!.series.share, [null, 1, 0.5])
    assert.deepEqual(one!.series.failures, [0, 0, 1])
    assert.deepEqual(two!.series.mean, [null, null, 4])
    // 4 ms fell into the bucket from 2.5 to 5 ms: the 95th of a hundred would be at 95 % of that.
    assert.ok(Math.abs(one!.series.p95[1]! - 4.875) < 1e-9)
    const later = await report(all.times[1])
    assert.deepEqual([later.full, later.times.length, later.upstreams[0]!.series.failures], [false, 1, [1]])
    assert.deepEqual((await report(all.times[2])).upstreams[0]!.series.mean, [])
  })

  test('shows pools, the cache and what went wrong', async () => {
    const { forwarder, clock, upstreams, ask } = forwarderOf('one', 'two')
    const { report } = await handlerFor(forwarder, { clock, interval: 1000 })
    upstreams[0]!.script = 'refused'
    await ask('a.example')
    await ask('a.example')
    await clock.advance(1000)
    const { pools, cache, incidents } = await report()
    assert.deepEqual(pools.map(({ name, strategy, members, answered }) => [name, strategy, members, answered]), [['default', 'failover', ['one', 'two'], 1]]) // prettier-ignore
    assert.deepEqual([cache!.hits, cache!.misses, cache!.entries], [1, 1, 1])
    assert.deepEqual(
      incidents.map(({ upstream, what, count }) => [upstream, what, count]),
      [['one', 'connect', 1]],
    )
  })

  test('remembers changes of health for an hour', async () => {
    const { forwarder, clock } = forwarderOf('one', 'two')
    const { report } = await handlerFor(forwarder, { clock, interval: 60_000 })
    const [one] = forwarder.upstreams
    one!.force('down')
    await clock.advance(60_000)
    one!.force(null)
    await clock.advance(60_000)
    const states = async () => (await report()).upstreams[0]!.health.map(({ state }) => state)
    assert.deepEqual(await states(), ['unknown', 'down', 'unknown'])
    await clock.advance(2 * 3_600_000)
    assert.deepEqual(await states(), ['unknown'])
  })

  test('of a function adds up workers, says who is up for some, and tells failures by their counts', async () => {
    const [a, b] = [forwarderOf('one', 'two'), forwarderOf('one', 'two')]
    const workers = [a, b].map(({ forwarder }) => collectMetrics(forwarder, { process: false }))
    const { clock } = a
    const { report } = await handlerFor(() => Promise.resolve(mergeSnapshots(workers.map((w) => w.snapshot()))), { clock, interval: 1000, token: TOKEN }) // prettier-ignore
    await report()
    b.forwarder.upstreams[1]!.force('down')
    a.upstreams[0]!.script = 'refused'
    await a.ask('a.example')
    await a.ask('b.example')
    await b.ask('a.example')
    await clock.advance(1000)
    const { upstreams, incidents, actions } = await report()
    assert.deepEqual(
      upstreams.map(({ name, state }) => [name, state]),
      [
        ['one', 'unknown'],
        ['two', 'partly'],
      ],
    )
    assert.equal(upstreams[0]!.counts['noerror'], 1)
    assert.deepEqual(incidents.map(({ upstream, what, count }) => [upstream, what, count]).sort(), [['one', 'connect', 2], ['two', 'partly', 1]]) // prettier-ignore
    assert.equal(actions, false)
  })

  test('goes on when numbers can not be read, and says so', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const metrics = collectMetrics(forwarder, { process: false })
    let broken = false
    const { ask, report } = await handlerFor(
      () => (broken ? Promise.reject(new Error('a worker is gone')) : metrics.snapshot()),
      { clock, interval: 1000 },
    )
    await clock.advance(1000)
    broken = true
    await clock.advance(1000)
    assert.equal((await report()).problem, 'a worker is gone')
    assert.equal((await ask('/metrics')).status, 500)
    broken = false
    await clock.advance(1000)
    const { problem, upstreams } = await report()
    assert.deepEqual([problem, upstreams.length], [null, 1])
  })

  test('takes counters that begin anew for what they say', async () => {
    const { clock } = forwarderOf('unused')
    const counted = (count: number) => [
      { name: 'headrace_upstream_up', type: 'gauge', help: '', unit: null, samples: [{ suffix: '', labels: { upstream: 'one' }, value: 1 }] },
      { name: 'headrace_upstream_queries', type: 'counter', help: '', unit: null, samples: [{ suffix: '_total', labels: { upstream: 'one', status: 'noerror' }, value: count }] },
    ] as const // prettier-ignore
    let count = 100
    const { report } = await handlerFor(() => counted(count), { clock, interval: 1000 })
    await report()
    count = 7
    await clock.advance(1000)
    assert.deepEqual((await report()).rate, [0, 7])
  })

  test('lets go of upstreams that are gone, and of samples older than five minutes', async () => {
    const { forwarder, clock } = forwarderOf('one', 'two')
    const { report } = await handlerFor(forwarder, { clock, interval: 1000 })
    await forwarder.pools[0]!.remove('two')
    await clock.advance(400_000)
    const { times, upstreams, rate } = await report()
    assert.deepEqual(
      [times.length, rate.length, upstreams.length, upstreams[0]!.series.mean.length],
      [300, 300, 1, 300],
    )
  })

  test.each(['</script><script>alert(1)</script>', '__proto__', '"><img src=x onerror=alert(1)>', '\u2028\u0000'])(
    'has upstreams named %j',
    async (name) => {
      const { forwarder, clock, ask: query } = forwarderOf(name)
      await query('a.example')
      const { ask, report } = await handlerFor(forwarder, { clock })
      assert.doesNotMatch((await ask('/status.json')).body, /</)
      assert.equal((await report()).upstreams[0]!.name, name)
    },
  )

  test('dates what went wrong by the given clock', async () => {
    const { forwarder, clock, upstreams, ask: query } = forwarderOf('one')
    const { report } = await handlerFor(forwarder, { clock })
    upstreams[0]!.script = 'refused'
    await query('a.example')
    assert.deepEqual(
      (await report()).incidents.map(({ last }) => last),
      [clock.now()],
    )
  })

  test('has no name that was asked for', async () => {
    const { forwarder, clock, upstreams, ask: query } = forwarderOf('one')
    await query('secret-name.example')
    upstreams[0]!.script = 'silent'
    await query('other-secret-name.example')
    const { ask } = await handlerFor(forwarder, { clock })
    for (const path of ['/status.json', '/metrics']) assert.doesNotMatch((await ask(path)).body, /secret/)
  })
})

describe('/events', () => {
  async function watch(url: string) {
    const { body } = await fetch(`${url}events`)
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const next = async () => {
      while (!text.includes('\n\n')) {
        const { value, done } = await reader.read()
        if (done) return null
        text += value
      }
      const [event = '', ...rest] = text.split('\n\n')
      text = rest.join('\n\n')
      return JSON.parse(/^data: (.*)$/m.exec(event)![1]!) as { full: boolean; times: number[] }
    }
    return { next, stop: () => reader.cancel() }
  }

  test('tells everything first, then each sample', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const { url } = await handlerFor(forwarder, { clock, interval: 1000 })
    const page = await watch(url)
    assert.deepEqual([(await page.next())!.full], [true])
    await clock.advance(1000)
    const second = (await page.next())!
    assert.deepEqual([second.full, second.times.length], [false, 1])
    await page.stop()
  })

  test('ends with the handler, whose timer never holds the process', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const { url, handler } = await handlerFor(forwarder, { clock })
    const page = await watch(url)
    await page.next()
    assert.equal(clock.pending, 0)
    handler.close()
    await assert.rejects(page.next())
    assert.equal(forwarder.upstreams[0]!.listenerCount('reply'), 0)
  })

  test('turns away the 33rd page', async () => {
    const { forwarder, clock } = forwarderOf('one')
    const { url } = await handlerFor(forwarder, { clock })
    const pages = await Promise.all(Array.from({ length: 32 }, () => watch(url)))
    await Promise.all(pages.map((page) => page.next()))
    assert.equal((await fetch(`${url}events`)).status, 503)
    await Promise.all(pages.map((page) => page.stop()))
  })
})
