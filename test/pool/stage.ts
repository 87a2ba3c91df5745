import {
  Message,
  Pool,
  type PoolOptions,
  type QueryResult,
  type Strategy,
  type ExchangeContext,
  type Reply,
  type Query,
} from 'headrace'
import { CANCELLED, DnsError } from '../../src/errors.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** What a scripted upstream does with one query: `after` in ms. */
export interface Behaviour {
  readonly after?: number
  readonly rcode?: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'NOTIMP' | 'FORMERR'
  readonly empty?: boolean
  readonly ede?: number
  readonly truncated?: boolean
  readonly fail?: boolean
  readonly silent?: boolean
}

/** A scripted upstream with its counters. */
export class Scripted {
  readonly name: string
  behaviour: Behaviour
  asked = 0
  cancelled = 0
  readonly #clock: FakeClock

  constructor(name: string, behaviour: Behaviour, clock: FakeClock) {
    this.name = name
    this.behaviour = behaviour
    this.#clock = clock
  }

  readonly exchange = (query: Query, ctx: ExchangeContext): Promise<Reply> => {
    this.asked++
    const { after = 1, silent = false, fail = false } = this.behaviour
    return new Promise((resolve, reject) => {
      const timer = silent
        ? null
        : this.#clock.setTimeout(
            () =>
              fail ? reject(new DnsError('ERR_DNS_CONNECT', `${this.name} is broken`)) : resolve(this.#reply(query)),
            after,
          )
      ctx.scope?.onCancel(() => {
        this.cancelled++
        if (timer !== null) this.#clock.clearTimeout(timer)
        reject(CANCELLED)
      })
    })
  }

  #reply(query: Query): Reply {
    const { rcode = 'NOERROR', empty = false, ede, truncated = false } = this.behaviour
    const question = query.message.question!
    const answers =
      rcode === 'NOERROR' && !empty ? [{ name: question.name, type: 'A' as const, ttl: 60, data: '192.0.2.1' }] : []
    const message = Message.reply(query, {
      rcode,
      answers,
      truncated,
      ...(ede === undefined ? {} : { ede: [{ code: ede, text: '' }] }),
    })
    return { message, upstream: null, age: 0 }
  }
}

/** A pool of scripted upstreams in virtual time. */
export function stage(
  strategy: Strategy | string,
  script: Record<string, Behaviour>,
  options: Partial<PoolOptions> = {},
) {
  const clock = new FakeClock()
  const upstreams: Record<string, Scripted> = {}
  for (const [name, behaviour] of Object.entries(script)) upstreams[name] = new Scripted(name, behaviour, clock)
  const pool = new Pool({ strategy: strategy as never, clock, upstreams: Object.values(upstreams), ...options })
  const query = (name = 'www.example.com', more = {}): Promise<QueryResult> => clock.run(pool.query(name, 'A', more))
  return { clock, pool, query, upstreams: upstreams as Record<string, Scripted> & { a: Scripted; b: Scripted } }
}
