import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Pool } from '../../src/pool/pool.js'
import type { TraceStep } from '../../src/exchanger.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { Upstream } from '../../src/upstream/upstream.js'
import type { UpstreamOptions } from '../../src/upstream/options.js'

test('a trace says how each member stands, and why those that are passed over are', async () => {
  const clock = new FakeClock()
  const up = (name: string, options: UpstreamOptions = {}): Upstream =>
    new Upstream(new FakeUpstream(name, {}, { clock }), { clock, ...options })
  const [down, forced, back, spent, good] = [up('down'), up('forced'), up('back'), up('spent', { qps: 1 }), up('good')]
  const upstreams = [down, forced, back, spent, good]
  const pool = new Pool({ clock, strategy: 'failover', upstreams, rampUp: true, random: () => 0.5 })
  await clock.run(spent.query('www.example'))
  down.setChecked('down')
  forced.force('down')
  back.setChecked('down')
  back.setChecked('up')
  const { trace } = await clock.run(pool.query('www.example', 'A', { trace: true }))

  const steps = trace!.filter(({ step }) => step === 'order' || step === 'skip' || step === 'attempt')
  const candidate = (name: string, health: string, share: number, srtt: number): object => ({
    name,
    outstanding: 0,
    srtt,
    suspected: false,
    health,
    share,
  })
  assert.deepEqual(steps, [
    {
      step: 'order',
      pool: 'default',
      strategy: 'failover',
      candidates: [
        candidate('back', 'up', back.share, NaN),
        candidate('spent', 'unknown', 1, 0),
        candidate('good', 'unknown', 1, NaN),
      ],
    },
    { step: 'skip', pool: 'default', upstream: 'down', why: 'down' },
    { step: 'skip', pool: 'default', upstream: 'forced', why: 'forced down' },
    { step: 'skip', pool: 'default', upstream: 'back', why: 'for now: it is coming back from down' },
    { step: 'skip', pool: 'default', upstream: 'spent', why: 'at its qps' },
    { step: 'attempt', pool: 'default', upstream: 'good', why: 'first' },
  ] satisfies (TraceStep | object)[])
})

test('a pool within a pool is up or down', async () => {
  const clock = new FakeClock()
  const inner = new Pool({ name: 'inner', upstreams: [new FakeUpstream('a', {}, { clock })], clock })
  const pool = new Pool({ name: 'outer', upstreams: [inner, new Pool({ name: 'empty' })], clock })
  const { trace } = await clock.run(pool.query('www.example', 'A', { trace: true }))
  const [order, skip] = trace!
  assert.equal(order!.step === 'order' && order!.candidates[0]!.health, 'up')
  assert.deepEqual(skip, { step: 'skip', pool: 'outer', upstream: 'empty', why: 'down' })
})
