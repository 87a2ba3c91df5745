import type { Cancellable } from '../base/cancel.js'
import type { DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'

/** Where the end of a query or attempt is told. Exactly one of the two is called, once, maybe before the asking returns. */
export interface Sink {
  onReply(reply: Reply): void
  onFailure(error: DnsError): void
}

/** An attempt as the one who asks sees it: its bounds, and where its end is told. */
export interface Asking extends Sink {
  /** Clock time, in ms, when it began. */
  readonly started: number
  /** Clock time, in ms, by which it is over. */
  readonly deadline: number
  /** The longest that it may take, in ms, in place of the member's own; undefined leaves that. */
  readonly timeout: number | undefined
  /**
   * Cancels `target` when nobody wants the reply any more, at once if that is so already. A second target takes the
   * first one's place.
   *
   * @returns false where nobody ever loses interest, and so `target` is not kept
   */
  attach(target: Cancellable): boolean
}

/** An asking within another: the bounds and the end of the outer one, until a subclass says otherwise. */
export abstract class Inner implements Asking {
  protected readonly outer: Asking

  constructor(outer: Asking) {
    this.outer = outer
  }

  get started(): number {
    return this.outer.started
  }

  get deadline(): number {
    return this.outer.deadline
  }

  get timeout(): number | undefined {
    return this.outer.timeout
  }

  attach(target: Cancellable): boolean {
    return this.outer.attach(target)
  }

  abstract onReply(reply: Reply): void
  abstract onFailure(error: DnsError): void
}

/**
 * The verb as rooms use it among each other: `exchange` without a promise. Ten thousand queries in flight cost a
 * third of what promises between the rooms would.
 */
export interface Asked {
  /** Of `ctx` only client, purpose and trace count: the bounds are those of `asking`. @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void
}

/** `asked.ask` as a promise; the query began at clock time `now`, in ms. */
export function exchangeWith(asked: Asked, query: Query, ctx: ExchangeContext, now: number): Promise<Reply> {
  return new Promise((resolve, reject) => asked.ask(query, ctx, new Hands(ctx, now, resolve, reject)))
}

/** Whether `value` can be asked at all. */
export function canBeAsked(value: unknown): value is Exchanger | Asked {
  return isExchanger(value) || (typeof value === 'object' && value !== null && isAsked(value as Asked))
}

/** Whether `value` has an `exchange` to call. */
export function isExchanger(value: unknown): value is Exchanger {
  return typeof value === 'object' && value !== null && 'exchange' in value && typeof value.exchange === 'function'
}

/**
 * Whether `exchanger` can be asked without a promise. What a user wrote may have an `ask` that means something else, such as
 * one of a name: it is told by its parameters, for it would never tell the end of anything.
 */
export function isAsked(exchanger: Exchanger | Asked): exchanger is Asked {
  return 'ask' in exchanger && typeof exchanger.ask === 'function' && exchanger.ask.length === 3
}

/** The hands of one promise. */
class Hands implements Asking {
  readonly started: number
  readonly #ctx: ExchangeContext
  readonly onReply: (reply: Reply) => void
  readonly onFailure: (error: DnsError) => void

  constructor(
    ctx: ExchangeContext,
    started: number,
    resolve: (reply: Reply) => void,
    reject: (error: DnsError) => void,
  ) {
    this.#ctx = ctx
    this.started = started
    this.onReply = resolve
    this.onFailure = reject
  }

  get deadline(): number {
    return this.#ctx.deadline
  }

  get timeout(): number | undefined {
    return this.#ctx.timeout
  }

  attach(target: Cancellable): boolean {
    this.#ctx.scope?.attach(target)
    return this.#ctx.scope !== null
  }
}
