import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseConfig, type Config } from '../../src/config/index.js'

const FOLDER = new URL('../fixtures/config/', import.meta.url)

/** A document of another system, as its own documentation has it. */
export function fixture(name: string): Config {
  const file = fileURLToPath(new URL(name, FOLDER))
  return parseConfig(readFileSync(file, 'utf8'), { file })
}

/** What a test says of members: addresses as they are written. */
export function addressesOf(config: Config, pool = 0): readonly unknown[] {
  const options = config.forwarder.pools?.[pool]
  return options !== undefined && 'upstreams' in options ? (options.upstreams ?? []) : []
}
