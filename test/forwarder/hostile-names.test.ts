import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Forwarder } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Scripted } from '../pool/stage.js'

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'a route for %s holds what is under it, and nothing else (A22)',
  async (suffix) => {
    const clock = new FakeClock()
    const everybody = new Scripted('everybody', {}, clock)
    const own = new Scripted('own', {}, clock)
    const forwarder = new Forwarder({ upstreams: [everybody], routes: { [suffix]: [own] }, clock })
    const ask = async (name: string) => (await clock.run(forwarder.query(name))).upstream
    assert.deepEqual(
      [await ask(suffix), await ask(`www.${suffix}`), await ask('www.example.com')],
      ['own', 'own', 'everybody'],
    )
  },
)
