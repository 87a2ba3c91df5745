import type { Buffer } from 'node:buffer'
import { H3Fault } from './h3-error.js'

/** Reads one of the peer's QPACK streams (RFC 9204, section 4.2). */
export interface InstructionReader {
  /** @throws {H3Fault} an instruction that has no place where no dynamic table is allowed */
  push(octets: Buffer): void
}

/**
 * What the peer's encoder says: with a capacity of 0 no more than that its table has that size (RFC 9204, sections 3.2.3 and
 * 4.3.1).
 */
export class EncoderInstructions implements InstructionReader {
  push(octets: Buffer): void {
    if (octets.some((octet) => octet !== 0x20))
      throw new H3Fault('QPACK_ENCODER_STREAM_ERROR', 'a dynamic table that was not allowed')
  }
}

/**
 * What the peer's decoder says of our encoder, which uses no dynamic table: that a stream was cancelled, and nothing else
 * (RFC 9204, section 4.4).
 */
export class DecoderInstructions implements InstructionReader {
  /** Octets of an integer that were read beyond its prefix; -1 outside of one. */
  #continued = -1

  push(octets: Buffer): void {
    for (const octet of octets) {
      if (this.#continued < 0) this.#begin(octet)
      else this.#continue(octet)
    }
  }

  #begin(octet: number): void {
    if ((octet & 0xc0) !== 0x40) throw fault('acknowledges what was never sent')
    if ((octet & 0x3f) === 0x3f) this.#continued = 0
  }

  #continue(octet: number): void {
    if (octet < 0x80) this.#continued = -1
    // A stream has 62 bits.
    else if (++this.#continued > 8) throw fault('names a stream that cannot be')
  }
}

function fault(what: string): H3Fault {
  return new H3Fault('QPACK_DECODER_STREAM_ERROR', `a QPACK decoder that ${what}`)
}
