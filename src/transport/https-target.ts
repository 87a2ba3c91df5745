import { formatHost, formatHostPort } from '../address/host.js'
import type { FieldCoding } from '../http/field.js'
import { RequestHead } from '../http/request-head.js'
import { DNS_MESSAGE } from './https-response.js'
import type { TransportOptions } from './transport.js'

/** The port that an authority need not name (RFC 9110, section 4.2.2). */
const HTTPS_PORT = 443

/** What is asked for by all queries of one upstream (RFC 8484, section 4.1). */
export class HttpsTarget {
  readonly head: RequestHead
  /** What a query in base64url goes behind where it goes in the path; null where it is sent as content. */
  readonly #getPath: string | null

  /** @param coding how the version of HTTP that is spoken writes fields */
  constructor(
    { host, port, path, method }: Pick<TransportOptions, 'host' | 'port' | 'path' | 'method'>,
    coding: FieldCoding,
  ) {
    // A zone means something on this machine only (RFC 6874, section 1).
    const name = host.split('%', 1)[0]!
    const resource = path ?? '/'
    this.head = new RequestHead(
      {
        method,
        scheme: 'https',
        authority: port === HTTPS_PORT ? formatHost(name) : formatHostPort(name, port),
        path: resource,
        headers: [['accept', DNS_MESSAGE], ...(method === 'POST' ? [['content-type', DNS_MESSAGE] as const] : [])],
      },
      coding,
    )
    this.#getPath = method === 'GET' ? `${resource}${resource.includes('?') ? '&' : '?'}dns=` : null
  }

  /** The content that asks `query`, or null where {@link path} does. */
  body(query: Buffer): Buffer | null {
    return this.#getPath === null ? query : null
  }

  /** The path that asks `query`, or null where that is the same for all. */
  path(query: Buffer): string | null {
    return this.#getPath === null ? null : this.#getPath + query.toString('base64url')
  }
}
