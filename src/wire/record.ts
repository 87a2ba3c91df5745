import type { RecordClass, RecordType } from './constants.js'

/**
 * RDATA by type, for the types that are read into fields. Names are in presentation form, without a trailing dot; other
 * text has one character an octet (latin1).
 */
export interface RecordData {
  /** IPv4 address. */
  A: string
  /** IPv6 address. */
  AAAA: string
  NS: string
  CNAME: string
  DNAME: string
  PTR: string
  MX: MxData
  SOA: SoaData
  SRV: SrvData
  /** One Buffer a character string. */
  TXT: readonly Buffer[]
  SPF: readonly Buffer[]
  HINFO: HinfoData
  RP: RpData
  AFSDB: AfsdbData
  NAPTR: NaptrData
  CAA: CaaData
  DS: DsData
  CDS: DsData
  DLV: DsData
  DNSKEY: DnskeyData
  CDNSKEY: DnskeyData
  RRSIG: RrsigData
  NSEC: NsecData
  NSEC3: Nsec3Data
  SSHFP: SshfpData
  TLSA: TlsaData
  SMIMEA: TlsaData
  SVCB: SvcbData
  HTTPS: SvcbData
  URI: UriData
}

/** MX (RFC 1035, section 3.3.9). */
export interface MxData {
  readonly preference: number
  readonly exchange: string
}

/** Times in seconds. */
export interface SoaData {
  readonly mname: string
  readonly rname: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

/** SRV (RFC 2782). */
export interface SrvData {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: string
}

/** HINFO (RFC 1035, section 3.3.2). */
export interface HinfoData {
  readonly cpu: string
  readonly os: string
}

/** RP (RFC 1183, section 2.2). */
export interface RpData {
  readonly mbox: string
  readonly txt: string
}

/** AFSDB (RFC 1183, section 1). */
export interface AfsdbData {
  readonly subtype: number
  readonly hostname: string
}

/** NAPTR (RFC 3403, section 4). */
export interface NaptrData {
  readonly order: number
  readonly preference: number
  readonly flags: string
  readonly services: string
  readonly regexp: string
  readonly replacement: string
}

/** CAA (RFC 8659, section 4). */
export interface CaaData {
  readonly flags: number
  readonly issuerCritical: boolean
  readonly tag: string
  readonly value: string
}

/** DS, CDS and DLV (RFC 4034, section 5). */
export interface DsData {
  readonly keyTag: number
  readonly algorithm: number
  readonly digestType: number
  readonly digest: Buffer
}

/** DNSKEY and CDNSKEY (RFC 4034, section 2). */
export interface DnskeyData {
  readonly flags: number
  readonly algorithm: number
  readonly key: Buffer
}

/** Times are seconds since 1970 modulo 2^32 (RFC 4034, section 3.1.5). */
export interface RrsigData {
  readonly typeCovered: string
  readonly algorithm: number
  readonly labels: number
  readonly originalTTL: number
  readonly expiration: number
  readonly inception: number
  readonly keyTag: number
  readonly signersName: string
  readonly signature: Buffer
}

/** NSEC (RFC 4034, section 4). */
export interface NsecData {
  readonly nextDomain: string
  readonly rrtypes: readonly string[]
}

/** NSEC3 (RFC 5155, section 3). */
export interface Nsec3Data {
  readonly algorithm: number
  readonly flags: number
  readonly iterations: number
  readonly salt: Buffer
  readonly nextDomain: Buffer
  readonly rrtypes: readonly string[]
}

/** SSHFP (RFC 4255, section 3). */
export interface SshfpData {
  readonly algorithm: number
  readonly hash: number
  /** Upper-case hexadecimal digits. */
  readonly fingerprint: string
}

/** TLSA and SMIMEA (RFC 6698, section 2). */
export interface TlsaData {
  readonly usage: number
  readonly selector: number
  readonly matchingType: number
  readonly certificate: Buffer
}

/** URI (RFC 7553, section 4). */
export interface UriData {
  readonly priority: number
  readonly weight: number
  readonly target: string
}

/** SVCB and HTTPS (RFC 9460). */
export interface SvcbData {
  /** 0: alias mode. */
  readonly priority: number
  readonly target: string
  /** In ascending order of their keys, values as on the wire. */
  readonly params: readonly SvcParam[]
}

/** One service parameter (RFC 9460, section 7), such as 1 for `alpn`. */
export interface SvcParam {
  readonly key: number
  readonly value: Buffer
}

/** A record whose `type` says what `data` is. */
export interface RecordOf<T extends string, D> {
  /** Owner in presentation form, without a trailing dot; the root is `'.'`. */
  readonly name: string
  readonly type: T
  readonly class: RecordClass
  /** Seconds. */
  readonly ttl: number
  readonly data: D
}

/** Types whose RDATA is given as octets. */
export type OpaqueType = Exclude<RecordType, keyof RecordData>

/** A resource record in presentation form: `data` is typed by `type`, and is the octets of the RDATA for types without fields here. */
export type ResourceRecord =
  { [T in keyof RecordData]: RecordOf<T, RecordData[T]> }[keyof RecordData] | RecordOf<OpaqueType, Buffer>

/** A record as {@link Message.reply} takes it. `data` may be the octets of the RDATA for every type. */
export interface ResourceRecordInput {
  /** Owner in presentation form; a trailing dot is optional. */
  readonly name: string
  readonly type: string | number
  /** @default 'IN' */
  readonly class?: string | number
  /** Seconds, 0 to 2^31 - 1. @default 0 */
  readonly ttl?: number
  readonly data: ResourceRecord['data'] | Uint8Array | RecordDataInput
}

/** Looser forms of `data`: text for TXT, fields left out that have an evident value. */
export type RecordDataInput =
  | string
  | readonly (string | Uint8Array)[]
  | Readonly<Record<string, string | number | boolean | Uint8Array | readonly (string | SvcParam)[] | undefined>>
