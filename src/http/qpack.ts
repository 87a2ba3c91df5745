import { Buffer } from 'node:buffer'
import { HeaderBlockError } from './error.js'
import type { Field, FieldCoding, FieldSink } from './field.js'
import { LiteralReader, writeInteger, writeString } from './literals.js'
import { QPACK_STATIC } from './qpack-static.js'

/** Required insert count and base, both 0: nothing of it depends on a dynamic table (RFC 9204, section 4.5.1). */
const PREFIX = Buffer.from([0, 0])

const reader = new LiteralReader()

/**
 * Reads the field section in octets `start` to `end` of a peer that was allowed no dynamic table (RFC 9204, section 4.5).
 *
 * @throws {HeaderBlockError} octets that are no field section, an index that no entry has, a use of the dynamic table
 */
export function decodeQpack(octets: Buffer, start: number, end: number, sink: FieldSink): void {
  reader.reset(octets, start, end)
  if (reader.integer(8) !== 0) dynamic()
  // A base, its sign with it, is of no consequence without a dynamic table.
  reader.integer(7)
  while (!reader.done) decodeField(sink)
}

/**
 * The field section of `fields`, {@link QPACK}'s prefix left out: static entries where there are any, else literals. None
 * forbids intermediaries to index it (RFC 9204, section 4.5.4): qpack for Go, up to 0.4, takes that for an error.
 */
export function encodeQpack(fields: readonly Field[]): Buffer {
  const out: number[] = []
  for (const [name, value] of fields) {
    const whole = QPACK_STATIC.findIndex((entry) => entry[0] === name && entry[1] === value)
    if (whole >= 0) {
      writeInteger(out, whole, 6, 0xc0)
      continue
    }
    const named = QPACK_STATIC.findIndex((entry) => entry[0] === name)
    if (named >= 0) writeInteger(out, named, 4, 0x50)
    else writeString(out, name, 3, 0x20)
    writeString(out, value, 7, 0)
  }
  return Buffer.from(out)
}

/** QPACK, for what both versions share. */
export const QPACK: FieldCoding = {
  prefix: PREFIX,
  fields: encodeQpack,
  varying(name, value) {
    const out: number[] = []
    const index = QPACK_STATIC.findIndex((entry) => entry[0] === name)
    writeInteger(out, index, 4, 0x50)
    writeInteger(out, value.length, 7, 0)
    return Buffer.concat([Buffer.from(out), Buffer.from(value, 'latin1')])
  },
}

function decodeField(sink: FieldSink): void {
  const first = reader.peek()
  if (first >= 0xc0) {
    const [name, value] = entryAt(reader.integer(6))
    return sink.field(name, value)
  }
  // A literal with a static name, or one of its own; all other forms refer to the dynamic table (section 4.5).
  const name =
    (first & 0xd0) === 0x50 ? entryAt(reader.integer(4))[0] : (first & 0xe0) === 0x20 ? reader.string(3) : dynamic()
  sink.field(name, reader.string(7))
}

function entryAt(index: number): Field {
  return QPACK_STATIC[index] ?? refuse(`index ${index}, which no entry has`)
}

function dynamic(): never {
  return refuse('a dynamic table that was not allowed')
}

function refuse(what: string): never {
  throw new HeaderBlockError(what)
}
