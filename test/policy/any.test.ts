import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { answerAny } from '../../src/policy/any.js'
import { Message } from '../../src/wire/message.js'

describe('answerAny (R-8482-1)', () => {
  const any = Message.query('example.com', 'ANY', { id: 5 })

  test('passes ANY on, or says that it is not implemented', () => {
    assert.equal(answerAny(any, 'pass'), null)
    assert.equal(answerAny(any, 'notimp')!.rcode, 4)
  })

  test('answers one HINFO record, which is no amplification', () => {
    const reply = Message.from(answerAny(any, 'hinfo')!.wire)
    assert.deepEqual(
      reply.answers.map(({ name, type, data }) => ({ name, type, data })),
      [{ name: 'example.com', type: 'HINFO', data: { cpu: 'RFC8482', os: '' } }],
    )
    assert.equal(reply.id, 5)
    assert.ok(reply.wire.length < 2 * any.wire.length)
  })

  test('is about no other type', () => {
    assert.equal(answerAny(Message.query('example.com', 'HINFO'), 'notimp'), null)
  })
})
