import { CancelScope, type Cancellable } from '../base/cancel.js'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { CANCELLED, DnsError, MalformedMessageError, TimeoutError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { Message } from '../wire/message.js'
import { narrow } from './context.js'
import { isAsked, type Asked, type Asking } from './sink.js'

/**
 * Asks any exchanger for `asking`. What a user wrote has only promises and may break its contract: a throw, garbage, a
 * reply to another question and silence past the deadline are failures like any other.
 */
export function askAny(
  exchanger: Exchanger | Asked,
  query: Query,
  ctx: ExchangeContext,
  asking: Asking,
  deadlines: Deadlines,
): void {
  if (isAsked(exchanger)) exchanger.ask(query, ctx, asking)
  else new Foreign(asking, deadlines).begin(exchanger, query, ctx)
}

/** One query with an exchanger that a user wrote; whatever that does, `asking` is told one end, in time. */
class Foreign extends Alarm implements Cancellable {
  readonly #asking: Asking
  readonly #deadlines: Deadlines
  readonly #scope = new CancelScope()
  #over = false

  constructor(asking: Asking, deadlines: Deadlines) {
    super()
    this.#asking = asking
    this.#deadlines = deadlines
  }

  begin(exchanger: Exchanger, query: Query, ctx: ExchangeContext): void {
    const { deadline, timeout } = this.#asking
    this.#deadlines.set(this, deadline)
    const own = narrow(ctx, deadline, this.#asking.attach(this) ? this.#scope : null, timeout)
    if (this.#over) return
    replyOf(exchanger, query, own).then(
      (reply) => this.#end(reply, null),
      (error: unknown) => this.#end(null, asDnsError(error)),
    )
  }

  override ring(now: number): void {
    this.#end(null, new TimeoutError('exchange()', now - this.#asking.started))
    this.#scope.cancel()
  }

  cancel(): void {
    this.#end(null, CANCELLED)
    this.#scope.cancel()
  }

  #end(reply: Reply | null, error: DnsError | null): void {
    if (this.#over) return
    this.#over = true
    this.#deadlines.clear(this)
    if (reply !== null) this.#asking.onReply(reply)
    else this.#asking.onFailure(error!)
  }
}

/** A reply to exactly this question, well formed; a throw is a rejection. */
async function replyOf(exchanger: Exchanger, query: Query, ctx: ExchangeContext): Promise<Reply> {
  const reply: unknown = await exchanger.exchange(query, ctx)
  if (!isReply(reply)) throw new MalformedMessageError('exchange() must resolve with a Reply')
  const { message } = reply
  message.guard()
  if (!message.isReply || !message.sameQuestion(query.message))
    throw new MalformedMessageError('exchange() resolved with a reply to another question')
  return reply
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'message' in value && value.message instanceof Message
}

function asDnsError(error: unknown): DnsError {
  if (error instanceof DnsError) return error
  const what = error instanceof Error ? error.message : String(error)
  return new DnsError('ERR_DNS_CONNECT', `exchange() failed: ${what}`, { cause: error })
}
