import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { Message } from '../wire/message.js'

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

/** Octets that are not the reply to `query`, in the way that `kind` says. `reply` is the true one. */
export function badReply(kind: BadReply, query: Message, reply: Buffer): Buffer {
  return SPOILERS[kind](Buffer.from(reply), query)
}

/** Whether `kind` is one that {@link badReply} makes. */
export function isBadReply(kind: string): kind is BadReply {
  return Object.hasOwn(SPOILERS, kind)
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
