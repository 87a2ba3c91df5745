import { Buffer } from 'node:buffer'
import { HeaderBlockError } from './error.js'
import type { Field, FieldCoding, FieldSink } from './field.js'
import { HPACK_STATIC } from './hpack-static.js'
import type { HpackTable } from './hpack-table.js'
import { LiteralReader, writeInteger, writeString } from './literals.js'

/** Turns the dynamic table off: the first octet of the first block to a peer (RFC 7541, section 6.3). */
export const NO_DYNAMIC_TABLE = 0x20

/** Size updates at the start of a block: the lowest size in between and the last one (RFC 7541, section 4.2). */
const MAX_UPDATES = 2

const reader = new LiteralReader()

/**
 * Reads the block in octets `start` to `end`, with what earlier ones left in `table` (RFC 7541, section 3.2). The whole of
 * it is read, whatever the sink thinks of it: the blocks after it depend on that.
 *
 * @throws {HeaderBlockError} octets that are not a block, an index that no entry has, a table over its limit
 */
export function decodeHpack(octets: Buffer, start: number, end: number, table: HpackTable, sink: FieldSink): void {
  reader.reset(octets, start, end)
  for (let updates = 0; !reader.done && (reader.peek() & 0xe0) === 0x20; updates++) {
    if (updates === MAX_UPDATES || !table.resize(reader.integer(5)))
      throw new HeaderBlockError('a dynamic table that was not allowed')
  }
  while (!reader.done) decodeField(table, sink)
}

/**
 * The block for `fields`: static entries where there are any, everything else a literal that no intermediary may put in a
 * table (RFC 7541, section 6.2.3). It depends on no state, so that it can be sent again and again.
 */
export function encodeHpack(fields: readonly Field[]): Buffer {
  const out: number[] = []
  for (const [name, value] of fields) {
    const whole = HPACK_STATIC.findIndex((entry) => entry[0] === name && entry[1] === value) + 1
    if (whole > 0 && value !== '') {
      writeInteger(out, whole, 7, 0x80)
      continue
    }
    const named = HPACK_STATIC.findIndex((entry) => entry[0] === name) + 1
    writeInteger(out, named, 4, 0x10)
    if (named === 0) writeString(out, name, 7, 0)
    writeString(out, value, 7, 0)
  }
  return Buffer.from(out)
}

/** See {@link FieldCoding.varying}. */
export function encodeVarying(name: string, value: string): Buffer {
  const out: number[] = []
  writeInteger(out, HPACK_STATIC.findIndex((entry) => entry[0] === name) + 1, 4, 0x10)
  writeInteger(out, value.length, 7, 0)
  return Buffer.concat([Buffer.from(out), Buffer.from(value, 'latin1')])
}

/** HPACK, for what both versions share. */
export const HPACK: FieldCoding = { prefix: Buffer.alloc(0), fields: encodeHpack, varying: encodeVarying }

function decodeField(table: HpackTable, sink: FieldSink): void {
  const first = reader.peek()
  if (first >= 0x80) {
    const [name, value] = entryAt(reader.integer(7), table)
    sink.field(name, value)
    return
  }
  if (first >= 0x20 && first < 0x40) throw new HeaderBlockError('a table size update after a field')
  const index = reader.integer(first >= 0x40 ? 6 : 4)
  const name = index === 0 ? reader.string(7) : entryAt(index, table)[0]
  const value = reader.string(7)
  if (first >= 0x40) table.add(name, value)
  sink.field(name, value)
}

function entryAt(index: number, table: HpackTable): Field {
  const entry = HPACK_STATIC[index - 1] ?? table.get(index - 1 - HPACK_STATIC.length)
  if (index === 0 || entry === undefined) throw new HeaderBlockError(`index ${index}, which no entry has`)
  return entry
}
