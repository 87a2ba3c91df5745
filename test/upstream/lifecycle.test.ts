import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message, Upstream, type DnsError } from 'headrace'
import { FakeClock, FakeServer } from 'headrace/testing'

const never = (): Promise<never> => new Promise(() => undefined)

describe('close() answers what is under way', () => {
  test.each(['udp', 'tcp'] as const)('the first query, whose %s socket is yet to be opened', async (transport) => {
    await using server = await FakeServer.listen()
    const up = new Upstream(`${transport}://${server.address}`)
    const reply = up.query('www.example.com')
    const closed = up.close()
    assert.equal((await reply).rcode, 'NOERROR')
    await closed
  })

  test('a query whose truncated reply sends it to TCP', async () => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'truncated' }] })
    const up = new Upstream(server.address)
    const reply = up.query('www.example.com')
    const closed = up.close()
    const { rcode, answers } = await reply
    assert.deepEqual([rcode, answers.length], ['NOERROR', 1])
    await closed
  })

  test('a query whose host is being looked up', async () => {
    await using server = await FakeServer.listen()
    let found!: (ips: string[]) => void
    const lookup = () => new Promise<string[]>((resolve) => (found = resolve))
    const up = new Upstream(`udp://host.example:${server.port}`, { lookup })
    const reply = up.query('www.example.com')
    await new Promise((resolve) => setImmediate(resolve))
    const closed = up.close()
    found(['127.0.0.1'])
    assert.equal((await reply).rcode, 'NOERROR')
    await closed
  })
})

describe('an upstream that is a function', () => {
  test('is closed once its queries have settled, though the function never does', async () => {
    const clock = new FakeClock()
    const up = new Upstream({ name: 'mute', exchange: never }, { clock, timeout: 50 })
    const reply = assert.rejects(up.query('www.example.com'), { code: 'ERR_DNS_TIMEOUT' })
    const closed = up.close()
    await clock.run(reply)
    await closed
  })

  test('may be closed twice at once', async () => {
    const clock = new FakeClock()
    const exchange = (query: { message: Message }) =>
      new Promise<Message>((resolve) => clock.setTimeout(() => resolve(Message.reply(query)), 10))
    const up = new Upstream({ name: 'slow', exchange }, { clock })
    const reply = up.query('www.example.com')
    await clock.run(Promise.all([up.close(), up.close(), reply]))
  })
})

describe('destroy() fails what is under way with ERR_DNS_CLOSED', () => {
  const closed = (error: DnsError): boolean => error.code === 'ERR_DNS_CLOSED'

  test('with a function', async () => {
    const clock = new FakeClock()
    const up = new Upstream({ name: 'mute', exchange: never }, { clock })
    const reply = up.query('www.example.com')
    up.destroy()
    await assert.rejects(reply, closed)
    assert.deepEqual([clock.pending, up.stats.outstanding], [0, 0])
  })

  test('while its host is being looked up', async () => {
    const up = new Upstream('udp://host.example', { lookup: never })
    const reply = up.query('www.example.com')
    await new Promise((resolve) => setImmediate(resolve))
    up.destroy()
    await assert.rejects(reply, closed)
  })

  test.each(['udp', 'tcp'] as const)('over %s, and lets close() resolve', async (transport) => {
    await using server = await FakeServer.listen({ faults: [{ kind: 'drop' }] })
    const up = new Upstream(`${transport}://${server.address}`)
    const reply = up.query('www.example.com')
    const done = up.close()
    up.destroy()
    await assert.rejects(reply, closed)
    await done
  })
})
