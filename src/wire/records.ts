import { Buffer } from 'node:buffer'
import { className, CLASS, TYPE, typeName } from './constants.js'
import { nameFromWire } from './name.js'
import { readRdata } from './rdata.js'
import type { ResourceRecord } from './record.js'
import { settleTtls } from './ttl.js'
import { pastName, readTtl } from './skim.js'
import { MARK, type Layout } from './walk.js'

/**
 * The records from `start` to `end` of a walked message, OPT left out, with TTLs as they count.
 *
 * @throws {MalformedMessageError} RDATA that isn't what its type says
 */
export function readRecords(wire: Buffer, layout: Layout, start: number, end: number): readonly ResourceRecord[] {
  const records: ResourceRecord[] = []
  const settled = (layout.marks & MARK.ODD_TTL) === 0 ? wire : Buffer.from(wire)
  if (settled !== wire) settleTtls(settled, layout)
  for (let at = start; at < end;) {
    const past = pastName(settled, at)
    const next = past + 10 + settled.readUInt16BE(past + 8)
    const type = settled.readUInt16BE(past)
    if (type !== TYPE.OPT) records.push(readRecord(settled, at, past, next))
    at = next
  }
  return records
}

function readRecord(wire: Buffer, start: number, past: number, end: number): ResourceRecord {
  const type = wire.readUInt16BE(past)
  const rdclass = wire.readUInt16BE(past + 2)
  return {
    name: nameFromWire(wire, start),
    type: typeName(type),
    class: className(rdclass),
    ttl: readTtl(wire, past + 4),
    // Typed by `type`; only readRdata knows how the two go together.
    data: readRdata(wire, type, rdclass === CLASS.IN, past + 10, end),
  } as ResourceRecord
}
