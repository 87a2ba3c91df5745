import { HttpError, type HttpErrorOptions } from '../http/error.js'

/** Error codes by number (RFC 9113, section 7). */
export const HTTP2_CODES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const

/** What an HTTP/2 peer is told, or tells us, about why a stream or a connection ends (RFC 9113, section 7). */
export type Http2Code = (typeof HTTP2_CODES)[number]

/** The code of a number; one that is not known is INTERNAL_ERROR (RFC 9113, section 7). */
export function http2Code(number: number): Http2Code {
  return HTTP2_CODES[number] ?? 'INTERNAL_ERROR'
}

/** The number of a code. */
export function http2Number(code: Http2Code): number {
  return HTTP2_CODES.indexOf(code)
}

/** A stream or its connection ended without a response. */
export class Http2Error extends HttpError {
  /** What the peer was told or told us; null when it said nothing, as when it just went. */
  readonly http2Code: Http2Code | null

  /** @param peer name of the peer, which `message` has as well */
  constructor(peer: string, message: string, http2Code: Http2Code | null, options: HttpErrorOptions = {}) {
    super(peer, message, options)
    this.http2Code = http2Code
  }
}

/** The peer broke a rule that the whole connection depends on (RFC 9113, section 5.4.1). Never leaves this room. */
export class ConnectionFault extends Error {
  readonly http2Code: Http2Code

  constructor(http2Code: Http2Code, what: string) {
    super(what)
    this.http2Code = http2Code
  }
}
