// A user's program, compiled against the packed package with every check on, and run.
import assert from 'node:assert/strict'
import {
  createServer,
  DnsError,
  Forwarder,
  Message,
  Pool,
  Strategy,
  Upstream,
  type Candidate,
  type ExchangeContext,
  type Exchanger,
  type Query,
  type QueryResult,
  type Reply,
} from 'headrace'
import { FakeUpstream } from 'headrace/testing'

/** A user's own strategy: the last member first. */
class Backwards extends Strategy {
  readonly name = 'backwards'

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    return [...candidates].reverse()
  }
}

/** A user's own exchanger, which wraps another one and counts. */
class Counter implements Exchanger {
  readonly #inner: Exchanger
  asked = 0

  constructor(inner: Exchanger) {
    this.#inner = inner
  }

  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    this.asked++
    return this.#inner.exchange(query, ctx)
  }
}

function answering(name: string, address: string): Upstream {
  return new Upstream({
    name,
    exchange: async (query: Query): Promise<Message> =>
      Message.reply(query, { answers: [{ name: 'www.example.com', type: 'A', ttl: 60, data: address }] }),
  })
}

const pool = new Pool({
  name: 'own',
  strategy: new Backwards(),
  upstreams: [answering('first', '192.0.2.1'), answering('last', '192.0.2.2')],
})
const forwarder = new Forwarder({ pools: [pool] })

const reply: QueryResult = await forwarder.query('www.example.com', 'A')
assert.equal(reply.upstream, 'last')
assert.equal(reply.rcode, 'NOERROR')
assert.equal(reply.answers[0]?.data, '192.0.2.2')

const counter = new Counter(forwarder)
const server = await createServer(counter, { listen: ['127.0.0.1:0'] })
const asking = new Upstream(server.addresses[0]!.host)
assert.equal((await asking.query('www.example.com')).answers.length, 1)
assert.equal(counter.asked, 1)

// what is wrong does not compile, and is refused at run time too
// @ts-expect-error a misspelt option
assert.throws(() => new Pool({ upstreams: [], stratgy: 'random' }), DnsError)
// a strategy's name is taken in any case and spelling, so only running it tells
assert.throws(() => new Pool({ upstreams: ['192.0.2.1'], strategy: 'fastestt' }), DnsError)
// @ts-expect-error an exchanger must exchange
const nobody: Exchanger = {}
assert.ok(nobody)

const fake = new FakeUpstream({ name: 'fake' })
assert.equal(typeof fake.exchange, 'function')

await asking.close()
await server.close()
await forwarder.close()
await pool.close()
console.log('consumer: ok')
