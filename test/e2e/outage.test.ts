import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { HOSTS, Nsd } from '../helpers/nsd.js'
import { missing, pause, title } from '../helpers/peer.js'
import { buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { startScript, type Served } from '../helpers/serve.js'

const reason = missing('nsd')
const STRATEGIES = [
  'parallel', 'balanced', 'failover', 'random', 'weighted', 'fastest', 'least-outstanding', 'consistent-hash',
  'first-available', 'hedged',
] as const // prettier-ignore
const QUERIES_PER_SECOND = 200
const CLIENT_PATIENCE = 5500

describe.skipIf(reason !== null)(title('one of two upstreams fails under load', reason), () => {
  const nsd: Nsd[] = []
  const served: Served[] = []
  const load = new Map<string, Load>()
  let crashed: string[] = []

  // One course of events for all ten, side by side: each test below then looks at its own strategy.
  beforeAll(async () => {
    nsd.push(...(await Promise.all([Nsd.start(), Nsd.start()])))
    const [a, b] = nsd as [Nsd, Nsd]
    const upstreams = [`${a.address}|a`, `${b.address}|b`]
    served.push(
      ...(await Promise.all(
        STRATEGIES.map((strategy) =>
          startScript('forward.mjs', [JSON.stringify([{ forwarder: { pools: [{ strategy, upstreams }] } }])]),
        ),
      )),
    )
    STRATEGIES.forEach((strategy, i) => load.set(strategy, new Load(served[i]!.port)))
    await pause(1500)
    await a.kill()
    await pause(2500)
    await a.restart()
    await pause(2000)
    b.freeze()
    await pause(3500)
    b.thaw()
    await pause(1500)
    a.freeze()
    await pause(2500)
    await a.restart()
    await pause(1500)
    await Promise.all([...load.values()].map((one) => one.stop()))
    crashed = served.filter(({ daemon }) => !daemon.running).map(({ daemon }) => daemon.output)
  }, 60_000)

  afterAll(async () => {
    await Promise.all(served.map((one) => one.stop()))
    await Promise.all(nsd.map((one) => one.stop()))
  })

  test.each(STRATEGIES)('%s loses no query while one is killed, started, stopped and continued', (strategy) => {
    const { sent, lost, failed, slowest } = load.get(strategy)!
    assert.ok(sent > 12 * QUERIES_PER_SECOND, `only ${sent} sent`)
    assert.deepEqual({ lost, failed }, { lost: 0, failed: 0 }, `of ${sent}; slowest ${Math.round(slowest)} ms`)
  })

  test('no forwarder ended or printed anything but its address', () => {
    assert.deepEqual(crashed, [])
    for (const { daemon } of served) assert.match(daemon.output, /^127\.0\.0\.1:\d+\s*$/)
  })
})

/** A client that asks at a steady rate, each question once, and counts what became of it. */
class Load {
  sent = 0
  lost = 0
  failed = 0
  slowest = 0
  readonly #socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  readonly #waiting = new Map<number, number>()
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()

  constructor(port: number) {
    this.#socket.on('message', (reply: Buffer) => this.#take(reply))
    this.#socket.connect(port, '127.0.0.1')
    this.#timer = setInterval(() => this.#sendDue(), 5)
  }

  #sendDue(): void {
    const due = ((performance.now() - this.#began) / 1000) * QUERIES_PER_SECOND
    while (this.sent < due) {
      const id = this.sent & 0xffff
      const query = buildQuery(`h${this.sent % HOSTS}.load.example`, 1, { id })
      this.#waiting.set(id, performance.now())
      this.#socket.send(query)
      this.sent++
    }
  }

  #take(reply: Buffer): void {
    const id = reply.readUInt16BE(0)
    const asked = this.#waiting.get(id)
    if (asked === undefined) return
    this.#waiting.delete(id)
    this.slowest = Math.max(this.slowest, performance.now() - asked)
    if (rcodeOf(reply) !== 0 || reply.readUInt16BE(6) !== 1) this.failed++
  }

  /** Sends no more, and waits for what is out. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const limit = performance.now() + CLIENT_PATIENCE
    while (this.#waiting.size > 0 && performance.now() < limit) await pause(50)
    this.lost = this.#waiting.size
    this.#socket.close()
  }
}
