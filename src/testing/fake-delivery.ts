import { Buffer } from 'node:buffer'
import { MAX_MESSAGE } from '../transport/framing.js'
import { Message } from '../wire/message.js'
import { badReply, isBadReply, type BadReply } from './bad-replies.js'
import type { AskedQuery } from './fake-answers.js'
import type { QueryFault } from './fake-faults.js'

/** NO_ERROR of HTTP/2 (RFC 9113, section 7). */
const NO_ERROR = 0
/** INTERNAL_ERROR of HTTP/2 (RFC 9113, section 7) and of DNS over QUIC (RFC 9250, section 4.3). */
const INTERNAL_ERROR = { https: 2, doq: 1 } as const

/** How one query is answered, once every fault has had its say. */
export interface Delivery {
  /** What goes out and how long after the query, in ms. */
  readonly packets: { readonly wire: Buffer; readonly after: number }[]
  /** What happens to the connection instead. */
  ending: 'reset' | 'half-close' | 'silence' | 'stateless-reset' | null
  /** Whether the connection is reset once half of a reply is out. */
  midway: boolean
  /** Milliseconds between octets; 0: all at once. */
  slow: number
  /** Replies to gather before any goes out; 0: none. */
  gather: number
  /** Replies after which the connection is closed. */
  closeAfter: number
  /** Of the HTTP response. */
  status: number
  /** Of the HTTP response, beside or in place of the usual ones. */
  readonly headers: Record<string, string>
  /** Error code of the RST_STREAM that goes out instead; null: none. */
  rstStream: number | null
  /** The GOAWAY that goes out before; `lastStream` null: the query's own. */
  goaway: { readonly lastStream: number | null; readonly code: number } | null
}

/** How `reply` gets to whoever sent `query` when `faults` befall it. */
export function deliveryOf(faults: readonly QueryFault[], query: AskedQuery, reply: Message): Delivery {
  const delivery: Delivery = {
    packets: [{ wire: reply.wire, after: 0 }],
    ending: null,
    midway: false,
    slow: 0,
    gather: 0,
    closeAfter: Infinity,
    status: 200,
    headers: {},
    rstStream: null,
    goaway: null,
  }
  for (const fault of faults) {
    if (isBad(fault)) replace(delivery, (packet) => spoil(fault, query, packet))
    else (EFFECTS[fault.kind] as Effect<GoodKind>)(fault, delivery, query)
  }
  return delivery
}

type BadFault = Extract<QueryFault, { readonly kind: BadReply }>
type GoodKind = Exclude<QueryFault['kind'], BadReply>
type Packet = Delivery['packets'][number]
type Effect<K> = (fault: Extract<QueryFault, { readonly kind: K }>, delivery: Delivery, query: AskedQuery) => void

const EFFECTS: { readonly [K in GoodKind]: Effect<K> } = {
  drop: (_fault, { packets }) => void (packets.length = 0),
  delay: ({ ms }, delivery) => replace(delivery, ({ wire, after }) => [{ wire, after: after + ms }]),
  duplicate: ({ copies = 1 }, delivery) => replace(delivery, (packet) => Array<Packet>(1 + copies).fill(packet)),
  truncated: (_fault, delivery, { message }) =>
    rewrite(delivery, () => Message.reply(message, { truncated: true }).wire),
  rcode: ({ rcode }, delivery, { message }) =>
    rewrite(delivery, () => Message.reply(message, { rcode: rcode as 'SERVFAIL' }).wire),
  oversized: ({ octets = MAX_MESSAGE + 1 }, delivery) => rewrite(delivery, (wire) => lengthen(wire, octets)),
  reset: ({ kind }, delivery) => void (delivery.ending = kind),
  'half-close': ({ kind }, delivery) => void (delivery.ending = kind),
  silence: ({ kind }, delivery) => void (delivery.ending = kind),
  'stateless-reset': ({ kind }, delivery) => void (delivery.ending = kind),
  'reset-midway': (_fault, delivery) => void (delivery.midway = true),
  slow: ({ ms = 1 }, delivery) => void (delivery.slow = ms),
  'out-of-order': ({ count }, delivery) => void (delivery.gather = count),
  'close-after': ({ replies }, delivery) => void (delivery.closeAfter = replies),
  'rst-stream': ({ code }, delivery, { transport }) =>
    void (delivery.rstStream = code ?? INTERNAL_ERROR[transport === 'doq' ? 'doq' : 'https']),
  goaway: ({ lastStream = null, code = NO_ERROR }, delivery) => void (delivery.goaway = { lastStream, code }),
  response: ({ status, headers }, delivery) => {
    delivery.status = status ?? delivery.status
    for (const [name, value] of Object.entries(headers ?? {})) delivery.headers[name.toLowerCase()] = value
  },
}

function isBad(fault: QueryFault): fault is BadFault {
  return isBadReply(fault.kind)
}

function spoil({ kind, goodAfter }: BadFault, query: AskedQuery, packet: Packet): Packet[] {
  const bad = { wire: badReply(kind, query.message, packet.wire), after: packet.after }
  return goodAfter === undefined ? [bad] : [bad, { wire: packet.wire, after: packet.after + goodAfter }]
}

function rewrite(delivery: Delivery, change: (wire: Buffer) => Buffer): void {
  replace(delivery, ({ wire, after }) => [{ wire: change(wire), after }])
}

function replace({ packets }: Delivery, change: (packet: Packet) => Packet[]): void {
  packets.splice(0, packets.length, ...packets.flatMap(change))
}

function lengthen(wire: Buffer, octets: number): Buffer {
  return Buffer.concat([wire], Math.max(octets, wire.length))
}
