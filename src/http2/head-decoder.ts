import { Buffer } from 'node:buffer'
import { HeaderBlockError } from '../http/error.js'
import { decodeHpack } from '../http/hpack.js'
import { ResponseHead } from '../http/response-head.js'
import { ConnectionFault } from './error.js'
import type { HeaderBlock } from './header-block.js'

const NOTHING = Buffer.alloc(0)

/**
 * Decodes the header blocks of responses. Since no block depends on those before it, one that is the same as the last, as
 * most are within a second, is not decoded again.
 */
export class HeadDecoder {
  readonly #wanted: readonly string[]
  #last = NOTHING
  #lastHead: ResponseHead | null = null

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted
  }

  /** What is in `block`, not to be modified. @throws {ConnectionFault} it is no block (RFC 9113, section 4.3) */
  decode({ octets, start, end }: HeaderBlock): ResponseHead {
    const last = this.#last
    if (this.#lastHead !== null && last.compare(octets, start, end) === 0) return this.#lastHead
    const head = new ResponseHead(this.#wanted)
    try {
      decodeHpack(octets, start, end, head)
    } catch (error) {
      if (error instanceof HeaderBlockError) throw new ConnectionFault('COMPRESSION_ERROR', error.message)
      throw error
    }
    this.#last = Buffer.from(octets.subarray(start, end))
    this.#lastHead = head
    return head
  }
}
