import { HeaderSection } from './header-section.js'

/** Pseudo-fields of a request (RFC 9114, section 4.3.1). */
const PSEUDO = [':method', ':scheme', ':authority', ':path'] as const
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const BAD_VALUE = /[\0-\x20\x7f]/

/** How a request ended: answered or lost, taken back by its client, or in a way that nobody has reason to. */
export type RequestEnd = 'done' | 'cancelled' | 'rough'

/** The header section of a request that came in, or its trailer section. */
export class ReceivedRequest extends HeaderSection {
  readonly #pseudo = new Map<string, string>()

  get method(): string {
    return this.#pseudo.get(':method') ?? ''
  }

  /** Path and query part. */
  get path(): string {
    return this.#pseudo.get(':path') ?? ''
  }

  /** Whether it can begin a request, as ours are: never CONNECT (RFC 9114, section 4.3.1). @returns what is wrong, or null */
  faultAsHead(): string | null {
    if (this.fault !== null) return this.fault
    for (const name of [':method', ':scheme', ':path'] as const) {
      if (!this.#pseudo.has(name)) return `no ${name}`
    }
    // Where both are there they must say the same, and one must be there.
    const authority = this.#pseudo.get(':authority')
    const host = this.get('host')
    if ((authority ?? host ?? '') === '') return 'neither :authority nor host'
    return authority !== undefined && host !== null && authority !== host ? 'another host than :authority' : null
  }

  /** Whether it can end a request: no pseudo-fields (RFC 9114, section 4.3). @returns what is wrong, or null */
  faultAsTrailers(): string | null {
    return this.fault ?? (this.#pseudo.size === 0 ? null : 'a pseudo-field among the trailers')
  }

  protected override pseudo(name: string, value: string): void {
    if (!(PSEUDO as readonly string[]).includes(name)) this.fault = 'a pseudo-field that no request has'
    else if (this.isPastPseudo || this.#pseudo.has(name)) this.fault = `${name} twice, or after another field`
    else if (BAD_VALUE.test(value) || (name === ':method' && !METHOD.test(value)) || value === '')
      this.fault = `a ${name} that is none`
    else this.#pseudo.set(name, value)
  }
}
