import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Forwarder } from 'headrace'
import { FakeAuthority, FakeServer, type Fault } from 'headrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { EncryptedPeer } from '../helpers/encrypted-peer.js'
import { HOSTS, Nsd } from '../helpers/nsd.js'
import { missing, pause, run, temporaryFolder, title } from '../helpers/peer.js'

const STRATEGIES = ['failover', 'balanced', 'least-outstanding', 'parallel'] as const
const QUERIES_PER_SECOND = 200
/** How long an idle connection is kept, in ms. */
const IDLE_TIMEOUT = 10_000

const reason = missing('nsd', 'dnsdist')
describe.skipIf(reason !== null)(title('one of two dnsdist, a DoT and a DoH upstream, ends under load', reason), () => {
  const loads = new Map<string, Load>()
  let nsd: Nsd
  const peers: EncryptedPeer[] = []

  // One course of events for all strategies, side by side.
  beforeAll(async () => {
    const authority = new FakeAuthority()
    nsd = await Nsd.start()
    for (let i = 0; i < 2; i++) peers.push(await EncryptedPeer.start('dnsdist', nsd.port, authority.issue()))
    const upstreams = [peers[0]!.address('tls'), peers[1]!.address('https')]
    for (const strategy of STRATEGIES) {
      loads.set(strategy, new Load(new Forwarder({ upstreams, strategy, upstreamDefaults: { tls: { ca: authority.cert } } }))) // prettier-ignore
    }
    await pause(500)
    for (const peer of peers) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        await peer.end(signal)
        await pause(600)
        await peer.restart()
        await pause(600)
      }
    }
    for (const load of loads.values()) await load.stop()
  }, 60_000)

  afterAll(async () => {
    await Promise.all(peers.map((peer) => peer.stop()))
    await nsd?.stop()
  })

  test.each(STRATEGIES)('%s loses no query (R-DOT-5, T20)', (strategy) => {
    const { sent, failed } = loads.get(strategy)!
    assert.ok(sent > 4 * QUERIES_PER_SECOND, `only ${sent} sent`)
    assert.deepEqual(failed, [])
  })
})

/** Asks a forwarder at a steady rate, and keeps what went wrong. */
class Load {
  sent = 0
  readonly failed: string[] = []
  readonly #forwarder: Forwarder
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  readonly #waiting = new Set<Promise<void>>()

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder
    this.#timer = setInterval(() => this.#sendDue(), 5)
  }

  #sendDue(): void {
    const due = ((performance.now() - this.#began) / 1000) * QUERIES_PER_SECOND
    while (this.sent < due) {
      const asked = this.#ask(`h${this.sent++ % HOSTS}.load.example`)
      this.#waiting.add(asked)
      asked.then(() => this.#waiting.delete(asked))
    }
  }

  async #ask(name: string): Promise<void> {
    try {
      const { rcode, answers } = await this.#forwarder.query(name, 'A')
      if (rcode !== 'NOERROR' || answers.length !== 1) this.failed.push(`${name}: ${rcode}`)
    } catch (error) {
      this.failed.push(`${name}: ${String(error)}`)
    }
  }

  /** Sends no more, and waits for what is out. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#waiting)
    await this.#forwarder.close()
  }
}

describe('connections that end at any time under 200 queries in flight (T19)', () => {
  const IN_FLIGHT = 200
  const BREAKS = process.env['HEADRACE_FULL'] === undefined ? 50 : 1000
  // Primes, so that they fall together rarely.
  const FAULTS: Readonly<Record<'tls' | 'https' | 'doq' | 'h3', readonly (Fault & { every: number })[]>> = {
    tls: [
      { kind: 'reset', every: 997 },
      { kind: 'reset-midway', every: 1499 },
      { kind: 'half-close', every: 1999 },
    ],
    https: [
      { kind: 'reset', every: 997 },
      { kind: 'goaway', every: 1499 },
      { kind: 'goaway', every: 1999, lastStream: 0 },
      { kind: 'rst-stream', every: 499, code: 7 },
    ],
    doq: [
      { kind: 'reset', every: 997 },
      { kind: 'reset-midway', every: 1499 },
      { kind: 'stateless-reset', every: 1999 },
      { kind: 'silence', every: 4999 },
      { kind: 'rst-stream', every: 251, code: 1 },
    ],
    h3: [
      { kind: 'reset', every: 997 },
      { kind: 'goaway', every: 1499 },
      { kind: 'stateless-reset', every: 1999 },
      { kind: 'silence', every: 4999 },
      { kind: 'rst-stream', every: 251 },
    ],
  }

  test.each(['tls', 'https', 'doq', 'h3'] as const)(
    'lose and hang none over %s',
    async (scheme) => {
      const faults = FAULTS[scheme]
      const authority = new FakeAuthority()
      const servers = await Promise.all(
        // Two that are silent at once are an outage.
        [faults, faults.filter(({ kind }) => kind !== 'silence')].map((own) =>
          FakeServer.listen({ transports: [scheme], faults: own, authority }),
        ),
      )
      const upstreams = servers.map((server) => server.addressOf(scheme))
      const forwarder = new Forwarder({ upstreams, upstreamDefaults: { tls: { ca: authority.cert } } })
      const breaks = (): number =>
        servers.reduce(
          (sum, server) => server.faults.reduce((n, { every }) => n + Math.floor(server.asked / every!), sum),
          0,
        )
      const failed: string[] = []
      let asked = 0
      const askOn = async (): Promise<void> => {
        while (breaks() < BREAKS && failed.length === 0) {
          const ended = await forwarder.query(`x${asked++}.example`, 'A').then(({ rcode }) => rcode, String)
          if (ended !== 'NOERROR') failed.push(ended)
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, askOn))
      assert.deepEqual(failed, [], `of ${asked}`)
      await forwarder.close()
      for (const server of servers) await server.close()
    },
    BREAKS * 2000,
  )
})

describe('a process with encrypted upstreams', () => {
  const TRANSPORTS = ['tls', 'https', 'doq', 'h3'] as const

  /** How long one took that has asked over all of them, in ms. */
  async function lifetimeOf(how: 'close' | 'leave'): Promise<number> {
    const server = await FakeServer.listen({ transports: TRANSPORTS })
    const file = join(temporaryFolder('ca'), 'ca.pem')
    writeFileSync(file, server.ca)
    const upstreams = TRANSPORTS.map((transport) => server.addressOf(transport)).join(',')
    const began = performance.now()
    const { code, stdout, stderr } = await run(process.execPath, ['test/helpers/ask-once.mjs', how, upstreams, file])
    assert.equal(stdout, 'NOERROR\n', stderr)
    assert.equal(code, 0, stderr)
    await server.close()
    return performance.now() - began
  }

  test('ends once its forwarder is closed (N12)', async () => {
    assert.ok((await lifetimeOf('close')) < IDLE_TIMEOUT)
  })

  test('is not held by connections that are idle (N12)', async () => {
    assert.ok((await lifetimeOf('leave')) < IDLE_TIMEOUT)
  })
})
