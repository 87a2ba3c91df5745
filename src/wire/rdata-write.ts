import { Buffer } from 'node:buffer'
import { isIPv4, isIPv6 } from 'node:net'
import { MalformedMessageError } from '../errors.js'
import { TYPE, typeName, typeNumber } from './constants.js'
import { nameToWire } from './name.js'
import { borrow } from './rdata.js'
import { BORROWED, codecOf, LAYOUTS, SINGLE_NAME, type Field } from './rdata-layout.js'
import type { SvcParam } from './record.js'

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
