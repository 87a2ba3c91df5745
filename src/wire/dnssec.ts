import { Buffer } from 'node:buffer'
import { TYPE } from './constants.js'
import { OPT_LENGTH, writeOpt } from './edns.js'
import { rewrite } from './rewrite.js'
import { pastName, recordEnd } from './skim.js'
import type { Layout } from './walk.js'

/** The largest UDP reply that a query of ours says it takes, octets; upstreams are told their own. */
const PAYLOAD_SIZE = 1232
/** What only validators read (RFC 4034, sections 3 and 4; RFC 5155, section 3). */
const PROOFS: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3])
const AD = 0x20

/** A walked query with DO in its OPT record, in one that is added where it has none (RFC 3225, section 3). */
export function askDnssec(wire: Buffer, { questionEnd, opt }: Layout): Buffer {
  if (opt !== 0) {
    const out = Buffer.from(wire)
    out[opt + 7]! |= 0x80
    return out
  }
  const out = Buffer.alloc(questionEnd + OPT_LENGTH)
  wire.copy(out, 0, 0, questionEnd)
  out.fill(0, 6, 12)
  out[11] = 1
  const record = { udpPayloadSize: PAYLOAD_SIZE, dnssecOk: true, ede: [], options: [], padTo: 0 }
  writeOpt(out, questionEnd, record, 0, 0)
  return out
}

/**
 * A walked reply for who hasn't set DO: without proofs that weren't asked for by their type (RFC 4035, section 3.2.1), and
 * without AD unless `keepsAd` (RFC 6840, section 5.8). `wire` itself when nothing changes; null when what is left can't
 * be written.
 */
export function dropDnssec(wire: Buffer, layout: Layout, qtype: number, keepsAd: boolean): Buffer | null {
  const isProof = (past: number): boolean => {
    const type = wire.readUInt16BE(past)
    return PROOFS.has(type) && type !== qtype && qtype !== TYPE.ANY
  }
  const losesAd = !keepsAd && (wire[3]! & AD) !== 0
  let out: Buffer | null = wire
  if (someRecord(wire, layout, isProof)) out = rewrite(wire, layout, null, (_, past) => !isProof(past))
  else if (losesAd) out = Buffer.from(wire)
  if (losesAd && out !== null) out[3]! &= ~AD
  return out
}

function someRecord(wire: Buffer, { questionEnd, end }: Layout, accepts: (past: number) => boolean): boolean {
  for (let at = questionEnd; at < end; at = recordEnd(wire, at)) {
    if (accepts(pastName(wire, at))) return true
  }
  return false
}
