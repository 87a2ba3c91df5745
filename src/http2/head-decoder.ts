import { Buffer } from 'node:buffer'
import { HeaderBlockError } from '../http/error.js'
import { HpackTable } from '../http/hpack-table.js'
import { decodeHpack } from '../http/hpack.js'
import { ResponseHead } from '../http/response-head.js'
import { ConnectionFault } from './error.js'
import type { HeaderBlock } from './header-block.js'

const NOTHING = Buffer.alloc(0)

/**
 * Decodes the header blocks of responses, all of them and in order: one may depend on those before it. A block that is the
 * same as the last, as most are within a second, is not decoded again, unless it or another has changed the table.
 */
export class HeadDecoder {
  readonly #wanted: readonly string[]
  readonly #table = new HpackTable()
  #last = NOTHING
  #lastHead: ResponseHead | null = null

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted
  }

  /** What is in `block`, not to be modified. @throws {ConnectionFault} it is no block (RFC 9113, section 4.3) */
  decode({ octets, start, end }: HeaderBlock): ResponseHead {
    if (this.#lastHead !== null && this.#last.compare(octets, start, end) === 0) return this.#lastHead
    const { version } = this.#table
    const head = new ResponseHead(this.#wanted)
    try {
      decodeHpack(octets, start, end, this.#table, head)
    } catch (error) {
      if (error instanceof HeaderBlockError) throw new ConnectionFault('COMPRESSION_ERROR', error.message)
      throw error
    }
    const changed = this.#table.version !== version
    if (!changed) this.#last = Buffer.from(octets.subarray(start, end))
    this.#lastHead = changed ? null : head
    return head
  }
}
