import { InvalidOptionError } from '../errors.js'
import { show, suggest } from '../base/options.js'

/** Response codes by name (IANA DNS parameters; RFC 6895, section 2.3). Those over 15 need an OPT record (RFC 6891, section 6.1.3). */
export const RCODE = Object.freeze({
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const)

/** The name of a response code; those without one read `RCODE12`. */
export type Rcode = keyof typeof RCODE | `RCODE${number}`

/** Record types by name, as IANA lists them. */
export const TYPE = Object.freeze({
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  WKS: 11,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  X25: 19,
  ISDN: 20,
  RT: 21,
  NSAP: 22,
  'NSAP-PTR': 23,
  SIG: 24,
  KEY: 25,
  PX: 26,
  GPOS: 27,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  EID: 31,
  NIMLOC: 32,
  SRV: 33,
  ATMA: 34,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  A6: 38,
  DNAME: 39,
  SINK: 40,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  NINFO: 56,
  RKEY: 57,
  TALINK: 58,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  DSYNC: 66,
  HHIT: 67,
  BRID: 68,
  SPF: 99,
  UINFO: 100,
  UID: 101,
  GID: 102,
  UNSPEC: 103,
  NID: 104,
  L32: 105,
  L64: 106,
  LP: 107,
  EUI48: 108,
  EUI64: 109,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
  AVC: 258,
  DOA: 259,
  AMTRELAY: 260,
  RESINFO: 261,
  WALLET: 262,
  CLA: 263,
  IPN: 264,
  TA: 32768,
  DLV: 32769,
} as const)

/** The name of a record type; those without one read `TYPE65280` (RFC 3597, section 5). */
export type RecordType = keyof typeof TYPE | `TYPE${number}`

/** Classes by name. */
export const CLASS = Object.freeze({ IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const)

/** The name of a class; those without one read `CLASS42` (RFC 3597, section 5). */
export type RecordClass = keyof typeof CLASS | `CLASS${number}`

/** Operation codes by name. */
export const OPCODE = Object.freeze({ QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const)

/** EDNS option codes by name. */
export const EDNS_OPTION = Object.freeze({
  LLQ: 1,
  UL: 2,
  NSID: 3,
  DAU: 5,
  DHU: 6,
  N3U: 7,
  CLIENT_SUBNET: 8,
  EXPIRE: 9,
  COOKIE: 10,
  TCP_KEEPALIVE: 11,
  PADDING: 12,
  CHAIN: 13,
  KEY_TAG: 14,
  EDE: 15,
  REPORT_CHANNEL: 18,
  ZONEVERSION: 19,
} as const)

/** Extended DNS error codes by name (RFC 8914, section 4, and later additions at IANA). */
export const EDE = Object.freeze({
  OTHER: 0,
  UNSUPPORTED_DNSKEY_ALGORITHM: 1,
  UNSUPPORTED_DS_DIGEST_TYPE: 2,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  DNSSEC_INDETERMINATE: 5,
  DNSSEC_BOGUS: 6,
  SIGNATURE_EXPIRED: 7,
  SIGNATURE_NOT_YET_VALID: 8,
  DNSKEY_MISSING: 9,
  RRSIGS_MISSING: 10,
  NO_ZONE_KEY_BIT_SET: 11,
  NSEC_MISSING: 12,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN_ANSWER: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
  SIGNATURE_EXPIRED_BEFORE_VALID: 25,
  TOO_EARLY: 26,
  UNSUPPORTED_NSEC3_ITERATIONS: 27,
  UNABLE_TO_CONFORM_TO_POLICY: 28,
  SYNTHESIZED: 29,
  INVALID_QUERY_TYPE: 30,
} as const)

const RCODE_NAMES = byCode<Rcode>(RCODE)
const TYPE_NAMES = byCode<RecordType>(TYPE)
const CLASS_NAMES = byCode<RecordClass>(CLASS)
const RCODES = byName(RCODE)
const TYPES = byName(TYPE)
const CLASSES = byName(CLASS)

/** The name of a response code: `NOERROR`, or `RCODE12` where it has none. */
export function rcodeName(code: number): Rcode {
  return RCODE_NAMES.get(code) ?? `RCODE${code}`
}

/** The name of a record type: `HTTPS`, or `TYPE65280` where it has none (RFC 3597, section 5). */
export function typeName(code: number): RecordType {
  return TYPE_NAMES.get(code) ?? `TYPE${code}`
}

/** The name of a class: `IN`, or `CLASS42` where it has none (RFC 3597, section 5). */
export function className(code: number): RecordClass {
  return CLASS_NAMES.get(code) ?? `CLASS${code}`
}

/**
 * The number of a response code, given by name in any case, as `RCODE12`, or as a number from 0 to 4095.
 *
 * @throws {InvalidOptionError} it is none of these
 */
export function rcodeNumber(name: string | number): number {
  return codeOf(name, RCODES, 'rcode', 4095)
}

/**
 * The number of a record type, given by name in any case, as `TYPE65280`, or as a number from 0 to 65535.
 *
 * @throws {InvalidOptionError} it is none of these
 */
export function typeNumber(name: string | number): number {
  return codeOf(name, TYPES, 'type', 65535)
}

/**
 * The number of a class, given by name in any case, as `CLASS42`, or as a number from 0 to 65535.
 *
 * @throws {InvalidOptionError} it is none of these
 */
export function classNumber(name: string | number): number {
  return codeOf(name, CLASSES, 'class', 65535)
}

function byCode<T extends string>(table: Readonly<Record<string, number>>): ReadonlyMap<number, T> {
  return new Map(Object.entries(table).map(([name, code]) => [code, name as T]))
}

function byName(table: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(Object.entries(table))
}

function codeOf(given: unknown, table: ReadonlyMap<string, number>, what: string, max: number): number {
  if (typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= max) return given
  if (typeof given !== 'string') return refuse(given, what, max, '')
  const exact = table.get(given)
  if (exact !== undefined) return exact
  const name = given.toUpperCase()
  const code = table.get(name)
  if (code !== undefined) return code
  const prefix = what.toUpperCase()
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  if (/^\d{1,5}$/.test(digits) && Number(digits) <= max) return Number(digits)
  return refuse(given, what, max, suggest(name, [...table.keys()]).replace(/; known are .*/s, ''))
}

function refuse(given: unknown, what: string, max: number, hint: string): never {
  const allowed = `a known name, ${what.toUpperCase()} and a number, or a number from 0 to ${max}`
  throw new InvalidOptionError('Message', what, `must be ${allowed}; got ${show(given)}${hint}`)
}
