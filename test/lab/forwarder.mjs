// The forwarder under test, from dist/, with passive evidence alone.
import { execFileSync } from 'node:child_process'
import { serve, setting } from './role.mjs'

const { upstreams, strategy = 'least-outstanding', sockets = 8, files = 0 } = setting()
const { createServer, Forwarder, Pool } = await import(process.env.HEADRACE_DIST ?? '../../dist/index.js')
let unhandled = 0
process.on('unhandledRejection', () => unhandled++)
process.on('uncaughtException', () => unhandled++)

const pool = new Pool({ strategy, upstreams, upstreamDefaults: { sockets } })
const forwarder = new Forwarder({ pools: [pool] })
const server = await createServer(forwarder, { listen: ['127.0.0.1:5300'] })
// Not before the start: Node itself has more files open than that while it reads the modules.
if (files > 0) execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${files}:${files}`])
let cpu = process.cpuUsage()

serve(async (message) => {
  if (message?.ask !== undefined) return inProcess(message.ask)
  const { user, system } = process.cpuUsage(cpu)
  cpu = process.cpuUsage()
  return {
    unhandled,
    cpu: (user + system) / 1000,
    server: server.stats,
    upstreams: pool.members.map((member) => member.stats),
  }
})

/** Asks `count` questions at once. Returns how long each took, in ms, and how many had a reply. */
async function inProcess(count) {
  const took = []
  let replies = 0
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const began = performance.now()
      try {
        await forwarder.query(`in-process-${i}-${Math.random()}.test.example`, 'A')
        replies++
      } catch {
        // Only how long it took counts.
      }
      took.push(performance.now() - began)
    }),
  )
  return { replies, longest: Math.max(...took) }
}
