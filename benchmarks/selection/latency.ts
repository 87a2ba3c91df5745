import type { Random } from 'headrace'
import { gaussian } from './random.js'

/** How long a server takes for a query that comes at clock time `now`, in ms. */
export type Latency = (now: number, random: Random) => number

/** Half of the replies take less than `median` ms; `spread` is the deviation of the logarithm. */
export function logNormal(median: number, spread = 0.1): Latency {
  return (_now, random) => median * Math.exp(spread * gaussian(random))
}

/** As `body`, but `share` of the replies take `factor` times as long. */
export function withTail(body: Latency, share: number, factor: number): Latency {
  return (now, random) => body(now, random) * (random() < share ? factor : 1)
}

/** As `often`, but `share` of the replies as `seldom`: cached there and not. */
export function bimodal(often: Latency, seldom: Latency, share: number): Latency {
  return (now, random) => (random() < share ? seldom : often)(now, random)
}

/** As `body`, from 1 to `factor` times as long and back in each `period` ms, beginning at `phase` of it. */
export function drifting(body: Latency, factor: number, period: number, phase = 0): Latency {
  return (now, random) => {
    const height = (1 - Math.cos(2 * Math.PI * (now / period + phase))) / 2
    return body(now, random) * (1 + (factor - 1) * height)
  }
}
