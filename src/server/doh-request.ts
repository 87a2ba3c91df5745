import { Buffer } from 'node:buffer'

/** The media type of DNS messages (RFC 8484, section 6). */
export const MEDIA_TYPE = 'application/dns-message'
/** The longest DNS message, octets (RFC 8484, section 6). */
export const MAX_MESSAGE = 65_535
/** Why a request is refused. */
export type Refusal = 400 | 404 | 405 | 413 | 415
/** The message follows as the body of the request. */
export const BODY = 0

/** What is looked at of a request's fields. */
export interface RequestFields {
  readonly ':method'?: string | undefined
  readonly ':path'?: string | undefined
  readonly 'content-type'?: string | undefined
  readonly 'content-length'?: string | undefined
}

/** Base64url without padding (RFC 8484, section 6). */
const BASE64URL = /^[A-Za-z0-9_-]+$/

/**
 * What a request for `path` asks (RFC 8484, section 4.1): the message of a GET, {@link BODY} for that of a POST, or else
 * the status that refuses it.
 */
export function readRequest(headers: RequestFields, path: string): Buffer | typeof BODY | Refusal {
  const target = headers[':path'] ?? ''
  const query = target.indexOf('?')
  if ((query < 0 ? target : target.slice(0, query)) !== path) return 404
  if (headers[':method'] === 'GET') return query < 0 ? 400 : readParameters(target.slice(query + 1))
  if (headers[':method'] !== 'POST') return 405
  if (!isDnsMessage(headers['content-type'])) return 415
  return Number(headers['content-length'] ?? 0) > MAX_MESSAGE ? 413 : BODY
}

function readParameters(query: string): Buffer | Refusal {
  for (const parameter of query.split('&')) {
    if (parameter.startsWith('dns=')) return decode(parameter.slice(4))
  }
  return 400
}

function decode(text: string): Buffer | Refusal {
  if (!BASE64URL.test(text) || text.length % 4 === 1) return 400
  const octets = Buffer.from(text, 'base64url')
  return octets.length > MAX_MESSAGE ? 413 : octets
}

function isDnsMessage(type: string | undefined): boolean {
  if (type === MEDIA_TYPE) return true
  return type !== undefined && type.split(';', 1)[0]!.trim().toLowerCase() === MEDIA_TYPE
}
