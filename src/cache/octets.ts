import type { ExtendedError } from '../wire/edns.js'
import type { CopyOptions, Message } from '../wire/message.js'

const MAX_MESSAGE = 65_535
const NO_ERRORS: readonly ExtendedError[] = []
const PLAIN: CopyOptions = Object.freeze({ opt: null, maxSize: MAX_MESSAGE })

/**
 * A reply to `query` as it is kept: without the upstream's OPT record (RFC 6891, section 6.2.1) but for the extended errors
 * that say what the answer is, without ID, and not authoritative any more.
 */
export function octetsToKeep(reply: Message, query: Message): Buffer {
  const octets = copyWith(reply, query, reply.hasOptions ? reply.ede : NO_ERRORS)
  octets[0] = octets[1] = 0
  octets[2]! &= ~4
  return octets
}

/** A copy of `reply` for `query`, with `ede` in an OPT record of its own if there are any. */
export function copyWith(reply: Message, query: Message, ede: readonly ExtendedError[]): Buffer {
  if (ede.length === 0) return reply.copyFor(query, 0, PLAIN)
  const opt = { udpPayloadSize: 1232, dnssecOk: false, ede, options: [], padTo: 0 }
  return reply.copyFor(query, 0, { opt, maxSize: MAX_MESSAGE })
}
