// Runs every contestant through every scenario; prints a table for each, says which figures are reached, draws the plot.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { figuresOf, type Figures } from './figures.js'
import { OURS } from './ours.js'
import { PEERS } from './peers.js'
import { plot } from './plot.js'
import { DAY, SCENARIOS } from './scenarios.js'
import { simulate, type Run } from './simulate.js'
import { table } from './table.js'
import { describe, targets } from './targets.js'

const SEED = 1
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))
const smoke = process.argv.includes('--smoke')

/** What the plot shows. */
const PLOTTED = ['slow tail', 'silent']

const plotted: Run[][] = []
const results = new Map<string, Figures[]>()
for (const scenario of smoke ? SCENARIOS.filter(({ name }) => PLOTTED.includes(name)) : SCENARIOS) {
  const runs: Run[] = []
  const played = smoke ? { ...scenario, qps: scenario.qps / 20 } : scenario
  for (const contestant of [...OURS, ...PEERS]) runs.push(await simulate(played, contestant, SEED))
  const figures = runs.map(figuresOf)
  if (PLOTTED.includes(scenario.name)) plotted.push(runs)
  results.set(scenario.name, figures)
  console.log(`\n${scenario.name}: ${scenario.about}`)
  for (const line of table(figures)) console.log(`  ${line}`)
}

if (!smoke) {
  console.log('')
  for (const target of targets(results)) console.log(describe(target))
  const started = performance.now()
  const day = figuresOf(await simulate(DAY, OURS[0]!, SEED))
  const took = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${DAY.name}, ${day.queries} queries, ${day.failed} failed: simulated in ${took} s`)
}
mkdirSync(RESULTS, { recursive: true })
writeFileSync(`${RESULTS}selection.svg`, plot(plotted[0]!, plotted[1]!))
console.log('\nplot in benchmarks/results/selection.svg')
