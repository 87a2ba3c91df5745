// npm run bench [-- --smoke] [--only udp,growth] [--rounds 5]: runs the benchmarks, prints their tables, keeps them as JSON.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const FORWARDER = [
  'udp',
  'cache',
  'in-process',
  'resolver',
  'tcp',
  'dot',
  'doh',
  'doq',
  'h3',
  'set-up',
  'idle',
  'outstanding',
  'flood',
  'growth',
]
const micro = existsSync(`${HERE}micro`)
  ? readdirSync(`${HERE}micro`).filter((file) => file.endsWith('.mjs') && !file.startsWith('_'))
  : []
const ALL = [...FORWARDER, 'selection/strategies', ...micro.map((file) => `micro/${file.slice(0, -4)}`)]

const { values } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string' } },
})
const only = values.only?.split(',')
const chosen = ALL.filter(
  (name) => only === undefined || only.some((one) => name === one || name.startsWith(`${one}/`)),
)
const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
if (chosen.length === 0 || (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))) {
  console.error(`usage: npm run bench -- [--smoke] [--rounds N] [--only NAME,…]; names: ${ALL.join(' ')} micro`)
  process.exit(2)
}

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  processors: cpus().length,
  kernel: release(),
  node: process.version,
  commit: spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: HERE, encoding: 'utf8' }).stdout?.trim() ?? '',
}
console.log(
  `${machine.processors} x ${machine.processor}, Linux ${machine.kernel}, Node ${machine.node}, ${machine.commit}`,
)
if (values.smoke) console.log('smoke run: shows that everything works; the figures mean nothing')

const report = { when: new Date().toISOString(), smoke: values.smoke, machine, benchmarks: {} }
let broken = 0
let missed = 0
for (const name of chosen) {
  try {
    report.benchmarks[name] = name.includes('/') ? await runMicro(name) : await runForwarder(name)
  } catch (error) {
    broken++
    console.error(`\n${name}: ${error.stack ?? error}`)
  }
}
mkdirSync(`${HERE}results`, { recursive: true })
const kept = `${HERE}results/${report.when.replaceAll(/[:.]/g, '-')}${values.smoke ? '-smoke' : ''}.json`
writeFileSync(kept, `${JSON.stringify(report, null, 2)}\n`)
console.log(`\nkept in benchmarks/results/${kept.split('/').at(-1)}`)
if (missed > 0 && !values.smoke) console.log(`${missed} targets missed`)
process.exit(broken > 0 ? 1 : 0)

async function runForwarder(name) {
  const { run } = await import(`./forwarder/${name}.mjs`)
  const { title, rows } = await run({ smoke: values.smoke, rounds })
  console.log(`\n${name}: ${title}`)
  const width = Math.max(...rows.map(({ what }) => what.length))
  for (const row of rows) console.log(`  ${row.what.padEnd(width)}  ${describe(row)}`)
  missed += rows.filter(({ met }) => met === false).length
  return { title, rows }
}

function describe(row) {
  if (row.skipped !== undefined) return `skipped: ${row.skipped}`
  const value = Number.isInteger(row.value) ? String(row.value) : row.value.toFixed(1)
  const parts = [`${value.padStart(8)} ${row.unit}`]
  if (row.ratio !== undefined) parts.push(`${row.ratio.toFixed(2)} x ${row.of}`)
  if (row.target !== undefined)
    parts.push(
      `at most ${row.target.toFixed(2).replace('.00', '')}: ${row.met === null || values.smoke ? 'not judged' : row.met ? 'met' : 'MISSED'}`,
    )
  if (row.more !== undefined) parts.push(row.more)
  if (row.qps !== undefined) parts.push(`${Math.round(row.qps)} queries/s`)
  if (row.lost > 0) parts.push(`${row.lost} lost`)
  return parts.join('  ')
}

/** A script that prints its own lines, which are kept as they are. */
async function runMicro(name) {
  console.log(`\n${name}`)
  const flags = values.smoke ? ['--smoke'] : []
  const child = spawn(process.execPath, ['--expose-gc', `${HERE}${name}.mjs`, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => child.once('close', resolve))
  const lines = output.trimEnd().split('\n')
  for (const line of lines) console.log(`  ${line}`)
  if (code !== 0) throw new Error(`ended with ${code}`)
  return { lines }
}
