// What asking costs over one connection: headrace's upstream beside a bare client, warm, and from the start of a process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeAuthority } from 'headrace/testing'
import { mediansOf, pace } from './measure.mjs'
import { absent, ask, end, freePort, start, startPeer } from './processes.mjs'

const IN_FLIGHT = 64
/** Queries from the start of a process, whose cost stands apart. */
const FIRST = { smoke: 500, else: 2000 }
/** For so many ms one goes on while those that it is compared with are stopped: a shared machine is now fast, now slow, for seconds. */
const SLICE = 300
/** What has piled up while a process was stopped is not counted, ms. */
const CATCH_UP = 60
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
    const runs = new Map(variants.map(({ variant }) => [variant, []]))
    const timing = pace(smoke, rounds)
    for (let round = 0; round < timing.rounds; round++) {
      for (const group of groupsOf(variants, round % 2 === 1)) {
        const results = await compare({ port: upstream.ports[transport], ca: upstream.ca }, group, count, timing)
        for (const [i, variant] of group.entries()) runs.get(variant).push(results[i])
      }
    }
    const warm = [...runs.values()].map(mediansOf)
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

/** Names of variants: each that is compared with none, with those that are compared with it. */
function groupsOf(variants, reversed) {
  const bases = variants.filter(({ of }) => of === undefined).map(({ variant }) => variant)
  const groups = bases.map((base) => [base, ...variants.filter(({ of }) => of === base).map(({ variant }) => variant)])
  return reversed ? groups.reverse().map((group) => group.reverse()) : groups
}

/** Measures a group by turns, a process each: what each costs, `first` from its start on. */
async function compare(to, group, count, { warm, measure }) {
  const callers = []
  try {
    for (const variant of group) {
      const caller = await startCaller(to, variant, count)
      callers.push(caller)
      caller.child.kill('SIGSTOP')
    }
    await takeTurns(callers, warm)
    for (const { total } of callers) total.cpu = total.done = total.at = 0
    await takeTurns(callers, measure)
    const inOrder = group.map((variant) => callers.find((caller) => caller.variant === variant))
    return inOrder.map(({ total, first, queries, connections }) => {
      return { ...costOf({ cpu: 0, done: 0, failed: 0, at: 0 }, total), first, queries, connections }
    })
  } finally {
    await Promise.all(callers.map(({ child }) => end(child)))
  }
}

async function startCaller({ port, ca }, variant, count) {
  const args = [variant, port, IN_FLIGHT, count]
  const { child, hello } = await start('stream-caller.mjs', args, { env: { NODE_EXTRA_CA_CERTS: ca } })
  const total = { cpu: 0, done: 0, failed: 0, at: 0 }
  // Loading the library and shaking hands, without starting Node.
  return { variant, child, first: costOf(total, hello), total, queries: 0, connections: 0 }
}

/** Each goes on for `milliseconds` in all, none stopped for longer than its queries can wait. */
async function takeTurns(callers, milliseconds) {
  for (let left = milliseconds; left > 0; left -= SLICE) {
    for (const caller of callers) await goOn(caller, Math.min(SLICE, left))
    callers.reverse()
  }
}

/** Lets a process that is stopped go on for a while, and adds up what that has cost. */
async function goOn(caller, milliseconds) {
  const { child, total } = caller
  child.kill('SIGCONT')
  await pause(CATCH_UP)
  const before = await ask(child, 'mark')
  await pause(milliseconds)
  const after = await ask(child, 'mark')
  child.kill('SIGSTOP')
  for (const what of ['cpu', 'done', 'at']) total[what] += after[what] - before[what]
  total.failed = after.failed
  caller.queries = after.done
  caller.connections = after.connections
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
