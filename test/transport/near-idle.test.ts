import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { QuicServer } from '../../src/quic/server.js'
import type { StreamHandler } from '../../src/quic/types.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { DoqTransport } from '../../src/transport/doq.js'
import { frame } from '../../src/transport/framing.js'
import { Message } from '../../src/wire/message.js'
import { echo, FakeNet } from '../quic/stage.js'
import { AUTHORITY, httpsOptions, replyTo } from './https-support.js'
import { ask } from './support.js'

const PORT = 853

/** A server that gives up idle connections after `idleTimeout` ms, and a transport to it, in virtual time. */
async function stage(idleTimeout: number) {
  const clock = new FakeClock(Date.now())
  const net = new FakeNet(clock)
  let accepted = 0
  const server = await QuicServer.create({
    ...AUTHORITY.issue(),
    alpn: ['doq'],
    clock,
    idleTimeout,
    onConnection: () => {
      accepted++
      return { ...echo(), onStream: (_connection, stream) => answering((wire) => stream.write(frame(wire), true)) }
    },
  })
  server.attachLine(net.listen('127.0.0.1', PORT))
  const transport = new DoqTransport(httpsOptions(PORT, { clock, idleTimeout: 60_000 }), net.dial)
  return {
    clock,
    /** Asks after `idle` ms without a query; how long the reply took, in ms, and how many connections there have been. */
    async ask(idle: number): Promise<{ took: number; accepted: number }> {
      await clock.advance(idle)
      const began = clock.now()
      await clock.run(ask(transport, '1.example').ended)
      return { took: clock.now() - began, accepted }
    },
    async over(): Promise<void> {
      transport.destroy()
      await clock.advance(100)
      server.destroy()
    },
  }
}

/** Answers what a stream asks. */
function answering(send: (wire: Buffer) => void): StreamHandler {
  const parts: Buffer[] = []
  return {
    onData(octets, fin) {
      parts.push(Buffer.from(octets))
      if (fin) send(replyTo(Message.from(Buffer.concat(parts).subarray(2))))
    },
    onReset() {},
    onStopped() {},
    onLost() {},
  }
}

describe('a connection over QUIC that the server is about to give up', () => {
  test.each([
    ['is used again while there is time', 3000, 1],
    ['is left for another shortly before', 4700, 2],
    ['has been left once it is over', 6000, 2],
  ])('%s', async (_what, idle, connections) => {
    const t = await stage(5000)
    assert.equal((await t.ask(0)).accepted, 1)
    const { took, accepted } = await t.ask(idle)
    assert.equal(accepted, connections)
    // A handshake and a question at most, at 10 ms a round trip: nobody was waited for.
    assert.ok(took <= 50, `${took} ms`)
    await t.over()
  })

  test('is kept by one query after the other, however short its time is', async () => {
    const t = await stage(900)
    for (let i = 0; i < 20; i++) assert.equal((await t.ask(30)).accepted, 1)
    assert.equal((await t.ask(600)).accepted, 2)
    await t.over()
  })
})
