import type { RecordWithTtl } from 'node:dns'
import type { Reply } from '../exchanger.js'
import { CLASS, TYPE } from '../wire/constants.js'
import type { Message } from '../wire/message.js'
import { pastName, readTtl } from '../wire/skim.js'

const READ = { [TYPE.A]: readerOf(TYPE.A), [TYPE.AAAA]: readerOf(TYPE.AAAA) }

/**
 * The addresses in a reply, straight from its octets, which others may be given as well; empty where an alias leads nowhere, null
 * where there is neither address nor alias.
 *
 * @throws {MalformedMessageError} the message is malformed
 */
export function addressesIn(message: Message, type: 1 | 28): readonly string[] | null {
  return message.remembered(READ[type])
}

/** As {@link addressesIn}, the caller's own; a TTL is the lowest of the address and the aliases that lead to it. */
export function readAddresses(reply: Reply, type: 1 | 28, withTtl: boolean): string[] | RecordWithTtl[] | null {
  return withTtl ? readWithTtl(reply, type) : (addressesIn(reply.message, type)?.slice() ?? null)
}

function readWithTtl({ message, age }: Reply, type: 1 | 28): RecordWithTtl[] | null {
  const ttls: number[] = []
  const { found, aliasTtl } = read(message, type, ttls)
  if (found.length === 0 && aliasTtl < 0) return null
  const most = aliasTtl < 0 ? Infinity : aliasTtl
  return found.map((address, i) => ({ address, ttl: Math.max(0, Math.min(ttls[i]!, most) - age) }))
}

function readerOf(type: 1 | 28): (message: Message) => readonly string[] | null {
  return (message) => {
    const { found, aliasTtl } = read(message, type, null)
    return found.length === 0 && aliasTtl < 0 ? null : found
  }
}

/** The addresses, whose TTLs are added to `ttls`, and the lowest TTL of an alias, -1 where there is none. */
function read(message: Message, type: 1 | 28, ttls: number[] | null): { found: string[]; aliasTtl: number } {
  const found: string[] = []
  const { wire, questionEnd, answersEnd } = message
  const size = type === TYPE.A ? 4 : 16
  let aliasTtl = -1
  for (let at = questionEnd; at < answersEnd;) {
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
      ttls?.push(readTtl(wire, past + 4))
    }
  }
  return { found, aliasTtl }
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
