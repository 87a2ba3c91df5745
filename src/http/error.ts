import { DnsError } from '../errors.js'

/**
 * A header block that cannot be decoded: `ERR_DNS_CONNECT`. It ends its whole connection, COMPRESSION_ERROR in HTTP/2
 * (RFC 9113, section 4.3) and QPACK_DECOMPRESSION_FAILED in HTTP/3 (RFC 9204, section 2.2).
 */
export class HeaderBlockError extends DnsError {
  constructor(what: string) {
    super('ERR_DNS_CONNECT', `header block: ${what}`)
  }
}
