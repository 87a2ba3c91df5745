// Nanoseconds per operation: each case warmed up, then the median of rounds that take turns, so that drift hits all alike.
const smoke = process.argv.includes('--smoke')
const ROUNDS = smoke ? 3 : 9
const ROUND_MS = smoke ? 2 : 30
let sink

/** Keeps `value` from being optimised away. */
export function keep(value) {
  sink = value
}

/** Measures `cases`, name to function, each called once per operation with a count; prints and returns ns by name. */
export function measure(cases) {
  const entries = Object.entries(cases)
  const counts = new Map(entries.map(([name, run]) => [name, calibrate(run)]))
  const rounds = new Map(entries.map(([name]) => [name, []]))
  for (let i = 0; i < ROUNDS; i++) {
    for (const [name, run] of entries) rounds.get(name).push(time(run, counts.get(name)))
  }
  const width = Math.max(...entries.map(([name]) => name.length))
  const results = {}
  for (const [name] of entries) {
    results[name] = rounds.get(name).sort((a, b) => a - b)[ROUNDS >> 1]
    console.log(`${name.padEnd(width)}  ${results[name].toFixed(0).padStart(6)} ns`)
  }
  return results
}

/** How many calls make up a round; warms `run` up on the way. */
function calibrate(run) {
  let count = 64
  while (count < 2 ** 26 && (time(run, count) * count) / 1e6 < ROUND_MS) count *= 2
  return count
}

function time(run, count) {
  const from = process.hrtime.bigint()
  for (let i = 0; i < count; i++) keep(run(i))
  return Number(process.hrtime.bigint() - from) / count
}

/** Where the compiled library is. */
export const dist = new URL(process.env['HEADRACE_BUILD'] ?? '../../build/', import.meta.url)

export { sink }
