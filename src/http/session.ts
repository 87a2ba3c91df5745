import type { Clock } from '../base/clock.js'
import type { HttpError } from './error.js'
import type { HttpRequest } from './request.js'

/** How a session behaves. */
export interface HttpOptions {
  /** The peer, for messages. */
  readonly name: string
  readonly clock: Clock
  /** Names, in lower case, of the response fields that callers want. */
  readonly wanted: readonly string[]
  /** The largest body of a response, in octets; a larger one is a failure. */
  readonly maxBody: number
  /** Streams that we open at once, whatever more the peer allows. */
  readonly maxStreams: number
  /** After how long without a sign of life the peer is asked for one while somebody waits, in ms. */
  readonly pingAfter: number
  /** How long it then has, in ms. */
  readonly pingTimeout: number
}

/** Told what becomes of a session. None may throw. */
export interface HttpOwner {
  /** The session takes no more requests, but those that are in flight go on. Not called when `retire()` was. */
  onRetired(): void
  /** Nobody waits for anything any more. */
  onDrained(): void
  /** It has ended, once; every request was told before. */
  onClosed(error: HttpError): void
}

/** The client's side of one connection: HTTP/2 or HTTP/3, as far as requests can tell. */
export interface HttpSession {
  /** Requests that somebody waits for. */
  readonly size: number
  /** Whether it takes another request. */
  readonly usable: boolean
  /** Whether another request would wait for a stream, as far as is known. */
  readonly full: boolean
  /** Whether the peer was asked for a sign of life and has given none yet. */
  readonly silent: boolean
  readonly closed: boolean
  /** Takes `request` until it is settled. @returns false, and takes nothing, when it isn't {@link usable} */
  send(request: HttpRequest): boolean
  /** Nobody wants the response any more. @returns false when the request isn't here: it is settled */
  cancel(request: HttpRequest): boolean
  /** Takes no more requests; closes once those that are here have settled. */
  retire(): void
  /** Closes now; what is in flight fails with ERR_DNS_CLOSED. */
  destroy(): void
}
