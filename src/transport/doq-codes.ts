import type { Buffer } from 'node:buffer'
import { EDNS_OPTION } from '../wire/constants.js'
import { Message } from '../wire/message.js'

/** Error codes of DNS over QUIC (RFC 9250, section 4.3). */
export const DOQ_CODES = Object.freeze({
  NO_ERROR: 0,
  INTERNAL_ERROR: 1,
  PROTOCOL_ERROR: 2,
  REQUEST_CANCELLED: 3,
  EXCESSIVE_LOAD: 4,
  UNSPECIFIED_ERROR: 5,
} as const)

const NAMES = new Map<number, string>(Object.entries(DOQ_CODES).map(([name, code]) => [code, `DOQ_${name}`]))

/** A code as people know it. */
export function doqCodeName(code: number): string {
  return NAMES.get(code) ?? `code ${code}`
}

/** Whether a message has the edns-tcp-keepalive option, which has no place in QUIC (RFC 9250, section 5.5.2). */
export function hasKeepalive(wire: Buffer): boolean {
  if (!mayHaveKeepalive(wire)) return false
  try {
    return new Message(wire).hasOption(EDNS_OPTION.TCP_KEEPALIVE)
  } catch {
    return false
  }
}

/** Looks for one octet, which is cheaper than two: this is done for every reply. */
function mayHaveKeepalive(wire: Buffer): boolean {
  for (
    let at = wire.indexOf(EDNS_OPTION.TCP_KEEPALIVE);
    at >= 0;
    at = wire.indexOf(EDNS_OPTION.TCP_KEEPALIVE, at + 1)
  ) {
    if (wire[at - 1] === 0) return true
  }
  return false
}
