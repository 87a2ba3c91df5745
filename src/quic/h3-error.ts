import { HttpError, type HttpErrorOptions } from '../http/error.js'

/** Error codes by name (RFC 9114, section 8.1; RFC 9204, section 6). */
export const H3_CODES = {
  H3_NO_ERROR: 0x100,
  H3_GENERAL_PROTOCOL_ERROR: 0x101,
  H3_INTERNAL_ERROR: 0x102,
  H3_STREAM_CREATION_ERROR: 0x103,
  H3_CLOSED_CRITICAL_STREAM: 0x104,
  H3_FRAME_UNEXPECTED: 0x105,
  H3_FRAME_ERROR: 0x106,
  H3_EXCESSIVE_LOAD: 0x107,
  H3_ID_ERROR: 0x108,
  H3_SETTINGS_ERROR: 0x109,
  H3_MISSING_SETTINGS: 0x10a,
  H3_REQUEST_REJECTED: 0x10b,
  H3_REQUEST_CANCELLED: 0x10c,
  H3_REQUEST_INCOMPLETE: 0x10d,
  H3_MESSAGE_ERROR: 0x10e,
  H3_CONNECT_ERROR: 0x10f,
  H3_VERSION_FALLBACK: 0x110,
  QPACK_DECOMPRESSION_FAILED: 0x200,
  QPACK_ENCODER_STREAM_ERROR: 0x201,
  QPACK_DECODER_STREAM_ERROR: 0x202,
} as const

/** What an HTTP/3 peer is told, or tells us, about why a stream or a connection ends (RFC 9114, section 8.1). */
export type H3Code = keyof typeof H3_CODES

const NAMES = new Map<number, H3Code>((Object.keys(H3_CODES) as H3Code[]).map((name) => [H3_CODES[name], name]))

/** The code of a number; one that is not known is H3_NO_ERROR (RFC 9114, section 9). */
export function h3Code(number: number): H3Code {
  return NAMES.get(number) ?? 'H3_NO_ERROR'
}

/** A stream or its connection ended without a response. */
export class H3Error extends HttpError {
  /** What the peer was told or told us; null when it said nothing, as when it just went. */
  readonly h3Code: H3Code | null

  /** @param peer name of the peer, which `message` has as well */
  constructor(peer: string, message: string, h3Code: H3Code | null, options: HttpErrorOptions = {}) {
    super(peer, message, options)
    this.h3Code = h3Code
  }
}

/** The peer broke a rule that the whole connection depends on (RFC 9114, section 8). Never leaves this room. */
export class H3Fault extends Error {
  readonly h3Code: H3Code

  constructor(h3Code: H3Code, what: string) {
    super(what)
    this.h3Code = h3Code
  }
}
