import { parse } from 'ini'
import { readServerOptions } from '../server/options.js'
import type { Document, Read } from './document.js'
import { splitList } from './lists.js'
import { formatListen } from './listen.js'
import { readAddress, type Reading } from './members.js'
import { isChecked } from './own-options.js'
import { NO_SERVICE } from './own-server.js'
import { Places } from './places.js'
import { Problems } from './problems.js'
import { Section } from './section.js'

/** Of `[dns-proxy]` and `[forwarder-dns]`, what is for something else than where to listen and whom to ask. */
const OTHERS: ReadonlySet<string> = new Set([
  'log-level',
  'log-file',
  'user',
  'group',
  'pid-file',
  'daemonize',
  'timeout',
  'cache-size',
])
const DEFAULT_PORT = 53

/**
 * The INI file of dns-proxy: `[forwarder-dns]` with `server-addresses`, or `server-address`, and `server-port`; where to
 * listen in `[dns-proxy]`. Servers are asked by turns, as Twisted does.
 */
export function readDnsProxy({ text, file, folder }: Document): Read {
  const problems = new Problems(file, iniPlaces(text).locate)
  const reading: Reading = { problems, folder, spelling: 'camel' }
  const root = Section.from(problems, { value: tablesOf(parse(text)), path: [] }, 'camel')!
  const forwarderDns = root.section('forwarder-dns')
  const proxy = root.section('dns-proxy')
  root.ignore(new Set(root.left), 'is a section for something else than forwarding: it has no effect')
  if (forwarderDns === null) problems.error([], 'has no section [forwarder-dns], which says whom to ask')
  const upstreams = forwarderDns === null ? [] : readServers(reading, forwarderDns)
  return {
    problems,
    forwarder: { pools: [{ name: 'forwarder-dns', strategy: 'balanced', upstreams }] },
    server: proxy === null ? {} : readListen(reading, proxy),
    service: NO_SERVICE,
  }
}

/** `server-port` of a dns-proxy document, which is also the port of addresses on its command line. */
export function serverPortOf(text: string): number {
  const section = tablesOf(parse(text))['forwarder-dns']
  const port = Number(section?.['server-port'] ?? DEFAULT_PORT)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : DEFAULT_PORT
}

function readServers(reading: Reading, section: Section): readonly string[] {
  const port = readPort(section, 'server-port', 1) ?? DEFAULT_PORT
  const list = section.string('server-addresses')
  const single = section.string('server-address')
  section.ignore(OTHERS, 'has no effect here')
  section.finish(['server-addresses', 'server-address', 'server-port'])
  const key = list === undefined ? 'server-address' : 'server-addresses'
  const items = list === undefined ? (single === undefined ? [] : [single.trim()]) : splitList(list)
  if (items.length === 0) reading.problems.error(section.path, 'has neither "server-addresses" nor "server-address"')
  return items.flatMap((value) => readAddress(reading, { value, path: section.at(key) }, port) ?? [])
}

function readListen(reading: Reading, section: Section): { readonly listen?: readonly string[] } {
  const address = section.string('listen-address')
  const port = readPort(section, 'listen-port', 0) ?? DEFAULT_PORT
  section.ignore(OTHERS, 'has no effect here')
  section.finish(['listen-address', 'listen-port'])
  if (address === undefined && !section.has('listen-port')) return {}
  const hosts = address === undefined ? [''] : splitList(address)
  const listen = hosts.map((host) => (/^[^:]*:\d+$|\]:\d+$/.test(host) ? host : formatListen(host, port)))
  const isGood = isChecked(reading, () => readServerOptions({ listen }), section.at('listen-address'), 'listen')
  return isGood ? { listen } : {}
}

function readPort(section: Section, key: string, min: number): number | undefined {
  const text = section.string(key)
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : NaN
  if (port >= min && port <= 65_535) return port
  section.problems.error(section.at(key), `must be a port from ${min} to 65535; got ${JSON.stringify(text)}`)
  return undefined
}

/** Keys before the first section stay where they are, and are reported there. */
function tablesOf(parsed: Record<string, unknown>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(parsed).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? { ...value } : {},
    ]),
  )
}

function iniPlaces(text: string): Places {
  const places = new Places(text)
  let section: string | null = null
  let offset = 0
  for (const line of text.split('\n')) {
    const header = /^\s*\[([^\]]*)\]/.exec(line)
    const pair = /^\s*([^=;#\s][^=]*?)\s*(?:=|$)/.exec(line)
    const at = offset + line.search(/\S/)
    if (header !== null) places.add([(section = header[1]!.trim())], at)
    else if (pair !== null) places.add(section === null ? [pair[1]!] : [section, pair[1]!], at)
    offset += line.length + 1
  }
  return places
}
