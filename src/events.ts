import type { DnsError, ErrorCode } from './errors.js'
import type { TransportName } from './exchanger.js'
import type { ConnectionEvent } from './transport/transport.js'

/** An upstream answered; `elapsed` in ms. */
export interface ReplyEvent {
  /** Null when the reply came from no upstream. */
  readonly upstream: string | null
  /** RCODE number, extended RCODEs included. */
  readonly rcode: number
  readonly elapsed: number
}

/** An attempt or a query failed; `elapsed` in ms. */
export interface FailureEvent {
  readonly error: DnsError
  readonly elapsed: number
}

/** What is known of an upstream's health. */
export interface HealthView {
  /** What checks found; `unknown`, until there is one, counts as up. */
  readonly state: 'unknown' | 'up' | 'suspect' | 'down'
  /** Three attempts in a row failed or were late: it is asked last. */
  readonly suspected: boolean
  /** What `Upstream.force` says, over everything else. */
  readonly forced: 'up' | 'down' | null
}

/** An upstream's standing changed. */
export interface HealthEvent {
  readonly upstream: string
  /** `check`: probes, or the lazy check's window; `evidence`: attempts of queries; `forced`: `Upstream.force`. */
  readonly cause: 'check' | 'evidence' | 'forced'
  readonly health: HealthView
}

/** A plain upstream has found the encrypted resolver that it designates (RFC 9462), or lost it. */
export interface DesignationEvent {
  readonly upstream: string
  /** Its address, such as `tls://dns.example:853`; null: queries go in the clear again. */
  readonly designated: string | null
  /** Why it was lost: the code of what failed; else null. */
  readonly reason: ErrorCode | null
}

/** Events of an `Upstream`. */
export interface UpstreamEvents {
  reply: [event: ReplyEvent & { readonly upstream: string; readonly transport: TransportName }]
  failure: [event: FailureEvent & { readonly upstream: string; readonly transport: TransportName }]
  up: [event: HealthEvent]
  down: [event: HealthEvent]
  suspect: [event: HealthEvent]
  connect: [event: ConnectionEvent & { readonly upstream: string }]
  disconnect: [event: ConnectionEvent & { readonly upstream: string }]
  designation: [event: DesignationEvent]
}

/** Events of a `Pool`. */
export interface PoolEvents {
  /** A query was answered; `attempts` is how many members were asked. */
  reply: [event: ReplyEvent & { readonly pool: string; readonly attempts: number }]
  /** No member gave a reply. */
  failure: [event: FailureEvent & { readonly pool: string; readonly attempts: number }]
  /** A member is being asked; `why` as in a trace. */
  attempt: [
    event: {
      readonly pool: string
      readonly upstream: string
      readonly why: 'first' | 'parallel' | 'failed' | 'late' | 'hedge'
    },
  ]
  /** A member is up where none was. */
  up: [event: { readonly pool: string }]
  /** No member is up any more. */
  down: [event: { readonly pool: string }]
}

/** Events of a `Forwarder`. */
export interface ForwarderEvents {
  reply: [event: ReplyEvent]
  failure: [event: FailureEvent]
}
