// What one decision costs: order() and its first draw, over real upstreams that are all idle, the longest comparison.
import { dist, measure } from './_harness.mjs'

const { Upstream } = await import(new URL('upstream/upstream.js', dist))
const { Message } = await import(new URL('wire/message.js', dist))
const { strategyFrom } = await import(new URL('strategy/strategies.js', dist))

const STRATEGIES = [
  'failover',
  'parallel',
  'balanced',
  'random',
  'weighted',
  { name: 'weighted', balancingFactor: 1.5 },
  'fastest',
  'least-outstanding',
  'first-available',
  'hedged',
  'consistent-hash',
  { name: 'consistent-hash', balancingFactor: 1.5 },
]
const SIZES = [1, 3, 10, 100]
const KEYS = 256
const queries = Array.from({ length: KEYS }, (_, i) => ({
  message: { questionKey: `\x07host${i}\x05bench\x07example\x00\x00\x01\x00\x01` },
}))

/** Upstreams that have answered, so that each has a round-trip time. */
async function members(size) {
  const list = Array.from({ length: size }, (_, i) => {
    const target = { name: `upstream-${i + 1}`, exchange: async ({ message }) => Message.reply(message) }
    return new Upstream(target, { weight: 1 + (i % 3) })
  })
  await Promise.all(list.map((upstream) => upstream.query('bench.example')))
  return list
}

for (const size of SIZES) {
  console.log(`\norder() and the first of ${size}`)
  const list = await members(size)
  const cases = {}
  for (const given of STRATEGIES) {
    const strategy = strategyFrom(given, 'bench')
    const name = typeof given === 'string' ? given : `${given.name}, bounded load`
    cases[name] = (i) =>
      strategy
        .order(list, queries[i % KEYS])
        [Symbol.iterator]()
        .next().value
  }
  measure(cases)
}

console.log('\nfirst two of 3: a failover')
const three = await members(3)
const pairs = {}
for (const given of ['failover', 'balanced', 'least-outstanding', 'weighted', 'consistent-hash']) {
  const strategy = strategyFrom(given, 'bench')
  pairs[given] = (i) => {
    const drawn = strategy.order(three, queries[i % KEYS])[Symbol.iterator]()
    drawn.next()
    return drawn.next().value
  }
}
measure(pairs)
