import { CLASS, EDE, TYPE } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import type { ResourceRecordInput } from '../wire/record.js'
import { reverseZone } from './reverse-zones.js'

/** Suffixes that are asked upstream unless somebody says otherwise: networks exist that use them. */
export type ExtraSuffix = 'test' | 'local' | 'home.arpa'

/** What {@link specialUse} must know of whom the server asks. */
export interface SpecialUseHints {
  /** Whether a route was made for this name. */
  covers(query: Message): boolean
  /** Whether any upstream has a private address, and so may know the names of private ranges. */
  readonly hasPrivateUpstream: boolean
  /** Suffixes to answer here as well. */
  readonly extra: readonly ExtraSuffix[]
}

/** Seconds, as RFC 6303, section 3, has them. */
const TTL = 10_800
const HEADER = 12

/** What is known about a name whose last label is special. */
interface Finding {
  /** The zone that answers for it. */
  readonly zone: string
  /** Whether the name exists; one that doesn't is NXDOMAIN. */
  readonly exists: boolean
  readonly answers: readonly Omit<ResourceRecordInput, 'name'>[]
}

const LOCALHOST: Finding = {
  zone: 'localhost',
  exists: true,
  answers: [
    { type: TYPE.A, ttl: TTL, data: '127.0.0.1' },
    { type: TYPE.AAAA, ttl: TTL, data: '::1' },
  ],
}
const LOCALHOST_POINTER = [{ type: TYPE.PTR, ttl: TTL, data: 'localhost' }]

/**
 * The reply to a query for a name that must not leave the machine (RFC 6761, RFC 6303, RFC 7686, RFC 9462, section
 * 6.4; A29), or null for every other name: localhost, invalid, onion, resolver.arpa, addresses of private ranges, and
 * the suffixes in `hints.extra`. Names that a route covers are never answered here.
 */
export function specialUse(query: Message, hints: SpecialUseHints): Message | null {
  const { wire } = query
  // Walks the labels to the last one, on octets: this is all that an ordinary name costs.
  let last = HEADER
  let length = wire[HEADER]!
  for (let next = last + length + 1; length < 64; next = last + length + 1) {
    const following = wire[next]
    if (following === 0) break
    if (following === undefined) return null
    last = next
    length = following
  }
  // Of all that is special the last label has 4, 5, 7 or 9 letters; most names end in com, net or a country.
  if (length < 4 || length === 6 || length === 8 || length > 9) return null
  if (!isSpecialLabel(wire, last, length) || query.qclass !== CLASS.IN) return null
  const finding = judge(labelsOf(wire), hints)
  return finding === null || hints.covers(query) ? null : answer(query, finding)
}

/** Whether the label at `at` is `arpa`, `test`, `onion`, `local`, `invalid` or `localhost`, by its first two letters. */
function isSpecialLabel(wire: Buffer, at: number, length: number): boolean {
  const letters = ((wire[at + 1]! | 0x20) << 8) | (wire[at + 2]! | 0x20)
  switch (length) {
    case 4:
      return letters === AR || letters === TE
    case 5:
      return letters === ON || letters === LO
    case 7:
      return letters === IN
    default:
      return letters === LO
  }
}

const AR = 0x6172
const TE = 0x7465
const ON = 0x6f6e
const LO = 0x6c6f
const IN = 0x696e

/** Labels of the QNAME from the root down, lower-cased. Not text: a label may have a dot in it (A23). */
function labelsOf(wire: Buffer): string[] {
  const labels: string[] = []
  for (let at = HEADER; wire[at] !== 0 && at < wire.length; at += wire[at]! + 1) {
    labels.unshift(wire.toString('latin1', at + 1, at + 1 + wire[at]!).toLowerCase())
  }
  return labels
}

function judge(labels: readonly string[], hints: SpecialUseHints): Finding | null {
  const top = labels[0]!
  switch (top) {
    case 'localhost':
      return LOCALHOST
    case 'invalid':
    case 'onion':
      return missing(top)
    case 'test':
    case 'local':
      return hints.extra.includes(top) ? missing(top) : null
    case 'arpa':
      return judgeArpa(labels, hints)
    default:
      return null
  }
}

function judgeArpa(labels: readonly string[], hints: SpecialUseHints): Finding | null {
  const [, second] = labels
  if (second === 'resolver') return { zone: 'resolver.arpa', exists: true, answers: [] }
  if (second === 'home')
    return hints.extra.includes('home.arpa') ? { ...missing('home.arpa'), exists: labels.length === 2 } : null
  const reverse = reverseZone(labels)
  if (reverse === null) return null
  if (reverse.localhost) return { zone: reverse.zone, exists: true, answers: LOCALHOST_POINTER }
  return hints.hasPrivateUpstream ? null : { zone: reverse.zone, exists: reverse.exists, answers: [] }
}

function missing(zone: string): Finding {
  return { zone, exists: false, answers: [] }
}

function answer(query: Message, { zone, exists, answers }: Finding): Message {
  const { qtype } = query
  const name = query.question!.name
  const soa: ResourceRecordInput = { name: zone, type: 'SOA', ttl: TTL, data: soaData(zone) }
  const own = answers.filter(({ type }) => qtype === TYPE.ANY || qtype === type)
  const found: ResourceRecordInput[] = own.map((record) => ({ name, ...record }))
  if (exists && qtype === TYPE.SOA && name.toLowerCase() === zone) found.push(soa)
  return Message.reply(query, {
    rcode: exists ? 'NOERROR' : 'NXDOMAIN',
    authoritative: true,
    answers: found,
    // Without it a negative reply could not be kept, and would be asked for again and again (RFC 2308, section 5).
    authority: found.length === 0 ? [soa] : [],
    ede: zone === 'localhost' ? [] : [{ code: EDE.SYNTHESIZED, text: 'special-use name' }],
  })
}

/** RFC 6303, section 3. */
function soaData(zone: string) {
  return { mname: zone, rname: 'nobody.invalid', serial: 1, refresh: 3600, retry: 1200, expire: 604_800, minimum: TTL }
}
