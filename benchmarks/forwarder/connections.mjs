// What asking costs over one connection: headrace's upstream beside a bare client, warm, and from the start of a process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeAuthority } from 'headrace/testing'
import { alternate, pace } from './measure.mjs'
import { absent, ask, end, freePort, start, startPeer } from './processes.mjs'

const IN_FLIGHT = 64
const FIRST = 2000
const MANY = 10_000
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/**
 * The rows for `transport` (tcp, tls, https, doq or h3). `variants`: { variant, what, of?, target? }, each compared with the variant
 * `of`, which comes before it. They all ask one dnsdist, which answers by itself: each reply comes in a packet of its own,
 * as with most servers, and what is measured is not what another program in Node can do. Over QUIC they ask a server of
 * headrace's own, for no Debian package answers by itself over it.
 */
export async function rowsFor(transport, variants, { smoke, rounds }) {
  const isQuic = transport === 'doq' || transport === 'h3'
  const reason = isQuic ? null : absent('dnsdist')
  if (reason !== null) return [{ what: 'headrace', skipped: reason }]
  const upstream = await (isQuic ? startQuic(transport) : startUpstream(transport))
  try {
    const timing = pace(smoke, rounds)
    const warm = await alternate(variants, timing, (one, { warm, measure }) => warmOnce(upstream, one, warm, measure))
    const first = await alternate(variants, timing, (one) => firstOnce(upstream, one.variant, FIRST))
    const many = smoke ? FIRST : MANY
    const judged = variants.find(({ target }) => target !== undefined)
    const { connections } = await firstOnce(upstream, judged.variant, many)
    return [
      ...rowsOf(variants, warm, ''),
      ...rowsOf(variants, first, `, first ${FIRST} of a process`),
      { what: `${judged.what}, ${many} queries`, value: connections, unit: 'connections', target: 1, met: connections === 1 }, // prettier-ignore
    ]
  } finally {
    await upstream.stop()
  }
}

function rowsOf(variants, results, suffix) {
  return results.map((result, i) => {
    const { what, of, target } = variants[i]
    const base = variants.findIndex(({ variant }) => variant === of)
    const ratio = base < 0 ? undefined : result.us / results[base].us
    // The target is for what a connection that is there costs.
    const aim = suffix === '' ? target : undefined
    return { what: `${what}${suffix}`, value: result.us, unit: 'µs CPU/query', ratio, of: variants[base]?.what, target: aim, met: aim === undefined ? null : ratio <= aim, qps: result.qps, lost: result.failed, rounds: result.rounds } // prettier-ignore
  })
}

async function warmOnce(upstream, { variant }, warm, measure) {
  const { child } = await startCaller(upstream, variant, 0)
  try {
    await pause(warm)
    const before = await ask(child, 'mark')
    await pause(measure)
    const after = await ask(child, 'mark')
    const queries = after.done - before.done
    return { us: (after.cpu - before.cpu) / queries, qps: (queries * 1000) / (after.at - before.at), failed: after.failed } // prettier-ignore
  } finally {
    await end(child)
  }
}

/** The first `count` queries of a process: with loading the library and shaking hands, without starting Node. */
async function firstOnce(upstream, variant, count) {
  const { child, hello } = await startCaller(upstream, variant, count)
  await end(child)
  return { ...hello, us: hello.cpu / hello.done, qps: (hello.done * 1000) / hello.elapsed }
}

function startCaller({ port, ca }, variant, count) {
  return start('stream-caller.mjs', [variant, port, IN_FLIGHT, count], { env: { NODE_EXTRA_CA_CERTS: ca } })
}

/** { port, ca, stop() } of a server of headrace's own; `ca` is a file. */
async function startQuic(transport) {
  const { folder, file } = issue()
  const { child, hello } = await start('quic-responder.mjs', [file('cert'), file('key')])
  const stop = async () => {
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  return { port: hello.ports[transport], ca: file('ca'), stop }
}

/** A folder with a certificate in it, its key, and who issued it. */
function issue() {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const file = (name) => join(folder, name)
  const authority = new FakeAuthority()
  const { cert, key } = authority.issue()
  for (const [name, pem] of [['ca', authority.cert], ['cert', cert], ['key', key]]) writeFileSync(file(name), pem) // prettier-ignore
  return { folder, file }
}

/** { port, ca, stop() } of a dnsdist that answers every question with three addresses; `ca` is a file. */
async function startUpstream(transport) {
  const { folder, file } = issue()
  let ports
  const peer = await startPeer('dnsdist', async (tcp) => {
    ports = { tcp, tls: await freePort(), https: await freePort() }
    return `
setSecurityPollSuffix("")
setLocal("127.0.0.1:${ports.tcp}")
addTLSLocal("127.0.0.1:${ports.tls}", "${file('cert')}", "${file('key')}", { maxInFlight = 65535 })
addDOHLocal("127.0.0.1:${ports.https}", "${file('cert')}", "${file('key')}", "/dns-query")
addAction(AllRule(), SpoofAction({ "192.0.2.1", "192.0.2.2", "192.0.2.3" }))
`
  })
  const stop = async () => {
    await peer.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { port: ports[transport], ca: file('ca'), stop }
}
