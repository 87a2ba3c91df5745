import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { BAD_STREAMS, MALFORMED, UNANSWERABLE } from '../helpers/bad-packets.js'
import { Daemon, freePort, pause } from '../helpers/peer.js'
import { askTcp, askUdp, buildQuery, rcodeOf } from '../helpers/raw-dns.js'
import { CLI, serve, type Served } from '../helpers/serve.js'

const FORMERR = 1
const SERVFAIL = 2
const NOTIMP = 4
const REFUSED = 5
const BADVERS = 16
const PATIENCE = 250

const REFUSED_BY_HEADER = [
  { what: 'an UPDATE', query: buildQuery('rich.example', 6, { flags: 0x2800 }), rcode: NOTIMP },
  { what: 'a NOTIFY', query: buildQuery('rich.example', 6, { flags: 0x2000 }), rcode: NOTIMP },
  { what: 'an unknown opcode', query: buildQuery('rich.example', 6, { flags: 0x7800 }), rcode: NOTIMP },
  { what: 'an AXFR', query: buildQuery('rich.example', 252), rcode: NOTIMP },
  { what: 'an IXFR', query: buildQuery('rich.example', 251), rcode: NOTIMP },
  { what: 'EDNS version 1 (R-6891-2)', query: withVersion(1), rcode: BADVERS },
  { what: 'EDNS version 255 (R-6891-2)', query: withVersion(255), rcode: BADVERS },
]

describe('bad packets to headrace serve', () => {
  const upstream = new CountingUpstream()
  let served: Served

  beforeAll(async () => {
    served = await serve([`127.0.0.1:${await upstream.listen()}`])
  })
  afterAll(async () => {
    await served?.stop()
    upstream.close()
  })

  async function stillServes(fault: string): Promise<void> {
    const before = upstream.asked
    const reply = await askUdp(served.port, buildQuery('www.rich.example', 1))
    assert.equal(reply === null ? null : rcodeOf(reply), 0, `after ${fault}`)
    assert.equal(upstream.asked - before, 1, `after ${fault}: one query for one question`)
  }

  test('of 54 malformed queries at least 50 get FORMERR, none goes upstream (T9)', async () => {
    assert.equal(MALFORMED.length, 54)
    const before = upstream.asked
    const replies = await Promise.all(MALFORMED.map(({ octets }) => askUdp(served.port, octets, PATIENCE * 4)))
    const other = MALFORMED.flatMap(({ fault }, i) => {
      const reply = replies[i] ?? null
      const rcode = reply === null ? 'no reply' : reply.readUInt8(3) & 0x0f
      return rcode === FORMERR ? [] : [`${fault}: ${rcode}`]
    })
    assert.ok(other.length <= 4, other.join('; '))
    assert.equal(upstream.asked - before, 0, 'queries upstream')
    for (const [i, reply] of replies.entries()) {
      if (reply !== null) assert.deepEqual(reply.subarray(0, 2), MALFORMED[i]!.octets.subarray(0, 2), 'the ID')
      if (reply !== null) assert.equal(reply.readUInt8(2) & 0x80, 0x80, 'QR')
    }
    await stillServes('54 malformed queries')
  })

  test('the same 54 over TCP go nowhere either', async () => {
    const before = upstream.asked
    await Promise.all(MALFORMED.map(({ octets }) => askTcp(served.port, octets, PATIENCE).catch(() => null)))
    assert.equal(upstream.asked - before, 0, 'queries upstream')
    await stillServes('54 malformed queries over TCP')
  })

  test('what is no query is not answered', async () => {
    const before = upstream.asked
    const replies = await Promise.all(UNANSWERABLE.map(({ octets }) => askUdp(served.port, octets, PATIENCE)))
    assert.deepEqual(UNANSWERABLE.filter((_, i) => replies[i] !== null).map(({ fault }) => fault), []) // prettier-ignore
    assert.equal(upstream.asked - before, 0, 'queries upstream')
    await stillServes('packets that are no queries')
  })

  for (const { what, query, rcode } of REFUSED_BY_HEADER) {
    test(`${what} is refused without asking an upstream`, async () => {
      const before = upstream.asked
      const reply = await askUdp(served.port, query, PATIENCE * 4)
      assert.equal(reply === null ? null : rcodeOf(reply), rcode)
      assert.equal(upstream.asked - before, 0)
    })
  }

  for (const { fault, octets } of BAD_STREAMS) {
    test(`a TCP client that sends ${fault} does no harm`, async () => {
      const before = upstream.asked
      await sendAndReset(served.port, octets)
      assert.equal(upstream.asked - before, 0)
      await stillServes(fault)
    })
  }

  test('connections that are opened and dropped by the hundred do no harm', async () => {
    await Promise.all(Array.from({ length: 200 }, () => sendAndReset(served.port, Buffer.from([0, 40, 1]))))
    await stillServes('200 dropped connections')
  })
})

describe('a server that forwards to itself', () => {
  test('refuses to start, or answers SERVFAIL and comes to rest (A13)', async () => {
    const port = await freePort()
    const daemon = new Daemon(process.execPath, [CLI, 'serve', '-l', `127.0.0.1:${port}`, '-u', `127.0.0.1:${port}`])
    try {
      await Promise.race([daemon.ended(), daemon.until((output) => output.includes(`127.0.0.1:${port}`))])
      if (await endsSoon(daemon)) assert.notEqual(daemon.exitCode, 0)
      else await answersOnce([{ port, daemon }])
    } finally {
      await daemon.stop()
    }
  })

  test('through another one: each query ends, without work going round for ever (A13)', async () => {
    const [a, b] = [await freePort(), await freePort()]
    const daemons = [
      { port: a, daemon: new Daemon(process.execPath, [CLI, 'serve', '-l', `127.0.0.1:${a}`, '-u', `127.0.0.1:${b}`]) },
      { port: b, daemon: new Daemon(process.execPath, [CLI, 'serve', '-l', `127.0.0.1:${b}`, '-u', `127.0.0.1:${a}`]) },
    ]
    try {
      for (const { port, daemon } of daemons) await daemon.until((output) => output.includes(`127.0.0.1:${port}`))
      await answersOnce(daemons)
    } finally {
      await Promise.all(daemons.map(({ daemon }) => daemon.stop()))
    }
  })
})

/** SERVFAIL or REFUSED within the client's patience, and under 5 % of a processor a second later. */
async function answersOnce(looped: readonly { port: number; daemon: Daemon }[]): Promise<void> {
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => askUdp(looped[0]!.port, buildQuery(`n${i}.rich.example`, 1), 6000)),
  )
  for (const reply of replies) assert.ok(reply !== null && [SERVFAIL, REFUSED].includes(rcodeOf(reply)))
  await pause(1000)
  const before = looped.map(({ daemon }) => processorTime(daemon.pid))
  await pause(1000)
  looped.forEach(({ daemon }, i) => assert.ok(processorTime(daemon.pid) - before[i]! < 50, 'ms of CPU in a second'))
}

function endsSoon(daemon: Daemon): Promise<boolean> {
  return Promise.race([daemon.ended().then(() => true), pause(500).then(() => false)])
}

/** Milliseconds of processor time that a process has used; 0 where there is no /proc. */
function processorTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return 0
  }
}

function withVersion(version: number): Buffer {
  const query = buildQuery('rich.example', 1, { edns: 1232 })
  query.writeUInt8(version, query.length - 5)
  return query
}

function sendAndReset(port: number, octets: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(octets, () => setTimeout(() => socket.resetAndDestroy(), 20)),
    )
    socket.once('close', () => resolve()).on('error', () => {})
  })
}

/** What health checks ask for, as a QNAME begins. */
const PROBE = 'a\x0croot-servers'

/** Answers every query with its own question and one address, and counts them, probes aside. */
class CountingUpstream {
  asked = 0
  readonly #socket: Socket = createSocket('udp4')

  listen(): Promise<number> {
    this.#socket.on('message', (query, peer) => {
      if (!query.includes(PROBE)) this.asked++
      const reply = Buffer.from(query)
      reply.writeUInt16BE(0x8180, 2)
      this.#socket.send(reply, peer.port, peer.address)
    })
    return new Promise((resolve) => this.#socket.bind(0, '127.0.0.1', () => resolve(this.#socket.address().port)))
  }

  close(): void {
    this.#socket.close()
  }
}
