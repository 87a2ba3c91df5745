import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import {
  DnsError,
  Message,
  Router,
  type ExchangeContext,
  type Exchanger,
  type Query,
  type Reply,
  type TraceStep,
} from 'headrace'
import { ask, type AskOptions } from '../../src/query/ask.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** An exchanger that replies with one A record of TTL 300, `age` seconds old, and keeps what it was asked. */
function stage(reply?: (query: Query, ctx: ExchangeContext) => Promise<Reply>) {
  const clock = new FakeClock()
  const asked: { query: Query; ctx: ExchangeContext }[] = []
  const exchanger: Exchanger = {
    exchange: (query, ctx) => {
      asked.push({ query, ctx: ctx! })
      return reply === undefined
        ? Promise.resolve({ message: answer(query), upstream: 'up', age: 40 })
        : reply(query, ctx!)
    },
  }
  const run = (name = 'www.example.com', type?: string | number, options?: AskOptions) =>
    clock.run(ask(exchanger, { clock, timeout: 5000 }, name, type, options))
  return { clock, asked, run }
}

function replyTo(query: Message): Promise<Reply> {
  return replyOf(Message.reply(query))
}

function replyOf(message: Message): Promise<Reply> {
  return Promise.resolve({ message, upstream: null, age: 0 })
}

/** The last record isn't whole. */
function cut({ wire }: Message): Message {
  return new Message(wire.subarray(0, -1))
}

function answer(query: Query): Message {
  const { name } = query.message.question!
  return Message.reply(query, { answers: [{ name, type: 'A', ttl: 300, data: '192.0.2.1' }] })
}

describe('the result', () => {
  test('has the RCODE’s name, the records with their TTLs aged, who answered and how long it took', async () => {
    const result = await stage().run()
    assert.deepEqual(
      [result.rcode, result.upstream, result.age, result.elapsed, result.trace],
      ['NOERROR', 'up', 40, 0, null],
    )
    assert.deepEqual(result.answers, [{ name: 'www.example.com', type: 'A', class: 'IN', ttl: 260, data: '192.0.2.1' }])
    assert.deepEqual([result.authority, result.additional], [[], []])
  })

  test('its records are the caller’s own, though the message is another’s as well, of any age', async () => {
    for (const age of [0, 40]) {
      const message = answer({ message: Message.query('www.example.com') })
      const { run } = stage(() => Promise.resolve({ message, upstream: null, age }))
      const { answers } = await run()
      ;(answers[0] as { data: unknown }).data = '192.0.2.66'
      ;(answers as unknown[]).length = 0
      assert.deepEqual((await run()).answers.map(({ data }) => data), ['192.0.2.1']) // prettier-ignore
    }
  })

  test('a TTL never goes below 0', async () => {
    const { run } = stage((query) => Promise.resolve({ message: answer(query), upstream: null, age: 1000 }))
    assert.equal((await run()).answers[0]!.ttl, 0)
  })

  test('a reply that stayed truncated is SERVFAIL (RFC 2181, section 9)', async () => {
    const { run } = stage((query) =>
      Promise.resolve({ message: Message.reply(query, { truncated: true }), upstream: 'up', age: 0 }),
    )
    const result = await run()
    assert.deepEqual([result.rcode, result.message.truncated], ['SERVFAIL', false])
  })
})

describe('options', () => {
  test('reach the message and the context', async () => {
    const t = stage()
    await t.run('x.example', 'TXT', {
      class: 'CH',
      recursionDesired: false,
      checkingDisabled: true,
      dnssecOk: true,
      timeout: 70,
      trace: true,
    })
    const { message } = t.asked[0]!.query
    assert.deepEqual(message.question, { name: 'x.example', type: 'TXT', class: 'CH' })
    assert.deepEqual([message.recursionDesired, message.checkingDisabled, message.dnssecOk], [false, true, true])
    const { deadline, purpose, client, scope, trace } = t.asked[0]!.ctx
    assert.deepEqual([deadline, purpose, client, scope], [70, 'query', null, null])
    assert.notEqual(trace, null)
  })

  test.each<[string, unknown[], string]>([
    ['a label over 63 octets', [`${'a'.repeat(64)}.example`], 'ERR_DNS_MALFORMED'],
    ['an empty label', ['a..example'], 'ERR_DNS_MALFORMED'],
    ['a type that there isn’t', ['x.example', 'AAAAA'], 'ERR_DNS_INVALID_OPTION'],
    ['an option that there isn’t', ['x.example', 'A', { timeuot: 5 }], 'ERR_DNS_INVALID_OPTION'],
    ['a signal that is none', ['x.example', 'A', { signal: {} }], 'ERR_DNS_INVALID_OPTION'],
  ])('%s rejects, and nobody is asked', async (_what, args, code) => {
    const t = stage()
    await assert.rejects(t.run(...(args as [string])), { code })
    assert.equal(t.asked.length, 0)
  })
})

test('an aborted signal rejects with its reason as the cause, before or during', async () => {
  const waiting = stage(
    (_query, { scope }) =>
      new Promise((_, reject) => scope!.onCancel(() => reject(new DnsError('ERR_DNS_TIMEOUT', 'x')))),
  )
  const abort = new AbortController()
  waiting.clock.setTimeout(() => abort.abort('bored'), 10)
  await assert.rejects(waiting.run('x.example', 'A', { signal: abort.signal }))
  const before = stage()
  await assert.rejects(
    before.run('x.example', 'A', { signal: AbortSignal.abort('bored') }),
    (e: DnsError) => e.code === 'ERR_DNS_CANCELLED' && e.cause === 'bored',
  )
  assert.equal(before.asked.length, 0)
})

describe('an exchanger that a user wrote, behind a route', () => {
  const behind = (exchange: Exchanger['exchange'], clock = new FakeClock()) => {
    const router = new Router({ routes: { 'in.example': { exchange } }, default: { exchange }, clock })
    return { clock, ask: (options?: AskOptions) => clock.run(router.query('x.in.example', 'A', options)) }
  }

  test.each<[string, Exchanger['exchange'], string]>([
    ['never settles', () => new Promise(() => {}), 'ERR_DNS_TIMEOUT'],
    [
      'throws at once',
      () => {
        throw new Error('bug')
      },
      'ERR_DNS_CONNECT',
    ],
    ['resolves with nothing', () => Promise.resolve(undefined as never), 'ERR_DNS_MALFORMED'],
    ['replies to another question', () => replyTo(Message.query('x.in.test')), 'ERR_DNS_MALFORMED'],
    ['replies for another type', () => replyTo(Message.query('x.in.example', 'AAAA')), 'ERR_DNS_MALFORMED'],
    ['gives the query back', ({ message }) => replyOf(message), 'ERR_DNS_MALFORMED'],
    ['replies with cut octets', ({ message }) => replyOf(cut(answer({ message }))), 'ERR_DNS_MALFORMED'],
  ])('one that %s is a failure in time, and leaves nothing behind', async (_what, exchange, code) => {
    const t = behind(exchange)
    await assert.rejects(t.ask({ timeout: 300 }), { code })
    assert.ok(t.clock.now() <= 300)
    assert.equal(t.clock.pending, 0)
  })

  test('is told when the caller loses interest', async () => {
    let cancelled = 0
    const t = behind((_query, ctx) => new Promise(() => ctx!.scope!.onCancel(() => cancelled++)))
    const abort = new AbortController()
    t.clock.setTimeout(() => abort.abort(), 10)
    await assert.rejects(t.ask({ signal: abort.signal }), { code: 'ERR_DNS_CANCELLED' })
    assert.deepEqual([cancelled, t.clock.now(), t.clock.pending], [1, 10, 0])
  })
})

test('a trace that is given is told of each step, of a query that fails as well, and is not in the result', async () => {
  const steps: TraceStep[] = []
  const trace = { add: (step: TraceStep) => void steps.push(step) }
  const failing = stage((_query, ctx) => {
    ctx.trace!.add({ step: 'route', suffix: 'example', action: 'refuse' })
    return Promise.reject(new DnsError('ERR_DNS_CONNECT', 'gone'))
  })
  await assert.rejects(failing.run('a.example', 'A', { trace }), { code: 'ERR_DNS_CONNECT' })
  assert.equal(steps.length, 1)
  assert.equal((await stage().run('a.example', 'A', { trace })).trace, null)
  await assert.rejects(stage().run('a.example', 'A', { trace: {} as never }), { code: 'ERR_DNS_INVALID_OPTION' })
})
