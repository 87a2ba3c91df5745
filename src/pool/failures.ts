import { DnsError } from '../errors.js'
import type { Strategy } from '../strategy/strategy.js'
import type { Plan } from './attempts.js'

/** A strategy, which may be a user's own, threw in `method`. */
export function threw({ pool, strategy }: Plan, method: keyof Strategy, cause: unknown): DnsError {
  return new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool}: strategy ${strategy.name} threw in ${method}()`, { cause })
}

/** Why nobody could be asked. */
export function nobody({ pool, lineUp }: Plan): DnsError {
  if (lineUp.members.length === 0) return new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool} has no upstream`)
  if (lineUp.members.some((member) => member.hasRoom))
    return new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool}: its strategy offered nobody to ask`)
  return new DnsError('ERR_DNS_OVERLOADED', `pool ${pool}: every upstream is at its maxOutstanding`)
}
