import type { DnsError } from '../errors.js'
import { Pending } from '../transport/pending.js'
import type { Message } from '../wire/message.js'
import type { Attempt } from './attempt.js'

/** The same query over TCP, on behalf of an attempt that began over UDP. */
export class TcpLeg extends Pending {
  readonly #attempt: Attempt

  constructor(attempt: Attempt, query: Message, deadline: number) {
    super(query, deadline)
    this.#attempt = attempt
    this.edns = attempt.edns
    this.subnet = attempt.subnet
  }

  /** Never set: the attempt keeps the time. */
  override ring(): void {}

  override onReply(reply: Message): void {
    this.channel = null
    this.#attempt.onTcpReply(reply)
  }

  override onFailure(error: DnsError): void {
    this.channel = null
    this.#attempt.onTcpFailure(error)
  }

  override onMismatch(): void {}

  override cancel(): void {
    this.channel?.drop(this)
  }
}
