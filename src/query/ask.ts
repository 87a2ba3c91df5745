import { CancelScope } from '../base/cancel.js'
import type { Clock } from '../base/clock.js'
import { boolean, duration, option, readOptions, type OptionValues } from '../base/options.js'
import { CANCELLED, DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply, Trace, TraceStep } from '../exchanger.js'
import { rcodeName } from '../wire/constants.js'
import { Message, type QueryOptions } from '../wire/message.js'
import type { ResourceRecord } from '../wire/record.js'

/** How `query()` asks, beside what a message can say. */
export interface AskOptions extends Omit<QueryOptions, 'id'> {
  /** Ends the query early: it rejects with `ERR_DNS_CANCELLED`, `cause` being the signal's reason. */
  readonly signal?: AbortSignal
  /** The longest that the query may take, in ms; @default the exchanger's own */
  readonly timeout?: number
  /**
   * Collects every decision in {@link QueryResult.trace}; or what is told of each as it is made, of a query that fails
   * as well. @default false
   */
  readonly trace?: boolean | Trace
}

/** A reply with its parts at hand. */
export interface QueryResult extends Reply {
  /** The RCODE's name, such as `NOERROR` or `NXDOMAIN`. */
  readonly rcode: string
  /** The records of the answer section, TTLs lowered by the reply's age. */
  readonly answers: readonly ResourceRecord[]
  /** The records of the authority section, TTLs lowered by the reply's age. */
  readonly authority: readonly ResourceRecord[]
  /** The records of the additional section without OPT, TTLs lowered by the reply's age. */
  readonly additional: readonly ResourceRecord[]
  /** How long it took, in ms. */
  readonly elapsed: number
  /** What was considered, tried and why, if it was asked for; null otherwise. */
  readonly trace: readonly TraceStep[] | null
}

const OPTIONS = {
  class: option<string | number>('IN', 'a class name or number', (v) => typeof v === 'string' || typeof v === 'number'),
  recursionDesired: boolean(true),
  checkingDisabled: boolean(false),
  authenticData: boolean(false),
  dnssecOk: boolean(false),
  edns: option<QueryOptions['edns']>(
    undefined,
    'true, false or an object',
    (v) => typeof v === 'boolean' || (typeof v === 'object' && v !== null),
  ),
  signal: option<AbortSignal | null>(null, 'an AbortSignal', (v) => v instanceof AbortSignal),
  timeout: duration(0),
  trace: option<boolean | Trace>(
    false,
    'true, false or an object with add()',
    (v) => typeof v === 'boolean' || (typeof v === 'object' && v !== null && 'add' in v),
  ),
}
type Options = OptionValues<typeof OPTIONS>
const DEFAULTS: Options = readOptions('query', OPTIONS)

/**
 * Asks `exchanger` for `name` and `type`, in presentation form: the `query()` of every Exchanger class.
 *
 * A truncated reply that no transport could complete comes back as SERVFAIL (RFC 2181, section 9).
 *
 * @throws {DnsError} the name, the type or an option cannot be used, or there is no reply; always as a rejection
 */
export function ask(
  exchanger: Exchanger,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: number },
  name: string,
  type: string | number = 'A',
  given?: AskOptions,
): Promise<QueryResult> {
  let options: Options
  let query: Query
  try {
    options = given === undefined ? DEFAULTS : readOptions('query', OPTIONS, given)
    query = { message: Message.query(name, type, given === undefined ? undefined : messageOptions(options)) }
  } catch (error) {
    return Promise.reject(error)
  }
  const started = clock.now()
  const deadline = started + (options.timeout || timeout)
  const trace = options.trace === true ? new Steps() : options.trace || null
  const ctx: ExchangeContext = { deadline, scope: null, client: null, purpose: 'query', trace }
  const reply =
    options.signal === null ? exchanger.exchange(query, ctx) : withSignal(options.signal, exchanger, query, ctx)
  return reply.then((r) => new Result(query, r, clock.now() - started, trace))
}

/** Asks with a scope that ends when `signal` aborts, and takes the listener off again. */
async function withSignal(
  signal: AbortSignal,
  exchanger: Exchanger,
  query: Query,
  ctx: ExchangeContext,
): Promise<Reply> {
  const { scope, release } = CancelScope.fromSignal(signal)
  try {
    if (scope.cancelled) throw CANCELLED
    return await exchanger.exchange(query, { ...ctx, scope })
  } catch (error) {
    if (error === CANCELLED && signal.aborted)
      throw new DnsError('ERR_DNS_CANCELLED', 'the query was aborted', { cause: signal.reason })
    throw error
  } finally {
    release()
  }
}

function messageOptions(options: Options): QueryOptions {
  const { class: qclass, recursionDesired, checkingDisabled, authenticData, dnssecOk, edns } = options
  return {
    class: qclass,
    recursionDesired,
    checkingDisabled,
    authenticData,
    dnssecOk,
    ...(edns === undefined ? {} : { edns }),
  }
}

class Steps implements Trace {
  readonly steps: TraceStep[] = []

  add(step: TraceStep): void {
    this.steps.push(step)
  }
}

/** Sections are decoded when they are looked at, not before. */
class Result implements QueryResult {
  readonly message: Message
  readonly upstream: string | null
  readonly age: number
  readonly elapsed: number
  readonly trace: readonly TraceStep[] | null

  constructor(query: Query, reply: Reply, elapsed: number, trace: Trace | null) {
    this.message = reply.message.truncated ? Message.reply(query, { rcode: 'SERVFAIL' }) : reply.message
    this.upstream = reply.upstream
    this.age = reply.age
    this.elapsed = elapsed
    this.trace = trace instanceof Steps ? trace.steps : null
  }

  get rcode(): string {
    return rcodeName(this.message.rcode)
  }

  get answers(): readonly ResourceRecord[] {
    return aged(this.message.answers, this.age)
  }

  get authority(): readonly ResourceRecord[] {
    return aged(this.message.authority, this.age)
  }

  get additional(): readonly ResourceRecord[] {
    return aged(this.message.additional, this.age)
  }
}

/** Copies: those of the message are everybody's who is given it. */
function aged(records: readonly ResourceRecord[], age: number): readonly ResourceRecord[] {
  return records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - age) }))
}
