import type { Cancellable } from '../base/cancel.js'
import { Alarm } from '../base/deadlines.js'
import type { DnsError } from '../errors.js'
import type { Message } from '../wire/message.js'
import type { Subnet } from '../wire/subnet.js'

/** The socket or connection that a query is in flight on. */
export interface Channel {
  /** Takes `pending` off the channel without settling it. False: it wasn't there any more, somebody else settles it. */
  drop(pending: Pending): boolean
  /** Sends the octets of a query that is in flight here once more, with the same ID (udp only). */
  resend?(pending: Pending): void
}

/**
 * One query on its way over a transport: the entry of the in-flight table, the alarm of its deadline and the promise's
 * hands in one object, so that a query in flight costs one allocation here.
 *
 * Whoever takes it out of the in-flight table (a reply, the deadline, a cancel, a dead connection) calls exactly one
 * of {@link onReply} and {@link onFailure}, once.
 */
export abstract class Pending extends Alarm implements Cancellable {
  /** The message ID on this channel; stamped by the in-flight table. */
  id = -1
  /** When it was put in flight there, among others: a number that grows; stamped by the in-flight table. */
  turn = 0
  /** Where it is in flight, or null. */
  channel: Channel | null = null
  /** Whether our own OPT goes along (RFC 6891, section 6.2.2: not once the server refused it). */
  edns = true
  /** The network that our OPT asks for (RFC 7871), or null. */
  subnet: Subnet | null = null
  /** Replies with this ID that were not the reply to it (RFC 5452, section 9.3). Counted by the channel, before {@link onMismatch}. */
  mismatches = 0
  /** How often a connection ended under it and a fresh one was given it, free of blame. Counted by the transport. */
  retries = 0
  readonly query: Message
  /** Clock time in ms after which nobody wants the reply. */
  readonly deadline: number

  constructor(query: Message, deadline: number) {
    super()
    this.query = query
    this.deadline = deadline
  }

  /** The reply came: it matched ID and question and is well formed. `age`: how old it is by what HTTP says, in seconds; else 0. */
  abstract onReply(reply: Message, age: number): void
  /** It failed on this channel: refused, reset, a send error, closed. */
  abstract onFailure(error: DnsError): void
  /** A reply with this ID came that answers another question, or cannot be read. The query stays in flight. Must cost little. */
  abstract onMismatch(): void
  /** Nobody wants the reply any more. */
  abstract cancel(): void
}
