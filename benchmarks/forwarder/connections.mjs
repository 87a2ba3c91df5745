// What asking costs over one connection: headrace's upstream beside a bare client, warm, and from the start of a process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeAuthority } from 'headrace/testing'
import { alternate, mediansOf, pace } from './measure.mjs'
import { absent, ask, end, freePort, start, startPeer } from './processes.mjs'

const IN_FLIGHT = 64
/** Queries from the start of a process, whose cost stands apart. */
const FIRST = { smoke: 500, else: 2000 }
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
  const upstream = await (isQuic ? startOwn() : startUpstream())
  try {
    const count = smoke ? FIRST.smoke : FIRST.else
    const measureOne = ({ variant }, timing) =>
      once({ port: upstream.ports[transport], ca: upstream.ca }, variant, count, timing)
    const warm = await alternate(variants, pace(smoke, rounds), measureOne)
    const first = warm.map((result) => mediansOf(result.rounds.map((round) => round.first)))
    const judged = variants.findIndex(({ target }) => target !== undefined)
    const { queries, connections } = warm[judged].rounds[0]
    return [
      ...rowsOf(variants, warm, ''),
      ...rowsOf(variants, first, `, first ${count} of a process`),
      { what: `${variants[judged].what}, ${queries} queries`, value: connections, unit: 'connections', target: 1, met: connections === 1 }, // prettier-ignore
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

/**
 * One process: `first`, its first `count` queries, with loading the library and shaking hands, without starting Node; and what
 * one costs once it is warm.
 */
async function once({ port, ca }, variant, count, { warm, measure }) {
  const args = [variant, port, IN_FLIGHT, count]
  const { child, hello } = await start('stream-caller.mjs', args, { env: { NODE_EXTRA_CA_CERTS: ca } })
  try {
    await pause(warm)
    const before = await ask(child, 'mark')
    await pause(measure)
    const after = await ask(child, 'mark')
    const first = costOf({ cpu: 0, done: 0, failed: 0, at: 0 }, hello)
    return { ...costOf(before, after), first, queries: after.done, connections: after.connections }
  } finally {
    await end(child)
  }
}

/** Of the queries between two marks. */
function costOf(before, after) {
  const queries = after.done - before.done
  return { us: (after.cpu - before.cpu) / queries, qps: (queries * 1000) / (after.at - before.at), failed: after.failed } // prettier-ignore
}

/** { ports, ca, memory(), stop() } of a server of headrace's own, ports by transport; `ca` is a file. */
export async function startOwn() {
  const { folder, file } = issue()
  const { child, hello } = await start('own-responder.mjs', [file('cert'), file('key')], { execArgv: ['--expose-gc'] })
  const stop = async () => {
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  return { ports: hello.ports, ca: file('ca'), memory: () => ask(child, 'memory'), stop }
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

/** { ports, ca, stop() } of a dnsdist that answers every question with three addresses; `ca` is a file. */
async function startUpstream() {
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
  return { ports, ca: file('ca'), stop }
}
