import { Buffer } from 'node:buffer'
import { MalformedMessageError } from '../errors.js'
import { TYPE, typeName } from './constants.js'
import { nameFromWire, skipName } from './name.js'
import { BORROWED, codecOf, LAYOUTS, SINGLE_NAME, type Field } from './rdata-layout.js'
import type { SvcParam } from './record.js'

/**
 * RDATA from `start` to `end` of a message that has been walked, as `ResourceRecord.data` gives it: octets for a type
 * without fields here. Buffers in it are copies.
 *
 * @throws {MalformedMessageError} it isn't what its type says
 */
export function readRdata(wire: Buffer, type: number, isInternet: boolean, start: number, end: number): unknown {
  if (type === TYPE.A && isInternet && end - start === 4)
    return `${wire[start]}.${wire[start + 1]}.${wire[start + 2]}.${wire[start + 3]}`
  if (SINGLE_NAME.has(type)) return nameFromWire(wire, start)
  if (type === TYPE.SVCB || type === TYPE.HTTPS) return readService(wire, start, end)
  const layout = LAYOUTS.get(type)
  if (layout !== undefined) return readFields(wire, type, layout, start, end)
  const borrowed = BORROWED.get(type)
  if (borrowed === undefined || (type === TYPE.A && !isInternet)) return Buffer.from(wire.subarray(start, end))
  return borrow(wire, type, borrowed, start, end)
}

/** Reads the type bitmap of NSEC and NSEC3 (RFC 4034, section 4.1.2) from `start` to `end`. */
function readTypes(wire: Buffer, start: number, end: number): string[] {
  const types: string[] = []
  let last = -1
  for (let at = start; at < end;) {
    const length = at + 1 < end ? wire[at + 1]! : 0
    const fits = length >= 1 && length <= 32 && at + 2 + length <= end
    if (!fits || wire[at]! <= last) throw new MalformedMessageError('type bitmap is malformed')
    last = wire[at]!
    for (let bit = 0; bit < length * 8; bit++) {
      if ((wire[at + 2 + (bit >> 3)]! & (0x80 >> (bit & 7))) !== 0) types.push(typeName((last << 8) | bit))
    }
    at += 2 + length
  }
  return types
}

function readFields(wire: Buffer, type: number, layout: readonly Field[], start: number, end: number): unknown {
  const data: Record<string, unknown> = {}
  let at = start
  for (const [name, kind] of layout) {
    const past = pastField(wire, kind, at, end)
    if (past > end) throw new MalformedMessageError(`${typeName(type)} record is too short`)
    data[name] = readField(wire, kind, at, past)
    at = past
  }
  if (at !== end) throw new MalformedMessageError(`${typeName(type)} record is too long`)
  if (type === TYPE.CAA) data['issuerCritical'] = ((data['flags'] as number) & 0x80) !== 0
  return data
}

function pastField(wire: Buffer, kind: Field[1], at: number, end: number): number {
  switch (kind) {
    case 'u8':
      return at + 1
    case 'u16':
    case 'type':
      return at + 2
    case 'u32':
      return at + 4
    case 'name':
      return skipName(wire, at)
    case 'string':
    case 'block':
      return at < end ? at + 1 + wire[at]! : end + 1
    case 'types':
    case 'octets':
    case 'text':
    case 'hex':
      return end
    default:
      return kind satisfies never
  }
}

function readField(wire: Buffer, kind: Field[1], at: number, past: number): unknown {
  switch (kind) {
    case 'u8':
      return wire[at]!
    case 'u16':
      return wire.readUInt16BE(at)
    case 'u32':
      return wire.readUInt32BE(at)
    case 'type':
      return typeName(wire.readUInt16BE(at))
    case 'name':
      return nameFromWire(wire, at)
    case 'string':
      return wire.toString('latin1', at + 1, past)
    case 'block':
      return Buffer.from(wire.subarray(at + 1, past))
    case 'types':
      return readTypes(wire, at, past)
    case 'octets':
      return Buffer.from(wire.subarray(at, past))
    case 'text':
      return wire.toString('latin1', at, past)
    case 'hex':
      return wire.toString('hex', at, past).toUpperCase()
    default:
      return kind satisfies never
  }
}

/** SVCB and HTTPS: keys ascending, each once (RFC 9460, section 2.2). */
function readService(wire: Buffer, start: number, end: number): unknown {
  if (start + 3 > end) throw new MalformedMessageError('SVCB record is too short')
  const params: SvcParam[] = []
  let at = skipName(wire, start + 2)
  for (let last = -1; at < end;) {
    const past = at + 4 <= end ? at + 4 + wire.readUInt16BE(at + 2) : end + 1
    const key = past <= end ? wire.readUInt16BE(at) : -1
    if (key <= last) throw new MalformedMessageError('SVCB parameters are malformed')
    params.push({ key, value: Buffer.from(wire.subarray(at + 4, past)) })
    last = key
    at = past
  }
  if (at > end) throw new MalformedMessageError('SVCB record is too short')
  return { priority: wire.readUInt16BE(start), target: nameFromWire(wire, start + 2), params }
}

/**
 * RDATA by dns-packet, from a copy that ends where the RDATA ends: it reads past RDLENGTH otherwise.
 *
 * @throws {MalformedMessageError} it isn't what its type says
 */
export function borrow(wire: Buffer, type: number, codec: string, start: number, end: number): unknown {
  const octets = Buffer.alloc(end - start + 2)
  octets.writeUInt16BE(end - start, 0)
  wire.copy(octets, 2, start, end)
  try {
    const { decode } = codecOf(codec)
    const data = decode(octets, 0)
    if (decode.bytes === octets.length) return data
  } catch (error) {
    throw new MalformedMessageError(`${typeName(type)} record is malformed`, { cause: error })
  }
  throw new MalformedMessageError(`${typeName(type)} record has a wrong length`)
}
