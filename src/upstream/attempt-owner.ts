import type { Deadlines } from '../base/deadlines.js'
import type { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import type { Transport } from '../transport/transport.js'
import type { Message } from '../wire/message.js'
import type { Attempt } from './attempt.js'
import type { SubnetPolicy } from './subnet-policy.js'

/** How an attempt ended. */
export type Ending = 'reply' | 'failure' | 'cancelled'

/** What an attempt needs from its upstream. */
export interface Owner {
  readonly name: string
  /** The upstream's own; null for a function. */
  readonly transport: TransportName | null
  readonly deadlines: Deadlines
  /** The longest attempt where nobody says otherwise, in ms. */
  readonly timeout: number
  /** Which network it is told that a query is for; null where that is none. */
  readonly subnets: SubnetPolicy | null
  /** Current clock time, in ms. */
  now(): number
  /** Clock time of the last change of network, in ms. */
  epochAt(): number
  /** The transport if it is ready, else null. */
  route(kind: TransportName): Transport | null
  prepare(kind: TransportName): Promise<Transport>
  /** When an attempt is late, in ms. */
  rto(): number
  /** How far apart retransmissions are once it is, in ms. */
  spread(): number
  /** Whether the server takes EDNS as far as is known. */
  ednsOk(): boolean
  /** Asks for a place on TCP; each one that is taken is given back. False: not for lost UDP, just now. */
  takeTcp(mustHave: boolean): boolean
  /** `failed`: TCP could not connect, or its connection broke. */
  giveTcp(failed: boolean): void
  /** What stands in for `kind`, which has failed with `error`; null where nothing does. */
  fallback(kind: TransportName, error: DnsError): TransportName | null
  /** The server answered FORMERR or NOTIMP to EDNS, and to the same query without it did not. */
  refusesEdns(): void
  late(attempt: Attempt): void
  ended(attempt: Attempt, ending: Ending, reply: Message | null, error: DnsError | null): void
}
