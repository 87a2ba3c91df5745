import { Buffer } from 'node:buffer'
import { HeaderBlockError } from '../http/error.js'
import type { HeaderSection } from '../http/header-section.js'
import { decodeQpack } from '../http/qpack.js'
import { H3Fault } from './h3-error.js'

/** The octets of a header section as it is sent, at most: no more than it may come to (RFC 9114, section 4.2.2). */
export const MAX_SECTION = 32_768
const NOTHING = Buffer.alloc(0)

/** Decodes header sections; one that is the same as the last, as most are within a second, is not decoded again. */
export class SectionDecoder<S extends HeaderSection> {
  readonly #make: () => S
  #last: Buffer = NOTHING
  #lastSection: S | null = null

  /** @param make an empty section */
  constructor(make: () => S) {
    this.#make = make
  }

  /** What is in `octets`, not to be modified. @throws {H3Fault} it is no field section (RFC 9204, section 2.2) */
  decode(octets: Buffer): S {
    if (this.#lastSection !== null && this.#last.equals(octets)) return this.#lastSection
    const section = this.#make()
    try {
      decodeQpack(octets, 0, octets.length, section)
    } catch (error) {
      if (error instanceof HeaderBlockError) throw new H3Fault('QPACK_DECOMPRESSION_FAILED', error.message)
      throw error
    }
    this.#last = Buffer.from(octets)
    this.#lastSection = section
    return section
  }
}
