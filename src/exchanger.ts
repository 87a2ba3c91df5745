import type { CancelScope } from './base/cancel.js'
import type { Message } from './wire/message.js'

/** A query on its way through the library. */
export interface Query {
  /** The question as the client spelt it. Its octets must not be written to. */
  readonly message: Message
}

/** A reply, whatever its RCODE: NXDOMAIN and SERVFAIL are replies, not errors. */
export interface Reply {
  readonly message: Message
  /** Name of the upstream that answered, or null when it came from the cache or was made here. */
  readonly upstream: string | null
  /** Seconds since it was received. Whoever writes the octets out lowers every TTL by this much. */
  readonly age: number
}

/** The transports that headrace knows, by the names that addresses and events use. */
export type TransportName = 'udp' | 'tcp' | 'tls' | 'https' | 'doq' | 'h3'

/** Who asked, and how. */
export interface ClientInfo {
  /** IP address, without a zone or an IPv4-mapped prefix. */
  readonly address: string
  readonly port: number
  readonly transport: TransportName
}

/** What travels beside a query. Made once per query, narrowed per attempt, never mutated. */
export interface ExchangeContext {
  /** `Clock.now()` after which nobody wants the reply any more, in ms. */
  readonly deadline: number
  /** Set only where somebody may lose interest early: a race, a caller's AbortSignal. */
  readonly scope: CancelScope | null
  /** Who asked and how, or null when the library asks for itself. */
  readonly client: ClientInfo | null
  /** A probe touches no statistics, no qps and no health window. */
  readonly purpose: 'query' | 'probe'
  /** Collects what was considered, tried and why, when the caller asked for it; null otherwise. */
  readonly trace: Trace | null
  /** The longest that one attempt may take, in ms, where a pool sets it for its members; else each upstream's own. */
  readonly timeout?: number | undefined
}

/**
 * The one verb. Everything that can answer a query implements it, so that each can stand where another stands.
 *
 * Contract: resolves with a reply to exactly this question, or rejects with a `DnsError`; never null, never a
 * synchronous throw. Must not write to `query.message.wire`. The message ID belongs to one hop: whoever owns the hop
 * stamps it. Without `ctx` one is made with the default deadline.
 */
export interface Exchanger {
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply>
}

/**
 * What an object is composed of: the exchangers that it asks and whatever else of it may be looked at. An exchanger of your own
 * that wraps others says so by it, so that metrics find them.
 */
export interface Composed {
  readonly parts: readonly object[]
}

/** Where a decision is written down, for one query. */
export interface Trace {
  add(step: TraceStep): void
}

/** One decision about a query, as {@link Trace} collects them. Times are in ms since the query began. */
export type TraceStep =
  | { readonly step: 'route'; readonly suffix: string; readonly action: string }
  | {
      readonly step: 'cache'
      /** `joined`: an equal question is under way; `failure`: it failed a moment ago. */
      readonly result: 'hit' | 'miss' | 'stale' | 'failure' | 'joined'
      /** Seconds since the reply was received; 0 where there is none. */
      readonly age: number
    }
  | {
      readonly step: 'pool'
      readonly pool: string
      readonly priority: number
      readonly asked: boolean
      readonly why: string
    }
  | {
      readonly step: 'order'
      readonly pool: string
      readonly strategy: string
      readonly candidates: readonly TraceCandidate[]
    }
  | {
      readonly step: 'attempt'
      readonly pool: string
      readonly upstream: string
      readonly why: 'first' | 'parallel' | 'failed' | 'late' | 'hedge'
    }
  | { readonly step: 'skip'; readonly pool: string; readonly upstream: string; readonly why: string }
  | {
      readonly step: 'send'
      readonly upstream: string
      readonly transport: TransportName
      readonly why:
        | 'first'
        | 'retransmit'
        | 'truncated'
        | 'fallback'
        | 'stale connection'
        | 'without EDNS'
        | 'without subnet'
        | 'client used TCP'
        | 'new network'
    }
  | { readonly step: 'outcome'; readonly upstream: string; readonly result: string; readonly elapsed: number }
  | { readonly step: 'verdict'; readonly pool: string; readonly upstream: string | null; readonly why: string }

/** A member as a strategy saw it. */
export interface TraceCandidate {
  readonly name: string
  readonly outstanding: number
  /** Smoothed round-trip time in ms; NaN while it has not been measured. */
  readonly srtt: number
  readonly suspected: boolean
  /** What checks found, or `forced up` and `forced down`; of a pool within a pool `up` or `down`. */
  readonly health: string
  /** What part of its share it gets, above 0 to 1: less for a while after it was down. */
  readonly share: number
}
