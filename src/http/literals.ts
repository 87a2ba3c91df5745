import { Buffer } from 'node:buffer'
import { HeaderBlockError } from './error.js'
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.js'

/** Continuation octets of an integer: values up to 2^28 and no padding with zeroes without end. */
const MAX_CONTINUATION = 4

/**
 * Reads the integers and strings that HPACK and QPACK are made of (RFC 7541, section 5; RFC 9204, section 4.1).
 *
 * One reader serves many blocks: {@link reset} gives it the next.
 */
export class LiteralReader {
  #octets: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0

  /** Reads octets `start` to `end` from now on. */
  reset(octets: Buffer, start: number, end: number): void {
    this.#octets = octets
    this.#at = start
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** The octet that comes next, left where it is. @throws {HeaderBlockError} there is none */
  peek(): number {
    if (this.done) throw new HeaderBlockError('it ends within a field')
    return this.#octets[this.#at]!
  }

  /**
   * The integer in the low `prefix` bits of the next octet and, when those are all ones, the octets after it
   * (RFC 7541, section 5.1).
   *
   * @throws {HeaderBlockError} it is cut short, or too large to mean anything here
   */
  integer(prefix: number): number {
    const mask = (1 << prefix) - 1
    let value = this.peek() & mask
    this.#at++
    if (value < mask) return value
    for (let shift = 0; shift < 7 * MAX_CONTINUATION; shift += 7) {
      const octet = this.peek()
      this.#at++
      value += (octet & 0x7f) * 2 ** shift
      if (octet < 0x80) return value
    }
    throw new HeaderBlockError('an integer that is too large')
  }

  /**
   * The string whose length is in the low `prefix` bits of the next octet, the bit above them saying whether it is
   * Huffman coded (RFC 7541, section 5.2); one character an octet.
   *
   * @throws {HeaderBlockError} it is cut short or not well coded
   */
  string(prefix: number): string {
    const coded = (this.peek() & (1 << prefix)) !== 0
    const length = this.integer(prefix)
    const start = this.#at
    const end = start + length
    if (end > this.#end) throw new HeaderBlockError('a string that is longer than the block')
    this.#at = end
    return coded ? huffmanDecode(this.#octets, start, end) : this.#octets.toString('latin1', start, end)
  }
}

/** Appends `value` to `out` behind a `prefix` of so many bits, `flags` being the bits above it (RFC 7541, section 5.1). */
export function writeInteger(out: number[], value: number, prefix: number, flags: number): void {
  const mask = (1 << prefix) - 1
  if (value < mask) return void out.push(flags | value)
  out.push(flags | mask)
  let rest = value - mask
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest & 0x7f) | 0x80)
  out.push(rest)
}

/**
 * Appends `text`, one octet a character, behind its length in a `prefix` of so many bits: Huffman coded where that is
 * shorter (RFC 7541, section 5.2). `flags` are the bits above the one that says so.
 */
export function writeString(out: number[], text: string, prefix: number, flags: number): void {
  const octets = Buffer.from(text, 'latin1')
  const coded = huffmanLength(octets) < octets.length
  const written = coded ? huffmanEncode(octets) : octets
  writeInteger(out, written.length, prefix, flags | (coded ? 1 << prefix : 0))
  for (const octet of written) out.push(octet)
}
