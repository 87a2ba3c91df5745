import { Buffer } from 'node:buffer'
import { MalformedMessageError } from '../errors.js'
import type { SvcParam } from '../wire/record.js'
import { ipv6Text } from './addresses.js'

/** Service parameters by name (RFC 9460, section 14.3.2); those without a name here are octets under `key65333`. */
export interface ServiceParams {
  /** Keys that whoever uses the record must know. */
  readonly mandatory?: readonly string[]
  /** Application protocols, one character an octet. */
  readonly alpn?: readonly string[]
  readonly 'no-default-alpn'?: true
  readonly port?: number
  readonly ipv4hint?: readonly string[]
  readonly ipv6hint?: readonly string[]
  /** An ECHConfigList. */
  readonly ech?: Buffer
  /** URI template of a DoH server (RFC 9461, section 5). */
  readonly dohpath?: string
  readonly [key: `key${number}`]: Buffer
}

/** Those that are read into values. */
const KEY = { mandatory: 0, alpn: 1, noDefaultAlpn: 2, port: 3, ipv4hint: 4, ipv6hint: 6, dohpath: 7 } as const
const NAMES = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath']

/**
 * Service parameters as values.
 *
 * @throws {MalformedMessageError} one isn't what its key says: then no record of the set counts (RFC 9460, section 2.2)
 */
export function readServiceParams(params: readonly SvcParam[]): ServiceParams {
  return Object.fromEntries(params.map(({ key, value }) => [nameOf(key), read(key, value)])) as ServiceParams
}

function read(key: number, value: Buffer): unknown {
  switch (key) {
    case KEY.mandatory:
      return pieces(value, 2, key).map((at) => nameOf(value.readUInt16BE(at)))
    case KEY.alpn:
      return readAlpn(value)
    case KEY.noDefaultAlpn:
      return value.length === 0 || refuse(key)
    case KEY.port:
      return value.length === 2 ? value.readUInt16BE(0) : refuse(key)
    case KEY.ipv4hint:
      return pieces(value, 4, key).map((at) => value.subarray(at, at + 4).join('.'))
    case KEY.ipv6hint:
      return pieces(value, 16, key).map((at) => ipv6Text(value, at))
    case KEY.dohpath:
      return value.toString('utf8')
    default:
      // It is remembered with the reply, which others are given too.
      return Buffer.from(value)
  }
}

function readAlpn(value: Buffer): string[] {
  const ids: string[] = []
  for (let at = 0; at < value.length; at += value[at]! + 1) {
    const end = at + 1 + value[at]!
    if (end === at + 1 || end > value.length) refuse(KEY.alpn)
    ids.push(value.toString('latin1', at + 1, end))
  }
  return ids.length > 0 ? ids : refuse(KEY.alpn)
}

/** Where the pieces of `size` octets begin. */
function pieces(value: Buffer, size: number, key: number): number[] {
  if (value.length === 0 || value.length % size !== 0) refuse(key)
  return Array.from({ length: value.length / size }, (_, i) => i * size)
}

function nameOf(key: number): string {
  return NAMES[key] ?? `key${key}`
}

function refuse(key: number): never {
  throw new MalformedMessageError(`service parameter ${nameOf(key)} is malformed`)
}
