import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'vitest'
import { ConfigError, parseConfig, type ConfigFormat } from '../../src/config/index.js'
import { seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_126)
/** No document of some kB may take longer, in ms. */
const SLOW = 500

const FOLDER = new URL('../fixtures/config/', import.meta.url)
const DOCUMENTS = [
  readFileSync('examples/headrace.toml', 'utf8'),
  '{ "forwarder": { "pools": [{ "upstreams": ["192.0.2.1"] }], "cache": {} }, "server": { "listen": ":53" } }',
  ...readdirSync(FOLDER).map((name) => readFileSync(new URL(name, FOLDER), 'utf8')),
]
const FORMATS: readonly ConfigFormat[] = ['toml', 'json', 'dns-proxy', 'lazydns', 'dnsdist']
const SCRAPS = ['[', ']', '{', '}', '"', "'", '=', ':', ',', '.', '-', '\n', ' ', '#', '&a ', '*a', '|', '[[', '"""', '__proto__', 'constructor', '1e999', 'null', '\u0000', '\u{1f600}', '\ud800', 'servers = [', '!!js/function '] // prettier-ignore

/** `text` with some lines gone, doubled, cut or with scraps in them. */
function mutated(text: string, below: Below): string {
  let out = text
  for (let left = 1 + below(4); left > 0; left--) {
    const at = below(out.length + 1)
    const end = Math.min(out.length, at + below(30))
    const middle = [SCRAPS[below(SCRAPS.length)]!, '', out.slice(at, end).repeat(2), String(below(1e6))][below(4)]!
    out = out.slice(0, at) + middle + out.slice(end)
  }
  return out
}

test('no document makes more than a ConfigError, with places that exist', { timeout: SECONDS * 1000 + 20_000 }, () => {
  const below = seeded(SEED)
  const end = performance.now() + SECONDS * 1000
  for (let round = 0; performance.now() < end; round++) {
    const text = mutated(DOCUMENTS[below(DOCUMENTS.length)]!, below)
    const format = below(3) === 0 ? FORMATS[below(FORMATS.length)]! : undefined
    const begin = performance.now()
    try {
      parseConfig(text, format === undefined ? {} : { format })
    } catch (error) {
      assert.ok(error instanceof ConfigError, `round ${round}, ${JSON.stringify(text)}: ${(error as Error).stack}`)
      const lines = text.split('\n').length
      for (const { line, column } of error.problems) assert.ok(line >= 1 && line <= lines + 1 && column >= 1, text)
    }
    assert.ok(performance.now() - begin < SLOW, `round ${round} took long: ${JSON.stringify(text)}`)
  }
})
