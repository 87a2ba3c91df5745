import { Buffer } from 'node:buffer'
import { EDNS_OPTION, TYPE } from './constants.js'
import { isSubnet, Subnet } from './subnet.js'

/** One EDNS option (RFC 6891, section 6.1.2). */
export interface EdnsOption {
  readonly code: number
  readonly data: Buffer
}

/** The OPT record of a message (RFC 6891, section 6.1.2). */
export interface Edns {
  /** Largest UDP message that its sender takes, octets; values below 512 count as 512 (section 6.2.3). */
  readonly udpPayloadSize: number
  readonly version: number
  /** The DO bit (RFC 3225). */
  readonly dnssecOk: boolean
  /** The upper 8 bits of the RCODE. */
  readonly extendedRcode: number
  readonly options: readonly EdnsOption[]
}

/** An extended DNS error (RFC 8914). */
export interface ExtendedError {
  /** INFO-CODE. */
  readonly code: number
  /** EXTRA-TEXT, often empty. */
  readonly text: string
}

/** The OPT record that goes out with a message. */
export interface OptOut {
  /** Largest UDP message that we take, octets. */
  readonly udpPayloadSize: number
  readonly dnssecOk: boolean
  readonly ede: readonly ExtendedError[]
  readonly options: readonly EdnsOption[]
  /** Pads the message to a multiple of this many octets (RFC 8467); 0: not at all. */
  readonly padTo: number
}

/** Octets that a query is padded to a multiple of where it is encrypted (RFC 8467, section 4.1). */
export const QUERY_BLOCK = 128

/** Length of an OPT record without options, octets. */
export const OPT_LENGTH = 11

/** Reads the OPT record at `at` of a message that has been walked. The options' data are views of `wire`. */
export function readEdns(wire: Buffer, at: number): Edns {
  const options: EdnsOption[] = []
  const end = at + OPT_LENGTH + u16(wire, at + 9)
  for (let pos = at + OPT_LENGTH; pos < end;) {
    const past = pos + 4 + u16(wire, pos + 2)
    options.push({ code: u16(wire, pos), data: wire.subarray(pos + 4, past) })
    pos = past
  }
  return {
    udpPayloadSize: payloadSize(wire, at),
    version: wire[at + 6]!,
    dnssecOk: (wire[at + 7]! & 0x80) !== 0,
    extendedRcode: wire[at + 5]!,
    options,
  }
}

/** Whether the OPT record at `at` of a message that has been walked has an option of this code. */
export function hasOption(wire: Buffer, at: number, code: number): boolean {
  const end = at + OPT_LENGTH + u16(wire, at + 9)
  for (let pos = at + OPT_LENGTH; pos < end; pos += 4 + u16(wire, pos + 2)) if (u16(wire, pos) === code) return true
  return false
}

/** The payload size that the OPT record at `at` offers, octets, never below 512 (RFC 6891, section 6.2.3). */
function payloadSize(wire: Buffer, at: number): number {
  return Math.max(512, u16(wire, at + 3))
}

/** The extended errors among `options`; one too short to hold its code is left out. */
export function readEde(options: readonly EdnsOption[]): readonly ExtendedError[] {
  return options
    .filter((option) => option.code === EDNS_OPTION.EDE && option.data.length >= 2)
    .map(({ data }) => ({ code: data.readUInt16BE(0), text: data.toString('utf8', 2).replace(/\0+$/, '') }))
}

/**
 * What is wrong with the options of a client's OPT record at `at`, or the empty string: a cookie of a length that none
 * has (RFC 7873, section 5.2.2), a subnet that isn't one (RFC 7871, section 6), over a stream a keepalive with a
 * timeout (RFC 7828, section 3.2.1; over UDP it is ignored).
 */
export function optionFault(wire: Buffer, at: number, stream: boolean): string {
  const end = at + OPT_LENGTH + u16(wire, at + 9)
  for (let pos = at + OPT_LENGTH; pos < end;) {
    const length = u16(wire, pos + 2)
    switch (u16(wire, pos)) {
      case EDNS_OPTION.COOKIE:
        if (length !== 8 && (length < 16 || length > 40)) return 'cookie is neither 8 nor 16 to 40 octets'
        break
      case EDNS_OPTION.CLIENT_SUBNET:
        if (!isSubnet(wire, pos + 4, length) || wire[pos + 7] !== 0) return 'client subnet is malformed'
        break
      case EDNS_OPTION.TCP_KEEPALIVE:
        if (stream && length !== 0) return 'keepalive of a client has a timeout'
        break
    }
    pos += 4 + length
  }
  return ''
}

/** The first subnet among `options` (RFC 7871); null where there is none, or it is malformed. */
export function readSubnet(options: readonly EdnsOption[]): Subnet | null {
  const option = options.find(({ code }) => code === EDNS_OPTION.CLIENT_SUBNET)
  return option === undefined ? null : Subnet.read(option.data)
}

/** Whether each subnet among `options` of a reply is the one that was sent (RFC 7871, section 7.3); all are where none of its bits were told. */
export function echoesSubnet(options: readonly EdnsOption[], sent: Subnet): boolean {
  return options.every(({ code, data }) => {
    if (code !== EDNS_OPTION.CLIENT_SUBNET) return true
    const echoed = Subnet.read(data)
    return echoed !== null && (sent.source === 0 || sent.equals(echoed))
  })
}

/** Makes padding of the subnets in the OPT record at `at`, so that nothing moves. */
export function blankSubnets(wire: Buffer, at: number): void {
  const end = at + OPT_LENGTH + u16(wire, at + 9)
  for (let pos = at + OPT_LENGTH; pos < end;) {
    const past = pos + 4 + u16(wire, pos + 2)
    if (u16(wire, pos) === EDNS_OPTION.CLIENT_SUBNET) {
      wire[pos + 1] = EDNS_OPTION.PADDING
      wire.fill(0, pos + 4, past)
    }
    pos = past
  }
}

/** Length of the OPT record that {@link writeOpt} would write, padding apart, octets. */
export function optLength(opt: OptOut): number {
  let length = OPT_LENGTH
  for (const option of opt.options) length += 4 + option.data.length
  for (const error of opt.ede) length += 6 + Buffer.byteLength(error.text)
  return length
}

/** How many octets the padding option takes in a message of `size` octets that may grow to `maxSize`; 0 where none fits. */
export function paddingLength(size: number, padTo: number, maxSize: number): number {
  if (padTo === 0 || size + 4 > maxSize) return 0
  const padded = Math.ceil((size + 4) / padTo) * padTo
  return Math.min(padded, maxSize) - size
}

/** Writes an OPT record of {@link OPT_LENGTH} octets that asks for replies of `size` octets at most; `flags`: the first octet of its flags. */
export function writeBareOpt(out: Buffer, at: number, size: number, flags: number): void {
  out[at] = 0
  out[at + 1] = 0
  out[at + 2] = TYPE.OPT
  out[at + 3] = size >> 8
  out[at + 4] = size
  out[at + 5] = 0
  out[at + 6] = 0
  out[at + 7] = flags
  out[at + 8] = 0
  out[at + 9] = 0
  out[at + 10] = 0
}

/** Writes `opt` at `at`, padded by `padding` octets (see {@link paddingLength}), and returns where it ends. */
export function writeOpt(out: Buffer, at: number, opt: OptOut, extendedRcode: number, padding: number): number {
  writeBareOpt(out, at, opt.udpPayloadSize, opt.dnssecOk ? 0x80 : 0)
  out[at + 5] = extendedRcode
  let pos = at + OPT_LENGTH
  for (const { code, data } of opt.options) {
    pos = optionHead(out, pos, code, data.length)
    out.set(data, pos)
    pos += data.length
  }
  for (const { code, text } of opt.ede) {
    const length = Buffer.byteLength(text)
    pos = optionHead(out, pos, EDNS_OPTION.EDE, length + 2)
    out[pos] = code >> 8
    out[pos + 1] = code & 0xff
    out.write(text, pos + 2, 'utf8')
    pos += length + 2
  }
  if (padding > 0) {
    pos = optionHead(out, pos, EDNS_OPTION.PADDING, padding - 4)
    out.fill(0, pos, pos + padding - 4)
    pos += padding - 4
  }
  const length = pos - at - OPT_LENGTH
  out[at + 9] = length >> 8
  out[at + 10] = length & 0xff
  return pos
}

/** What goes in the OPT record of a query beside a subnet. */
export interface QueryExtras {
  /** Octets that the length is a multiple of, by padding in the OPT record (RFC 8467, section 4.1). Encrypted transports only. @default none */
  readonly padTo?: number
  /** Whether the OPT record asks for the server's idle timeout (RFC 7828, section 3.2.1). Streams only. @default false */
  readonly keepalive?: boolean
}

/** Length of the options of a query that takes `size` octets without them. */
export function queryOptionsLength(
  size: number,
  { padTo = 0, keepalive = false }: QueryExtras,
  subnet: Subnet | null,
): number {
  const length = (keepalive ? 4 : 0) + (subnet === null ? 0 : 4 + subnet.octets.length)
  return length + paddingLength(size + length, padTo, Infinity)
}

/** Writes them from `at` on, behind an OPT record without options, to the end of `out` (see {@link queryOptionsLength}). */
export function writeQueryOptions(out: Buffer, at: number, { keepalive }: QueryExtras, subnet: Subnet | null): void {
  const length = out.length - at
  out[at - 2] = length >> 8
  out[at - 1] = length & 0xff
  let pos = at
  if (subnet !== null) {
    pos = optionHead(out, pos, EDNS_OPTION.CLIENT_SUBNET, subnet.octets.length)
    pos += subnet.octets.copy(out, pos)
  }
  if (keepalive === true) pos = optionHead(out, pos, EDNS_OPTION.TCP_KEEPALIVE, 0)
  if (pos < out.length) out.fill(0, optionHead(out, pos, EDNS_OPTION.PADDING, out.length - pos - 4))
}

function optionHead(out: Buffer, at: number, code: number, length: number): number {
  out[at] = code >> 8
  out[at + 1] = code & 0xff
  out[at + 2] = length >> 8
  out[at + 3] = length & 0xff
  return at + 4
}

function u16(wire: Buffer, at: number): number {
  return (wire[at]! << 8) | wire[at + 1]!
}
