import { parse, TomlError } from 'smol-toml'
import type { ForwarderOptions } from '../forwarder/forwarder.js'
import type { ServerOptions } from '../server/server.js'
import { formatListen } from './listen.js'
import type { Document, Read } from './document.js'
import { readDns } from './ferrous.js'
import type { Reading } from './members.js'
import { readForwarder } from './own-pools.js'
import { NO_SERVICE, readServer, readService } from './own-server.js'
import { Problems, refuse } from './problems.js'
import { Section } from './section.js'
import { tomlPlaces } from './toml-places.js'

const KEYS = ['dns', 'forwarder', 'server', 'service']
/** Tables of Ferrous DNS for what it does beside forwarding. */
const OTHERS: ReadonlySet<string> = new Set(['blocking', 'logging', 'database', 'auth', 'web', 'groups', 'clients'])

/** TOML 1.0: our own names, and those of Ferrous DNS in `[dns]`. */
export function readToml({ text, file, folder }: Document): Read {
  const problems = new Problems(file, tomlPlaces(text).locate)
  const reading: Reading = { problems, folder, spelling: 'snake' }
  const root = Section.from(problems, { value: parseToml(text, file), path: [] }, 'snake')!
  const dns = root.section('dns')
  const own = root.section('forwarder')
  const server = root.section('server')
  const service = root.section('service')
  root.ignore(OTHERS, 'is for what Ferrous DNS does beside forwarding: it has no effect')
  root.finish(KEYS)
  const forwarder = together(dns && readDns(reading, dns), own && readForwarder(reading, own))
  return {
    problems,
    forwarder,
    server: server === null ? {} : readServerTable(reading, server),
    service: service === null ? NO_SERVICE : readService(service),
  }
}

function parseToml(text: string, file: string | null): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const what = error.message.split('\n', 1)[0]!.replace('Invalid TOML document: ', '')
    return refuse(file, { line: error.line, column: error.column }, `is not TOML: ${what}`)
  }
}

/** Pools and routes of both, and else what our own table says over what Ferrous DNS's does. */
function together(dns: ForwarderOptions | null, own: ForwarderOptions | null): ForwarderOptions {
  const pools = [...(dns?.pools ?? []), ...(own?.pools ?? [])]
  const routes = { ...dns?.routes, ...own?.routes }
  const upstreamDefaults = { ...dns?.upstreamDefaults, ...own?.upstreamDefaults }
  return {
    ...dns,
    ...own,
    ...(pools.length > 0 && { pools }),
    ...(Object.keys(routes).length > 0 && { routes }),
    ...(Object.keys(upstreamDefaults).length > 0 && { upstreamDefaults }),
  }
}

/** Ferrous DNS says where to listen by `bind_address` and `dns_port`. */
function readServerTable(reading: Reading, section: Section): ServerOptions {
  const address = section.string('bind_address')
  const port = section.number('dns_port', { what: 'a port', min: 0, max: 65_535 })
  section.ignore(
    new Set(['web_port', 'api_key', 'cors_allowed_origins']),
    'is for the pages of Ferrous DNS: it has no effect',
  )
  const listen =
    address === undefined && port === undefined ? {} : { listen: [formatListen(address ?? '', port ?? 53)] }
  return { ...listen, ...readServer(reading, section) }
}
