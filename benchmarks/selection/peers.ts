import type { Contestant } from './contestant.js'
import { coredns } from './peers/coredns.js'
import { dnsdist } from './peers/dnsdist.js'
import { dnsproxy } from './peers/dnsproxy.js'
import { hickory } from './peers/hickory.js'
import { lazydns } from './peers/lazydns.js'

/** Rules that peers have published, with the failover, time limits and checks that come with each. */
export const PEERS: readonly Contestant[] = [
  { name: 'dnsproxy, load balancing', ours: false, start: dnsproxy },
  { name: 'lazydns, fastest', ours: false, start: lazydns },
  { name: 'hickory, 1 at a time', ours: false, start: (stage) => hickory(stage, 1) },
  { name: 'hickory, 2 at once', ours: false, start: (stage) => hickory(stage, 2) },
  { name: 'dnsdist, leastOutstanding', ours: false, start: dnsdist },
  { name: 'CoreDNS, random', ours: false, start: coredns },
]
