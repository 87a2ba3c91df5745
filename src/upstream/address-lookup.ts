import pAny from 'p-any'
import { CancelScope } from '../base/cancel.js'
import type { Clock } from '../base/clock.js'
import { DnsError } from '../errors.js'
import type { ExchangeContext, Query, Reply } from '../exchanger.js'
import { RCODE, rcodeName } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import type { Found } from './names.js'

/** Who can be asked. */
interface Resolver {
  exchange(query: Query, ctx: ExchangeContext): Promise<Reply>
}

/** What blocklists answer in place of an address; connecting there would reach this machine itself. */
const NOWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/**
 * Asks all of `resolvers` at once for the addresses of `host` in one family. The first to know any is believed; that
 * there are none, only when nobody knows any.
 *
 * @throws an AggregateError: nobody replied
 */
export async function askForAddresses(
  resolvers: readonly Resolver[],
  host: string,
  family: 4 | 6,
  clock: Clock,
  timeout: number,
): Promise<Found> {
  const query = { message: Message.query(host, family === 4 ? 'A' : 'AAAA') }
  const scope = new CancelScope()
  const ctx: ExchangeContext = { deadline: clock.now() + timeout, scope, client: null, purpose: 'query', trace: null }
  let none = null as Found | null
  const asked = resolvers.map(async (resolver) => {
    const found = readAddresses(await resolver.exchange(query, ctx), family)
    if (found.addresses.length > 0) return found
    none = found
    throw new DnsError('ERR_DNS_CONNECT', `${host} has no IPv${family} address`)
  })
  try {
    return await pAny(asked)
  } catch (error) {
    if (none !== null) return none
    throw error
  } finally {
    scope.cancel()
  }
}

/** What `reply` says of the name that was asked for and the chain of aliases from there. */
function readAddresses({ message, age }: Reply, family: 4 | 6): Found {
  if (message.truncated || message.rcode !== RCODE.NOERROR)
    throw new DnsError('ERR_DNS_CONNECT', `the reply is ${message.truncated ? 'truncated' : rcodeName(message.rcode)}`)
  const answers = message.scrubbed().answers
  const addresses: string[] = []
  for (const record of answers) {
    if (record.type !== (family === 4 ? 'A' : 'AAAA') || record.class !== 'IN') continue
    const { data } = record as { data: string }
    if (!NOWHERE.has(data)) addresses.push(data)
  }
  return { addresses, ttl: Math.min(...answers.map(({ ttl }) => ttl)) - age }
}
