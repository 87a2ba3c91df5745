import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { QuicClient } from '../../src/quic/client.js'
import { QuicServer } from '../../src/quic/server.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { ask, echo, FakeNet, when } from '../quic/stage.js'
import { mutate, seeded } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_126)

describe('quic', () => {
  const authority = new FakeAuthority()
  const certificate = authority.issue({ names: ['quic.test'] })

  test('datagrams that were meddled with, beside the true ones or in their place, break no core', async () => {
    const below = seeded(SEED)
    const end = performance.now() + SECONDS * 1000
    let rounds = 0
    while (performance.now() < end) {
      rounds++
      const clock = new FakeClock(Date.now())
      const net = new FakeNet(clock)
      const client = await QuicClient.create({ alpn: ['echo'], ca: authority.cert, clock, dialLine: net.dial })
      const server = await QuicServer.create({ ...certificate, alpn: ['echo'], onConnection: echo, clock })
      server.attachLine(net.listen('192.0.2.1', 853))
      const cores = [client.core, server.core]
      const instead = below(8)
      let meddling = true
      net.drop = (octets, from, to) => {
        if (!meddling || below(2) === 0) return false
        net.inject(mutate(octets, below), from, to)
        return below(8) < instead
      }
      const {
        connection,
        connected,
        end: over,
      } = when(client, {
        address: '192.0.2.1',
        port: 853,
        serverName: 'quic.test',
        handshakeTimeout: 5000,
      })
      const outcome = connected
        .then(() => Promise.all([1, 2, 3].map((n) => ask(connection, Buffer.alloc(n * 900, n)))))
        .then((answers) => answers.forEach((answer, i) => assert.ok(answer.equals(Buffer.alloc((i + 1) * 900, i + 1)))))
      await clock.run(Promise.race([outcome.catch(() => over), over]))
      meddling = false
      assert.ok(
        cores.every((core) => !core.dead),
        `a core trapped in round ${rounds} of seed ${SEED}`,
      )
      client.destroy()
      server.destroy()
    }
    assert.ok(rounds > 0)
  })
})
