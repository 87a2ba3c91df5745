import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, Upstream, type DnsError, type Server } from 'headrace'
import { FakeAuthority, FakeServer, FakeUpstream, type Behaviour } from 'headrace/testing'
import { afterEach, describe, test } from 'vitest'
import { run, temporaryFolder } from '../helpers/peer.js'

/** As many as the h3 listener lets a client have open at once. */
const BURST = 100
const authority = new FakeAuthority()
const certificate = authority.issue()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(scheme: 'doq' | 'h3', root: FakeUpstream, port = 0): Promise<Server> {
  const { cert, key } = certificate
  const server = await createServer(root, { [scheme === 'doq' ? 'quic' : 'h3']: { listen: `127.0.0.1:${port}`, cert, key } }) // prettier-ignore
  cleanups.push(() => server.destroy())
  return server
}

function upstreamTo(address: string): Upstream {
  const upstream = new Upstream(address, { tls: { ca: authority.cert } })
  cleanups.push(() => upstream.destroy())
  return upstream
}

/** A root that does the same with every query, and a promise that a whole burst has reached it. */
function rootFor(behaviour: Behaviour): { root: FakeUpstream; full: Promise<void> } {
  let reached: () => void
  const full = new Promise<void>((resolve) => (reached = resolve))
  const root = new FakeUpstream('root', (_query, nth) => {
    if (nth === BURST) reached()
    return behaviour
  })
  return { root, full }
}

/** How each of so many queries at once ends: an RCODE, or the code of an error. */
function burst(upstream: Upstream): Promise<(string | number)[]> {
  const asked = Array.from({ length: BURST }, (_, i) => upstream.query(`n${i}.example`, 'A'))
  return Promise.all(asked.map((one) => one.then(({ rcode }) => rcode, (error: DnsError) => error.code))) // prettier-ignore
}

describe.each(['doq', 'h3'] as const)('the only server over %s, in a burst', (scheme) => {
  test('is asked again by the first query after it went away abruptly', async () => {
    const { root, full } = rootFor('silent')
    const first = await listen(scheme, root)
    const { port } = first.addresses[0]!
    const upstream = upstreamTo(String(first.addresses[0]))
    const sent = burst(upstream)
    await full
    first.destroy()
    for (const end of await sent) assert.match(String(end), /^ERR_DNS_(CONNECT|TIMEOUT)$/)
    await listen(scheme, new FakeUpstream('back'), port)
    assert.equal((await upstream.query('back.example', 'A')).rcode, 'NOERROR')
  })

  test('answers what it has when it goes away in good order, and is asked again by the first query after', async () => {
    const { root, full } = rootFor({ after: 100 })
    const first = await listen(scheme, root)
    const { port } = first.addresses[0]!
    const upstream = upstreamTo(String(first.addresses[0]))
    const sent = burst(upstream)
    await full
    const closed = first.close()
    const late = burst(upstream)
    assert.deepEqual(new Set(await sent), new Set(['NOERROR']))
    for (const end of await late) assert.match(String(end), /^(NOERROR|ERR_DNS_CONNECT)$/)
    await closed
    await listen(scheme, new FakeUpstream('back'), port)
    assert.equal((await upstream.query('back.example', 'A')).rcode, 'NOERROR')
  })

  test('costs no query when it is replaced by another that knows nothing of its connections', async () => {
    const server = await FakeServer.listen({ transports: [scheme], authority })
    cleanups.push(() => server.close())
    const upstream = upstreamTo(server.addressOf(scheme))
    // Only what came by a connection that has been of use is asked again without blame.
    await upstream.query('first.example', 'A')
    for (let round = 0; round < 3; round++) {
      server.faults = [{ kind: 'stateless-reset', every: BURST / 2, first: BURST / 2 }]
      assert.deepEqual(new Set(await burst(upstream)), new Set(['NOERROR']))
    }
    assert.equal(server.accepted, 4)
  })
})

test('GOAWAY costs no query of a burst at the only upstream over h3 (RFC 9114, section 5.2)', async () => {
  const server = await FakeServer.listen({ transports: ['h3'], authority, faults: [{ kind: 'goaway', every: 70 }] })
  cleanups.push(() => server.close())
  const upstream = upstreamTo(server.addressOf('h3'))
  for (let round = 0; round < 10; round++) assert.deepEqual(new Set(await burst(upstream)), new Set(['NOERROR']))
  assert.ok(server.accepted > 5, `only ${server.accepted} connections`)
})

describe.each(['doq', 'h3'] as const)('a process with upstreams over %s ends by itself (N12)', (scheme) => {
  /** What it takes longer with: a connection that is open, or being opened, lasts for seconds. */
  const PATIENCE = 1000

  test.each([
    ['close', 'ERR_DNS_TIMEOUT'],
    ['destroy', 'ERR_DNS_CLOSED'],
  ])('after %s, answered, unreachable and in the middle of a handshake', async (how, last) => {
    const server = await FakeServer.listen({ transports: [scheme], authority })
    cleanups.push(() => server.close())
    const file = join(temporaryFolder('ca'), 'ca.pem')
    writeFileSync(file, authority.cert)
    const { code, stdout, stderr } = await run(process.execPath, ['test/helpers/end-upstreams.mjs', how, scheme, server.addressOf(scheme), file]) // prettier-ignore
    const [ends, took] = stdout.split('\n')
    assert.deepEqual([ends, code], [`NOERROR ERR_DNS_CONNECT ${last}`, 0], stderr)
    assert.ok(Number(took) < PATIENCE, `it took ${took} ms`)
  })
})
