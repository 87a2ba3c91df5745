import assert from 'node:assert/strict'
import { Forwarder, Message, Upstream, type UpstreamOptions } from 'headrace'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { richQuestions, type Question } from '../helpers/nsd.js'
import { pause, title } from '../helpers/peer.js'
import { DOQ_PEERS, H3_PEERS, missingQuicPeer, QuicPeer, widthOf } from '../helpers/quic-peer.js'
import { quicStage } from '../helpers/quic-stage.js'
import { askTcp, buildQuery, comparable, typeNumber } from '../helpers/raw-dns.js'

const LARGE: readonly Question[] = ['big', 'big-rrset', 'huge'].map((label) => ({ name: `${label}.rich.example`, type: 'TXT' })) // prettier-ignore
/** The other ends a connection that is idle for 2 s, aioquic excepted: 60 s. */
const CLOSES_IDLE = 10_000

const DOQ = DOQ_PEERS.map((name) => ({
  name,
  scheme: 'doq' as const,
  ways: [{ way: 'QUIC', options: {} }] as readonly Way[],
  start: QuicPeer.doq.bind(null, name),
}))
const H3 = H3_PEERS.map((name) => ({
  name,
  scheme: 'h3' as const,
  ways: [
    { way: 'HTTP/3 by POST', options: { method: 'POST' } },
    { way: 'HTTP/3 by GET', options: { method: 'GET' } },
  ] as readonly Way[],
  start: QuicPeer.h3.bind(null, name),
}))

interface Way {
  readonly way: string
  readonly options: UpstreamOptions
}

for (const { name, scheme, ways, start } of [...DOQ, ...H3]) {
  const reason = missingQuicPeer(scheme, name)
  describe.skipIf(reason !== null)(
    title(`${scheme} upstreams of headrace at ${name}`, reason),
    { timeout: 60_000 },
    () => {
      const width = widthOf(name)
      const stage = quicStage()
      const upstreams: Upstream[] = []
      let peer: QuicPeer

      beforeAll(async () => {
        peer = await start(stage.behind)
      })
      afterAll(async () => {
        for (const upstream of upstreams) upstream.destroy()
        await peer?.stop()
      })

      function upstream(options: UpstreamOptions): Upstream {
        const made = new Upstream(peer.address, { ...options, tls: { ca: stage.authority.cert } })
        upstreams.push(made)
        return made
      }

      test.each(ways)('say over $way, octet for octet, what is said over TCP', async ({ options }) => {
        const ours = upstream(options)
        for (const question of [...richQuestions(), ...LARGE]) {
          const query = buildQuery(question.name, typeNumber(question.type), { edns: 1232 })
          const direct = await askTcp(peer.straight, query)
          const { message } = await ours.exchange({ message: Message.from(query) })
          assert.equal(
            comparable(message.wire).toString('hex'),
            comparable(direct!).toString('hex'),
            `${question.name} ${question.type}`,
          )
        }
        assert.equal(ours.stats.failures, 0)
      })

      test.each(ways)(
        `bring each of 2,500 queries over $way its own reply, ${width} in flight`,
        async ({ options }) => {
          const ours = upstream(options)
          await inFlight(width, 2500, async (i) => {
            const { answers } = await ours.query(`h${i}.load.example`, 'A')
            assert.equal(answers[0]?.data, addressOf(i))
          })
          assert.equal(ours.stats.failures, 0)
        },
      )

      test.each(ways)('go on when a connection over $way has ended', async ({ options }) => {
        const ours = upstream({ ...options, idleTimeout: 200 })
        const before = sessions(peer).length
        for (let i = 0; i < 3; i++) {
          const ended = disconnected(ours)
          assert.equal((await ours.query(`h${i}.load.example`, 'A')).rcode, 'NOERROR')
          await ended
        }
        // Those that say so have resumed the session, as others may have.
        assert.deepEqual(sessions(peer).slice(before), sessions(peer).length === 0 ? [] : [false, true, true])
      })

      test.skipIf(name === 'aioquic').each(ways)(
        'go on when it closes an idle connection over $way',
        async ({ options }) => {
          const ours = upstream({ ...options, idleTimeout: CLOSES_IDLE })
          const ended = disconnected(ours)
          assert.equal((await ours.query('h0.load.example', 'A')).rcode, 'NOERROR')
          await ended
          assert.equal((await ours.query('h1.load.example', 'A')).rcode, 'NOERROR')
          assert.equal(ours.stats.failures, 0)
        },
      )

      test.each(ways)('ask it over $way once it is back, at the first query', async ({ options }) => {
        const ours = upstream(options)
        for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
          assert.equal((await ours.query('h0.load.example', 'A')).rcode, 'NOERROR')
          await peer.end(signal)
          await peer.restart()
        }
        assert.equal((await ours.query('h1.load.example', 'A')).rcode, 'NOERROR')
      })

      test.each(ways)(
        'lose no query over $way while it ends and comes back, where there is another',
        async ({ options }) => {
          const other = new Upstream(stage.nsd.address, { name: 'other' })
          upstreams.push(other)
          const forwarder = new Forwarder({
            upstreams: [upstream({ ...options, name: 'theirs' }), other],
            strategy: 'failover',
          })
          const load = new Stream(forwarder)
          for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
            await pause(500)
            await peer.end(signal)
            await pause(700)
            await peer.restart()
          }
          const back = load.answered
          for (let waited = 0; load.by('theirs', back) === 0 && waited < 15_000; waited += 50) await pause(50)
          await load.stop()
          await forwarder.close()
          assert.deepEqual(load.failed, [])
          assert.ok(load.by('other', 0) > 0, 'the other was never needed')
          assert.ok(load.by('theirs', back) > 0, 'it is not asked any more')
        },
      )
    },
  )
}

/** Asks a forwarder for one host after the other, a few at once. */
class Stream {
  readonly failed: string[] = []
  /** Who answered, in order. */
  readonly #answers: (string | null)[] = []
  readonly #forwarder: Forwarder
  readonly #done: Promise<void>
  #over = false

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder
    this.#done = inFlight(5, 9000, (i) => this.#ask(i))
  }

  get answered(): number {
    return this.#answers.length
  }

  /** How many of the answers after the first `from` came from this upstream. */
  by(upstream: string, from: number): number {
    return this.#answers.slice(from).filter((name) => name === upstream).length
  }

  stop(): Promise<void> {
    this.#over = true
    return this.#done
  }

  async #ask(i: number): Promise<void> {
    if (this.#over) return
    try {
      const { answers, upstream } = await this.#forwarder.query(`h${i}.load.example`, 'A')
      this.#answers.push(upstream)
      if (answers[0]?.data !== addressOf(i)) this.failed.push(`h${i}: ${answers.length} answers`)
    } catch (error) {
      this.failed.push(`h${i}: ${String(error)}`)
    }
    await pause(10)
  }
}

/** Calls `one` for 0 to `count` - 1, with so many under way at a time. */
async function inFlight(width: number, count: number, one: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

function addressOf(host: number): string {
  return `198.18.${host >> 8}.${host & 255}`
}

/** Of each connection that the peer says it had: whether it resumed a session. */
function sessions(peer: QuicPeer): boolean[] {
  return [...peer.output.matchAll(/connection resumed=(\w+)/gi)].map(([, resumed]) => resumed!.toLowerCase() === 'true')
}

function disconnected(upstream: Upstream): Promise<unknown> {
  return new Promise((resolve) => upstream.once('disconnect', resolve))
}
