// What metrics cost: for each reply while somebody collects them, and for each scrape.
import { dist, measure } from './_harness.mjs'

const { Histogram } = await import(new URL('metrics/histogram.js', dist))
const { collectMetrics, exposition } = await import(new URL('metrics/index.js', dist))
const { Upstream } = await import(new URL('upstream/upstream.js', dist))

const histogram = new Histogram()
const durations = Float64Array.from({ length: 1024 }, (_, i) => ((i * 7919) % 1024) / 4096)

console.log('for each reply')
measure({ 'Histogram observe': (i) => histogram.observe(durations[i & 1023]) })

const upstreams = Array.from(
  { length: 10 },
  (_, i) => new Upstream({ name: `upstream-${i}`, exchange: () => Promise.reject(new Error('nobody asks')) }),
)
const metrics = collectMetrics(upstreams)
const snapshot = metrics.snapshot()
console.log('\nfor each scrape, of ten upstreams')
measure({
  snapshot: () => metrics.snapshot(),
  'exposition of a snapshot': () => exposition(snapshot),
})
metrics.close()
for (const upstream of upstreams) upstream.destroy()
