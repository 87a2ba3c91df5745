// Exchangers of your own: one that answers from a table, and a decorator around any other. Runs without a network:
//
//   npx tsx examples/own-exchanger.ts
import { Forwarder, Message, Pool, type ExchangeContext, type Exchanger, type Query, type Reply } from 'headrace'
import { FakeUpstream } from 'headrace/testing'

/** Answers A queries from a table, and NXDOMAIN to everything else. */
class Hosts implements Exchanger {
  readonly name = 'hosts'
  readonly #hosts: ReadonlyMap<string, string>

  constructor(hosts: Readonly<Record<string, string>>) {
    this.#hosts = new Map(Object.entries(hosts))
  }

  exchange(query: Query): Promise<Reply> {
    const { name, type } = query.message.question!
    const data = this.#hosts.get(name.toLowerCase())
    const message =
      data === undefined
        ? Message.reply(query, { rcode: 'NXDOMAIN' })
        : Message.reply(query, { answers: type === 'A' ? [{ name, type, ttl: 60, data }] : [] })
    return Promise.resolve({ message, upstream: this.name, age: 0 })
  }
}

/** A decorator: asks whatever it wraps, and writes down how it went. It is itself an exchanger, so they nest. */
class Logged implements Exchanger {
  readonly #next: Exchanger

  constructor(next: Exchanger) {
    this.#next = next
  }

  async exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    const { name, type } = query.message.question!
    try {
      const reply = await this.#next.exchange(query, ctx) // ctx carries the deadline and the cancelling: hand it on
      console.log(`  log: ${name} ${type}, RCODE ${reply.message.rcode} from ${reply.upstream}`)
      return reply
    } catch (error) {
      console.log(`  log: ${name} ${type}, ${(error as Error).message}`)
      throw error
    }
  }
}

const pool = new Pool({
  strategy: 'failover',
  upstreams: [new FakeUpstream('one', 'refused'), new FakeUpstream('two')],
})
const forwarder = new Forwarder({
  upstreams: [{ name: 'logged', exchange: (query, ctx) => new Logged(pool).exchange(query, ctx) }],
  routes: { home: new Logged(new Hosts({ 'nas.home': '192.168.1.5' })) },
})

for (const name of ['nas.home', 'tv.home', 'www.example']) {
  const { rcode, answers, upstream } = await forwarder.query(name, 'A')
  console.log(name, rcode, answers[0]?.data ?? '', `from ${upstream}`)
}

await forwarder.close()
await pool.close()
