import { Message, Resolver, type Query, type ResolverOptions, type ResourceRecordInput } from 'headrace'
import { FakeClock, FakeUpstream, type Behaviour } from 'headrace/testing'

/** What a stage's upstream knows: `name TYPE` to what it does, or the data of its records. The rest is NXDOMAIN. */
export type Zone = Readonly<Record<string, Behaviour | readonly string[]>>

/** A resolver over one fake upstream, in virtual time, without a hosts file. */
export class Stage {
  readonly clock = new FakeClock()
  /** Questions that went out, as `name TYPE`. */
  readonly asked: string[] = []
  readonly upstream: FakeUpstream
  readonly resolver: Resolver

  constructor(zone: Zone = {}, options: ResolverOptions = {}) {
    this.upstream = new FakeUpstream('fake', (query) => this.#answer(zone, query), { clock: this.clock })
    this.resolver = new Resolver(this.upstream, { clock: this.clock, hosts: false, ...options })
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise)
  }

  #answer(zone: Zone, { message }: Query): Behaviour {
    const { name, type } = message.question!
    this.asked.push(`${name} ${type}`)
    const found = zone[`${name} ${type}`] ?? zone[name]
    if (found === undefined) return { rcode: 'NXDOMAIN' }
    return Array.isArray(found) ? { answers: found.map((data) => ({ name, type, data })) } : (found as Behaviour)
  }
}

/** A reply to `query` with records as {@link Message.reply} takes them. */
export function reply(query: Query, answers: readonly ResourceRecordInput[], age = 0) {
  return { message: Message.reply(query, { answers }), upstream: 'own', age }
}
