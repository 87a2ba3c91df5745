import { Buffer } from 'node:buffer'
import type { DnskeyData, DsData, RecordData, ResourceRecord, SvcbData, SvcParam, TlsaData } from '../wire/record.js'

/** Names of service parameters (RFC 9460, section 14.3.2; RFC 9461; RFC 9540). */
const SVC_KEYS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath', 'ohttp']
const BASE32 = '0123456789ABCDEFGHIJKLMNOPQRSTUV'

/** A record on one line, as zone files and dig have it (RFC 1035, section 5.1). */
export function recordText(record: ResourceRecord): string {
  return `${absolute(record.name)}\t\t${record.ttl}\t${record.class}\t${record.type}\t${rdataText(record)}`
}

/** A name with its trailing dot. */
export function absolute(name: string): string {
  return name.endsWith('.') && !name.endsWith('\\.') ? name : `${name}.`
}

/** RDATA in presentation form; `\# 4 0A000001` for types without one here (RFC 3597, section 5). */
function rdataText({ type, data }: ResourceRecord): string {
  // Types of class IN have only their octets in other classes.
  if (Buffer.isBuffer(data) || !Object.hasOwn(TEXTS, type)) return opaque(data)
  return (TEXTS[type as keyof RecordData] as (data: unknown) => string)(data)
}

const TEXTS: { readonly [T in keyof RecordData]: (data: RecordData[T]) => string } = {
  A: (data) => data,
  AAAA: (data) => data,
  NS: absolute,
  CNAME: absolute,
  DNAME: absolute,
  PTR: absolute,
  MX: ({ preference, exchange }) => `${preference} ${absolute(exchange)}`,
  TXT: (data) => data.map(quoted).join(' '),
  SPF: (data) => data.map(quoted).join(' '),
  SOA: (soa) =>
    `${absolute(soa.mname)} ${absolute(soa.rname)} ${soa.serial} ${soa.refresh} ${soa.retry} ${soa.expire} ${soa.minimum}`,
  SRV: ({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${absolute(target)}`,
  HINFO: ({ cpu, os }) => `${quoted(cpu)} ${quoted(os)}`,
  RP: ({ mbox, txt }) => `${absolute(mbox)} ${absolute(txt)}`,
  AFSDB: ({ subtype, hostname }) => `${subtype} ${absolute(hostname)}`,
  NAPTR: ({ order, preference, flags, services, regexp, replacement }) =>
    `${order} ${preference} ${quoted(flags)} ${quoted(services)} ${quoted(regexp)} ${absolute(replacement)}`,
  CAA: ({ flags, tag, value }) => `${flags} ${tag} ${quoted(value)}`,
  URI: ({ priority, weight, target }) => `${priority} ${weight} ${quoted(target)}`,
  SSHFP: ({ algorithm, hash, fingerprint }) => `${algorithm} ${hash} ${fingerprint}`,
  SVCB: serviceText,
  HTTPS: serviceText,
  DS: digestText,
  CDS: digestText,
  DLV: digestText,
  DNSKEY: keyText,
  CDNSKEY: keyText,
  TLSA: certificateText,
  SMIMEA: certificateText,
  RRSIG: (sig) =>
    `${sig.typeCovered} ${sig.algorithm} ${sig.labels} ${sig.originalTTL} ${time(sig.expiration)} ${time(sig.inception)} ${sig.keyTag} ${absolute(sig.signersName)} ${sig.signature.toString('base64')}`,
  NSEC: ({ nextDomain, rrtypes }) => [absolute(nextDomain), ...rrtypes].join(' '),
  NSEC3: ({ algorithm, flags, iterations, salt, nextDomain, rrtypes }) =>
    [algorithm, flags, iterations, salt.length === 0 ? '-' : hex(salt), base32(nextDomain), ...rrtypes].join(' '),
}

function digestText({ keyTag, algorithm, digestType, digest }: DsData): string {
  return `${keyTag} ${algorithm} ${digestType} ${hex(digest)}`
}

function keyText({ flags, algorithm, key }: DnskeyData): string {
  return `${flags} 3 ${algorithm} ${key.toString('base64')}`
}

function certificateText({ usage, selector, matchingType, certificate }: TlsaData): string {
  return `${usage} ${selector} ${matchingType} ${hex(certificate)}`
}

function opaque(data: unknown): string {
  const octets = Buffer.isBuffer(data) ? data : Buffer.alloc(0)
  return octets.length === 0 ? '\\# 0' : `\\# ${octets.length} ${hex(octets)}`
}

/** Text in quotes, with everything that isn't printable ASCII as `\DDD`, so that a terminal never acts on it (A24). */
function quoted(text: Buffer | string): string {
  const octets = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
  let out = ''
  for (const octet of octets) {
    if (octet === 0x22 || octet === 0x5c) out += `\\${String.fromCharCode(octet)}`
    else if (octet < 0x20 || octet > 0x7e) out += `\\${String(octet).padStart(3, '0')}`
    else out += String.fromCharCode(octet)
  }
  return `"${out}"`
}

function serviceText({ priority, target, params }: SvcbData): string {
  return [priority, absolute(target), ...params.map(paramText)].join(' ')
}

function paramText({ key, value }: SvcParam): string {
  const name = SVC_KEYS[key] ?? `key${key}`
  const text = paramValue(key, value)
  return text === null ? name : `${name}=${text}`
}

function paramValue(key: number, value: Buffer): string | null {
  switch (key) {
    case 0:
      return chunks(value, 2).map((pair) => SVC_KEYS[pair.readUInt16BE(0)] ?? `key${pair.readUInt16BE(0)}`).join(',') // prettier-ignore
    case 1:
      return quoted(Buffer.concat(strings(value).flatMap((id, i) => (i === 0 ? [id] : [Buffer.from(','), id]))))
    case 3:
      return value.length === 2 ? String(value.readUInt16BE(0)) : quoted(value)
    case 4:
      return chunks(value, 4).map((ip) => ip.join('.')).join(',') // prettier-ignore
    case 5:
      return value.toString('base64')
    case 6:
      return chunks(value, 16).map((ip) => chunks(ip, 2).map((pair) => pair.readUInt16BE(0).toString(16)).join(':')).join(',') // prettier-ignore
    default:
      return value.length === 0 ? null : quoted(value)
  }
}

function chunks(octets: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.floor(octets.length / size) }, (_, i) => octets.subarray(i * size, (i + 1) * size))
}

/** Character strings, each behind its length. */
function strings(octets: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < octets.length; at += octets[at]! + 1) found.push(octets.subarray(at + 1, at + 1 + octets[at]!))
  return found
}

function hex(octets: Buffer): string {
  return octets.toString('hex').toUpperCase()
}

/** RFC 4648, section 7, without padding, as NSEC3 has it. */
function base32(octets: Buffer): string {
  let out = ''
  let bits = 0
  let held = 0
  for (const octet of octets) {
    held = (held << 8) | octet
    for (bits += 8; bits >= 5; bits -= 5) out += BASE32[(held >> (bits - 5)) & 31]
    held &= (1 << bits) - 1
  }
  return bits === 0 ? out : out + BASE32[(held << (5 - bits)) & 31]
}

/** YYYYMMDDHHmmSS (RFC 4034, section 3.2). */
function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replaceAll(/\D/g, '')
}
