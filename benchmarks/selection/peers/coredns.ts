import { probe, within, type Chooser, type Stage } from '../contestant.js'
import { shuffled } from '../random.js'
import type { Server } from '../server.js'

/** By default, in ms: one read, a whole query, a health check, the pause between two. */
const READ_TIMEOUT = 2000
const TIMEOUT = 5000
const CHECK_TIMEOUT = 1000
const CHECK_PAUSE = 500
/** `max_fails` by default: more failed checks than this are down. */
const MAX_FAILS = 2

interface Proxy {
  readonly server: Server
  fails: number
  checking: boolean
}

/**
 * CoreDNS forward, policy `random` (plugin/forward): a shuffled list, again from its beginning until five seconds are
 * over. A failed query starts health checks, which go on until one succeeds. Any response goes to the client.
 */
export function coredns({ clock, servers, random }: Stage): Chooser {
  const proxies: Proxy[] = servers.map((server) => ({ server, fails: 0, checking: false }))
  const check = async (proxy: Proxy): Promise<void> => {
    const outcome = await probe(clock, proxy.server, CHECK_TIMEOUT)
    proxy.checking = outcome === null || outcome === 'refused'
    proxy.fails = proxy.checking ? proxy.fails + 1 : 0
    if (proxy.checking) clock.setTimeout(() => void check(proxy), CHECK_PAUSE)
  }
  return {
    async ask() {
      const deadline = clock.now() + TIMEOUT
      const list = shuffled(proxies, random)
      let fails = 0
      for (let i = 0; clock.now() < deadline; i++) {
        if (i % list.length === 0) fails = 0
        let proxy = list[i % list.length]!
        if (proxy.fails > MAX_FAILS) {
          if (++fails < list.length) continue
          // All are down: the checks are taken to be broken.
          proxy = shuffled(proxies, random)[0]!
        }
        const outcome = await within(clock, proxy.server, READ_TIMEOUT)
        if (outcome !== null && outcome !== 'refused') return outcome === 'reply'
        if (!proxy.checking) {
          proxy.checking = true
          void check(proxy)
        }
        if (fails >= list.length) return false
      }
      return false
    },
  }
}
