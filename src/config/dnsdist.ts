import { resolve } from 'node:path'
import type { PoolMember } from '../pool/options.js'
import { PRESETS } from '../health/options.js'
import type { ServerOptions } from '../server/server.js'
import { strategyFrom, type StrategyInput } from '../strategy/strategies.js'
import type { Document, Read } from './document.js'
import { readBackend } from './dnsdist-backend.js'
import type { Reading } from './members.js'
import { isChecked } from './own-options.js'
import { NO_SERVICE } from './own-server.js'
import { Problems } from './problems.js'
import { Section } from './section.js'
import { parseYaml } from './yaml.js'
import { readServerOptions } from '../server/options.js'

const KEYS = ['backends', 'binds', 'acl', 'load_balancing_policies', 'pools']
const POLICIES: Readonly<Record<string, string>> = {
  leastOutstanding: 'least-outstanding',
  roundrobin: 'balanced',
  wrandom: 'weighted',
  chashed: 'consistent-hash',
  firstAvailable: 'first-available',
  whashed: 'consistent-hash',
}
const NO_POLICY = [
  'default_policy',
  'servfail_on_no_server',
  'round_robin_servfail_on_no_server',
  'weighted_balancing_factor',
  'consistent_hashing_balancing_factor',
]
const PROTOCOLS = ['Do53', 'DoT', 'DoH', 'DoQ', 'DoH3'] as const

/**
 * The YAML file of dnsdist 2: `backends` become one pool with dnsdist's own policy and checks; `binds` and `acl` the
 * server. What the rules of its other sections do has no counterpart here, and is warned of.
 */
export function readDnsdist({ text, file, folder }: Document): Read {
  const { value, locate } = parseYaml(text, file)
  const problems = new Problems(file, locate)
  const reading: Reading = { problems, folder, spelling: 'snake' }
  const root = Section.from(problems, { value, path: [] }, 'snake')
  const upstreams: PoolMember[] = (root?.sections('backends') ?? []).flatMap((one) => readBackend(reading, one) ?? [])
  if (upstreams.length === 0) problems.error([], 'has no "backends", which says whom to ask')
  const policy = root?.section('load_balancing_policies') ?? null
  const strategy = policy === null ? 'least-outstanding' : readPolicy(reading, policy)
  const server = root === null ? {} : { ...readBinds(reading, root), ...readAcl(reading, root) }
  root?.take('pools')
  if (root?.has('pools'))
    problems.warn(root.at('pools'), 'has no effect: which pool is asked is a matter of rules there; use routes')
  root?.ignore(new Set(root.left), `is not about downstream servers: it has no effect; read are ${KEYS.join(', ')}`)
  return {
    problems,
    forwarder: { pools: [{ name: 'default', strategy, health: PRESETS.dnsdist, upstreams }] },
    server,
    service: NO_SERVICE,
  }
}

function readPolicy({ problems }: Reading, section: Section): StrategyInput {
  const given = section.string('default_policy') ?? 'leastOutstanding'
  const weighted = section.number('weighted_balancing_factor', { what: 'times', min: 0, whole: false })
  const hashed = section.number('consistent_hashing_balancing_factor', { what: 'times', min: 0, whole: false })
  section.ignore(new Set(NO_POLICY), 'has no effect here: with every upstream down they are asked as if they were up')
  section.finish(NO_POLICY)
  const name = Object.hasOwn(POLICIES, given) ? POLICIES[given]! : given
  if (given === 'whashed')
    problems.warn(section.at('default_policy'), 'whashed is taken as chashed: the same, and names stay where they are')
  const factor = name === 'weighted' ? weighted : name === 'consistent-hash' ? hashed : undefined
  const strategy = (factor === undefined || factor === 0 ? name : { name, balancingFactor: factor }) as StrategyInput
  const isGood = isChecked(
    { problems, spelling: 'camel' },
    () => strategyFrom(strategy, 'dnsdist', 'default_policy'),
    section.path,
  )
  return isGood ? strategy : 'least-outstanding'
}

function readAcl(reading: Reading, root: Section): { readonly allow?: readonly string[] } {
  const list = root.list('acl')
  if (list === undefined) return {}
  const allow = list.flatMap(({ value, path }) =>
    isChecked(reading, () => readServerOptions({ allow: [value] }), path, 'allow') ? [value as string] : [],
  )
  return { allow }
}

function readBinds(reading: Reading, root: Section): ServerOptions {
  const server: Record<string, unknown> = {}
  for (const bind of root.sections('binds') ?? []) {
    const listen = bind.string('listen_address')
    const protocol = bind.oneOf('protocol', PROTOCOLS) ?? 'Do53'
    const tls = bind.section('tls')
    const paths = bind.section('doh')?.list('paths')
    bind.ignore(new Set(bind.left), 'has no effect here')
    if (listen === undefined) reading.problems.error(bind.path, 'has no "listen_address", such as "127.0.0.1:53"')
    else addBind(reading, server, { bind, listen, protocol, tls, path: paths?.[0]?.value })
  }
  return server
}

interface Bind {
  readonly bind: Section
  readonly listen: string
  readonly protocol: (typeof PROTOCOLS)[number]
  readonly tls: Section | null
  readonly path: unknown
}

const LISTENERS = { Do53: null, DoT: 'tls', DoH: 'https', DoQ: 'quic', DoH3: 'h3' } as const

function addBind(reading: Reading, server: Record<string, unknown>, { bind, listen, protocol, tls, path }: Bind): void {
  const listener = LISTENERS[protocol]
  const at = bind.at('listen_address')
  const earlier =
    (listener === null ? server['listen'] : (server[listener] as { listen?: unknown } | undefined)?.listen) ?? []
  const all = [...(earlier as string[]), listen]
  if (listener === null) {
    if (isChecked(reading, () => readServerOptions({ listen }), at, 'listen')) server['listen'] = all
    return
  }
  const certificate = readCertificate(reading, bind, tls)
  if (certificate === null) return
  const options = { listen: all, ...certificate, ...(listener === 'https' && typeof path === 'string' && { path }) }
  if (isChecked(reading, () => readServerOptions({ [listener]: options }), at, listener)) server[listener] = options
}

/** The first certificate: there is one for each listener here. */
function readCertificate(
  { problems, folder }: Reading,
  bind: Section,
  tls: Section | null,
): { readonly certFile: string; readonly keyFile: string } | null {
  const [first, ...others] = tls?.sections('certificates') ?? []
  const certificate = first?.string('certificate')
  const key = first?.string('key')
  tls?.ignore(new Set(tls.left), 'has no effect here')
  if (others.length > 0)
    problems.warn(others[0]!.path, 'has no effect: a listener shows one certificate here, the first')
  if (certificate !== undefined && key !== undefined)
    return { certFile: resolve(folder, certificate), keyFile: resolve(folder, key) }
  problems.error(bind.path, 'needs tls.certificates with "certificate" and "key"')
  return null
}
