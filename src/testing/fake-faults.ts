import { randomFillSync } from 'node:crypto'
import { InvalidOptionError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { Message } from '../wire/message.js'
import type { AskedQuery } from './fake-answers.js'

/** Ways in which octets can fail to be the reply: nine that broken and hostile servers send, and noise. */
export type BadReply =
  | 'wrong-id'
  | 'wrong-question'
  | 'short'
  | 'partial-question'
  | 'header-only'
  | 'query-bit'
  | 'empty'
  | 'pointer-loop'
  | 'other-opcode'
  | 'garbage'

/** The nine of {@link BadReply} that are not noise. */
export const BAD_REPLIES = [
  'wrong-id',
  'wrong-question',
  'short',
  'partial-question',
  'header-only',
  'query-bit',
  'empty',
  'pointer-loop',
  'other-opcode',
] as const satisfies readonly BadReply[]

/** Which queries a fault befalls; all of them where nothing is said. */
export interface FaultScope {
  readonly transport?: TransportName
  /** QNAME, in any case. */
  readonly name?: string
  /** Only the first so many of those that match. */
  readonly first?: number
  /** Only every n-th of those that match, beginning with the n-th. */
  readonly every?: number
}

/** What goes wrong. Those marked tcp befall streams only. */
export type FaultKind =
  /** Never answered; over tcp the connection stays open. */
  | { readonly kind: 'drop' }
  /** Answered after so many ms. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answered twice, or `copies` times more than once. */
  | { readonly kind: 'duplicate'; readonly copies?: number }
  /** Octets that aren't the reply; the reply itself follows only after `goodAfter` ms, where given. */
  | { readonly kind: BadReply; readonly goodAfter?: number }
  /** Answered with TC=1 and no records (udp). */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'rcode'; readonly rcode: string }
  /** tcp: the connection is reset in place of a reply. */
  | { readonly kind: 'reset' }
  /** tcp: our side of the connection is closed in place of a reply. */
  | { readonly kind: 'half-close' }
  /** tcp: one octet at a time, `ms` apart (default 1). */
  | { readonly kind: 'slow'; readonly ms?: number }
  /** tcp: replies are held back until there are so many, and sent last first. */
  | { readonly kind: 'out-of-order'; readonly count: number }
  /** tcp: the connection is closed after so many replies. */
  | { readonly kind: 'close-after'; readonly replies: number }

/** One fault, and the queries that it is for. */
export type Fault = FaultKind & FaultScope

const KINDS: ReadonlySet<string> = new Set([
  ...BAD_REPLIES,
  ...[
    'garbage',
    'drop',
    'delay',
    'duplicate',
    'truncated',
    'rcode',
    'reset',
    'half-close',
    'slow',
    'out-of-order',
    'close-after',
  ],
])
const STREAM_ONLY: ReadonlySet<string> = new Set(['reset', 'half-close', 'slow', 'out-of-order', 'close-after'])

/** How one query is answered, once every fault has had its say. */
export interface Delivery {
  /** What goes out and how long after the query, in ms. */
  readonly packets: { readonly wire: Buffer; readonly after: number }[]
  /** What happens to the connection instead. */
  ending: 'reset' | 'half-close' | null
  /** Milliseconds between octets; 0: all at once. */
  slow: number
  /** Replies to gather before any goes out; 0: none. */
  gather: number
  /** Replies after which the connection is closed. */
  closeAfter: number
}

/** A list of faults and how often each has been met. */
export class FaultPlan {
  readonly #faults: readonly Fault[]
  readonly #met: number[]

  /** @throws {InvalidOptionError} a kind that isn't known */
  constructor(faults: readonly Fault[]) {
    for (const { kind } of faults) {
      if (!KINDS.has(kind))
        throw new InvalidOptionError(
          'FakeServer',
          'faults',
          `has no kind "${kind}"; known are ${[...KINDS].join(', ')}`,
        )
    }
    this.#faults = [...faults]
    this.#met = faults.map(() => 0)
  }

  get faults(): readonly Fault[] {
    return this.#faults
  }

  /** How to deliver `reply` to `query`. */
  plan(query: AskedQuery, reply: Message): Delivery {
    const delivery: Delivery = {
      packets: [{ wire: reply.wire, after: 0 }],
      ending: null,
      slow: 0,
      gather: 0,
      closeAfter: Infinity,
    }
    this.#faults.forEach((fault, at) => {
      if (this.#strikes(fault, at, query)) apply(fault, query, delivery)
    })
    return delivery
  }

  #strikes(fault: Fault, at: number, query: AskedQuery): boolean {
    if (fault.transport !== undefined && fault.transport !== query.transport) return false
    if (STREAM_ONLY.has(fault.kind) && query.transport === 'udp') return false
    if (fault.name !== undefined && fault.name.toLowerCase() !== query.name.toLowerCase()) return false
    const met = (this.#met[at] = this.#met[at]! + 1)
    return (fault.first === undefined || met <= fault.first) && (fault.every === undefined || met % fault.every === 0)
  }
}

/** Octets that are not the reply to `query`, in the way that `kind` says. `reply` is the true one. */
export function badReply(kind: BadReply, query: Message, reply: Buffer): Buffer {
  return SPOILERS[kind](Buffer.from(reply), query)
}

/** Each gets a copy of the true reply that is its own. */
const SPOILERS: Readonly<Record<BadReply, (wire: Buffer, query: Message) => Buffer>> = {
  'wrong-id': (wire) => {
    wire.writeUInt16BE(wire.readUInt16BE(0) ^ 0x5555, 0)
    return wire
  },
  'wrong-question': (_wire, query) => wrongQuestion(query),
  short: (wire) => wire.subarray(0, 3),
  'partial-question': (wire, query) => wire.subarray(0, query.questionEnd - 3),
  'header-only': (wire) => headerOnly(wire),
  'query-bit': (wire) => {
    wire[2]! &= 0x7f
    return wire
  },
  empty: () => Buffer.alloc(0),
  'pointer-loop': (wire, query) => pointerLoop(query, wire),
  'other-opcode': (wire) => {
    wire[2] = (wire[2]! & 0x87) | 0x10
    return wire
  },
  garbage: () => randomFillSync(Buffer.alloc(64)),
}

function apply(fault: Fault, query: AskedQuery, delivery: Delivery): void {
  const { packets } = delivery
  if (isBadReply(fault)) return replace(packets, (packet) => spoil(fault, query, packet))
  switch (fault.kind) {
    case 'drop':
      return void (packets.length = 0)
    case 'delay':
      return replace(packets, (packet) => [{ wire: packet.wire, after: packet.after + fault.ms }])
    case 'duplicate':
      return replace(packets, (packet) => Array.from({ length: 1 + (fault.copies ?? 1) }, () => packet))
    case 'truncated':
      if (query.transport !== 'udp') return
      return replace(packets, ({ after }) => [{ wire: Message.reply(query.message, { truncated: true }).wire, after }])
    case 'rcode':
      return replace(packets, ({ after }) => [
        { wire: Message.reply(query.message, { rcode: fault.rcode as 'SERVFAIL' }).wire, after },
      ])
    case 'reset':
    case 'half-close':
      return void (delivery.ending = fault.kind)
    case 'slow':
      return void (delivery.slow = fault.ms ?? 1)
    case 'out-of-order':
      return void (delivery.gather = fault.count)
    case 'close-after':
      return void (delivery.closeAfter = fault.replies)
    default:
      fault satisfies never
  }
}

type BadFault = Extract<Fault, { readonly kind: BadReply }>
type Packet = Delivery['packets'][number]

function isBadReply(fault: Fault): fault is BadFault {
  return Object.hasOwn(SPOILERS, fault.kind)
}

function spoil({ kind, goodAfter }: BadFault, query: AskedQuery, packet: Packet): Packet[] {
  const bad = { wire: badReply(kind, query.message, packet.wire), after: packet.after }
  return goodAfter === undefined ? [bad] : [bad, { wire: packet.wire, after: packet.after + goodAfter }]
}

function replace(packets: Packet[], change: (packet: Packet) => Packet[]): void {
  packets.splice(0, packets.length, ...packets.flatMap(change))
}

/** A reply to another name of the same length. */
function wrongQuestion(query: Message): Buffer {
  const other = Buffer.from(query.wire)
  const at = query.questionEnd - 6
  if (other[12] !== 0) other[at] = other[at] === 0x78 ? 0x79 : 0x78
  else other.writeUInt16BE(other.readUInt16BE(query.questionEnd - 4) ^ 0x100, query.questionEnd - 4)
  return Message.reply(new Message(other)).wire
}

function headerOnly(reply: Buffer): Buffer {
  const header = Buffer.alloc(12)
  reply.copy(header, 0, 0, 4)
  header[2]! &= 0xfd
  header[3]! &= 0xf0
  return header
}

/** One answer record whose owner is a pointer to itself. */
function pointerLoop(query: Message, reply: Buffer): Buffer {
  const end = query.questionEnd
  const wire = Buffer.alloc(end + 16)
  reply.copy(wire, 0, 0, end)
  wire.fill(0, 6, 12)
  wire[7] = 1
  wire.writeUInt16BE(0xc000 | end, end)
  wire.writeUInt16BE(1, end + 2)
  wire.writeUInt16BE(1, end + 4)
  wire.writeUInt16BE(4, end + 10)
  return wire
}
