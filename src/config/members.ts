import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAddress } from '../address/address.js'
import { show } from '../base/options.js'
import { checkHealthOptions, type HealthOptions } from '../health/options.js'
import type { UpstreamSpec } from '../pool/options.js'
import { checkUpstreamOptions, type UpstreamOptions } from '../upstream/options.js'
import { isChecked, readOwn, type Readers } from './own-options.js'
import { Section, type Placed } from './section.js'
import type { Problems } from './problems.js'
import type { Spelling } from './section.js'

/** What every part of a document is read with. */
export interface Reading {
  readonly problems: Problems
  readonly spelling: Spelling
  /** Where names of files begin. */
  readonly folder: string
}

/** Names of files that stand for what is in them. */
const FILES = {
  ca_file: 'ca',
  cert_file: 'cert',
  key_file: 'key',
  caFile: 'ca',
  certFile: 'cert',
  keyFile: 'key',
} as const

/** An upstream: an address, or a table with `addr` and options. Undefined: it can't be used, and that was reported. */
export function readMember(reading: Reading, given: Placed, defaultPort = 53): string | UpstreamSpec | undefined {
  const { problems, spelling } = reading
  if (typeof given.value === 'string') return readAddress(reading, given, defaultPort)
  const section = Section.from(problems, given, spelling)
  if (section === null) return undefined
  if (!section.has('addr')) problems.error(given.path, 'has no "addr", such as "192.0.2.1" or "tls://dns.example"')
  const addr = readAddress(
    reading,
    { value: section.take('addr') ?? '192.0.2.1', path: section.at('addr') },
    defaultPort,
  )
  const tag = section.string('tag')
  const options = readUpstreamOptions(reading, section)
  return addr === undefined ? undefined : { addr, ...(tag !== undefined && { tag }), ...options }
}

/** An address in any form, with its port where the document sets another default. */
export function readAddress(reading: Reading, { value, path }: Placed, defaultPort = 53): string | undefined {
  if (typeof value !== 'string') {
    reading.problems.error(path, `must be an address such as "192.0.2.1:53" or "tls://dns.example"; got ${show(value)}`)
    return undefined
  }
  let text = value
  const isGood = isChecked(
    reading,
    () => {
      const address = parseAddress(value, { defaultPort })
      if (defaultPort !== 53) text = address.tag === null ? address.text : `${address.text}|${address.tag}`
    },
    path,
  )
  return isGood ? text : undefined
}

/** Options of an upstream, from all that is left of `section`. */
export function readUpstreamOptions(reading: Reading, section: Section): UpstreamOptions {
  const readers: Readers = {
    tls: (given) => readTls(reading, given),
    health: (given) => readHealth(reading, given),
  }
  return readOwn(section, (options) => checkUpstreamOptions(options, 'Upstream', ''), readers)
}

/** Options of checks; false: none. */
export function readHealth(reading: Reading, given: Placed): HealthOptions | false | undefined {
  if (given.value === false) return false
  const section = Section.from(reading.problems, given, reading.spelling)
  return section === null ? undefined : readOwn(section, (options) => checkHealthOptions(options, 'HealthMonitor', ''))
}

function readTls(reading: Reading, given: Placed): UpstreamOptions['tls'] {
  const section = Section.from(reading.problems, given, reading.spelling)
  if (section === null) return undefined
  const contents: Record<string, string> = {}
  for (const [key, name] of Object.entries(FILES)) {
    const content = readFile(reading, section, key)
    if (content !== undefined) contents[name] = content
  }
  const options = readOwn(section, (tls) => checkUpstreamOptions({ tls }, 'Upstream', ''), {}, 'tls')
  return { ...options, ...contents }
}

/** What is in the file that `key` names. */
export function readFile({ problems, folder }: Reading, section: Section, key: string): string | undefined {
  const name = section.string(key)
  if (name === undefined) return undefined
  try {
    return readFileSync(resolve(folder, name), 'utf8')
  } catch (error) {
    problems.error(section.at(key), `can't be read: ${(error as Error).message}`)
    return undefined
  }
}
