import { positionAt, type Locate, type Path } from './problems.js'

/** Where the parts of a document are, by path. */
export class Places {
  readonly #text: string
  readonly #offsets = new Map<string, number>()

  constructor(text: string) {
    this.#text = text
  }

  /** The first place that is told counts. */
  add(path: Path, offset: number): void {
    const key = keyOf(path)
    if (!this.#offsets.has(key)) this.#offsets.set(key, offset)
  }

  readonly locate: Locate = (path) => {
    for (let length = path.length; length > 0; length--) {
      const offset = this.#offsets.get(keyOf(path.slice(0, length)))
      if (offset !== undefined) return positionAt(this.#text, offset)
    }
    return { line: 1, column: 1 }
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}
