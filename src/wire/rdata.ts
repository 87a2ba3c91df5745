import { isIPv4, isIPv6 } from 'node:net'
import dnsPacket from 'dns-packet'
import { MalformedMessageError } from '../errors.js'
import { TYPE, typeName, typeNumber } from './constants.js'
import { nameFromWire, nameToWire, skipName } from './name.js'
import type { SvcParam } from './record.js'

/** What dns-packet has for one type, in front of RDATA with its two octets of length. Not in its type declarations. */
interface Codec {
  encode(data: unknown): Buffer
  decode: ((octets: Buffer, at: number) => unknown) & { bytes: number }
}
const codecOf = (dnsPacket as unknown as { record(type: string): Codec }).record

/** The layout of RDATA made of fixed numbers, names and strings, in order; `*` is what is left. */
type Field = readonly [
  name: string,
  kind: 'u8' | 'u16' | 'u32' | 'name' | 'string' | 'type' | 'types' | 'octets' | 'text' | 'hex' | 'block',
]

const SINGLE_NAME: ReadonlySet<number> = new Set([TYPE.NS, TYPE.CNAME, TYPE.DNAME, TYPE.PTR])

// dns-packet reads names as UTF-8 and joins labels by dots, so everything that holds a name, a type or text is read here.
const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE.MX, fields('preference:u16 exchange:name')],
  [TYPE.SOA, fields('mname:name rname:name serial:u32 refresh:u32 retry:u32 expire:u32 minimum:u32')],
  [TYPE.SRV, fields('priority:u16 weight:u16 port:u16 target:name')],
  [TYPE.HINFO, fields('cpu:string os:string')],
  [TYPE.RP, fields('mbox:name txt:name')],
  [TYPE.AFSDB, fields('subtype:u16 hostname:name')],
  [TYPE.NAPTR, fields('order:u16 preference:u16 flags:string services:string regexp:string replacement:name')],
  [TYPE.CAA, fields('flags:u8 tag:string value:text')],
  [TYPE.URI, fields('priority:u16 weight:u16 target:text')],
  [
    TYPE.RRSIG,
    fields(
      'typeCovered:type algorithm:u8 labels:u8 originalTTL:u32 expiration:u32 inception:u32 keyTag:u16 signersName:name signature:octets',
    ),
  ],
  [TYPE.SSHFP, fields('algorithm:u8 hash:u8 fingerprint:hex')],
  [TYPE.NSEC, fields('nextDomain:name rrtypes:types')],
  [TYPE.NSEC3, fields('algorithm:u8 flags:u8 iterations:u16 salt:block nextDomain:block rrtypes:types')],
])

/** Types that dns-packet reads, by the name it has for their shape. */
const BORROWED: ReadonlyMap<number, string> = new Map<number, string>([
  [TYPE.A, 'A'],
  [TYPE.AAAA, 'AAAA'],
  [TYPE.TXT, 'TXT'],
  [TYPE.SPF, 'TXT'],
  [TYPE.DS, 'DS'],
  [TYPE.CDS, 'DS'],
  [TYPE.DLV, 'DS'],
  [TYPE.DNSKEY, 'DNSKEY'],
  [TYPE.CDNSKEY, 'DNSKEY'],
  [TYPE.TLSA, 'TLSA'],
  [TYPE.SMIMEA, 'TLSA'],
])

/**
 * RDATA from `start` to `end` of a message that has been walked, as `ResourceRecord.data` gives it: octets for a type
 * without fields here. Buffers in it are copies.
 *
 * @throws {MalformedMessageError} it isn't what its type says
 */
export function readRdata(wire: Buffer, type: number, isInternet: boolean, start: number, end: number): unknown {
  if (SINGLE_NAME.has(type)) return nameFromWire(wire, start)
  if (type === TYPE.SVCB || type === TYPE.HTTPS) return readService(wire, start, end)
  const layout = LAYOUTS.get(type)
  if (layout !== undefined) return readFields(wire, type, layout, start, end)
  const borrowed = BORROWED.get(type)
  if (borrowed === undefined || (type === TYPE.A && !isInternet)) return Buffer.from(wire.subarray(start, end))
  return borrow(wire, type, borrowed, start, end)
}

/**
 * The octets of RDATA, names in it not compressed.
 *
 * @throws {MalformedMessageError} `data` isn't what its type takes
 */
export function writeRdata(type: number, data: unknown): Buffer {
  try {
    return encode(type, data)
  } catch (error) {
    if (error instanceof MalformedMessageError) throw error
    throw new MalformedMessageError(`${typeName(type)} record cannot be encoded`, { cause: error })
  }
}

/** Reads the type bitmap of NSEC and NSEC3 (RFC 4034, section 4.1.2) from `start` to `end`. */
export function readTypes(wire: Buffer, start: number, end: number): string[] {
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

function fields(text: string): readonly Field[] {
  return text.split(' ').map((field) => field.split(':') as unknown as Field)
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

/** Reads RDATA by dns-packet, from a copy that ends where the RDATA ends: it reads past RDLENGTH otherwise. */
function borrow(wire: Buffer, type: number, codec: string, start: number, end: number): unknown {
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

function encode(type: number, data: unknown): Buffer {
  if (type === TYPE.TXT || type === TYPE.SPF) return encodeText(data)
  if (data instanceof Uint8Array) return Buffer.from(data)
  if (SINGLE_NAME.has(type)) return nameToWire(asText(data))
  const borrowed = BORROWED.get(type)
  if (borrowed !== undefined) return encodeBorrowed(type, borrowed, data)
  if (typeof data !== 'object' || data === null)
    throw new MalformedMessageError(`${typeName(type)} data must be an object or octets`)
  const given = data as Readonly<Record<string, unknown>>
  if (type === TYPE.SVCB || type === TYPE.HTTPS) return encodeService(given)
  const layout = LAYOUTS.get(type)
  if (layout === undefined) throw new MalformedMessageError(`${typeName(type)} data must be octets`)
  const parts = layout.map(([name, kind]) => ENCODERS[kind](given[name] ?? criticalFlags(name, given)))
  return Buffer.concat(parts)
}

function criticalFlags(name: string, given: Readonly<Record<string, unknown>>): unknown {
  return name === 'flags' && given['issuerCritical'] === true ? 0x80 : undefined
}

/** By dns-packet, from a copy that it may write to; read back, for it encodes what it can't without a word. */
function encodeBorrowed(type: number, codec: string, data: unknown): Buffer {
  const isAddress = type === TYPE.A ? isIPv4(String(data)) : isIPv6(String(data)) && !String(data).includes('%')
  if ((type === TYPE.A || type === TYPE.AAAA) && !isAddress) {
    throw new MalformedMessageError(`${typeName(type)} data is no address`)
  }
  const copy: unknown = typeof data === 'object' && data !== null ? { ...data } : data
  const rdata = codecOf(codec).encode(copy).subarray(2)
  borrow(rdata, type, codec, 0, rdata.length)
  return rdata
}

function encodeText(data: unknown): Buffer {
  const strings: readonly unknown[] = Array.isArray(data) ? data : [data]
  if (strings.length === 0) return Buffer.from([0])
  return Buffer.concat(strings.map((string) => prefixed(string)))
}

function encodeService(given: Readonly<Record<string, unknown>>): Buffer {
  const params = [...((given['params'] ?? []) as readonly SvcParam[])].sort((a, b) => a.key - b.key)
  const parts = [number(given['priority'], 2), nameToWire(asText(given['target'] ?? '.'))]
  params.forEach(({ key, value }, i) => {
    if (key === params[i - 1]?.key) throw new MalformedMessageError(`SVCB parameter ${key} is given twice`)
    parts.push(number(key, 2), number(value.length, 2), value)
  })
  return Buffer.concat(parts)
}

const ENCODERS: Readonly<Record<Field[1], (value: unknown) => Buffer>> = {
  u8: (value) => number(value, 1),
  u16: (value) => number(value, 2),
  u32: (value) => number(value, 4),
  type: (value) => number(typeNumber(asText(value)), 2),
  name: (value) => nameToWire(asText(value)),
  string: (value) => prefixed(latin1(value ?? '')),
  block: (value) => prefixed(value ?? ''),
  types: (value) => encodeTypes(value as readonly string[]),
  octets: octetsOf,
  text: latin1,
  hex: (value) => hexOctets(asText(value)),
}

function encodeTypes(names: readonly string[]): Buffer {
  const windows = new Map<number, Buffer>()
  const lengths = new Map<number, number>()
  for (const code of names.map((name) => typeNumber(name)).sort((a, b) => a - b)) {
    const bits = windows.get(code >> 8) ?? Buffer.alloc(32)
    const octet = (code & 0xff) >> 3
    bits[octet]! |= 0x80 >> (code & 7)
    windows.set(code >> 8, bits)
    lengths.set(code >> 8, octet + 1)
  }
  return Buffer.concat(
    [...windows].flatMap(([window, bits]) => [
      Buffer.from([window, lengths.get(window)!]),
      bits.subarray(0, lengths.get(window)),
    ]),
  )
}

function prefixed(value: unknown): Buffer {
  const octets = octetsOf(value)
  if (octets.length > 255) throw new MalformedMessageError('character string is longer than 255 octets')
  return Buffer.concat([Buffer.from([octets.length]), octets])
}

/** Text of which each character is one octet, as it is read. */
function latin1(value: unknown): Buffer {
  if (typeof value !== 'string') return octetsOf(value)
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0xff) throw new MalformedMessageError('record data has text beyond one octet a character')
  }
  return Buffer.from(value, 'latin1')
}

function hexOctets(digits: string): Buffer {
  if (!/^(?:[\da-f]{2})*$/i.test(digits))
    throw new MalformedMessageError('record data has a fingerprint that is not hexadecimal')
  return Buffer.from(digits, 'hex')
}

function octetsOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (value instanceof Uint8Array) return Buffer.from(value)
  throw new MalformedMessageError('record data must be text or octets')
}

function number(value: unknown, length: 1 | 2 | 4): Buffer {
  const given = value ?? 0
  if (typeof given !== 'number' || !Number.isInteger(given) || given < 0 || given >= 2 ** (8 * length)) {
    throw new MalformedMessageError(`record data has a number that is not of ${length} octets`)
  }
  const out = Buffer.alloc(length)
  out.writeUIntBE(given, 0, length)
  return out
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value
  throw new MalformedMessageError('record data lacks a name')
}
