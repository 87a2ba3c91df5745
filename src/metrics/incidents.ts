/** Something that went wrong, or was mended, with an upstream. */
export interface Incident {
  /** The date when it happened first, and when last, in ms. */
  readonly first: number
  readonly last: number
  /** How often it happened in between. */
  readonly count: number
  readonly kind: 'failure' | 'health'
  readonly upstream: string
  /** A status as the label of `headrace_upstream_queries` has it; of its health `up`, `down` or `suspect`. */
  readonly what: string
  /** In words that may come from elsewhere: escape them for where they go. Never a QNAME. */
  readonly text: string
}

/** The same thing within this long, in ms, is one incident. */
const TOGETHER = 10_000
/** The longest text that is kept. */
const MAX_TEXT = 200

/** The latest incidents; equal ones close to each other are one with a count. */
export class Incidents {
  readonly #most: number
  #list: Incident[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** The newest first. */
  get list(): readonly Incident[] {
    return [...this.#list].sort((a, b) => b.last - a.last)
  }

  /** It happened `times` times just before date `at`, in ms. */
  add(incident: Pick<Incident, 'kind' | 'upstream' | 'what' | 'text'>, at: number, times = 1): void {
    const text = incident.text.slice(0, MAX_TEXT)
    const known = incident.kind === 'failure' ? this.#list.find((one) => isSame(one, incident, at)) : undefined
    const { first, count } = known ?? { first: at, count: 0 }
    this.#list = this.#list.filter((one) => one !== known)
    this.#list.push({ ...incident, text, first, last: at, count: count + times })
    if (this.#list.length > this.#most) this.#list.shift()
  }
}

function isSame(
  known: Incident,
  { kind, upstream, what }: Pick<Incident, 'kind' | 'upstream' | 'what'>,
  at: number,
): boolean {
  return known.kind === kind && known.upstream === upstream && known.what === what && at - known.last < TOGETHER
}
