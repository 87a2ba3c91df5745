import { buildQuery, frame, nameOctets } from './raw-dns.js'

/** A packet that no server should pass on, named after its fault. */
export interface BadPacket {
  readonly fault: string
  readonly octets: Buffer
}

const NAME = nameOctets('www.rich.example')
const QUESTION = Buffer.concat([NAME, Buffer.from([0, 1, 0, 1])])
const POINTER_TO_QNAME = Buffer.from([0xc0, 12])

function header(counts: readonly [number, number, number, number]): Buffer {
  const octets = Buffer.from([0xab, 0xcd, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  counts.forEach((count, i) => octets.writeUInt16BE(count, 4 + 2 * i))
  return octets
}

function packet(fault: string, counts: readonly [number, number, number, number], ...parts: Buffer[]): BadPacket {
  return { fault, octets: Buffer.concat([header(counts), ...parts]) }
}

/** A query whose question is these octets. */
function question(fault: string, ...parts: (Buffer | number[])[]): BadPacket {
  return packet(fault, [1, 0, 0, 0], ...parts.map((part) => Buffer.from(part)))
}

/** A record whose RDLENGTH may lie. */
function record(owner: Buffer, type: number, rdata: Buffer | number[], rdlength?: number): Buffer {
  const data = Buffer.from(rdata)
  const fixed = Buffer.from([type >> 8, type & 255, 0, 1, 0, 0, 0, 60, 0, 0])
  fixed.writeUInt16BE(rdlength ?? data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

function opt(rdata: Buffer | number[], rdlength?: number, owner = Buffer.from([0])): Buffer {
  const data = Buffer.from(rdata)
  const fixed = Buffer.from([0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0])
  fixed.writeUInt16BE(rdlength ?? data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

function option(code: number, data: number[], length = data.length): number[] {
  return [code >> 8, code & 255, length >> 8, length & 255, ...data]
}

/** A query with one more record in the additional section. */
function additional(fault: string, rr: Buffer): BadPacket {
  return packet(fault, [1, 0, 0, 1], QUESTION, rr)
}

function withOption(fault: string, code: number, data: number[], length?: number): BadPacket {
  return additional(fault, opt(option(code, data, length)))
}

const COOKIE = 10
const SUBNET = 8
const label = (octets: number): number[] => [octets, ...new Array<number>(octets).fill(0x61)]
const CLASS_IN_TYPE_A = [0, 1, 0, 1]

const IN_COUNTS: readonly BadPacket[] = [
  packet('no question', [0, 0, 0, 0]),
  packet('two questions', [2, 0, 0, 0], QUESTION, QUESTION),
  packet('two questions promised, one there', [2, 0, 0, 0], QUESTION),
  packet('65535 questions promised', [65535, 0, 0, 0], QUESTION),
  packet('one question promised, none there', [1, 0, 0, 0]),
  packet('an answer promised, none there', [1, 1, 0, 0], QUESTION),
  packet('an authority record promised, none there', [1, 0, 1, 0], QUESTION),
  packet('an additional record promised, none there', [1, 0, 0, 1], QUESTION),
  packet('65535 answers promised', [1, 65535, 0, 0], QUESTION),
  packet('65535 additional records promised', [1, 0, 0, 65535], QUESTION),
  packet('all counts 65535', [65535, 65535, 65535, 65535], QUESTION),
  packet('two additional records promised, one there', [1, 0, 0, 2], QUESTION, opt([])),
]

const IN_THE_QUESTION: readonly BadPacket[] = [
  question('a label that is cut', [5, 0x61, 0x62]),
  question('a name without an end', label(3)),
  question('a question without a type', NAME),
  question('a question with half a type', NAME, [0]),
  question('a question without a class', NAME, [0, 1]),
  question('a question with half a class', NAME, [0, 1, 0]),
  question('a label type of 01', [0x40, 1, 0], CLASS_IN_TYPE_A),
  question('a bit-string label (RFC 2673)', [0x41, 8, 0xff, 0], CLASS_IN_TYPE_A),
  question('a label type of 10', [0x80, 1, 0], CLASS_IN_TYPE_A),
  question('a pointer to itself', [0xc0, 12], CLASS_IN_TYPE_A),
  question('a pointer forward', [0xc0, 20], CLASS_IN_TYPE_A, [1, 0x61, 0]),
  question('a pointer past the end', [0xff, 0xff], CLASS_IN_TYPE_A),
  question('a pointer that is cut', [0xc0]),
  question('a label, then a pointer back to it', label(1), [0xc0, 12], CLASS_IN_TYPE_A),
  question('a label of 64 octets', [64, ...new Array<number>(64).fill(0x61), 0], CLASS_IN_TYPE_A),
  question('a name of 256 octets', label(63), label(63), label(63), label(62), [0], CLASS_IN_TYPE_A),
  question('a name of 128 labels', ...new Array<number[]>(128).fill(label(1)), [0], CLASS_IN_TYPE_A),
]

const IN_RECORDS: readonly BadPacket[] = [
  additional('a record that is only an owner', POINTER_TO_QNAME),
  additional('a record cut in its TTL', Buffer.concat([POINTER_TO_QNAME, Buffer.from([0, 1, 0, 1, 0, 0])])),
  additional('a record without RDLENGTH', record(POINTER_TO_QNAME, 1, []).subarray(0, -2)),
  additional('an RDLENGTH that goes past the end', record(POINTER_TO_QNAME, 1, [192, 0, 2, 1], 40)),
  additional('an owner that points to itself', record(Buffer.from([0xc0, 12 + QUESTION.length]), 1, [192, 0, 2, 1])),
  additional('an owner that points forward', record(Buffer.from([0xc0, 14 + QUESTION.length]), 1, [192, 0, 2, 1])),
  additional('an owner with a label type of 10', record(Buffer.from([0x80, 0]), 1, [192, 0, 2, 1])),
  packet('an answer cut in its RDATA', [1, 1, 0, 0], QUESTION, record(POINTER_TO_QNAME, 1, [192, 0], 4)),
  packet('an authority record cut in its RDATA', [1, 0, 1, 0], QUESTION, record(POINTER_TO_QNAME, 6, [0, 0, 0], 22)),
]

const IN_EDNS: readonly BadPacket[] = [
  packet('two OPT records', [1, 0, 0, 2], QUESTION, opt([]), opt([])),
  packet('an OPT among the answers', [1, 1, 0, 0], QUESTION, opt([])),
  packet('an OPT in the authority section', [1, 0, 1, 0], QUESTION, opt([])),
  additional('an OPT with an owner', opt([], 0, POINTER_TO_QNAME)),
  additional('an OPT whose RDLENGTH goes past the end', opt([], 40)),
  additional('an OPT that is cut', opt([]).subarray(0, 6)),
  additional('an option header that is cut', opt([0, 10, 0])),
  withOption('an option longer than its OPT', COOKIE, [1, 2, 3, 4, 5, 6, 7, 8], 24),
  withOption('a cookie of 0 octets', COOKIE, []),
  withOption('a cookie of 7 octets', COOKIE, label(6)),
  withOption('a cookie of 9 octets', COOKIE, label(8)),
  withOption('a cookie of 41 octets', COOKIE, label(40)),
  withOption('a client subnet of 3 octets', SUBNET, [0, 1, 24]),
  withOption('a client subnet of an unknown family', SUBNET, [0, 9, 24, 0, 192, 0, 2]),
  withOption('a client subnet of 33 bits of IPv4', SUBNET, [0, 1, 33, 0, 192, 0, 2, 1, 0x80]),
  withOption('a client subnet with bits after its prefix', SUBNET, [0, 1, 20, 0, 192, 0, 0xff]),
]

/** 54 queries that are malformed (requirement T9): each is answered with FORMERR, or not at all. */
export const MALFORMED: readonly BadPacket[] = [...IN_COUNTS, ...IN_THE_QUESTION, ...IN_RECORDS, ...IN_EDNS]

/** Packets that are not queries to anybody: never answered, or two servers could talk for ever. */
export const UNANSWERABLE: readonly BadPacket[] = [
  { fault: 'nothing at all', octets: Buffer.alloc(0) },
  { fault: 'three octets', octets: Buffer.from([1, 2, 3]) },
  { fault: 'eleven octets', octets: buildQuery('www.rich.example', 1).subarray(0, 11) },
  { fault: 'a reply', octets: buildQuery('www.rich.example', 1, { flags: 0x8180 }) },
  { fault: 'a reply that is malformed', octets: Buffer.from([1, 2, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12]) },
]

/** Ways in which a TCP client breaks the framing: the connection may be closed, and nothing else happens. */
export const BAD_STREAMS: readonly BadPacket[] = [
  { fault: 'a length of 0', octets: Buffer.from([0, 0]) },
  { fault: 'a length of 5', octets: Buffer.from([0, 5, 1, 2, 3, 4, 5]) },
  { fault: 'half a length', octets: Buffer.from([0]) },
  { fault: 'half a message', octets: frame(buildQuery('www.rich.example', 1)).subarray(0, 20) },
  { fault: 'HTTP', octets: Buffer.from('GET / HTTP/1.1\r\nHost: rich.example\r\n\r\n') },
  { fault: 'a TLS ClientHello', octets: Buffer.from('16030100050100000100', 'hex') },
]
