import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { afterEach, describe, test } from 'vitest'
import type { TracingMessage } from 'headrace'
import { stage } from './stage.js'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

function subscribe(name: string, listener: (message: TracingMessage) => void): void {
  const on = channel(name)
  const wrapped = (message: unknown): void => listener(message as TracingMessage)
  on.subscribe(wrapped)
  stops.push(() => on.unsubscribe(wrapped))
}

describe('diagnostics channels', () => {
  test('are told of a query and of each attempt, the same object at its start and end', async () => {
    const { ask, upstreams } = stage()
    const seen: string[] = []
    const begun = new Set<TracingMessage>()
    for (const kind of ['query', 'attempt']) {
      subscribe(`headrace:${kind}:start`, (message) => {
        begun.add(message)
        assert.deepEqual([message.reply, message.error, message.elapsed], [null, null, 0])
        seen.push(`${kind} of ${message.query.message.question!.name} by ${message.upstream}`)
      })
      subscribe(`headrace:${kind}:end`, (message) => {
        assert.ok(begun.has(message))
        const outcome = message.error?.code ?? message.reply?.message.rcode
        seen.push(`${kind} by ${message.upstream}: ${outcome} after ${message.elapsed}`)
      })
    }
    upstreams['one']!.script = 'refused'
    await ask()
    assert.deepEqual(seen, [
      'query of www.example by null',
      'attempt of www.example by one',
      'attempt by one: ERR_DNS_CONNECT after 0',
      'attempt of www.example by two',
      'attempt by two: 0 after 4',
      'query by null: 0 after 4',
    ])
  })

  test('are told of queries that end in a failure', async () => {
    const { ask, upstreams } = stage()
    let code = ''
    subscribe('headrace:query:end', ({ error }) => (code = error!.code))
    upstreams['one']!.script = upstreams['two']!.script = 'refused'
    await ask()
    assert.equal(code, 'ERR_DNS_ALL_FAILED')
  })
})
