import type { ClientInfo } from '../exchanger.js'
import type { Message } from '../wire/message.js'

/** A client's query was taken on. */
export interface QueryEvent {
  readonly client: ClientInfo
  readonly query: Message
}

/** A client was sent a reply; `elapsed` in ms, `size` in octets. */
export interface ServerReplyEvent {
  readonly client: ClientInfo
  readonly query: Message
  /** What the client got: its own ID and spelling, aged TTLs. */
  readonly reply: Message
  /** Who answered, or null when the reply was made here or came from a cache. */
  readonly upstream: string | null
  readonly elapsed: number
  readonly size: number
}

/** No reply could be had, or none that can be sent: the client got SERVFAIL, or nothing after `maxReplyDelay`. */
export interface ServerFailureEvent {
  readonly client: ClientInfo
  readonly query: Message
  readonly error: unknown
  readonly elapsed: number
}

/** A client was turned away. */
export interface DeniedEvent {
  readonly client: ClientInfo
  /**
   * `address`: it isn't allowed. `client-limit`: too many of its queries or connections are under way, or it resets
   * HTTP streams faster than anybody has reason to. `overload`: too many of everybody's are under way. `loop`: what is
   * asked here comes back here.
   */
  readonly why: 'address' | 'client-limit' | 'overload' | 'loop'
}

/** A packet or an HTTP request that is no query that we take. */
export interface MalformedEvent {
  readonly client: ClientInfo
  readonly why: string
  /** RCODE that the client was told, or null when it was told none. */
  readonly rcode: number | null
}

/** Events of a {@link Server}. A payload is built only if somebody listens. */
export interface ServerEvents {
  query: [event: QueryEvent]
  reply: [event: ServerReplyEvent]
  failure: [event: ServerFailureEvent]
  denied: [event: DeniedEvent]
  malformed: [event: MalformedEvent]
  /** The server is closed: nothing of it is left. */
  close: [event: object]
}

/** How the parts of a server report what they do. */
export interface Reporter {
  /** Whether anybody listens. */
  hears(event: keyof ServerEvents): boolean
  report<K extends keyof ServerEvents>(event: K, describe: () => ServerEvents[K][0]): void
}
