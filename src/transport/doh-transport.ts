import type { FieldCoding } from '../http/field.js'
import { HttpsConnection } from './https-connection.js'
import { DohRequest } from './https-request.js'
import { HttpsTarget } from './https-target.js'
import type { Pending } from './pending.js'
import type { SessionDial } from './request-connection.js'
import { RequestTransport } from './request-transport.js'
import type { TransportOptions } from './transport.js'

/** DNS over HTTPS (RFC 8484), whichever version of HTTP carries it. */
export class DohTransport extends RequestTransport<DohRequest> {
  readonly #target: HttpsTarget

  /** @param coding how `dial`'s version of HTTP writes fields */
  constructor(options: TransportOptions, dial: SessionDial<DohRequest>, coding: FieldCoding) {
    super(options, dial, false)
    this.#target = new HttpsTarget(options, coding)
  }

  protected override compose(pending: Pending, query: Buffer): DohRequest {
    return new DohRequest(this.#target.head, this.#target.body(query), this.#target.path(query), pending)
  }

  protected override connection(): HttpsConnection {
    return new HttpsConnection(this.options, this)
  }
}
