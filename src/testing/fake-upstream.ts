import type { Cancellable } from '../base/cancel.js'
import { MAX_TIMER, systemClock, systemRandom, type Clock, type Random, type Timer } from '../base/clock.js'
import { func, option, parsed, readOptions, reject, text } from '../base/options.js'
import { CANCELLED, DnsError, TimeoutError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { readScript, type Delay, type Script, type Step, type Steps } from './behaviour.js'
import { makeReply } from './fake-replies.js'

/** Options of a {@link FakeUpstream}. */
export interface FakeUpstreamOptions {
  /** Where delays and the deadline take their time from. @default real time */
  readonly clock?: Clock
  /** What delays between a least and a most are drawn with. @default the runtime's own */
  readonly random?: Random
}

/** All options of a {@link FakeUpstream} in one object. */
export interface NamedFakeUpstreamOptions extends FakeUpstreamOptions {
  readonly name: string
  /** @default replies to everything at once */
  readonly script?: Script
}

const OPTIONS = {
  name: text(),
  script: parsed<Script>({}, (script) => script as Script),
  clock: option<Clock>(
    systemClock,
    'a Clock such as a FakeClock',
    (v) => typeof v === 'object' && v !== null && 'setTimeout' in v,
  ),
  random: func<Random>(systemRandom),
}
/** How long a query may take when nobody says, in ms. */
const TIMEOUT = 5000
/**
 * An upstream that follows a script: no network, no test runner. It can stand wherever an `Exchanger` can, in a pool
 * or by itself.
 *
 * Silence lasts until `ctx.deadline`; nothing is left pending once an exchange has settled, and cancelling settles it.
 */
export class FakeUpstream implements Exchanger {
  readonly name: string
  /** QNAMEs that it was asked for, in order, as they were spelt. */
  readonly queries: string[] = []
  readonly #clock: Clock
  readonly #random: Random
  #script: Script
  #steps: Steps
  #nth = 0
  #asked = 0
  #replied = 0
  #failed = 0
  #cancelled = 0

  /**
   * @param given what `reply.upstream` says, or all options in one object
   * @param script what it does; by default it replies to everything at once
   * @throws {InvalidOptionError} a name, script or option that cannot be used
   */
  constructor(given: string | NamedFakeUpstreamOptions, script: Script = {}, options: FakeUpstreamOptions = {}) {
    const all = readOptions(
      'FakeUpstream',
      OPTIONS,
      typeof given === 'string' ? { ...options, name: given, script } : given,
    )
    if (all.name === null) reject('FakeUpstream', 'name', undefined, 'a string that is not empty')
    this.name = all.name
    this.#clock = all.clock
    this.#random = all.random
    this.#script = all.script
    this.#steps = readScript(all.script)
  }

  /** What it does from the next query on. A list starts at its beginning when it is set; queries under way go on as they began. */
  get script(): Script {
    return this.#script
  }

  set script(script: Script) {
    this.#steps = readScript(script)
    this.#script = script
    this.#nth = 0
  }

  /** Queries that came. */
  get asked(): number {
    return this.#asked
  }

  /** Queries that got a reply, whatever it was. */
  get replied(): number {
    return this.#replied
  }

  /** Queries that failed: the deadline passed, or the script said so. */
  get failed(): number {
    return this.#failed
  }

  /** Queries that whoever asked lost interest in first. */
  get cancelled(): number {
    return this.#cancelled
  }

  /** Queries that have not settled. */
  get outstanding(): number {
    return this.#asked - this.#replied - this.#failed - this.#cancelled
  }

  /** @returns what the script says; rejects with what a function of the script threw, or returned that is no behaviour */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const started = this.#clock.now()
    this.#asked++
    this.queries.push(query.message.question?.name ?? '.')
    let step: Step
    try {
      step = this.#steps(query, ++this.#nth)
    } catch (error) {
      this.#failed++
      return Promise.reject(error)
    }
    const exchange = new FakeExchange(this.#clock, this.#tally)
    ctx?.scope?.attach(exchange)
    const left = Math.min(MAX_TIMER, Math.max(0, (ctx?.deadline ?? started + TIMEOUT) - started))
    const wait = 'after' in step ? this.#draw(step.after) : 0
    if (step.kind === 'silent' || wait >= left) exchange.after(left, () => new TimeoutError(this.name, left))
    else exchange.after(wait, () => this.#perform(step, query))
    return exchange.promise
  }

  readonly #tally = (end: Ending): void => {
    if (end === 'replied') this.#replied++
    else if (end === 'failed') this.#failed++
    else this.#cancelled++
  }

  #draw(after: Delay): number {
    if (typeof after === 'number') return after
    const [least, most] = after
    return least + this.#random() * (most - least)
  }

  #perform(step: Exclude<Step, { kind: 'silent' }>, query: Query): Reply | Error {
    switch (step.kind) {
      case 'refused':
        return new DnsError('ERR_DNS_CONNECT', `${this.name} refused the connection`, { upstream: this.name })
      case 'failure':
        return step.error
      case 'reply':
        return { message: makeReply(step.reply, query.message), upstream: this.name, age: 0 }
      default:
        return step satisfies never
    }
  }
}

type Ending = 'replied' | 'failed' | 'cancelled'

/** One query under way; settles once. */
class FakeExchange implements Cancellable {
  readonly promise: Promise<Reply>
  readonly #clock: Clock
  readonly #ended: (end: Ending) => void
  #resolve!: (reply: Reply) => void
  #reject!: (error: Error) => void
  #timer: Timer | null = null
  #over = false

  constructor(clock: Clock, ended: (end: Ending) => void) {
    this.#clock = clock
    this.#ended = ended
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Settles with what `outcome` returns or throws, in `ms`; at once when that is 0. */
  after(ms: number, outcome: () => Reply | Error): void {
    if (this.#over) return
    if (ms === 0) this.#settle(outcome)
    else this.#timer = this.#clock.setTimeout(() => this.#settle(outcome), ms)
  }

  cancel(): void {
    this.#settle(() => CANCELLED, 'cancelled')
  }

  #settle(outcome: () => Reply | Error, end: Ending = 'failed'): void {
    if (this.#over) return
    this.#over = true
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    const result = attempt(outcome)
    this.#ended(result instanceof Error ? end : 'replied')
    if (result instanceof Error) this.#reject(result)
    else this.#resolve(result)
  }
}

function attempt(outcome: () => Reply | Error): Reply | Error {
  try {
    return outcome()
  } catch (error) {
    return error as Error
  }
}
