import type {
  AnyRecord as NodeAnyRecord,
  CaaRecord,
  MxRecord,
  NaptrRecord,
  RecordWithTtl,
  SoaRecord,
  SrvRecord,
} from 'node:dns'
import type { ServiceParams } from './service-params.js'

/** What every look-up takes. */
export interface ResolveOptions {
  /** Whether each record comes with its TTL, in seconds. @default false */
  readonly ttl?: boolean
  /** Ends it early: it rejects with `ECANCELLED`, `cause` being the signal's reason. */
  readonly signal?: AbortSignal
}

/** TLSA (RFC 6698, section 2), as later versions of Node give it. */
export interface TlsaRecord {
  readonly certUsage: number
  readonly selector: number
  readonly match: number
  readonly data: ArrayBuffer
}

/** SVCB or HTTPS (RFC 9460). */
export interface ServiceRecord {
  /** 0: `target` is an alias. */
  readonly priority: number
  /** Empty: the owner itself. */
  readonly target: string
  readonly params: ServiceParams
}

/** A name with its TTL, in seconds. */
export interface ValueWithTtl {
  readonly value: string
  readonly ttl: number
}

/** The character strings of a TXT record with its TTL, in seconds. */
export interface EntriesWithTtl {
  readonly entries: string[]
  readonly ttl: number
}

/** A record among those of `resolveAny()`. */
export type AnyRecord = NodeAnyRecord | (TlsaRecord & { readonly type: 'TLSA' })

/** A record with its TTL, in seconds. */
export type Timed<T> = T & { readonly ttl: number }

/** What each type resolves to. */
export interface Answers {
  A: string[]
  AAAA: string[]
  ANY: AnyRecord[]
  CAA: CaaRecord[]
  CNAME: string[]
  HTTPS: ServiceRecord[]
  MX: MxRecord[]
  NAPTR: NaptrRecord[]
  NS: string[]
  PTR: string[]
  SOA: SoaRecord
  SRV: SrvRecord[]
  SVCB: ServiceRecord[]
  TLSA: TlsaRecord[]
  TXT: string[][]
}

/** What each type resolves to with `{ ttl: true }`. */
export interface TimedAnswers {
  A: RecordWithTtl[]
  AAAA: RecordWithTtl[]
  ANY: Timed<AnyRecord>[]
  CAA: Timed<CaaRecord>[]
  CNAME: ValueWithTtl[]
  HTTPS: Timed<ServiceRecord>[]
  MX: Timed<MxRecord>[]
  NAPTR: Timed<NaptrRecord>[]
  NS: ValueWithTtl[]
  PTR: ValueWithTtl[]
  SOA: Timed<SoaRecord>
  SRV: Timed<SrvRecord>[]
  SVCB: Timed<ServiceRecord>[]
  TLSA: Timed<TlsaRecord>[]
  TXT: EntriesWithTtl[]
}

/** Types that a resolver has a method for. */
export type ResolvableType = keyof Answers

/** What `T` resolves to with the options `O`. */
export type Answer<T extends ResolvableType, O> = O extends { readonly ttl: infer F }
  ? F extends true
    ? TimedAnswers[T]
    : Answers[T]
  : Answers[T]
