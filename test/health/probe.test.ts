import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { DnsError, MalformedMessageError, TimeoutError, type ErrorCode } from '../../src/errors.js'
import { judgeFailure, judgeReply, type ProbeFailure } from '../../src/health/probe.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Message } from '../../src/wire/message.js'
import { connectError, FakeMember } from './stage.js'

const QUERY = Message.query('a.root-servers.net', 'A')
const member = new FakeMember('a', new FakeClock())
type Options = Parameters<typeof judgeReply>[3]
const PLAIN: Options = { mustResolve: false, checkReply: null }

function judge(message: Message, options: Partial<Options> = {}) {
  const { result, failure } = judgeReply({ message, upstream: 'a', age: 0 }, QUERY, member, { ...PLAIN, ...options })
  return failure === null ? result : `${result}: ${failure}`
}

describe('a probe is judged by its reply', () => {
  const cases = [
    ['NOERROR', 'good', 'good'],
    ['NXDOMAIN', 'good', 'bad: rcode'],
    ['REFUSED', 'good', 'bad: rcode'],
    ['SERVFAIL', 'bad: rcode', 'bad: rcode'],
    ['NOTIMP', 'good', 'good'],
    ['FORMERR', 'good', 'good'],
    ['YXDOMAIN', 'good', 'good'],
    ['BADVERS', 'good', 'good'],
  ] as const
  test.each(cases)('%s is %s, with mustResolve %s', (rcode, plain, mustResolve) => {
    const reply = Message.reply(QUERY, { rcode })
    assert.equal(judge(reply), plain)
    assert.equal(judge(reply, { mustResolve: true }), mustResolve)
  })

  test('a truncated reply is one', () => {
    assert.equal(judge(Message.reply(QUERY, { truncated: true })), 'good')
  })

  test('the spelling of QNAME does not matter (RFC 4343, section 3)', () => {
    assert.equal(judge(Message.reply(Message.query('A.Root-Servers.NET', 'A'))), 'good')
  })

  test('a reply to another question, and a query, are a mismatch', () => {
    for (const query of [Message.query('b.root-servers.net', 'A'), Message.query('a.root-servers.net', 'AAAA')])
      assert.equal(judge(Message.reply(query)), 'bad: mismatch')
    assert.equal(judge(QUERY), 'bad: mismatch')
  })

  test('octets that are no message are malformed', () => {
    for (const length of [12, 20, 40]) {
      const wire = Buffer.from(
        Message.reply(QUERY, { answers: [{ name: '.', type: 'A', ttl: 1, data: '192.0.2.1' }] }).wire,
      )
      assert.equal(judge(new Message(wire.subarray(0, length))), 'bad: malformed')
    }
  })

  test('checkReply has the last word, and is asked only about replies that are good so far', () => {
    const asked: string[] = []
    const checkReply: Options['checkReply'] = (reply, upstream) => {
      asked.push(`${upstream.name} ${reply.message.rcode}`)
      return false
    }
    assert.equal(judge(Message.reply(QUERY), { checkReply }), 'bad: rejected')
    assert.equal(judge(Message.reply(QUERY, { rcode: 'SERVFAIL' }), { checkReply }), 'bad: rcode')
    assert.equal(judge(Message.reply(QUERY), { checkReply: () => true }), 'good')
    assert.deepEqual(asked, ['a 0'])
  })

  test('checkReply that throws, or returns anything but true, rejects', () => {
    const odd: readonly unknown[] = [
      () => { throw new Error('a bug') }, // prettier-ignore
      () => undefined,
      () => 1,
      () => Promise.resolve(true),
    ]
    for (const checkReply of odd)
      assert.equal(judge(Message.reply(QUERY), { checkReply: checkReply as never }), 'bad: rejected')
  })
})

describe('a probe is judged by its failure', () => {
  const of = (code: ErrorCode): DnsError => new DnsError(code, 'failed')
  const cases: readonly (readonly [string, DnsError, 'bad' | 'void', ProbeFailure | null])[] = [
    ['no reply in time', new TimeoutError('a', 2000), 'bad', 'timeout'],
    ['refused', connectError('ECONNREFUSED'), 'bad', 'network'],
    ['reset', connectError('ECONNRESET'), 'bad', 'network'],
    ['no address found', of('ERR_DNS_CONNECT'), 'bad', 'network'],
    ['not authenticated', of('ERR_DNS_TLS'), 'bad', 'tls'],
    ['no message', new MalformedMessageError('garbage'), 'bad', 'malformed'],
    ['an error of a user’s own', of('ERR_DNS_ALL_FAILED'), 'bad', 'network'],
    ...['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EMFILE', 'ENFILE', 'ENOBUFS', 'EACCES'].map(
      (code) => [code, connectError(code), 'void', 'network'] as const,
    ),
    ['a limit of ours', of('ERR_DNS_OVERLOADED'), 'void', null],
    ['a member that was closed', of('ERR_DNS_CLOSED'), 'void', null],
  ]
  test.each(cases)('%s', (_what, error, result, failure) => {
    assert.deepEqual(judgeFailure(error), { result, failure, rcode: null, error })
  })
})
