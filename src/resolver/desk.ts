import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { DnsError } from '../errors.js'
import type { ExchangeContext } from '../exchanger.js'
import { askAny } from '../query/foreign.js'
import type { Asking } from '../query/sink.js'
import type { Message } from '../wire/message.js'
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

/** Where a resolver's questions go out, and what it has under way. */
export class Desk {
  readonly clock: Clock
  /** The longest that one call may take, in ms. */
  readonly timeout: number
  readonly search: readonly string[]
  readonly ndots: number
  readonly questions = new Questions()
  readonly #servers: Servers
  readonly #tasks = new Set<Task>()
  #ended: 'closed' | 'destroyed' | null = null

  constructor(servers: Servers, options: Pick<Desk, 'clock' | 'search' | 'ndots'>) {
    this.clock = options.clock
    this.timeout = servers.timeout
    this.search = options.search
    this.ndots = options.ndots
    this.#servers = servers
  }

  /** Keeps `task` until it is over, and cancels it when `signal` aborts. */
  enter(task: Task, signal: AbortSignal | undefined): void {
    this.#tasks.add(task)
    if (signal !== undefined) task.follow(signal)
  }

  leave(task: Task): void {
    this.#tasks.delete(task)
  }

  ask(message: Message, asking: Asking): void {
    if (this.#ended !== null) asking.onFailure(this.#closed())
    else askAny(this.#servers.exchanger, { message }, CONTEXT, asking, Deadlines.of(this.clock))
  }

  cancel(): void {
    for (const task of [...this.#tasks]) task.cancel()
  }

  /** Asks nothing more. */
  close(): void {
    this.#ended ??= 'closed'
  }

  destroy(): void {
    this.#ended = 'destroyed'
    for (const task of [...this.#tasks]) task.abandon(this.#closed())
  }

  #closed(): DnsError {
    return new DnsError('ERR_DNS_CLOSED', `the resolver is ${this.#ended}`)
  }
}
