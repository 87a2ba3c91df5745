import { readFileSync } from 'node:fs'

/** The version of this package; `unknown` in a bundle that left package.json behind. */
export function version(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const { name, version: found } = JSON.parse(text) as { name: string; version: string }
    return name === 'headrace' ? found : 'unknown'
  } catch {
    return 'unknown'
  }
}
