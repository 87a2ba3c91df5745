import { isMap, isScalar, isSeq, type Document, type Node } from 'yaml'
import { Places } from './places.js'
import type { Path } from './problems.js'

/** Where keys and elements stand in a document of YAML, or of JSON, which is YAML as well. */
export function yamlPlaces(text: string, document: Document.Parsed): Places {
  const places = new Places(text)
  walk(document.contents, [], places)
  return places
}

function walk(node: unknown, path: Path, places: Places): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key)
      const inner = [...path, name]
      places.add(inner, (key as Node).range?.[0] ?? 0)
      walk(value, inner, places)
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, i) => {
      places.add([...path, i], (item as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0)
      walk(item, [...path, i], places)
    })
  }
}
