import type { Clock } from '../base/clock.js'
import type { TracedKind } from '../base/tracing.js'
import type { DnsError } from '../errors.js'
import type { ClientInfo, ExchangeContext, Query, Reply } from '../exchanger.js'
import { Inner, type Asking } from './sink.js'

/** What `headrace:query:start` and the other channels of `node:diagnostics_channel` are given; times are in ms. */
export interface TracingMessage {
  readonly query: Query
  /** Who is asked: an upstream's name; null for a forwarder. */
  readonly upstream: string | null
  readonly purpose: ExchangeContext['purpose']
  readonly client: ClientInfo | null
  /** Clock time when it began. */
  readonly started: number
  /** The reply; null until the end, and where there is none. */
  readonly reply: Reply | null
  /** Why there is none. */
  readonly error: DnsError | null
  /** How long it took; 0 until the end. */
  readonly elapsed: number
}

/** An asking whose start and end are published. */
export class Traced extends Inner {
  readonly #kind: TracedKind
  readonly #clock: Clock
  readonly #message: { -readonly [K in keyof TracingMessage]: TracingMessage[K] }

  constructor(
    kind: TracedKind,
    asking: Asking,
    clock: Clock,
    about: Pick<TracingMessage, 'query' | 'upstream'>,
    ctx: ExchangeContext,
  ) {
    super(asking)
    const { purpose, client } = ctx
    this.#kind = kind
    this.#clock = clock
    this.#message = { ...about, purpose, client, started: asking.started, reply: null, error: null, elapsed: 0 }
    kind.start.publish(this.#message)
  }

  onReply(reply: Reply): void {
    this.#message.reply = reply
    this.#end()
    this.outer.onReply(reply)
  }

  onFailure(error: DnsError): void {
    this.#message.error = error
    this.#end()
    this.outer.onFailure(error)
  }

  #end(): void {
    this.#message.elapsed = this.#clock.now() - this.started
    this.#kind.end.publish(this.#message)
  }
}
