import { resolve } from 'node:path'
import { integer, oneOf, parsed, readOptions, reject } from '../base/options.js'
import { parseListenAddress } from '../server/listen-address.js'
import { readServerOptions } from '../server/options.js'
import type { ServerOptions } from '../server/server.js'
import type { ServiceOptions } from './config.js'
import type { Reading } from './members.js'
import { readOwn, type Readers } from './own-options.js'
import { Section, type Placed } from './section.js'

const LISTENERS = ['tls', 'https', 'quic', 'h3'] as const

const where = parsed<string | null>(null, (given, owner, name) => {
  try {
    parseListenAddress(given as string, 8053)
    return given as string
  } catch {
    return reject(owner, name, given, 'an address such as "127.0.0.1:8053"')
  }
})

const SERVICE = {
  status: where,
  metrics: where,
  logFormat: oneOf<ServiceOptions['logFormat']>('auto', 'auto', 'human', 'json'),
  logLevel: oneOf<ServiceOptions['logLevel']>('info', 'debug', 'info', 'warn', 'error'),
  workers: integer(1, 0, 1024),
}

/** Nothing beside forwarding. */
export const NO_SERVICE: ServiceOptions = Object.freeze(readOptions('headrace', SERVICE))

/** A server by the names of `createServer`'s options. */
export function readServer(reading: Reading, section: Section): ServerOptions {
  const readers: Readers = Object.fromEntries(
    LISTENERS.map((name) => [name, (given: Placed) => readListener(reading, name, given)]),
  )
  return readOwn(section, (options) => readServerOptions(options), readers)
}

/** What `headrace serve` does beside forwarding. */
export function readService(section: Section): ServiceOptions {
  const options = readOwn(section, (given) => readOptions('headrace', SERVICE, given))
  return { ...NO_SERVICE, ...options }
}

/** Names of files begin where the document is. */
function readListener(reading: Reading, name: string, given: Placed): unknown {
  const section = Section.from(reading.problems, given, reading.spelling)
  if (section === null) return undefined
  const files: Record<string, string> = {}
  for (const half of ['cert', 'key'] as const) {
    const key = reading.spelling === 'snake' ? `${half}_file` : `${half}File`
    const file = section.string(key)
    if (file !== undefined) files[`${half}File`] = resolve(reading.folder, file)
    else if (!section.has(half)) reading.problems.error(section.path, `has neither "${key}" nor "${half}"`)
  }
  return { ...readOwn(section, (options) => checkListener(name, options), {}, name), ...files }
}

/** Each option is checked with halves of a certificate that stand for those that are checked by themselves. */
function checkListener(name: string, options: object): void {
  const halves = ['cert', 'key'].filter((half) => !(half in options))
  readServerOptions({ [name]: { ...Object.fromEntries(halves.map((half) => [`${half}File`, '-'])), ...options } })
}
