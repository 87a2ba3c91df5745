import { formatHostPort } from '../address/host.js'
import { ConfigError, problemText, type AppliedEvent, type Deployment } from '../config/index.js'
import type { Pool } from '../pool/pool.js'
import { carrierOf } from '../server/server-address.js'
import { version } from './command.js'
import type { Log } from './log.js'
import type { PassedSockets } from './passed-sockets.js'
import type { Plan } from './serve-plan.js'

const PAGES: Readonly<Record<string, string>> = { status: 'Status page', metrics: 'Metrics' }

/** Says at the start where is listened, who is answered and who is asked. `urls`: pages, by what they are. */
export function announce(
  log: Log,
  { server, forwarder }: Deployment,
  plan: Plan,
  passed: PassedSockets,
  urls: readonly (readonly [string, string])[],
): void {
  log.write('info', 'headrace', { version: version() }, `headrace ${version()}`)
  warn(log, plan)
  for (const { transport, host } of server.addresses) {
    if (transport === 'tcp') continue
    const over = transport === 'udp' ? 'udp and tcp' : transport
    log.write('info', 'listening', { address: host, transport: over }, `Listening on ${host} (${over})`)
  }
  warnOfIdle(log, server, passed)
  const allow = plan.server.allow?.join(', ') ?? 'loopback and private networks'
  log.write('info', 'answering', { allow }, `Answering ${allow}, nobody else`)
  if (plan.system) log.write('info', "No upstreams given: using the system's resolvers")
  for (const [name, url] of urls) log.write('info', name, { url }, `${PAGES[name] ?? name} at ${url}`)
  const { pools } = forwarder
  for (const pool of pools) announcePool(log, pool, pools.length === 1 ? '' : ` of ${pool.name}`)
  for (const suffix of Object.keys(plan.forwarder.routes ?? {}))
    log.write('info', 'route', { suffix }, `Route: ${suffix}`)
}

/** Says what has changed. `why` it was loaded anew. */
export function announceChange(log: Log, why: string, plan: Plan, event: AppliedEvent): void {
  const { added, removed, kept, opened, closed } = event
  const counts = { added: added.length, removed: removed.length, kept: kept.length }
  const text = `${why}: configuration loaded; upstreams: ${added.length} new, ${removed.length} gone, ${kept.length} kept`
  log.write('info', 'configuration loaded', { why, ...counts }, text)
  for (const address of opened.map(String)) log.write('info', 'listening', { address }, `Listening on ${address}`)
  for (const address of closed.map(String))
    log.write('info', 'not listening', { address }, `No longer listening on ${address}`)
  for (const { name } of added) log.write('info', 'upstream added', { upstream: name }, `  + ${name}`)
  for (const { name } of removed) log.write('info', 'upstream removed', { upstream: name }, `  - ${name}`)
  warn(log, plan)
}

/** Says that as many workers as a document wants are not those that run. */
export function announceWorkers(log: Log, wanted: number, running: number): void {
  if (wanted === running) return
  const text = `${wanted} ${wanted === 1 ? 'worker takes' : 'workers take'} effect at the next start`
  log.write('warn', 'workers', { workers: running, wanted }, text)
}

/** Says why a document was not loaded. */
export function announceRefusal(log: Log, why: string, error: unknown): void {
  const problems = error instanceof ConfigError ? error.problems.map(problemText) : [(error as Error).message]
  for (const problem of problems) log.write('error', problem)
  const text = `${why}: not loaded, the configuration of before stays in force`
  log.write('error', 'configuration not loaded', { why }, text)
}

/** What was passed and is not used. */
function warnOfIdle(log: Log, { addresses }: Deployment['server'], { sockets, others }: PassedSockets): void {
  for (const { fd, transport, address, port } of sockets) {
    const isUsed = addresses.some(
      (one) => one.address === address && one.port === port && carrierOf(one.transport) === transport,
    )
    const host = formatHostPort(address, port)
    const text = `Passed, but not listened on: ${host} (${transport})`
    if (!isUsed) log.write('warn', 'socket not used', { fd, address: host, transport }, text)
  }
  for (const fd of others)
    log.write('warn', 'socket not used', { fd }, `Passed, but no socket of UDP or TCP: descriptor ${fd}`)
}

function announcePool(log: Log, { name: pool, strategy, members }: Pool, label: string): void {
  log.write('info', 'pool', { pool, strategy: strategy.name }, `Upstream servers${label} (${strategy.name}):`)
  for (const member of members) {
    const { name } = member
    const address = 'address' in member ? (member.address?.text ?? null) : null
    const text = address === null || address === name ? name : `${address} (${name})`
    log.write('info', 'upstream', { pool, upstream: name, address }, `  - ${text}`)
  }
}

function warn(log: Log, { warnings }: Plan): void {
  for (const warning of warnings) log.write('warn', problemText(warning))
}
