import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parseAddress } from '../address/address.js'
import type { HealthOptions } from '../health/options.js'
import type { UpstreamSpec } from '../pool/options.js'
import { checkHealthOptions } from '../health/options.js'
import { checkUpstreamOptions, type UpstreamOptions } from '../upstream/options.js'
import { defined } from './defined.js'
import { isChecked } from './own-options.js'
import type { Reading } from './members.js'
import type { Section } from './section.js'

const PROTOCOLS = ['Do53', 'DoT', 'DoH'] as const
const SCHEMES = { Do53: 'udp', DoT: 'tls', DoH: 'https' } as const
const KEYS = ['address', 'id', 'name', 'protocol', 'tls', 'doh', 'queries_per_second', 'order', 'weight', 'udp_timeout', 'pools', 'health_checks', 'source', 'sockets', 'tcp_only', 'max_in_flight', 'use_client_subnet'] // prettier-ignore
const OTHERS: ReadonlySet<string> = new Set(['id', 'pools', 'use_proxy_protocol', 'ip_bind_addr_no_port', 'disable_zero_scope', 'reconnect_on_up', 'max_concurrent_tcp_connections', 'max_udp_outstanding', 'proxy_protocol_advertise_tls', 'mac_address', 'cpus', 'xsk', 'dscp', 'tcp', 'auto_upgrade', 'max_in_flight', 'address_family']) // prettier-ignore
const SECONDS = 1000

/** One of dnsdist's backends as an upstream. Undefined: it can't be used, and that was reported. */
export function readBackend(reading: Reading, section: Section): UpstreamSpec | undefined {
  const protocol = section.oneOf('protocol', PROTOCOLS) ?? 'Do53'
  const path = section.section('doh')?.string('path')
  const isTcp = section.boolean('tcp_only') === true
  const addr = readBackendAddress(reading, section, { protocol, path: path ?? '/dns-query', isTcp })
  const name = section.string('name')
  const options = {
    ...defined('qps', section.number('queries_per_second', { what: 'queries a second', min: 0 })),
    ...defined('order', section.number('order', { what: 'places', min: -Infinity })),
    ...defined('weight', section.number('weight', { what: 'shares', min: 1 })),
    ...defined('source', section.string('source')),
    ...defined('sockets', section.number('sockets', { what: 'sockets', min: 1, max: 1024 })),
    ...defined('timeout', seconds(section.number('udp_timeout', { what: 'seconds', min: 1, max: 3600 }))),
    ...defined('tls', protocol === 'Do53' ? undefined : readTls(reading, section.section('tls'))),
    ...defined('health', readChecks(reading, section.section('health_checks'))),
    ...defined('ecs', readSubnets(reading, section)),
  } satisfies UpstreamOptions
  section.ignore(OTHERS, 'has no effect here')
  section.finish(KEYS)
  isChecked(reading, () => checkUpstreamOptions(options, 'Upstream', ''), section.path)
  return addr === undefined ? undefined : { addr, ...(name !== undefined && { tag: name }), ...options }
}

function readBackendAddress(
  reading: Reading,
  section: Section,
  { protocol, path, isTcp }: { protocol: (typeof PROTOCOLS)[number]; path: string; isTcp: boolean },
): string | undefined {
  const given = section.string('address')
  if (given === undefined) {
    if (!section.has('address')) reading.problems.error(section.path, 'has no "address", such as "192.0.2.1"')
    return undefined
  }
  const scheme = isTcp && protocol === 'Do53' ? 'tcp' : SCHEMES[protocol]
  const host = isIP(given) === 6 ? `[${given}]` : given
  const addr = `${scheme}://${host}${protocol === 'DoH' ? path : ''}`
  return isChecked(reading, () => parseAddress(addr), section.at('address')) ? addr : undefined
}

/** Whether it is told clients' subnets; of those that they send themselves, and not of any that is made of their address. */
function readSubnets({ problems }: Reading, section: Section): UpstreamOptions['ecs'] {
  const isTold = section.boolean('use_client_subnet')
  if (isTold !== true) return undefined
  problems.warn(section.at('use_client_subnet'), "adds no client's address here: a subnet that a client sends goes on")
  return 'keep'
}

function readTls(reading: Reading, section: Section | null): UpstreamOptions['tls'] {
  if (section === null) return undefined
  const name = section.string('subject_name') ?? section.string('subject_address')
  const isVerified = section.boolean('validate_certificate')
  const ca = section.string('ca_store')
  const ciphers = section.string('ciphers')
  const suites = section.string('ciphers_tls_13')
  section.ignore(new Set(section.left), 'has no effect here')
  return {
    ...defined('servername', name),
    ...defined('rejectUnauthorized', isVerified),
    ...defined('ca', ca === undefined ? undefined : readStore(reading, section, ca)),
    ...defined('ciphers', ciphers),
    ...defined('ciphersuites', suites),
  }
}

function readStore({ problems, folder }: Reading, section: Section, name: string): string | undefined {
  try {
    return readFileSync(resolve(folder, name), 'utf8')
  } catch (error) {
    problems.error(section.at('ca_store'), `can't be read: ${(error as Error).message}`)
    return undefined
  }
}

/** Its checks over those that every backend has; times in ms but for `interval`s. */
function readChecks(reading: Reading, section: Section | null): HealthOptions | undefined {
  if (section === null) return undefined
  const mode = section.oneOf('mode', ['auto', 'lazy', 'up', 'down'] as const) ?? 'auto'
  if (mode === 'up' || mode === 'down')
    reading.problems.warn(section.at('mode'), `${mode} is not kept: the server is not checked; use Upstream.force()`)
  const interval = section.number('check_interval', { what: 'seconds', min: 1, max: 86_400 })
  const query = {
    ...defined('name', section.string('qname')),
    ...defined('type', section.string('qtype')),
    ...defined('class', className(section.string('qclass'))),
  }
  const options: HealthOptions = {
    mode: mode === 'lazy' ? 'lazy' : mode === 'auto' ? 'active' : 'off',
    ...defined('interval', seconds(interval ?? section.number('interval', { what: 'seconds', min: 1, max: 86_400 }))),
    ...defined('timeout', section.number('timeout', { what: 'milliseconds', min: 1, max: 3_600_000 })),
    ...defined('failureThreshold', section.number('max_failures', { what: 'probes', min: 1 })),
    ...defined('successThreshold', section.number('rise', { what: 'probes', min: 1 })),
    ...defined('checkingDisabled', section.boolean('set_cd')),
    ...defined('mustResolve', section.boolean('must_resolve')),
    ...(Object.keys(query).length > 0 && { query }),
    ...defined('lazy', readLazy(section.section('lazy'))),
  }
  for (const key of ['function', 'lua', 'lua_file', 'use_tcp'].filter((key) => section.has(key))) {
    section.take(key)
    reading.problems.warn(section.at(key), 'has no effect here: give makeQuery in code')
  }
  section.finish(['mode', 'qname', 'qtype', 'qclass', 'interval', 'check_interval', 'timeout', 'max_failures', 'rise', 'set_cd', 'must_resolve', 'lazy']) // prettier-ignore
  isChecked(reading, () => checkHealthOptions(options, 'HealthMonitor', ''), section.path)
  return options
}

function readLazy(section: Section | null): HealthOptions['lazy'] {
  if (section === null) return undefined
  const mode = section.oneOf('mode', ['TimeoutOnly', 'TimeoutOrServFail'] as const)
  const lazy = {
    ...(mode !== undefined && {
      mode: mode === 'TimeoutOnly' ? ('timeout-only' as const) : ('timeout-or-servfail' as const),
    }),
    ...defined('failedInterval', seconds(section.number('interval', { what: 'seconds', min: 1, max: 86_400 }))),
    ...defined('threshold', section.number('threshold', { what: 'percent', min: 1, max: 100 })),
    ...defined('sampleSize', section.number('sample_size', { what: 'queries', min: 1, max: 65_535 })),
    ...defined('minSampleCount', section.number('min_sample_count', { what: 'queries', min: 1, max: 65_535 })),
    ...defined('exponentialBackoff', section.boolean('use_exponential_back_off')),
    ...defined('maxBackoff', seconds(section.number('max_back_off', { what: 'seconds', min: 1, max: 2_000_000 }))),
  }
  section.finish(['mode', 'interval', 'threshold', 'sample_size', 'min_sample_count', 'use_exponential_back_off', 'max_back_off']) // prettier-ignore
  return lazy
}

/** Classes by dnsdist's names. */
function className(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  return { CHAOS: 'CH', HESIOD: 'HS' }[name.toUpperCase()] ?? name
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * SECONDS
}
