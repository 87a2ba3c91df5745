import type { Field } from '../http/field.js'
import type { RequestEnd } from '../http/received-request.js'

/** A request as it comes and the way back, whichever version of HTTP carries it. */
export interface HttpExchange {
  /** Whether nothing can be answered any more. */
  readonly gone: boolean
  /** Sends the whole response. The rest of the request is no longer wanted. */
  respond(status: number, fields: readonly Field[], body: Buffer | null): void
  /** Gives it up: its client takes too long. */
  cancel(): void
}

/** Whom it tells of what comes after its head. */
export interface HttpExchangeHandler {
  /** Octets of the content, the handler's to keep. */
  onBody(octets: Buffer): void
  /** All of the request came. */
  onEnd(): void
  /** Nothing can be answered any more, or all was. Called once. */
  onGone(end: RequestEnd): void
}
