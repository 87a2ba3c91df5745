import assert from 'node:assert/strict'
import type { QuicClient } from '../../src/quic/client.js'
import type { QuicServer } from '../../src/quic/server.js'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { BareH3 } from '../helpers/bare-h3.js'
import { BareDoq, serveBareDoq } from '../helpers/bare-doq.js'
import { missingPrograms } from '../helpers/debian-root.js'
import { missing, title } from '../helpers/peer.js'
import { dnspython, KDIGS, kdigOverQuic, kdigOverTcp, quicGo } from '../helpers/quic-clients.js'
import { DOQ_PEERS, H3_PEERS, missingQuicPeer, QuicPeer, widthOf } from '../helpers/quic-peer.js'
import { quicStage } from '../helpers/quic-stage.js'
import { askTcp, buildQuery } from '../helpers/raw-dns.js'

const HUGE = { name: 'huge.rich.example', type: 'TXT' }

for (const name of DOQ_PEERS) {
  const reason = missingQuicPeer('doq', name)
  describe.skipIf(reason !== null)(title(`the QUIC core at ${name}`, reason), { timeout: 60_000 }, () => {
    const width = widthOf(name)
    const stage = quicStage()
    let peer: QuicPeer
    let client: QuicClient

    beforeAll(async () => {
      peer = await QuicPeer.doq(name, stage.behind)
      client = await BareDoq.client(stage.authority.cert)
    })
    afterAll(async () => {
      client?.destroy()
      await peer?.stop()
    })

    test('gets the octets of a small and of a large reply', async () => {
      const connection = BareDoq.dial(client, peer.port)
      for (const query of [buildQuery('a.rich.example', 1, { id: 0 }), buildQuery(HUGE.name, 16, { id: 0 })]) {
        assert.deepEqual(await connection.ask(query), await askTcp(peer.straight, query))
      }
      assert.equal((await connection.close()).cause, 'local')
    })

    test(`gets 1,000 replies by one connection, ${width} in flight`, async () => {
      const connection = BareDoq.dial(client, peer.port)
      let next = 0
      const worker = async (): Promise<void> => {
        while (next < 1000) {
          const reply = await connection.ask(buildQuery(`h${next++}.load.example`, 1, { id: 0 }))
          assert.equal(reply.readUInt16BE(6), 1)
        }
      }
      await Promise.all(Array.from({ length: width }, worker))
      await connection.close()
    })

    test('is told of an idle connection, or of a peer that ended', async () => {
      const connection = BareDoq.dial(client, peer.port)
      await connection.ask(buildQuery('h0.load.example', 1, { id: 0 }))
      await peer.end('SIGKILL')
      await peer.restart()
      const asked = connection.ask(buildQuery('h1.load.example', 1, { id: 0 }))
      await assert.rejects(asked)
      const { cause } = await connection.closed
      assert.ok(['reset', 'idle'].includes(cause), cause)
    })
  })
}

for (const name of H3_PEERS) {
  const reason = missingQuicPeer('h3', name)
  describe.skipIf(reason !== null)(title(`HTTP/3 over the QUIC core at ${name}`, reason), { timeout: 60_000 }, () => {
    const stage = quicStage()
    let peer: QuicPeer
    let client: QuicClient

    beforeAll(async () => {
      peer = await QuicPeer.h3(name, stage.behind)
      client = await BareH3.client(stage.authority.cert)
    })
    afterAll(async () => {
      client?.destroy()
      await peer?.stop()
    })

    test('gets the octets of a small and of a large reply, on a new and on a resumed connection', async () => {
      for (let i = 0; i < 2; i++) {
        const connection = BareH3.dial(client, peer.port)
        for (const query of [buildQuery('a.rich.example', 1, { id: 0 }), buildQuery(HUGE.name, 16, { id: 0 })]) {
          assert.deepEqual(await connection.get(query), await askTcp(peer.straight, query))
        }
        connection.close()
      }
    })

    test('gets 300 replies by one connection, 50 in flight', async () => {
      const connection = BareH3.dial(client, peer.port)
      let next = 0
      const worker = async (): Promise<void> => {
        while (next < 300) {
          const reply = await connection.get(buildQuery(`h${next++}.load.example`, 1, { id: 0 }))
          assert.equal(reply.readUInt16BE(6), 1)
        }
      }
      await Promise.all(Array.from({ length: 50 }, worker))
      connection.close()
    })
  })
}

const reason = missing('nsd') ?? missingPrograms(...KDIGS, 'python', 'quic-go client')
describe.skipIf(reason !== null)(
  title('others at the QUIC core, which sends Retry', reason),
  { timeout: 60_000 },
  () => {
    const stage = quicStage()
    let ours: { port: number; server: QuicServer }

    beforeAll(async () => {
      ours = await serveBareDoq(stage.nsd.port, stage.behind.credentials)
    })
    afterAll(() => ours?.server.destroy())

    test.each(KDIGS)('%s gets a small and a large reply', async (kdig) => {
      for (const question of [{ name: 'a.rich.example', type: 'A' }, HUGE]) {
        const direct = await kdigOverTcp(kdig, stage.nsd.port, question)
        assert.equal(await kdigOverQuic(kdig, { port: ours.port, ca: stage.ca }, question), direct)
      }
    })

    test('dnspython gets 600 replies, 50 in flight', async () => {
      const questions = Array.from({ length: 600 }, (_, i) => ({ name: `h${i}.load.example`, type: 'A' }))
      const place = { port: ours.port, straight: stage.nsd.port, ca: stage.ca }
      assert.deepEqual(await dnspython('doq', place, questions, 50), { equal: 600, others: [] })
    })

    test('quic-go gets 5,000 replies, 200 in flight, and resumes', async () => {
      const results = await quicGo({ port: ours.port, ca: stage.ca }, { queries: 2500, flight: 200, connections: 2 })
      assert.deepEqual(results.map(({ answered, first, resumed }) => ({ answered, first, resumed })), [
      { answered: 2500, first: '', resumed: false },
      { answered: 2500, first: '', resumed: true },
    ]) // prettier-ignore
    })
  },
)
