// A program that opens connections to one server through headrace's upstreams, each of which asks once. Run with
// --expose-gc. Arguments: scheme, port, "set-up" or "hold", and how many connections. Who is to be trusted stands in
// NODE_EXTRA_CA_CERTS.
import { readFileSync } from 'node:fs'
import { memory } from './memory.mjs'

const [scheme, port, what, countText] = process.argv.slice(2)
const count = Number(countText)
const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS)
/** Asking at once: a handshake takes the server longer than us. */
const AT_ONCE = 5

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** What `fn` takes, called `times` times in turn: { ms, us }, medians and means. */
async function timed(times, fn) {
  const before = cpu()
  const took = []
  for (let i = 0; i < times; i++) took.push(await fn())
  return { ms: took.sort((a, b) => a - b)[times >> 1], us: (cpu() - before) / times }
}

async function askOnce(upstream) {
  const began = performance.now()
  const { rcode } = await upstream.query('www.example.com', 'A')
  if (rcode !== 'NOERROR') throw new Error(rcode)
  return performance.now() - began
}

/** The first answer of a process, of a further upstream, and of one whose connection has ended. */
async function setUp() {
  const upstreamFor = (Upstream) => new Upstream(`${scheme}://127.0.0.1:${port}`, { tls: { ca }, idleTimeout: 1 })
  const began = performance.now()
  const before = cpu()
  const { Upstream } = await import('headrace')
  const first = upstreamFor(Upstream)
  await askOnce(first)
  const cold = { ms: performance.now() - began, us: cpu() - before }
  first.destroy()
  const warm = await timed(count, async () => {
    const upstream = upstreamFor(Upstream)
    const took = await askOnce(upstream)
    upstream.destroy()
    return took
  })
  const again = upstreamFor(Upstream)
  const askAndEnd = async () => {
    const ended = new Promise((resolve) => again.once('disconnect', resolve))
    const took = await askOnce(again)
    await ended
    return took
  }
  await askAndEnd()
  return { cold, warm, resumed: await timed(count, askAndEnd) }
}

/** Opens them, and keeps them; what this process has before and then. */
async function hold() {
  const { Upstream } = await import('headrace')
  const held = []
  const open = async (connections) => {
    for (let i = 0; i < connections; i += AT_ONCE) {
      const upstreams = Array.from(
        { length: Math.min(AT_ONCE, connections - i) },
        () => new Upstream(`${scheme}://127.0.0.1:${port}`, { tls: { ca }, idleTimeout: 600_000 }),
      )
      held.push(...upstreams)
      await Promise.all(upstreams.map(askOnce))
    }
  }
  // What the first ones load and compile is not what a connection takes.
  await open(AT_ONCE)
  process.send({ before: memory() })
  await new Promise((resolve) => process.once('message', resolve))
  await open(count)
  return { after: memory(), connections: held.length - AT_ONCE }
}

process.on('disconnect', () => process.exit(0))
process.send(await (what === 'hold' ? hold() : setUp()))
