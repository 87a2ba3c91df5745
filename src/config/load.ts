import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { oneOf, option, readOptions } from '../base/options.js'
import { Forwarder } from '../forwarder/forwarder.js'
import type { Config, ConfigFormat } from './config.js'
import { readDnsProxy } from './dns-proxy.js'
import { readDnsdist } from './dnsdist.js'
import type { Document, Read } from './document.js'
import { formatOf } from './format.js'
import { readJson } from './json.js'
import { readLazydns } from './lazydns.js'
import { isChecked } from './own-options.js'
import { ConfigError } from './problems.js'
import { readToml } from './toml.js'

/** How a document is read. */
export interface ConfigOptions {
  /** Whose document it is. @default by the file's ending and what is in it */
  readonly format?: ConfigFormat
  /** The file that it came from: for messages, and because names of files in it begin there. */
  readonly file?: string
}

const READERS: Readonly<Record<ConfigFormat, (document: Document) => Read>> = {
  toml: readToml,
  json: readJson,
  'dns-proxy': readDnsProxy,
  lazydns: readLazydns,
  dnsdist: readDnsdist,
}
const FORMATS = Object.keys(READERS) as ConfigFormat[]
const OPTIONS = {
  format: oneOf<ConfigFormat | ''>('', ...FORMATS),
  file: option<string | null>(null, 'the name of a file', (v) => typeof v === 'string' && v !== ''),
}

/**
 * Reads a document: ours (TOML, JSON), or one of dns-proxy (INI), lazydns or dnsdist (YAML), with that system's defaults.
 * Files that it names are read, and nothing is opened.
 *
 * @throws {ConfigError} ERR_DNS_INVALID_CONFIG with everything that is wrong, each with line and column
 */
export function parseConfig(text: string, options: ConfigOptions = {}): Config {
  const { format: given, file } = readOptions('parseConfig', OPTIONS, options)
  const format = given === '' ? formatOf(text, file) : given
  const read = READERS[format]({ text, file, folder: file === null ? '.' : dirname(resolve(file)) })
  const { problems, forwarder, server, service } = read
  // What no option shows by itself: names that are there twice, nobody to ask, options that exclude each other.
  if (!problems.any) isChecked({ problems, spelling: 'camel' }, () => new Forwarder(forwarder).destroy(), [])
  problems.check()
  return Object.freeze({ format, file, forwarder, server, service, warnings: problems.warnings })
}

/**
 * Reads a file by {@link parseConfig}.
 *
 * @throws {ConfigError} as a rejection; also when the file can't be read
 */
export async function loadConfig(path: string, options: Omit<ConfigOptions, 'file'> = {}): Promise<Config> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const message = `can't be read: ${(error as Error).message}`
    throw new ConfigError([{ file: path, line: 1, column: 1, path: '', message }])
  }
  return parseConfig(text, { ...options, file: path })
}
