import type { Buffer } from 'node:buffer'

/** A header field: its name, in lower case, and its value; one octet a character. */
export type Field = readonly [name: string, value: string]

/** Takes the fields of a block, one after the other. */
export interface FieldSink {
  field(name: string, value: string): void
}

/** How fields are written: HPACK or QPACK. What it writes depends on no state, so that it can be sent again and again. */
export interface FieldCoding {
  /** What each block begins with. */
  readonly prefix: Buffer
  /** `fields` without {@link prefix}. */
  fields(fields: readonly Field[]): Buffer
  /**
   * The literal for a field that differs each time, not Huffman coded: that would cost more than the octets it saves.
   * `name` must be in the static table.
   */
  varying(name: string, value: string): Buffer
}
