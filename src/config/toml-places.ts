import { Places } from './places.js'
import type { Path } from './problems.js'

/** Where keys and elements stand in a TOML document that has been parsed without an error (TOML 1.0). */
export function tomlPlaces(text: string): Places {
  const scanner = new Scanner(text)
  scanner.document()
  return scanner.places
}

/** Walks a valid document; of what can't be valid it makes nothing, and goes on. */
class Scanner {
  readonly places: Places
  readonly #text: string
  #at = 0
  /** Elements so far of each array of tables, by the path of the array. */
  readonly #counts = new Map<string, number>()

  constructor(text: string) {
    this.#text = text
    this.places = new Places(text)
  }

  document(): void {
    let table: Path = []
    while (this.#skip(true)) {
      if (this.#text[this.#at] === '[') table = this.#header()
      else this.#pair(table)
    }
  }

  #header(): Path {
    const begin = this.#at
    const isArray = this.#text[this.#at + 1] === '['
    this.#at += isArray ? 2 : 1
    const keys = this.#keys()
    this.#toEndOfLine()
    let path: Path = []
    keys.forEach((key, i) => {
      path = [...path, key]
      const id = JSON.stringify(path)
      const isLast = i === keys.length - 1
      if (isLast && isArray) this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
      if (isLast) this.places.add(path, begin)
      const count = this.#counts.get(id)
      if (count !== undefined) path = [...path, count - 1]
    })
    this.places.add(path, begin)
    return path
  }

  #pair(table: Path): void {
    const begin = this.#at
    const keys = this.#keys()
    this.#skip(false)
    if (this.#text[this.#at] !== '=') return void this.#at++
    this.#at++
    const path = [...table, ...keys]
    for (let length = table.length + 1; length <= path.length; length++) this.places.add(path.slice(0, length), begin)
    this.#value(path)
  }

  #keys(): string[] {
    const keys: string[] = []
    for (;;) {
      this.#skip(false)
      const quote = this.#text[this.#at]
      if (quote === '"' || quote === "'") keys.push(this.#string())
      else {
        const begin = this.#at
        while (/[\w-]/.test(this.#text[this.#at] ?? '')) this.#at++
        keys.push(this.#text.slice(begin, this.#at))
      }
      this.#skip(false)
      if (this.#text[this.#at] !== '.') return keys
      this.#at++
    }
  }

  #value(path: Path): void {
    this.#skip(false)
    const first = this.#text[this.#at]
    if (first === '"' || first === "'") this.#string()
    else if (first === '[') this.#array(path)
    else if (first === '{') this.#inlineTable(path)
    else while (/[^,\]}#\r\n]/.test(this.#text[this.#at] ?? '\n')) this.#at++
  }

  #array(path: Path): void {
    this.#at++
    for (let i = 0; this.#skip(true) && this.#text[this.#at] !== ']'; i++) {
      this.places.add([...path, i], this.#at)
      this.#value([...path, i])
      this.#skip(true)
      if (this.#text[this.#at] === ',') this.#at++
      else if (this.#text[this.#at] !== ']') return
    }
    this.#at++
  }

  #inlineTable(path: Path): void {
    this.#at++
    while (this.#skip(true) && this.#text[this.#at] !== '}') {
      this.#pair(path)
      this.#skip(true)
      if (this.#text[this.#at] === ',') this.#at++
      else if (this.#text[this.#at] !== '}') return
    }
    this.#at++
  }

  /** Past a string of any of the four kinds. @returns what is in it, of a basic one with its escapes read */
  #string(): string {
    const quote = this.#text[this.#at]!
    const triple = quote.repeat(3)
    if (this.#text.startsWith(triple, this.#at)) {
      const end = this.#text.indexOf(triple, this.#at + 3)
      this.#at = end < 0 ? this.#text.length : end + 3
      while (this.#text[this.#at] === quote) this.#at++
      return ''
    }
    const begin = this.#at++
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote) {
      this.#at += quote === '"' && this.#text[this.#at] === '\\' ? 2 : 1
    }
    const inner = this.#text.slice(begin + 1, this.#at++)
    return quote === '"' ? unescaped(inner) : inner
  }

  /** Past blanks and, where `lines`, line ends and comments. @returns whether anything is left */
  #skip(lines: boolean): boolean {
    for (;;) {
      const char = this.#text[this.#at]
      if (char === ' ' || char === '\t') this.#at++
      else if (lines && (char === '\n' || char === '\r')) this.#at++
      else if (lines && char === '#') this.#toEndOfLine()
      else return char !== undefined
    }
  }

  #toEndOfLine(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end
  }
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}
