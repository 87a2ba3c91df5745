import { EDNS_OPTION } from '../wire/constants.js'
import type { ExtendedError } from '../wire/edns.js'
import type { CopyOptions, Message } from '../wire/message.js'
import type { Subnet } from '../wire/subnet.js'
import { MARK, type Layout } from '../wire/walk.js'

const MAX_MESSAGE = 65_535
const PLAIN: CopyOptions = Object.freeze({ opt: null, maxSize: MAX_MESSAGE })
/** Where a reply can't be kept by leaving out its last record. */
const NOT_PLAIN = MARK.OPT_INSIDE | MARK.ODD_TTL | MARK.ODD_POINTER

/**
 * How many octets of `reply` are kept as they are: all but the upstream's OPT record (RFC 6891, section 6.2.1). 0 where
 * it has to be written anew by {@link octetsToKeep}.
 */
export function lengthToKeep(reply: Message, { marks, opt, end }: Layout): number {
  if ((marks & NOT_PLAIN) !== 0 || reply.ede.length > 0) return 0
  return opt === 0 ? end : opt
}

/** `reply` as it is kept: of its OPT record only the extended errors, which say what the answer is, and `subnet`. */
export function octetsToKeep(reply: Message, subnet: Subnet | null): Buffer {
  return copyWith(reply, reply.ede, subnet)
}

/** A copy of `reply` with `ede` and `subnet` in an OPT record of its own if there are any. */
export function copyWith(reply: Message, ede: readonly ExtendedError[], subnet: Subnet | null): Buffer {
  if (ede.length === 0 && subnet === null) return reply.copyFor(reply, 0, PLAIN)
  const options = subnet === null ? [] : [{ code: EDNS_OPTION.CLIENT_SUBNET, data: subnet.octets }]
  const opt = { udpPayloadSize: 1232, dnssecOk: false, ede, options, padTo: 0 }
  return reply.copyFor(reply, 0, { opt, maxSize: MAX_MESSAGE })
}
