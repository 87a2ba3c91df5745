import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { askAny } from '../query/foreign.js'
import { exchangeWith, isAsked, type Asked, type Asking } from '../query/sink.js'
import { questionOf } from './question.js'
import { Questions } from './questions.js'
import type { Servers } from './servers.js'
import type { Task } from './task.js'

/** The bounds are those of each asking. */
const CONTEXT: ExchangeContext = Object.freeze({
  deadline: Infinity,
  scope: null,
  client: null,
  purpose: 'query',
  trace: null,
})

/** Where the end of a question is told. */
export interface Question extends Asking {
  /** Whether it has been. */
  readonly answered: boolean
}

/** Where a resolver's questions go out, and what it has under way. */
export class Desk implements Exchanger {
  readonly clock: Clock
  /** The longest that one call may take, in ms. */
  readonly timeout: number
  readonly search: readonly string[]
  readonly ndots: number
  readonly #servers: Servers
  readonly #deadlines: Deadlines
  readonly #questions = new Questions()
  #first: Task | null = null
  #ended: 'closed' | 'destroyed' | null = null
  #drained: Promise<void> | null = null
  #onIdle: (() => void) | null = null

  constructor(servers: Servers, options: Pick<Desk, 'clock' | 'search' | 'ndots'>) {
    this.clock = options.clock
    this.timeout = servers.timeout
    this.search = options.search
    this.ndots = options.ndots
    this.#servers = servers
    this.#deadlines = Deadlines.of(options.clock)
  }

  /** Begins `task`, keeps it until it is over, and cancels it when `signal` aborts. */
  begin(task: Task, signal: AbortSignal | undefined): void {
    if (this.#ended !== null) return task.onFailure(this.#closed())
    task.after = this.#first
    if (this.#first !== null) this.#first.before = task
    this.#first = task
    if (signal !== undefined) task.follow(signal)
    task.ask()
  }

  leave(task: Task): void {
    if (task.before !== null) task.before.after = task.after
    else if (this.#first === task) this.#first = task.after
    if (task.after !== null) task.after.before = task.before
    task.before = task.after = null
    if (this.#first === null) this.#onIdle?.()
  }

  /** Asks for `name`. @returns why that can't be asked for, as {@link questionOf} has it; null: it was */
  ask(name: string, type: number, asking: Question): 'EBADNAME' | 'ENOTFOUND' | null {
    const known = this.#questions.get(name, type)
    const message = known ?? questionOf(name, type)
    if (typeof message === 'string') return message
    askAny(this.#servers.exchanger, { message }, CONTEXT, asking, this.#deadlines)
    if (known === undefined && asking.answered) this.#questions.add(name, type, message)
    return null
  }

  /** Asks what is no task's: `query()` is not cancelled with the others. */
  exchange(query: Query, ctx: ExchangeContext): Promise<Reply> {
    if (this.#ended !== null) return Promise.reject(this.#closed())
    const { exchanger } = this.#servers
    // Those of our own keep to the deadline and check what they are told.
    if (isAsked(exchanger)) return exchanger.exchange(query, ctx)
    const ask: Asked['ask'] = (_query, _ctx, asking) => askAny(exchanger, query, ctx, asking, this.#deadlines)
    return exchangeWith({ ask }, query, ctx, this.clock.now())
  }

  cancel(): void {
    for (const task of this.#tasks()) task.cancel()
  }

  /** Takes nothing more; resolves when every task is over. */
  close(): Promise<void> {
    this.#ended ??= 'closed'
    return (this.#drained ??= new Promise((resolve) => {
      if (this.#first === null) resolve()
      else this.#onIdle = resolve
    }))
  }

  /** @throws {DnsError} ERR_DNS_CLOSED: it takes nothing more */
  refuseIfEnded(): void {
    if (this.#ended !== null) throw this.#closed()
  }

  destroy(): void {
    this.#ended = 'destroyed'
    for (const task of this.#tasks()) task.abandon(this.#closed())
  }

  /** Those under way now: ending one may begin others. */
  #tasks(): Task[] {
    const tasks: Task[] = []
    for (let task = this.#first; task !== null; task = task.after) tasks.unshift(task)
    return tasks
  }

  #closed(): DnsError {
    return new DnsError('ERR_DNS_CLOSED', `the resolver is ${this.#ended}`)
  }
}
