import type { Clock } from '../base/clock.js'
import type { Http2Error } from './error.js'

/** How a session behaves. */
export interface Http2Options {
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
export interface Http2Owner {
  /** The session takes no more requests, but those that are in flight go on. Not called when `retire()` was. */
  onRetired(): void
  /** Nobody waits for anything any more. */
  onDrained(): void
  /** It has ended, once; every request was told before. */
  onClosed(error: Http2Error): void
}
