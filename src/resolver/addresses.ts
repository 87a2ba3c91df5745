import type { RecordWithTtl } from 'node:dns'
import type { Reply } from '../exchanger.js'
import { CLASS, TYPE } from '../wire/constants.js'
import { pastName, readTtl } from '../wire/skim.js'

/**
 * The addresses in a reply, straight from its octets; empty where an alias leads nowhere, null where there is neither
 * address nor alias. A TTL is the lowest of the address and the aliases that lead to it.
 *
 * @throws {MalformedMessageError} the message is malformed
 */
export function readAddresses(reply: Reply, type: 1 | 28, withTtl: boolean): string[] | RecordWithTtl[] | null {
  const found: string[] = []
  const ttls: number[] = []
  const { wire, layout } = reply.message
  const size = type === TYPE.A ? 4 : 16
  let aliasTtl = -1
  for (let at = layout.questionEnd; at < layout.answersEnd;) {
    const past = pastName(wire, at)
    const length = (wire[past + 8]! << 8) | wire[past + 9]!
    at = past + 10 + length
    if (word(wire, past + 2) !== CLASS.IN) continue
    const of = word(wire, past)
    if (of === TYPE.CNAME) {
      const ttl = readTtl(wire, past + 4)
      if (aliasTtl < 0 || ttl < aliasTtl) aliasTtl = ttl
    } else if (of === type && length === size) {
      found.push(type === TYPE.A ? ipv4Text(wire, past + 10) : ipv6Text(wire, past + 10))
      if (withTtl) ttls.push(readTtl(wire, past + 4))
    }
  }
  if (found.length === 0 && aliasTtl < 0) return null
  if (!withTtl) return found
  const most = aliasTtl < 0 ? Infinity : aliasTtl
  return found.map((address, i) => ({ address, ttl: Math.max(0, Math.min(ttls[i]!, most) - reply.age) }))
}

function ipv4Text(wire: Buffer, at: number): string {
  return `${wire[at]}.${wire[at + 1]}.${wire[at + 2]}.${wire[at + 3]}`
}

/**
 * The text of the IPv6 address at `at` (RFC 5952), an embedded IPv4 address in dotted form where `node:dns` writes it so.
 */
export function ipv6Text(wire: Buffer, at: number): string {
  const { first, length } = longestZeros(wire, at)
  const embedded = isEmbedded(wire, at, first, length)
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (length > 0 && i === first) {
      text += '::'
      i += length - 1
    } else if (embedded && i === 6) return text + (text.endsWith(':') ? '' : ':') + ipv4Text(wire, at + 12)
    else text += (text === '' || text.endsWith(':') ? '' : ':') + word(wire, at + 2 * i).toString(16)
  }
  return text
}

/** The run of zero words that `::` stands for: the first of the longest, and never a single one. */
function longestZeros(wire: Buffer, at: number): { readonly first: number; readonly length: number } {
  let first = 0
  let length = 1
  for (let i = 0; i < 8; i++) {
    const start = i
    while (i < 8 && word(wire, at + 2 * i) === 0) i++
    if (i - start <= length) continue
    first = start
    length = i - start
  }
  return length === 1 ? { first: 0, length: 0 } : { first, length }
}

function isEmbedded(wire: Buffer, at: number, first: number, length: number): boolean {
  if (first !== 0) return false
  if (length === 5) return word(wire, at + 10) === 0xffff
  return length === 6 || (length === 7 && word(wire, at + 14) !== 1)
}

function word(wire: Buffer, at: number): number {
  return (wire[at]! << 8) | wire[at + 1]!
}
