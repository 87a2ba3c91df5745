import { Buffer } from 'node:buffer'

/** Tags of the ASN.1 types that a certificate is made of (X.690, section 8). */
const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, utcTime: 0x17, time: 0x18, sequence: 0x30, set: 0x31 } // prettier-ignore

/** One element in DER: its tag, its length and what it holds. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body])
}

export function sequence(...content: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, ...content)
}

export function set(...content: readonly Uint8Array[]): Buffer {
  return element(TAG.set, ...content)
}

/** @param octets of a positive number, the highest first */
export function integer(octets: Uint8Array): Buffer {
  const sign = octets[0]! >= 0x80 ? [0] : []
  return element(TAG.integer, Buffer.from(sign), octets)
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.from([value ? 0xff : 0]))
}

/** A bit string, of which `unused` bits at the end don't count. */
export function bits(octets: Uint8Array, unused = 0): Buffer {
  return element(TAG.bits, Buffer.from([unused]), octets)
}

export function octets(content: Uint8Array): Buffer {
  return element(TAG.octets, content)
}

export function utf8(text: string): Buffer {
  return element(TAG.utf8, Buffer.from(text))
}

/** A moment in whole seconds: a UTCTime until 2049, a GeneralizedTime after (RFC 5280, section 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  const short = date.getUTCFullYear() >= 1950 && date.getUTCFullYear() < 2050
  return short ? element(TAG.utcTime, Buffer.from(digits.slice(2))) : element(TAG.time, Buffer.from(digits))
}

/** An object identifier such as `1.2.840.10045.4.3.2`. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return element(TAG.oid, Buffer.from([40 * first + second, ...rest.flatMap(base128)]))
}

/** Something that its place identifies: `[number]`. */
export function tagged(number: number, constructed: boolean, ...content: readonly Uint8Array[]): Buffer {
  return element((constructed ? 0xa0 : 0x80) | number, ...content)
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

function base128(number: number): number[] {
  const digits = [number & 0x7f]
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}
