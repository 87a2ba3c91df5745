import assert from 'node:assert/strict'
import { test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import type { Exchanger, Query } from '../../src/exchanger.js'
import { Router } from '../../src/router/router.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Message } from '../../src/wire/message.js'

test('an exchanger with an ask() of its own is asked by exchange()', async () => {
  class Own implements Exchanger {
    ask(name: string): Promise<never> {
      return Promise.reject(new DnsError('ERR_DNS_CLOSED', `asked for ${String(name)}`))
    }

    exchange({ message }: Query) {
      return Promise.resolve({ message: Message.reply(message, { rcode: 'NXDOMAIN' }), upstream: 'own', age: 0 })
    }
  }
  const clock = new FakeClock()
  const router = new Router({ routes: { example: { to: new Own() } }, default: new Own(), clock })
  for (const name of ['www.example', 'www.test']) {
    const { rcode, upstream } = await clock.run(router.query(name, 'A'))
    assert.deepEqual([rcode, upstream], ['NXDOMAIN', 'own'])
  }
  assert.equal(clock.pending, 0)
})
