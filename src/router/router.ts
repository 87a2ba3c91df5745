import { systemClock, type Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { Emitter } from '../base/emitter.js'
import { option, readOptions, reject, suggest } from '../base/options.js'
import { CANCELLED, InvalidOptionError, type DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import { ask as askByName, type AskOptions, type QueryResult } from '../query/ask.js'
import { DEFAULT_TIMEOUT, defaultContext } from '../query/context.js'
import { askAny } from '../query/foreign.js'
import { canBeAsked, exchangeWith, Inner, isExchanger, type Asked, type Asking } from '../query/sink.js'
import { EDE, RCODE } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import { nameToWire } from '../wire/name.js'
import { SuffixTree } from './suffix-tree.js'

/** What is answered without asking anybody. */
export type RouteAction = 'refuse' | 'nxdomain' | 'nodata'

/** Where names under a suffix go. */
export type Route =
  | Exchanger
  | {
      readonly to: Exchanger
      /** Whether the default is asked when this one fails. @default false */ readonly leak?: boolean
    }
  | { readonly action: RouteAction }

/** Options of a {@link Router}. */
export interface RouterOptions {
  /** Domain suffix to route; the longest match wins, and `.` matches everything. */
  readonly routes: Readonly<Record<string, Route>>
  /** Asked for names that no route covers. */
  readonly default: Exchanger | Asked
  /** @default real time */
  readonly clock?: Clock
}

/** The least that a route gets before it leaks, in ms. */
const MIN_SHARE = 250
const ACTIONS: readonly RouteAction[] = ['refuse', 'nxdomain', 'nodata']
const ROUTE_KEYS = ['to', 'leak', 'action']

/** A route as it is asked; null where the answer is made here. */
interface Entry {
  readonly to: Exchanger | null
  readonly leak: boolean
  readonly action: RouteAction | null
}

const OPTIONS = {
  routes: option<Readonly<Record<string, Route>>>(
    {},
    'an object from domain suffix to route',
    (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
  ),
  default: option<Exchanger | Asked | null>(null, 'an object with an exchange() method', canBeAsked),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/**
 * Sends each query where its name belongs. What a route covers never reaches the default, unless the route says
 * `leak: true`.
 */
export class Router extends Emitter<Record<never, never>> implements Exchanger, Asked {
  readonly #tree = new SuffixTree<Entry>()
  readonly #default: Exchanger | Asked
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #parts: object[] = []

  /** @throws {DnsError} ERR_DNS_INVALID_OPTION: a suffix that is no name or is there twice, a route that is none */
  constructor(options: RouterOptions) {
    super()
    const { routes, default: otherwise, clock } = readOptions('Router', OPTIONS, options)
    if (otherwise === null)
      throw new InvalidOptionError('Router', 'default', 'is needed: who is asked for names that no route covers')
    this.#default = otherwise
    this.#clock = clock
    this.#deadlines = Deadlines.of(clock)
    for (const [suffix, route] of Object.entries(routes)) this.#add(suffix, route)
  }

  /** Whom its routes ask, and the default. */
  get parts(): readonly object[] {
    return [...this.#parts, this.#default]
  }

  /** Whether a route covers the query's name. */
  covers(query: Message): boolean {
    return this.#tree.find(query.wire, 12) !== null
  }

  /** @returns a reply to exactly this question; @throws {DnsError} as a rejection */
  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const now = this.#clock.now()
    return exchangeWith(this, query, ctx ?? defaultContext(now), now)
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    const match = this.#tree.find(query.message.wire, 12)
    if (match === null) return askAny(this.#default, query, ctx, asking, this.#deadlines)
    const { to, leak, action } = match.value
    ctx.trace?.add({
      step: 'route',
      suffix: match.suffix,
      action: action ?? (leak ? 'asks its own, then the default' : 'asks its own'),
    })
    if (to === null) return asking.onReply({ message: answerFor(query.message, action!), upstream: null, age: 0 })
    askAny(to, query, ctx, leak ? new Leak(this.#clock, this.#default, query, ctx, asking) : asking, this.#deadlines)
  }

  /**
   * Asks for `name` and `type`, in presentation form.
   *
   * @throws {DnsError} as a rejection
   */
  query(name: string, type?: string | number, options?: AskOptions): Promise<QueryResult> {
    return askByName(this, { clock: this.#clock, timeout: DEFAULT_TIMEOUT }, name, type, options)
  }

  #add(suffix: string, route: Route): void {
    let wire: Buffer
    try {
      wire = nameToWire(suffix)
    } catch (cause) {
      throw new InvalidOptionError('Router', `routes["${suffix}"]`, `is not a domain name: ${(cause as Error).message}`)
    }
    const entry = readRoute(suffix, route)
    if (entry.to !== null) this.#parts.push(entry.to)
    if (!this.#tree.add(wire, suffix, entry)) {
      throw new InvalidOptionError(
        'Router',
        `routes["${suffix}"]`,
        'is there twice: names differ by more than case and a trailing dot',
      )
    }
  }
}

/** A route that may leak: when it fails, or half of the time is over, the default is asked. */
class Leak extends Inner {
  readonly #clock: Clock
  readonly #next: Exchanger | Asked
  readonly #query: Query
  readonly #ctx: ExchangeContext
  #started: number
  #deadline: number
  #leaked = false

  constructor(clock: Clock, next: Exchanger | Asked, query: Query, ctx: ExchangeContext, asking: Asking) {
    super(asking)
    this.#clock = clock
    this.#next = next
    this.#query = query
    this.#ctx = ctx
    this.#started = clock.now()
    const { deadline } = asking
    this.#deadline = Math.min(deadline, this.#started + Math.max(MIN_SHARE, (deadline - this.#started) / 2))
  }

  override get started(): number {
    return this.#started
  }

  override get deadline(): number {
    return this.#deadline
  }

  onReply(reply: Reply): void {
    if (!this.#leaked && isFailure(reply.message)) this.#leak()
    else this.outer.onReply(reply)
  }

  onFailure(error: DnsError): void {
    if (this.#leaked || error === CANCELLED) this.outer.onFailure(error)
    else this.#leak()
  }

  #leak(): void {
    this.#leaked = true
    this.#started = this.#clock.now()
    this.#deadline = this.outer.deadline
    askAny(this.#next, this.#query, this.#ctx, this, Deadlines.of(this.#clock))
  }
}

/** No good reply: SERVFAIL, unless because DNSSEC failed, which asking another would only hide; REFUSED; cut off. */
function isFailure(reply: Message): boolean {
  const { rcode, truncated } = reply
  if (truncated || rcode === RCODE.REFUSED) return true
  return rcode === RCODE.SERVFAIL && !reply.ede.some(({ code }) => code >= 6 && code <= 12)
}

function readRoute(suffix: string, route: Route): Entry {
  const name = `routes["${suffix}"]`
  if (isExchanger(route)) return { to: route, leak: false, action: null }
  for (const key of Object.keys(typeof route === 'object' && route !== null ? route : {}))
    if (!ROUTE_KEYS.includes(key))
      throw new InvalidOptionError('Router', `${name}.${key}`, `is not known${suggest(key, ROUTE_KEYS)}`)
  const {
    to,
    leak = false,
    action,
  } = (typeof route === 'object' && route !== null ? route : {}) as {
    to?: Exchanger
    leak?: boolean
    action?: RouteAction
  }
  if (typeof leak !== 'boolean') reject('Router', `${name}.leak`, leak, 'true or false')
  if (action !== undefined) {
    if (to !== undefined)
      throw new InvalidOptionError('Router', `${name}.action`, 'and "to" exclude each other: an action asks nobody')
    if (!ACTIONS.includes(action)) reject('Router', `${name}.action`, action, 'one of "refuse", "nxdomain", "nodata"')
    return { to: null, leak: false, action }
  }
  if (!isExchanger(to))
    reject('Router', name, to ?? route, 'an exchanger, { to, leak } or { action: "refuse" | "nxdomain" | "nodata" }')
  return { to, leak, action: null }
}

/** RFC 8914: blocked here, on the operator's decision. */
function answerFor(query: Message, action: RouteAction): Message {
  const rcode = ({ refuse: 'REFUSED', nxdomain: 'NXDOMAIN', nodata: 'NOERROR' } as const)[action]
  return Message.reply(query, { rcode, ede: [{ code: EDE.BLOCKED, text: '' }] })
}
