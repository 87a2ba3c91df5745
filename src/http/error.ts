import { DnsError, type ErrorCode } from '../errors.js'

/**
 * A header block that cannot be decoded: `ERR_DNS_CONNECT`. It ends its whole connection, COMPRESSION_ERROR in HTTP/2
 * (RFC 9113, section 4.3) and QPACK_DECOMPRESSION_FAILED in HTTP/3 (RFC 9204, section 2.2).
 */
export class HeaderBlockError extends DnsError {
  constructor(what: string) {
    super('ERR_DNS_CONNECT', `header block: ${what}`)
  }
}

/** How an {@link HttpError} came about; `code` is ERR_DNS_CONNECT unless it says otherwise. */
export interface HttpErrorOptions {
  readonly code?: ErrorCode
  readonly cause?: unknown
}

/**
 * A stream or its connection ended without a response: `ERR_DNS_CONNECT`, or `ERR_DNS_CLOSED` when our own side closed it.
 */
export abstract class HttpError extends DnsError {
  /** @param peer name of the peer, which `message` has as well */
  constructor(peer: string, message: string, { code = 'ERR_DNS_CONNECT', cause }: HttpErrorOptions = {}) {
    super(code, message, { upstream: peer, ...(cause !== undefined && { cause }) })
  }
}
