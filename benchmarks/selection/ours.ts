import { Message, Pool, Upstream, type Clock, type PoolOptions, type Random, type StrategyInput } from 'headrace'
import type { Chooser, Contestant, Stage } from './contestant.js'
import type { Outcome, Server } from './server.js'

/** What every pool is given: the default checks, which a pool makes by itself only of members that have an address. */
const POOL: PoolOptions = { health: {} }

const STRATEGIES: readonly (readonly [name: string, make: (random: Random) => StrategyInput])[] = [
  ['hedged', () => 'hedged'],
  ['fastest', (random) => ({ name: 'fastest', random })],
  ['least-outstanding', () => 'least-outstanding'],
  ['failover', () => 'failover'],
  ['balanced', () => 'balanced'],
  ['random', (random) => ({ name: 'random', random })],
  ['parallel', () => 'parallel'],
]

/** The library's own strategies, each in a real pool over real upstreams that reach the servers through a function. */
export const OURS: readonly Contestant[] = STRATEGIES.map(([name, make]) => ({
  name,
  ours: true,
  start: (stage) => choose(stage, make(stage.random)),
}))

function choose({ clock, servers, random }: Stage, strategy: StrategyInput): Chooser {
  const upstreams = servers.map((server) => upstreamOf(server, clock, random))
  const pool = new Pool({ ...POOL, strategy, upstreams, clock, random })
  return {
    ask: (query) =>
      pool.exchange(query).then(
        ({ message }) => message.rcode === 0,
        () => false,
      ),
    close: async () => {
      await pool.close()
      await Promise.all(upstreams.map((upstream) => upstream.close()))
    },
  }
}

function upstreamOf(server: Server, clock: Clock, random: Random): Upstream {
  const { name } = server
  return new Upstream(
    {
      name,
      exchange: ({ message }, { scope, purpose }) =>
        new Promise((resolve, reject) => {
          const done = (outcome: Outcome): void => {
            if (outcome === 'refused') reject(new Error('connection refused'))
            else resolve(outcome === 'servfail' ? servfail(message) : answer(message))
          }
          const stop = purpose === 'probe' ? server.probe(done) : server.send(done)
          scope?.onCancel(stop)
        }),
    },
    { clock, random },
  )
}

const ANSWERS = [{ type: 'A', ttl: 60, data: '192.0.2.1' }] as const
const answer = kept((query) =>
  Message.reply(query, { answers: ANSWERS.map((record) => ({ ...record, name: query.question!.name })) }),
)
const servfail = kept((query) => Message.reply(query, { rcode: 'SERVFAIL' }))

/** `make`, once for each query: writing a message takes longer than all the rest. */
function kept(make: (query: Message) => Message): (query: Message) => Message {
  const made = new WeakMap<Message, Message>()
  return (query) => {
    let reply = made.get(query)
    if (reply === undefined) made.set(query, (reply = make(query)))
    return reply
  }
}
