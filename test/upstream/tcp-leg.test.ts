import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Message } from 'headrace'
import { Deadlines } from '../../src/base/deadlines.js'
import { DnsError } from '../../src/errors.js'
import type { Reply, TransportName } from '../../src/exchanger.js'
import { defaultContext } from '../../src/query/context.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { Channel, Pending } from '../../src/transport/pending.js'
import type { Transport } from '../../src/transport/transport.js'
import { Attempt } from '../../src/upstream/attempt.js'
import type { Owner } from '../../src/upstream/attempt-owner.js'

/** A transport in a test's hands: notes what it is given, and sends nothing. */
class Line implements Transport, Channel {
  readonly size = 0
  readonly sent: Pending[] = []
  readonly withEdns: boolean[] = []
  resends = 0

  send(pending: Pending): void {
    pending.channel = this
    this.sent.push(pending)
    this.withEdns.push(pending.edns)
  }
  resend(): void {
    this.resends++
  }
  drop(pending: Pending): boolean {
    pending.channel = null
    return true
  }
  /** Replies to the newest. */
  reply(rcode: 'NOERROR' | 'FORMERR' | 'NOTIMP', more: { readonly truncated?: boolean } = {}): void {
    const pending = this.sent.at(-1)!
    pending.onReply(Message.reply(pending.query, { rcode, edns: false, ...more }), 0)
  }
  fail(): void {
    this.sent.at(-1)!.onFailure(new DnsError('ERR_DNS_CONNECT', 'refused'))
  }
  renew(): void {}
  close(): Promise<void> {
    return Promise.resolve()
  }
  destroy(): void {}
}

interface Stage {
  readonly ednsOk?: boolean
  readonly dnssecOk?: boolean
  /** Whether TCP may stand in for UDP. */
  readonly places?: boolean
}

function begin({ ednsOk = true, dnssecOk = false, places = true }: Stage = {}) {
  const clock = new FakeClock()
  const lines = { udp: new Line(), tcp: new Line() }
  const ended: string[] = []
  const counts = { refused: 0, places: 0 }
  const owner: Owner = {
    name: 'a',
    transport: 'udp',
    deadlines: Deadlines.of(clock),
    subnets: null,
    timeout: 2000,
    now: clock.now,
    epochAt: () => -Infinity,
    route: (kind: TransportName) => lines[kind as 'udp' | 'tcp'],
    prepare: () => assert.fail('every transport is ready'),
    rto: () => 100,
    spread: () => 100,
    ednsOk: () => ednsOk,
    takeTcp: (mustHave) => (mustHave || places) && counts.places++ >= 0,
    giveTcp: () => counts.places--,
    fallback: () => null,
    refusesEdns: () => counts.refused++,
    late: () => undefined,
    ended: () => undefined,
  }
  const asking = {
    started: clock.now(),
    deadline: clock.now() + 5000,
    timeout: undefined,
    attach: () => false,
    onReply: ({ message }: Reply) => ended.push(message.truncated ? 'truncated' : String(message.rcode)),
    onFailure: (error: DnsError) => ended.push(error.code),
  }
  const message = Message.query('www.example.com', 'A', { edns: { dnssecOk } })
  new Attempt(owner, 'udp', { message }, defaultContext(clock.now()), asking).begin()
  return { clock, ...lines, ended, counts }
}

/** Until UDP has been sent three times, and TCP is asked where it may be. */
async function loseUdp({ clock, udp, tcp }: ReturnType<typeof begin>, legs = 1): Promise<void> {
  await clock.advance(1500)
  assert.deepEqual([udp.resends, tcp.sent.length], [2, legs])
}

describe('a server that refuses EDNS (R-6891-7)', () => {
  test.each(['FORMERR', 'NOTIMP'] as const)('with %s over TCP is asked there without it', async (rcode) => {
    const t = begin()
    await loseUdp(t)
    t.tcp.reply(rcode)
    assert.deepEqual([t.tcp.withEdns, t.ended], [[true, false], []])
    t.tcp.reply('NOERROR')
    assert.deepEqual([t.ended, t.counts], [['0'], { refused: 1, places: 0 }])
  })

  test('over both is asked over both without it', async () => {
    const t = begin()
    await loseUdp(t)
    t.udp.reply('FORMERR')
    t.tcp.reply('FORMERR')
    assert.deepEqual([t.udp.withEdns, t.tcp.withEdns, t.ended], [[true, false], [true, false], []])
    t.tcp.reply('NOERROR')
    assert.deepEqual(t.ended, ['0'])
  })

  test('and refuses without it too has that as its answer', async () => {
    const t = begin()
    await loseUdp(t)
    t.tcp.reply('FORMERR')
    t.tcp.reply('FORMERR')
    assert.deepEqual([t.tcp.withEdns.length, t.ended, t.counts.places], [2, ['1'], 0])
  })

  test('is still asked with it for a client that wants DNSSEC, which gets the refusal', () => {
    assert.deepEqual(begin({ ednsOk: false }).udp.withEdns, [false])
    const t = begin({ ednsOk: false, dnssecOk: true })
    assert.deepEqual(t.udp.withEdns, [true])
    t.udp.reply('FORMERR')
    assert.deepEqual(t.ended, ['1'])
  })
})

describe('a truncated reply that comes late (R-2181-3)', () => {
  test('is asked for over TCP though TCP had no place to stand in for UDP', async () => {
    const t = begin({ places: false })
    await loseUdp(t, 0)
    t.udp.reply('NOERROR', { truncated: true })
    t.tcp.reply('NOERROR')
    assert.deepEqual([t.tcp.sent.length, t.ended], [1, ['0']])
  })

  test('is asked for over TCP once more though TCP has failed; failing again ends the attempt at once', async () => {
    const t = begin()
    await loseUdp(t)
    t.tcp.fail()
    t.udp.reply('NOERROR', { truncated: true })
    assert.deepEqual([t.tcp.sent.length, t.ended], [2, []])
    t.tcp.fail()
    assert.deepEqual([t.ended, t.clock.pending, t.counts.places], [['truncated'], 0, 0])
  })

  test('is asked for once while TCP is under way', async () => {
    const t = begin()
    await loseUdp(t)
    t.udp.reply('NOERROR', { truncated: true })
    t.tcp.reply('NOERROR')
    assert.deepEqual([t.tcp.sent.length, t.ended], [1, ['0']])
  })
})
