import dnsPacket from 'dns-packet'
import { TYPE } from './constants.js'

/** What dns-packet has for one type, in front of RDATA with its two octets of length. Not in its type declarations. */
export interface Codec {
  encode(data: unknown): Buffer
  decode: ((octets: Buffer, at: number) => unknown) & { bytes: number }
}

/** The codec of a type that dns-packet knows. */
export const codecOf = (dnsPacket as unknown as { record(type: string): Codec }).record

/** One field of RDATA that is made of numbers, names and strings in a fixed order. */
export type Field = readonly [
  name: string,
  kind: 'u8' | 'u16' | 'u32' | 'name' | 'string' | 'type' | 'types' | 'octets' | 'text' | 'hex' | 'block',
]

/** Types whose RDATA is one name. */
export const SINGLE_NAME: ReadonlySet<number> = new Set([TYPE.NS, TYPE.CNAME, TYPE.DNAME, TYPE.PTR])

/**
 * The fields of types that are read here, for they hold a name, a type or text: dns-packet reads these as UTF-8, joins
 * labels by dots and loses types that it doesn't know.
 */
export const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [TYPE.MX, fields('preference:u16 exchange:name')],
  [TYPE.SOA, fields('mname:name rname:name serial:u32 refresh:u32 retry:u32 expire:u32 minimum:u32')],
  [TYPE.SRV, fields('priority:u16 weight:u16 port:u16 target:name')],
  [TYPE.HINFO, fields('cpu:string os:string')],
  [TYPE.RP, fields('mbox:name txt:name')],
  [TYPE.AFSDB, fields('subtype:u16 hostname:name')],
  [TYPE.NAPTR, fields('order:u16 preference:u16 flags:string services:string regexp:string replacement:name')],
  [TYPE.CAA, fields('flags:u8 tag:string value:text')],
  [TYPE.URI, fields('priority:u16 weight:u16 target:text')],
  [
    TYPE.RRSIG,
    fields(
      'typeCovered:type algorithm:u8 labels:u8 originalTTL:u32 expiration:u32 inception:u32 keyTag:u16 signersName:name signature:octets',
    ),
  ],
  [TYPE.SSHFP, fields('algorithm:u8 hash:u8 fingerprint:hex')],
  [TYPE.NSEC, fields('nextDomain:name rrtypes:types')],
  [TYPE.NSEC3, fields('algorithm:u8 flags:u8 iterations:u16 salt:block nextDomain:block rrtypes:types')],
])

/** Types that dns-packet reads, by the name it has for their shape. */
export const BORROWED: ReadonlyMap<number, string> = new Map<number, string>([
  [TYPE.A, 'A'],
  [TYPE.AAAA, 'AAAA'],
  [TYPE.TXT, 'TXT'],
  [TYPE.SPF, 'TXT'],
  [TYPE.DS, 'DS'],
  [TYPE.CDS, 'DS'],
  [TYPE.DLV, 'DS'],
  [TYPE.DNSKEY, 'DNSKEY'],
  [TYPE.CDNSKEY, 'DNSKEY'],
  [TYPE.TLSA, 'TLSA'],
  [TYPE.SMIMEA, 'TLSA'],
])

function fields(text: string): readonly Field[] {
  return text.split(' ').map((field) => field.split(':') as unknown as Field)
}
