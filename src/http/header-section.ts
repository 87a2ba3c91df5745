import type { FieldSink } from './field.js'

/** What a header section may measure, in octets as RFC 9113, section 6.5.2 counts them: 32 more for each field. */
export const MAX_HEADER_LIST = 16_384

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const BAD_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/
const LENGTH = /^[0-9]{1,15}$/
/** Fields that concern one connection of HTTP/1.1 and must not be here (RFC 9113, section 8.2.2; RFC 9114, section 4.2). */
const FORBIDDEN = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * A header or trailer section, checked field by field as it is decoded (RFC 9113, sections 8.2 and 8.3; RFC 9114, sections
 * 4.2 and 4.3). Keeps the values of the fields that somebody wants and no others.
 */
export abstract class HeaderSection implements FieldSink {
  /** What `content-length` says, in octets; -1 without it. */
  contentLength = -1
  /** What makes it malformed, or null. */
  fault: string | null = null
  /** Whether a field came that is none of the pseudo-fields: none of those may follow. */
  protected isPastPseudo = false
  readonly #wanted: readonly string[]
  readonly #values: (string | null)[]
  #size = 0

  /** @param wanted names of the fields to keep, in lower case */
  constructor(wanted: readonly string[]) {
    this.#wanted = wanted
    this.#values = wanted.map(() => null)
  }

  /** The value of a field that was wanted, several in one with commas between (RFC 9110, section 5.3); null without it. */
  get(name: string): string | null {
    return this.#values[this.#wanted.indexOf(name)] ?? null
  }

  /** Whether it is larger than we allow: a fault of size, not of form. */
  get oversized(): boolean {
    return this.#size > MAX_HEADER_LIST
  }

  field(name: string, value: string): void {
    this.#size += name.length + value.length + 32
    if (this.fault !== null || this.oversized) return
    if (name.startsWith(':')) return this.pseudo(name, value)
    this.isPastPseudo = true
    this.#regular(name, value)
  }

  /** Takes a pseudo-field. */
  protected abstract pseudo(name: string, value: string): void

  #regular(name: string, value: string): void {
    if (!TOKEN.test(name)) this.fault = 'a field name that is none, or not in lower case'
    else if (BAD_VALUE.test(value)) this.fault = `a value of ${name} that is none`
    else if (FORBIDDEN.has(name)) this.fault = `${name}, which belongs to HTTP/1.1`
    else if (name === 'content-length') this.#length(value)
    const index = this.#wanted.indexOf(name)
    if (index < 0) return
    const before = this.#values[index] ?? null
    this.#values[index] = before === null ? value : `${before}, ${value}`
  }

  /** Said twice it must say the same; a list of equal values is not worth reading (RFC 9110, section 8.6). */
  #length(value: string): void {
    const length = LENGTH.test(value) ? Number(value) : -1
    if (length < 0) this.fault = 'a content-length that is no length'
    else if (this.contentLength >= 0 && this.contentLength !== length) this.fault = 'two content-lengths'
    else this.contentLength = length
  }
}
