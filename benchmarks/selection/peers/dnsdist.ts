import { probe, within, type Chooser, type Stage } from '../contestant.js'
import type { Server } from '../server.js'

/** `setUDPTimeout`, and a check's interval and time limit, all by default, in ms. */
const TIMEOUT = 2000
const CHECK_INTERVAL = 1000
const CHECK_TIMEOUT = 1000

/** One downstream: latency in ms, an average of 128. */
interface Downstream {
  readonly server: Server
  outstanding: number
  latency: number
  up: boolean
}

/**
 * dnsdist, `leastOutstanding` (dnsdist-lbpolicies.cc): fewest outstanding, then order, then latency, over those that
 * are up. Checked every second; one bad check takes a server down and one good one up. A query that isn't answered is
 * not sent to another server, nor is one that was answered with SERVFAIL.
 */
export function dnsdist({ clock, servers }: Stage): Chooser {
  const all: Downstream[] = servers.map((server) => ({ server, outstanding: 0, latency: 0, up: true }))
  let closed = false
  const check = async (one: Downstream): Promise<void> => {
    const outcome = await probe(clock, one.server, CHECK_TIMEOUT)
    one.up = outcome === 'reply'
  }
  const checkAll = (): void => {
    if (closed) return
    for (const one of all) void check(one)
    clock.setTimeout(checkAll, CHECK_INTERVAL)
  }
  checkAll()
  return {
    async ask() {
      const up = all.filter((one) => one.up)
      if (up.length === 0) return false
      const one = up.reduce((a, b) => (comesBefore(b, a) ? b : a))
      one.outstanding++
      const began = clock.now()
      const outcome = await within(clock, one.server, TIMEOUT)
      one.outstanding--
      if (outcome !== null && outcome !== 'refused') one.latency += (clock.now() - began - one.latency) / 128
      return outcome === 'reply'
    },
    async close() {
      closed = true
    },
  }
}

function comesBefore(a: Downstream, b: Downstream): boolean {
  return a.outstanding !== b.outstanding ? a.outstanding < b.outstanding : a.latency < b.latency
}
