import { RCODE, TYPE } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import { pastName, readTtl, recordEnd } from '../wire/skim.js'
import type { Layout } from '../wire/walk.js'

/** Bounds of how long a reply is kept, in seconds. */
export interface TtlLimits {
  readonly minTtl: number
  readonly maxTtl: number
  /** For negative replies (RFC 2308, section 5). */
  readonly maxNegativeTtl: number
}

/**
 * How long a reply may be kept, in seconds; 0 means not at all.
 *
 * Positive: the lowest TTL of any record. Negative: that, and no more than the MINIMUM of the SOA record (RFC 2308,
 * section 5); without one it isn't kept (section 5). Neither are other RCODEs, truncated and signed replies.
 *
 * @throws {MalformedMessageError} the message is malformed
 */
export function lifetime(reply: Message, limits: TtlLimits): number {
  return lifetimeOf(reply, reply.layout, isNegative(reply, reply.layout), limits)
}

/** As {@link lifetime}, where more is known of the reply. */
export function lifetimeOf(reply: Message, layout: Layout, negative: boolean, limits: TtlLimits): number {
  if (!isAnswer(reply) || reply.signed) return 0
  if (!negative) return clamp(layout.minTtl, limits.minTtl, limits.maxTtl)
  if (!reply.hasSoa) return 0
  const ttl = Math.min(layout.minTtl, soaMinimum(reply.wire, layout))
  return clamp(ttl, limits.minTtl, Math.min(limits.maxTtl, limits.maxNegativeTtl))
}

/** Whether it says something about the name, and whole: RCODE is NOERROR or NXDOMAIN (RFC 8767, section 4). */
export function isAnswer(reply: Message): boolean {
  const { rcode } = reply
  return (rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN) && !reply.truncated
}

/** Whether it says that there is no such name, or nothing of that type: also at the end of a CNAME chain. */
export function isNegative(reply: Message, { questionEnd, answersEnd }: Layout): boolean {
  if (reply.rcode === RCODE.NXDOMAIN || !reply.hasData) return true
  const { qtype, wire } = reply
  if (qtype === TYPE.ANY) return false
  for (let at = questionEnd; at < answersEnd; at = recordEnd(wire, at)) {
    if (wire.readUInt16BE(pastName(wire, at)) === qtype) return false
  }
  return true
}

/** Whether a TTL of the message is less than `least` or more than `most`, in seconds. */
export function hasTtlsBeyond(wire: Buffer, layout: Layout, least: number, most: number): boolean {
  for (let at = layout.questionEnd; at < layout.end;) {
    const past = pastName(wire, at)
    const ttl = readTtl(wire, past + 4)
    if ((ttl < least || ttl > most) && at !== layout.opt) return true
    at = past + 10 + wire.readUInt16BE(past + 8)
  }
  return false
}

/** Brings each TTL of a message into these bounds, in seconds. */
export function clampTtls(wire: Buffer, layout: Layout, least: number, most: number): void {
  for (let at = layout.questionEnd; at < layout.end;) {
    const past = pastName(wire, at)
    if (at !== layout.opt) wire.writeUInt32BE(clamp(readTtl(wire, past + 4), least, most), past + 4)
    at = past + 10 + wire.readUInt16BE(past + 8)
  }
}

/** The lowest MINIMUM of the SOA records in the authority section. Its MINIMUM is the last field (RFC 1035, section 3.3.13). */
function soaMinimum(wire: Buffer, layout: Layout): number {
  let lowest = Infinity
  for (let at = layout.answersEnd; at < layout.authorityEnd;) {
    const past = pastName(wire, at)
    at = recordEnd(wire, at)
    if (wire.readUInt16BE(past) === TYPE.SOA) lowest = Math.min(lowest, readTtl(wire, at - 4))
  }
  return lowest
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
