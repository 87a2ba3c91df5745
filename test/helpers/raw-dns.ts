import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

// A DNS client of a few lines that shares no code with the library: what judges must not be what is judged.

/** Type numbers that zone files and tests name. */
export const TYPES: Readonly<Record<string, number>> = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, MB: 7, MG: 8, MR: 9, WKS: 11, PTR: 12, HINFO: 13, MINFO: 14, MX: 15, TXT: 16, RP: 17,
  AFSDB: 18, X25: 19, ISDN: 20, RT: 21, NSAP: 22, KEY: 25, PX: 26, AAAA: 28, LOC: 29, SRV: 33, NAPTR: 35, KX: 36,
  CERT: 37, DNAME: 39, APL: 42, DS: 43, SSHFP: 44, IPSECKEY: 45, RRSIG: 46, NSEC: 47, DNSKEY: 48, DHCID: 49, TLSA: 52,
  SMIMEA: 53, CDS: 59, CDNSKEY: 60, OPENPGPKEY: 61, CSYNC: 62, ZONEMD: 63, SVCB: 64, HTTPS: 65, SPF: 99, NID: 104,
  L32: 105, L64: 106, LP: 107, EUI48: 108, EUI64: 109, ANY: 255, URI: 256, CAA: 257,
} // prettier-ignore

/** The number of a type, by name or in the form TYPE65280. */
export function typeNumber(name: string): number {
  const number = TYPES[name] ?? Number(/^TYPE(\d+)$/.exec(name)?.[1])
  if (Number.isNaN(number)) throw new Error(`${name}: no such type in this table`)
  return number
}

/** Octets of a name in presentation form (RFC 1035, section 5.1). */
export function nameOctets(text: string): Buffer {
  const labels: number[][] = [[]]
  for (let i = 0; i < text.length; i++) {
    const label = labels[labels.length - 1]!
    if (text[i] === '.') labels.push([])
    else if (text[i] !== '\\') label.push(text.charCodeAt(i))
    else if (/\d/.test(text[i + 1] ?? '')) {
      label.push(Number(text.slice(i + 1, i + 4)))
      i += 3
    } else label.push(text.charCodeAt(++i))
  }
  const octets = labels.filter((label) => label.length > 0).flatMap((label) => [label.length, ...label])
  return Buffer.from([...octets, 0])
}

/** What {@link buildQuery} puts around the question. */
export interface QuerySpec {
  readonly id?: number
  /** The 16 bits after the ID; RD by default. */
  readonly flags?: number
  readonly qclass?: number
  /** The UDP payload size of an OPT; none, and there is no OPT. */
  readonly edns?: number
  readonly dnssecOk?: boolean
}

/** A query's octets, for a name in presentation form or in octets. */
export function buildQuery(name: string | Buffer, type: number, spec: QuerySpec = {}): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(spec.id ?? 0x1234, 0)
  header.writeUInt16BE(spec.flags ?? 0x0100, 2)
  header.writeUInt16BE(1, 4)
  const question = Buffer.alloc(4)
  question.writeUInt16BE(type, 0)
  question.writeUInt16BE(spec.qclass ?? 1, 2)
  const parts = [header, typeof name === 'string' ? nameOctets(name) : name, question]
  if (spec.edns !== undefined) {
    const opt = Buffer.from([0, 0, 41, 0, 0, 0, 0, spec.dnssecOk === true ? 0x80 : 0, 0, 0, 0])
    opt.writeUInt16BE(spec.edns, 3)
    parts.push(opt)
    header.writeUInt16BE(1, 10)
  }
  return Buffer.concat(parts)
}

/** Asks over UDP; resolves with the first datagram, or null when none has come within `timeout` ms. */
export function askUdp(port: number, query: Buffer, timeout = 5000): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    const done = (reply: Buffer | null): void => {
      clearTimeout(timer)
      socket.close()
      resolve(reply)
    }
    const timer = setTimeout(done, timeout, null)
    socket.once('message', done)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.send(query, port, '127.0.0.1')
  })
}

/** Asks over a TCP connection of its own; null when it closes, or `timeout` ms pass, without a whole message. */
export function askTcp(port: number, query: Buffer, timeout = 5000): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    const done = (reply: Buffer | null): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reply)
    }
    const timer = setTimeout(done, timeout, null)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('close', () => done(null))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        done(received.subarray(2, 2 + received.readUInt16BE(0)))
      }
    })
    socket.write(frame(query))
  })
}

/** A message behind its two length octets (RFC 1035, section 4.2.2). */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** One resource record, as it lies in a message. */
export interface RawRecord {
  readonly section: 'answer' | 'authority' | 'additional'
  /** Where it begins, where its TTL lies, and where it ends. */
  readonly start: number
  readonly ttlAt: number
  readonly end: number
  readonly type: number
  readonly rrclass: number
  readonly ttl: number
}

/** Every record of a message with one question or none. Throws when the octets end too soon. */
export function records(message: Buffer): RawRecord[] {
  let at = 12
  for (let n = message.readUInt16BE(4); n > 0; n--) at = skipName(message, at) + 4
  const found: RawRecord[] = []
  for (const [section, count] of [
    ['answer', 6],
    ['authority', 8],
    ['additional', 10],
  ] as const) {
    for (let n = message.readUInt16BE(count); n > 0; n--) {
      const fixed = skipName(message, at)
      const end = fixed + 10 + message.readUInt16BE(fixed + 8)
      if (end > message.length) throw new Error(`a record ends at ${end} of ${message.length}`)
      const type = message.readUInt16BE(fixed)
      found.push({ section, start: at, ttlAt: fixed + 4, end, type, rrclass: message.readUInt16BE(fixed + 2), ttl: message.readUInt32BE(fixed + 4) }) // prettier-ignore
      at = end
    }
  }
  if (at !== message.length) throw new Error(`${message.length - at} octets after the last record`)
  return found
}

function skipName(message: Buffer, start: number): number {
  let at = start
  for (;;) {
    const length = message.readUInt8(at)
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    at += length + 1
  }
}

/** The OPT record of a message, or null. */
export function optOf(message: Buffer): RawRecord | null {
  return records(message).find((record) => record.type === 41) ?? null
}

/** The four low bits of the header and, where there is an OPT, its eight above. */
export function rcodeOf(message: Buffer): number {
  const opt = optOf(message)
  return (message.readUInt8(3) & 0x0f) | (opt === null ? 0 : message.readUInt8(opt.ttlAt) << 4)
}

export function isTruncated(message: Buffer): boolean {
  return (message.readUInt8(2) & 0x02) !== 0
}

/**
 * A message without what a forwarder may change: ID and TTLs are zero and the OPT, which is the last record, is gone.
 * Two messages that say the same, octet for octet, are then equal.
 */
export function comparable(message: Buffer): Buffer {
  const copy = Buffer.from(message)
  const all = records(copy)
  copy.writeUInt16BE(0, 0)
  for (const record of all) copy.writeUInt32BE(0, record.ttlAt)
  const opt = all.find((record) => record.type === 41)
  if (opt === undefined) return copy
  copy.writeUInt16BE(copy.readUInt16BE(10) - 1, 10)
  return Buffer.concat([copy.subarray(0, opt.start), copy.subarray(opt.end)])
}
