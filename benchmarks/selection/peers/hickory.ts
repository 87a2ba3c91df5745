import { CancelScope } from 'headrace'
import { within, type Chooser, type Stage } from '../contestant.js'
import type { Server } from '../server.js'

/** `ResolverOpts::timeout` by default, in ms. */
const TIMEOUT = 5000
/** A failure adds this, in ms; srtt goes no higher than that. */
const PENALTY = 150
const MAX_SRTT = 5000

/** One name server's statistics: srtt in ms, `at` its last update in ms, or null before the first. */
interface Stats {
  readonly server: Server
  srtt: number
  at: number | null
}

/**
 * hickory-resolver 0.25, `QueryStatistics` (name_server_stats.rs): by srtt, which fades while a server isn't asked, so
 * that every server is tried again, `width` at once (`num_concurrent_reqs`, by default 2). One that lost is not
 * measured. Only a connection that fails has the next ones asked: a time limit ends the query.
 */
export function hickory({ clock, servers, random }: Stage, width: number): Chooser {
  const all: Stats[] = servers.map((server) => ({ server, srtt: (1 + 31 * random()) / 1000, at: null }))
  const decayed = ({ srtt, at }: Stats): number => (at === null ? srtt : srtt * factor(clock.now() - at, 180))
  const update = (stats: Stats, first: number, next: (at: number) => number): void => {
    stats.srtt = Math.min(MAX_SRTT, stats.at === null ? first : next(stats.at))
    stats.at = clock.now()
  }
  /** Whether it brought a reply; rejects where the connection failed. */
  const attempt = async (stats: Stats, race: CancelScope): Promise<boolean> => {
    const began = clock.now()
    const outcome = await within(clock, stats.server, TIMEOUT, race)
    if (outcome === 'reply') {
      const rtt = clock.now() - began
      update(stats, rtt, (at) => stats.srtt + (rtt - stats.srtt) * (1 - factor(clock.now() - at, 3)))
      return true
    }
    update(stats, PENALTY, () => stats.srtt + PENALTY)
    if (outcome === 'refused') throw new Error(outcome)
    return false
  }
  return {
    async ask() {
      const order = [...all].sort((a, b) => decayed(a) - decayed(b))
      while (order.length > 0) {
        const race = new CancelScope()
        const ended = Promise.any(order.splice(0, width).map((stats) => attempt(stats, race)))
        const answered = await ended.catch(() => null)
        race.cancel()
        if (answered !== null) return answered
      }
      return false
    },
  }
}

/** e to the power of minus the seconds, at least one, over `weight`. */
function factor(elapsed: number, weight: number): number {
  return Math.exp(-Math.max(1, elapsed / 1000) / weight)
}
