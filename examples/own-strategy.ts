// A strategy of your own: names below a suffix to one upstream, all others to another. Runs without a network:
//
//   npx tsx examples/own-strategy.ts
import { Message, Pool, Strategy, Upstream, type Candidate, type Outcome, type Query } from 'headrace'

/** Asks `near` first for names below `suffix`, everybody else in the order given, and keeps count of what came of it. */
class SplitStrategy extends Strategy {
  readonly name = 'split'
  readonly outcomes: string[] = []
  readonly #suffix: string
  readonly #near: string

  constructor(suffix: string, near: string) {
    super()
    this.#suffix = suffix
    this.#near = near
  }

  // The one method that a strategy needs. A generator is lazy: a second member is only looked for when the first failed.
  *order<C extends Candidate>(candidates: readonly C[], query: Query): Iterable<C> {
    const inside = query.message.question?.name.endsWith(this.#suffix) ?? false
    const first = candidates.find(({ name }) => (name === this.#near) === inside) ?? candidates[0]!
    yield first
    for (const candidate of candidates) if (candidate !== first) yield candidate
  }

  // Optional: told how each attempt ended, for strategies that learn.
  override settled({ candidate, result, won }: Outcome): void {
    this.outcomes.push(`${candidate.name}: ${result}${won ? ', used' : ''}`)
  }
}

/** An upstream that is a function: here it always gives the same address. */
function upstream(name: string, address: string): Upstream {
  return new Upstream({
    name,
    exchange: (query) => {
      const { name: owner } = query.message.question!
      if (owner.startsWith('broken.')) throw new Error('out of order')
      return Message.reply(query, { answers: [{ name: owner, type: 'A', ttl: 60, data: address }] })
    },
  })
}

const strategy = new SplitStrategy('corp.example', 'office')
const pool = new Pool({
  strategy,
  upstreams: [upstream('office', '192.0.2.10'), upstream('internet', '198.51.100.20')],
})

for (const name of ['www.corp.example', 'www.example', 'mail.corp.example']) {
  const { upstream, rcode, answers } = await pool.query(name, 'A')
  console.log(name.padEnd(20), String(upstream).padEnd(9), rcode, answers[0]?.data)
}

// Both upstreams fail for this name: the strategy said in which order they were asked, the pool says why it gave up.
try {
  await pool.query('broken.corp.example', 'A')
} catch (error) {
  console.log('broken.corp.example'.padEnd(20), (error as Error).message)
}

console.log('\nwhat the strategy was told:')
for (const outcome of strategy.outcomes) console.log(`  ${outcome}`)
await pool.close()
