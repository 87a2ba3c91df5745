import { Buffer } from 'node:buffer'
import type { Field, FieldCoding } from './field.js'

/** Bodies up to this many octets have their header block kept. */
const KEPT_UP_TO = 2048
const NO_BODY = -1
const NOTHING = Buffer.alloc(0)

/** What every request to one resource says. */
export interface RequestTarget {
  /** Any but HEAD and CONNECT, whose responses have another form (RFC 9113, sections 8.1.1 and 8.5; RFC 9114, section 4.1.2). */
  readonly method: string
  readonly scheme: string
  readonly authority: string
  readonly path: string
  /** Other fields, their names in lower case. `content-length` is added for each request with a body. */
  readonly headers?: readonly Field[]
}

/**
 * The header block of the requests to one resource, encoded once (RFC 9113, section 8.3.1; RFC 9114, section 4.3.1). It depends on no connection:
 * one head serves all of them.
 */
export class RequestHead {
  readonly #coding: FieldCoding
  readonly #pseudo: Buffer
  readonly #path: Buffer
  readonly #headers: Buffer
  /** By length of the body, after that for none. */
  readonly #blocks: (Buffer | undefined)[] = []

  constructor({ method, scheme, authority, path, headers = [] }: RequestTarget, coding: FieldCoding) {
    this.#coding = coding
    const pseudo = coding.fields([
      [':method', method],
      [':scheme', scheme],
      [':authority', authority],
    ])
    this.#pseudo = Buffer.concat([coding.prefix, pseudo])
    this.#path = coding.fields([[':path', path]])
    this.#headers = coding.fields(headers)
  }

  /** The block of a request with `body`, to `path` or else the path that all share. It must not be modified. */
  block(path: string | null, body: Uint8Array | null): Buffer {
    const length = body === null ? NO_BODY : body.length
    if (path !== null) return this.#compose(this.#coding.varying(':path', path), length)
    if (length > KEPT_UP_TO) return this.#compose(this.#path, length)
    return (this.#blocks[length + 1] ??= this.#compose(this.#path, length))
  }

  #compose(path: Buffer, length: number): Buffer {
    const size = length === NO_BODY ? NOTHING : this.#coding.varying('content-length', String(length))
    return Buffer.concat([this.#pseudo, path, this.#headers, size])
  }
}
