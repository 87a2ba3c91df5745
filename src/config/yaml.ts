import { LineCounter, parseDocument } from 'yaml'
import { positionAt, refuse, type Locate } from './problems.js'
import { yamlPlaces } from './yaml-places.js'

/** Nodes that aliases may stand for in all, so that a small document can't be a huge one. */
const MAX_ALIASES = 1000

/** A document of YAML 1.2, with where its parts are. @throws {ConfigError} it is none */
export function parseYaml(text: string, file: string | null): { readonly value: unknown; readonly locate: Locate } {
  const document = parseDocument(text, { lineCounter: new LineCounter(), prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined) refuse(file, positionAt(text, error.pos[0]), `is not YAML: ${error.message}`)
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    return { value, locate: yamlPlaces(text, document).locate }
  } catch (cause) {
    return refuse(file, { line: 1, column: 1 }, `can't be read: ${(cause as Error).message}`)
  }
}
