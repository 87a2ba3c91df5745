// resolver.resolve4() of distinct names, and of one from the cache, and lookup from the cache, beside node:dns and cacheable-lookup.
import { once } from './in-process.mjs'
import { alternate, pace } from './measure.mjs'

/** What is measured, beside which one, and at most how many times its cost; or at most how many µs. */
const ROWS = [
  { variant: 'c-ares-promises', what: 'node:dns promises Resolver, distinct names' },
  { variant: 'resolver', what: 'resolver.resolve4(), distinct names', of: 'c-ares-promises', target: 1 },
  { variant: 'resolver-hit', what: 'resolver.resolve4(), from the cache', most: 2 },
  { variant: 'cacheable-lookup-hit', what: 'cacheable-lookup, both families, from its cache' },
  { variant: 'lookup-hit', what: 'resolver.lookup, both families, from the cache', of: 'cacheable-lookup-hit', target: 1 }, // prettier-ignore
  { variant: 'cacheable-lookup-family-hit', what: 'cacheable-lookup, one family, from its cache' },
  { variant: 'lookup-family-hit', what: 'resolver.lookup, one family, from the cache', of: 'cacheable-lookup-family-hit', target: 1 }, // prettier-ignore
]

export async function run({ smoke, rounds }) {
  const results = await alternate(ROWS, pace(smoke, rounds), once)
  const rows = ROWS.map(({ variant, what, of, target, most }, i) => {
    const { us, qps, failed, rounds } = results[i]
    const row = { what, value: us, unit: 'µs CPU/query', qps, lost: failed, rounds }
    if (most !== undefined) return { ...row, target: most, met: us <= most }
    if (of === undefined) return row
    const ratio = us / results[ROWS.findIndex((other) => other.variant === of)].us
    return { ...row, ratio, of: of.replace(/-hit$/, ''), target, met: ratio <= target }
  })
  return { title: 'The node:dns face, 64 in flight', rows }
}
