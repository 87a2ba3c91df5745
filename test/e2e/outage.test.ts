import assert from 'node:assert/strict'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Load } from '../helpers/load.js'
import { Nsd } from '../helpers/nsd.js'
import { missing, pause, title } from '../helpers/peer.js'
import { startScript, type Served } from '../helpers/serve.js'

const reason = missing('nsd')
const STRATEGIES = [
  'parallel', 'balanced', 'failover', 'random', 'weighted', 'fastest', 'least-outstanding', 'consistent-hash',
  'first-available', 'hedged',
] as const // prettier-ignore
const QUERIES_PER_SECOND = 200

describe.skipIf(reason !== null)(title('one of two upstreams fails under load', reason), () => {
  const nsd: Nsd[] = []
  const served: Served[] = []
  const load = new Map<string, Load>()
  let crashed: string[] = []

  // One course of events for all ten, side by side: each test below then looks at its own strategy.
  beforeAll(async () => {
    nsd.push(...(await Promise.all([Nsd.start(), Nsd.start()])))
    const [a, b] = nsd as [Nsd, Nsd]
    const upstreams = [`${a.address}|a`, `${b.address}|b`]
    served.push(
      ...(await Promise.all(
        STRATEGIES.map((strategy) =>
          startScript('forward.mjs', [JSON.stringify([{ forwarder: { pools: [{ strategy, upstreams }] } }])]),
        ),
      )),
    )
    STRATEGIES.forEach((strategy, i) => load.set(strategy, new Load(served[i]!.port, QUERIES_PER_SECOND)))
    await pause(1500)
    await a.kill()
    await pause(2500)
    await a.restart()
    await pause(2000)
    b.freeze()
    await pause(3500)
    b.thaw()
    await pause(1500)
    a.freeze()
    await pause(2500)
    await a.restart()
    await pause(1500)
    await Promise.all([...load.values()].map((one) => one.stop()))
    crashed = served.filter(({ daemon }) => !daemon.running).map(({ daemon }) => daemon.output)
  }, 60_000)

  afterAll(async () => {
    await Promise.all(served.map((one) => one.stop()))
    await Promise.all(nsd.map((one) => one.stop()))
  })

  test.each(STRATEGIES)('%s loses no query while one is killed, started, stopped and continued', (strategy) => {
    const { sent, lost, failed, slowest } = load.get(strategy)!
    assert.ok(sent > 12 * QUERIES_PER_SECOND, `only ${sent} sent`)
    assert.deepEqual({ lost, failed }, { lost: 0, failed: 0 }, `of ${sent}; slowest ${Math.round(slowest)} ms`)
  })

  test('no forwarder ended or printed anything but its address', () => {
    assert.deepEqual(crashed, [])
    for (const { daemon } of served) assert.match(daemon.output, /^127\.0\.0\.1:\d+\s*$/)
  })
})
