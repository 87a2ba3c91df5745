import assert from 'node:assert/strict'
import { Message, Upstream, type UpstreamOptions } from 'headrace'
import { FakeAuthority } from 'headrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { ENCRYPTED_PEERS, EncryptedPeer } from '../helpers/encrypted-peer.js'
import { Nsd, richQuestions, type Question } from '../helpers/nsd.js'
import { missing, title } from '../helpers/peer.js'
import { askTcp, buildQuery, comparable, typeNumber } from '../helpers/raw-dns.js'
import { TlsTap } from '../helpers/tls-tap.js'

const WAYS = [
  { way: 'tls', scheme: 'tls', options: {} },
  { way: 'https by POST', scheme: 'https', options: { method: 'POST' } },
  { way: 'https by GET', scheme: 'https', options: { method: 'GET' } },
] as const
const LARGE: readonly Question[] = ['big', 'big-rrset', 'huge'].map((label) => ({ name: `${label}.rich.example`, type: 'TXT' })) // prettier-ignore
/** kresd has no option for it. */
const CLOSES_IDLE: readonly string[] = ENCRYPTED_PEERS.filter((name) => name !== 'kresd')

for (const name of ENCRYPTED_PEERS) {
  const reason = missing('nsd', name)
  describe.skipIf(reason !== null)(title(`upstreams of headrace at ${name}`, reason), () => {
    const authority = new FakeAuthority()
    let nsd: Nsd
    let peer: EncryptedPeer
    const upstreams: Upstream[] = []

    beforeAll(async () => {
      nsd = await Nsd.start()
      peer = await EncryptedPeer.start(name, nsd.port, authority.issue())
    })
    afterAll(async () => {
      for (const upstream of upstreams) upstream.destroy()
      await peer?.stop()
      await nsd?.stop()
    })

    function upstream(address: string, options: UpstreamOptions): Upstream {
      const made = new Upstream(address, { ...options, tls: { ca: authority.cert } })
      upstreams.push(made)
      return made
    }

    test.each(WAYS)('say over $way, octet for octet, what it says in the clear', async ({ scheme, options }) => {
      const ours = upstream(peer.address(scheme), options)
      for (const question of [...richQuestions(), ...LARGE]) {
        const query = buildQuery(question.name, typeNumber(question.type), { edns: 1232 })
        // It caches, and a reply from its cache may differ from the first one.
        await askTcp(peer.ports.plain, query)
        const direct = await askTcp(peer.ports.plain, query)
        const { message } = await ours.exchange({ message: Message.from(query) })
        assert.equal(
          comparable(message.wire).toString('hex'),
          comparable(direct!).toString('hex'),
          `${question.name} ${question.type}`,
        )
      }
    })

    test.each(WAYS)('bring each of 200 queries in flight over $way its own reply, by one connection', async (way) => {
      const ours = upstream(peer.address(way.scheme), way.options)
      let connections = 0
      ours.on('connect', () => connections++)
      const replies = await Promise.all(Array.from({ length: 200 }, (_, i) => ours.query(`h${i}.load.example`, 'A')))
      replies.forEach((reply, i) => assert.equal(reply.answers[0]?.data, `198.18.${i >> 8}.${i & 255}`))
      assert.equal(connections, 1)
    })

    test.each(WAYS)(
      'resume their session when the connection over $way has ended (N09)',
      async ({ scheme, options }) => {
        const tap = await TlsTap.start(peer.ports[scheme])
        const ours = upstream(`${scheme}://127.0.0.1:${tap.port}`, options)
        for (let i = 0; i < 2; i++) {
          assert.equal((await ours.query(`h${i}.load.example`, 'A')).rcode, 'NOERROR')
          const ended = disconnected(ours)
          tap.cut()
          await ended
        }
        assert.deepEqual(tap.resumed, [false, true])
        await tap.stop()
      },
    )

    test.skipIf(!CLOSES_IDLE.includes(name)).each(WAYS)(
      'go on when it closes an idle connection over $way (R-DOT-5)',
      async ({ scheme, options }) => {
        const ours = upstream(peer.address(scheme), options)
        const ended = disconnected(ours)
        assert.equal((await ours.query('h0.load.example', 'A')).rcode, 'NOERROR')
        await ended
        assert.equal((await ours.query('h1.load.example', 'A')).rcode, 'NOERROR')
        assert.equal(ours.stats.failures, 0)
      },
    )
  })
}

function disconnected(upstream: Upstream): Promise<unknown> {
  return new Promise((resolve) => upstream.on('disconnect', resolve))
}
