// How the forwarder fares when the network loses, delays, repeats and swallows: the figures T1 to T6 and T17, in network
// namespaces of our own, and a table of them. Needs root, ip and iptables, and dist/; without them it says so and passes.
//
//   node test/lab/run.mjs [--seconds 60] [--only T1,T4] [--check]
//
// HEADRACE_DIST: the index.js to measure, in place of the one in dist/.
import { parseArgs } from 'node:util'
import { cases } from './cases.mjs'
import { build, obstacle, tearDown } from './network.mjs'
import { stopAll } from './role.mjs'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, only: { type: 'string' }, check: { type: 'boolean' } },
})
const chosen = values.only?.split(',')
const why = obstacle()
if (values.check) {
  console.log(why ?? 'there can be one')
  process.exit(why === null ? 0 : 1)
}
if (why !== null) {
  console.log(`fault lab: skipped, ${why}`)
  process.exit()
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end(1))

let missed = 0
for (const one of cases(Number(values.seconds))) {
  if (chosen !== undefined && !chosen.some((name) => one.name.startsWith(name))) continue
  await measure(one)
}
console.log(missed === 0 ? 'fault lab: every figure is reached' : `fault lab: ${missed} figures are missed`)
process.exitCode = missed === 0 ? 0 : 1

async function measure({ name, run }) {
  build()
  try {
    const figures = await run()
    if (typeof figures === 'string') return console.log(`${name}: skipped, ${figures}`)
    const failing = figures.filter(({ ok }) => !ok)
    missed += failing.length
    console.log(`${failing.length === 0 ? 'ok    ' : 'MISSED'} ${name}`)
    for (const { what, value, goal, ok } of figures)
      console.log(`       ${ok ? ' ' : '!'} ${what}: ${value}${goal === '' ? '' : ` (${goal})`}`)
  } catch (error) {
    missed++
    console.log(`MISSED ${name}: ${error.stack}`)
  } finally {
    await stopAll()
    tearDown()
  }
}

async function end(code) {
  await stopAll()
  tearDown()
  process.exit(code)
}
