import type { FieldSink } from './field.js'

/** What a header section may measure, in octets as RFC 9113, section 6.5.2 counts them: 32 more for each field. */
export const MAX_HEADER_LIST = 16_384

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const BAD_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/
const STATUS = /^[1-9][0-9][0-9]$/
const LENGTH = /^[0-9]{1,15}$/
/** Fields that concern one connection of HTTP/1.1 and must not be here (RFC 9113, section 8.2.2). */
const FORBIDDEN = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/**
 * The header section of a response, or its trailer section, checked field by field as it is decoded (RFC 9113, sections
 * 8.2 and 8.3; RFC 9114, sections 4.2 and 4.3). Keeps the values of the fields that somebody wants and no others.
 */
export class ResponseHead implements FieldSink {
  /** 0 until `:status` came; always 0 of a trailer section. */
  status = 0
  /** What `content-length` says, in octets; -1 without it. */
  contentLength = -1
  /** What makes it malformed, or null. */
  fault: string | null = null
  readonly #wanted: readonly string[]
  readonly #values: (string | null)[]
  #fields = 0
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
    if (name.startsWith(':')) this.#pseudo(name, value)
    else this.#regular(name, value)
    this.#fields++
  }

  /** Whether it can begin a response. @returns what is wrong, or null */
  faultAsHead(): string | null {
    return this.fault ?? (this.status === 0 ? 'no :status' : null)
  }

  /** Whether it can end a response: no pseudo-fields (RFC 9113, section 8.1). @returns what is wrong, or null */
  faultAsTrailers(): string | null {
    return this.fault ?? (this.status === 0 ? null : 'a pseudo-field among the trailers')
  }

  #pseudo(name: string, value: string): void {
    if (name !== ':status') this.fault = 'a pseudo-field that no response has'
    else if (this.#fields > 0) this.fault = ':status twice, or after another field'
    else if (!STATUS.test(value)) this.fault = 'a :status that is no status'
    else this.status = Number(value)
  }

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
