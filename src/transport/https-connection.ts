import type { ResponseHead } from '../http/response-head.js'
import type { HttpOptions } from '../http/session.js'
import type { DohCarrier, DohRequest } from './https-request.js'
import { ageOf, responseFault, WANTED } from './https-response.js'
import { MAX_IN_FLIGHT } from './in-flight.js'
import { PING_AFTER, PING_TIMEOUT, RequestConnection } from './request-connection.js'
import type { TransportOptions } from './transport.js'

/** The largest DNS message, in octets (RFC 8484, section 6). */
const MAX_REPLY = 65_535

/** How the sessions of an upstream behave. */
export function sessionOptions({ name, clock }: Pick<TransportOptions, 'name' | 'clock'>): HttpOptions {
  return {
    name,
    clock,
    wanted: WANTED,
    maxBody: MAX_REPLY,
    maxStreams: MAX_IN_FLIGHT,
    pingAfter: PING_AFTER,
    pingTimeout: PING_TIMEOUT,
  }
}

/** One connection with an HTTP session on it. */
export class HttpsConnection extends RequestConnection<DohRequest> implements DohCarrier {
  onResponse({ pending }: DohRequest, status: number, headers: ResponseHead, body: Buffer): void {
    const fault = responseFault(status, headers, body)
    if (fault !== null) this.fail(pending, fault)
    else if ((body[0]! | body[1]!) !== 0) this.fail(pending, 'sent a message that does not answer the query')
    else this.settle(pending, body, ageOf(headers))
  }

  protected override adopt(request: DohRequest): void {
    request.carrier = this
  }
}
