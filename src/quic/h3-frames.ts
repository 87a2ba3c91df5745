import { Buffer } from 'node:buffer'
import { varintSize, writeVarint } from './varint.js'

/** Frame types (RFC 9114, section 7.2). */
export const FRAME = {
  DATA: 0x0,
  HEADERS: 0x1,
  CANCEL_PUSH: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  GOAWAY: 0x7,
  MAX_PUSH_ID: 0xd,
} as const

/** Types of unidirectional streams (RFC 9114, section 6.2; RFC 9204, section 4.2). */
export const STREAM = { CONTROL: 0, PUSH: 1, QPACK_ENCODER: 2, QPACK_DECODER: 3 } as const

/** The setting that bounds a header section (RFC 9114, section 7.2.4.1). */
export const MAX_FIELD_SECTION_SIZE = 6

/** Frame types of HTTP/2 that have no counterpart: an error wherever they come (RFC 9114, section 7.2.8). */
export function isOfHttp2(type: number): boolean {
  return type === 0x2 || type === 0x6 || type === 0x8 || type === 0x9
}

/** Type and length of a frame whose payload has `length` octets. */
export function frameHead(type: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(varintSize(type) + varintSize(length))
  writeVarint(head, writeVarint(head, 0, type), length)
  return head
}

/** A whole frame. */
export function frameOf(type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHead(type, payload.length), payload])
}

/** The integers in a row. */
export function varints(...values: readonly number[]): Buffer {
  const octets = Buffer.allocUnsafe(values.reduce((size, value) => size + varintSize(value), 0))
  let at = 0
  for (const value of values) at = writeVarint(octets, at, value)
  return octets
}
