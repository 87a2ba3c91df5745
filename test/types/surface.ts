// Checked by tsc, never run: what a user may write, and what must not compile.
import {
  Forwarder,
  Pool,
  Strategy,
  Upstream,
  type Candidate,
  type DnsError,
  type ExchangeContext,
  type Exchanger,
  type Query,
  type QueryResult,
  type Reply,
} from 'headrace'
import { FakeUpstream } from 'headrace/testing'

/** One method is enough. */
export class Backwards extends Strategy {
  readonly name = 'backwards'

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    return [...candidates].reverse()
  }
}

// @ts-expect-error order() is needed
export class Nothing extends Strategy {
  readonly name = 'nothing'
}

/** An exchanger is any object with the verb. */
export const own: Exchanger & { name: string } = {
  name: 'own',
  exchange: (query: Query, ctx?: ExchangeContext): Promise<Reply> => new FakeUpstream('x').exchange(query, ctx),
}

const pool = new Pool({
  strategy: new Backwards(),
  health: false,
  upstreams: [
    'udp://192.0.2.1|a',
    { addr: '192.0.2.2', tag: 'b' },
    new Upstream(own),
    own,
    new FakeUpstream('f'),
    new Pool(),
  ],
})
pool.on('reply', ({ pool: name, upstream, rcode, elapsed, attempts }) => [
  name satisfies string,
  upstream satisfies string | null,
  [rcode, elapsed, attempts] satisfies number[],
])
pool.on('failure', ({ error }) => error satisfies DnsError)
pool.on('attempt', ({ why }) => why satisfies 'first' | 'parallel' | 'failed' | 'late' | 'hedge')
// @ts-expect-error no such event
pool.on('replied', () => undefined)

const up = new Upstream('192.0.2.1', { sockets: 'per-query', source: '192.0.2.127@eth1', ecs: 'strip' })
up.on('suspect', ({ health }) => health.state satisfies 'unknown' | 'up' | 'suspect' | 'down')
up.on('connect', ({ upstream, remote }) => [upstream, remote] satisfies string[])
up.force('down')
// @ts-expect-error no such state
up.force('sideways')
// @ts-expect-error a number of milliseconds
new Upstream('192.0.2.1', { timeout: '5s' })
new Pool({ strategy: { name: 'weighted', balancingFactor: 1.5 } })
// @ts-expect-error weighted has no width
new Pool({ strategy: { name: 'weighted', width: 2 } })

const forwarder = new Forwarder({
  pools: [pool, { upstreams: ['192.0.2.1'] }],
  fallback: ['192.0.2.9'],
  routes: { lan: ['192.0.2.1'], corp: { to: own, leak: true }, ads: { action: 'refuse' }, one: pool },
  cache: false,
})
// @ts-expect-error no such action
new Forwarder({ upstreams: ['192.0.2.1'], routes: { ads: { action: 'drop' } } })

export const result: Promise<QueryResult> = forwarder.query('www.example.com', 'AAAA', { trace: true })
export const first = async (): Promise<string> => {
  const { answers, rcode, upstream, trace } = await result
  rcode satisfies string
  upstream satisfies string | null
  trace?.map(({ step }) => step)
  const [record] = answers
  return record?.type === 'A' ? record.data : ''
}
export const disposable: AsyncDisposable[] = [up, pool, forwarder]
