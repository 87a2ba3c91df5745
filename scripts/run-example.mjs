// Runs one example to its end. One that serves until it is told to stop is told so, and must then end by itself.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'

const [file, ...args] = process.argv.slice(2)
const SERVES = 10_000
const GOODBYE = 8000

const cli = createRequire(import.meta.url).resolve('tsx/cli')
const child = spawn(process.execPath, [cli, file, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })
let told = false
const stop = setTimeout(() => {
  told = true
  child.kill('SIGINT')
}, SERVES)
const kill = setTimeout(() => child.kill('SIGKILL'), SERVES + GOODBYE)
child.once('exit', (code, signal) => {
  clearTimeout(stop)
  clearTimeout(kill)
  const fine = code === 0 || (told && (code === 130 || signal === 'SIGINT'))
  if (!fine) console.error(`${file}: ended with ${signal ?? code}${told ? ' when told to stop' : ''}`)
  process.exit(fine ? 0 : 1)
})
