import type { Random } from 'headrace'
import { within, type Chooser, type Stage } from '../contestant.js'
import type { Server } from '../server.js'

/** `upstream.Options.Timeout` by default, and what a failure is charged with, in ms. */
const TIMEOUT = 10_000

/** How one upstream has done since the start. */
interface Lifetime {
  readonly server: Server
  /** µs. */
  sum: number
  count: number
}

/**
 * AdGuard dnsproxy, load balancing (proxy/exchange.go): drawn at random without replacement, weighted by one over the
 * mean of all round trips since the start, in µs. An unmeasured one weighs 1; a failure counts as 10 s.
 */
export function dnsproxy({ clock, servers, random }: Stage): Chooser {
  const lifetimes: Lifetime[] = servers.map((server) => ({ server, sum: 0, count: 0 }))
  const charge = (one: Lifetime, elapsed: number): void => {
    one.sum += elapsed * 1000
    one.count++
  }
  return {
    async ask() {
      const left = [...lifetimes]
      while (left.length > 0) {
        const one = draw(left, random)
        const began = clock.now()
        const outcome = await within(clock, one.server, TIMEOUT)
        const answered = outcome !== null && outcome !== 'refused'
        charge(one, answered ? clock.now() - began : TIMEOUT)
        // A SERVFAIL is a response and goes to the client.
        if (answered) return outcome === 'reply'
      }
      return false
    },
  }
}

function draw(left: Lifetime[], random: Random): Lifetime {
  const weights = left.map(({ sum, count }) => (count === 0 ? 1 : count / sum))
  let point = random() * weights.reduce((all, weight) => all + weight, 0)
  const at = weights.findIndex((weight) => (point -= weight) < 0)
  return left.splice(at < 0 ? left.length - 1 : at, 1)[0]!
}
