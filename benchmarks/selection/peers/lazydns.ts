import { within, type Chooser, type Stage } from '../contestant.js'
import type { Server } from '../server.js'

/** By default: `timeout`, in ms, and `max_attempts`. */
const TIMEOUT = 5000
const MAX_ATTEMPTS = 3

/** The successes of one upstream since the start, and their mean in ms: 0 until the first. */
interface Successes {
  readonly server: Server
  count: number
  mean: number
}

/**
 * lazydns, `fastest` with `health_checks` on (src/plugins/forward/engine.rs): the lowest mean of all successes, an
 * unmeasured one before any other. A failure leaves the mean as it is, so the next attempt goes to the same one.
 */
export function lazydns({ clock, servers }: Stage): Chooser {
  const all: Successes[] = servers.map((server) => ({ server, count: 0, mean: 0 }))
  return {
    async ask() {
      for (let attempt = 0; attempt < MAX_ATTEMPTS && attempt < all.length; attempt++) {
        const one = all.find(({ mean }) => mean === 0) ?? all.reduce((a, b) => (b.mean < a.mean ? b : a))
        const began = clock.now()
        const outcome = await within(clock, one.server, TIMEOUT)
        if (outcome === null || outcome === 'refused') continue
        one.mean = (one.mean * one.count + clock.now() - began) / ++one.count
        return outcome === 'reply'
      }
      return false
    },
  }
}
