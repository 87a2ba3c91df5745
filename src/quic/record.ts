import { Buffer } from 'node:buffer'

/** What the core reads: integers in little-endian order, octets behind their length, lists behind their number. */
export class Record {
  readonly #parts: Buffer[] = []

  u8(value: number): this {
    this.#parts.push(Buffer.from([value]))
    return this
  }

  u32(value: number): this {
    const octets = Buffer.alloc(4)
    octets.writeUInt32LE(value)
    this.#parts.push(octets)
    return this
  }

  raw(octets: Buffer): this {
    this.#parts.push(octets)
    return this
  }

  blob(octets: Uint8Array): this {
    this.u32(octets.length).#parts.push(Buffer.from(octets))
    return this
  }

  list(items: readonly Uint8Array[]): this {
    this.u32(items.length)
    for (const item of items) this.blob(item)
    return this
  }

  octets(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
