// What `npm start` runs: a forwarder behind a real DNS server, with a live view of who answers what.
//
//   npm start                         three upstreams of its own on loopback: a fast one, a slow one, and one that fails
//   npm start -- 192.0.2.53           your own upstreams, in any form that docs/addresses.md knows
//   npm start -- --seconds 10         stop by itself
//   npm start -- --listen 127.0.0.1:5353
import { parseArgs } from 'node:util'
import { createServer, Forwarder, type Upstream } from 'headrace'
import { FakeServer, type Fault } from 'headrace/testing'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, listen: { type: 'string', default: '127.0.0.1:0' } },
})

/** The three embedded upstreams; the last one's mood changes while the demo runs. */
interface Stage {
  readonly servers: readonly FakeServer[]
  readonly troubled: FakeServer | null
  readonly addresses: readonly string[]
}

const stage = positionals.length > 0 ? { servers: [], troubled: null, addresses: positionals } : await embedded()
const forwarder = new Forwarder({ upstreams: stage.addresses, strategy: 'least-outstanding', timeout: 3000 })
const server = await createServer(forwarder, { listen: values.listen })
const address = server.addresses.find(({ transport }) => transport === 'udp')!

const log: string[] = []
const counts = { asked: 0, answered: 0, failed: 0 }

/** What the third upstream does, 4 s each; null: its port is closed. */
const MOODS: readonly { readonly text: string; readonly faults: readonly Fault[] | null }[] = [
  { text: 'answers', faults: [] },
  { text: 'is silent', faults: [{ kind: 'drop' }] },
  { text: 'answers again', faults: [] },
  { text: 'says SERVFAIL', faults: [{ kind: 'rcode', rcode: 'SERVFAIL' }] },
  { text: 'refuses connections', faults: null },
]
let mood = 0

say(`headrace listens on ${address.address} port ${address.port}, UDP and TCP. Try it from another terminal:`)
say(`  dig @${address.address} -p ${address.port} example.com`)
say(`It forwards to ${stage.addresses.join(', ')}.`)
if (stage.troubled !== null)
  say('The third one fails now and then, in a different way each time: watch nobody notice. Ctrl-C ends.')

for (const upstream of forwarder.upstreams) {
  upstream.on('failure', ({ error }) => note(`${upstream.name} failed: ${error.message}`))
  upstream.on('suspect', () => note(`${upstream.name} is under suspicion and is asked last`))
}

const timers = [setInterval(() => void askOne(), 100), setInterval(draw, process.stdout.isTTY ? 250 : 2000)]
if (stage.troubled !== null) timers.push(setInterval(() => void changeMood(stage.troubled!), 4000))
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
if (values.seconds !== undefined) setTimeout(() => void stop(), Number(values.seconds) * 1000)

async function embedded(): Promise<Stage> {
  const [fast, slow, troubled] = await Promise.all([
    FakeServer.listen(),
    FakeServer.listen({ faults: [{ kind: 'delay', ms: 40 }] }),
    FakeServer.listen(),
  ])
  const servers = [fast, slow, troubled]
  const tags = ['fast', 'slow', 'troubled']
  return { servers, troubled, addresses: servers.map((s, i) => `${s.address}|${tags[i]}`) }
}

/** One query of our own, through the same forwarder. */
async function askOne(): Promise<void> {
  const name = stage.troubled === null ? 'example.com' : `host-${counts.asked % 1000}.example`
  counts.asked++
  try {
    const reply = await forwarder.query(name, 'A')
    counts.answered++
    const said = reply.answers.map(({ data }) => (typeof data === 'string' ? data : JSON.stringify(data))).join(' ')
    note(`${name} ${reply.rcode} ${said} from ${reply.upstream} in ${reply.elapsed.toFixed(1)} ms`, true)
  } catch (error) {
    counts.failed++
    note(`${name}: ${(error as Error).message}`)
  }
}

/** Silence, SERVFAIL, a closed port, and health again, in turn. */
async function changeMood(troubled: FakeServer): Promise<void> {
  mood = (mood + 1) % MOODS.length
  const { text, faults } = MOODS[mood]!
  note(`the troubled upstream now ${text}`)
  if (faults === null) return troubled.refuse()
  troubled.faults = faults
  await troubled.resume()
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Keeps the last lines for the live view; without a terminal, prints all but the ordinary ones. */
function note(line: string, ordinary = false): void {
  log.push(line)
  if (log.length > 10) log.shift()
  if (!process.stdout.isTTY && !ordinary) say(line)
}

function draw(): void {
  const rows = forwarder.upstreams.map(row)
  const summary = `${counts.answered} of ${counts.asked} queries answered, ${counts.failed} failed`
  if (!process.stdout.isTTY) return say([summary, ...rows].join('\n  '))
  const lines = [
    summary,
    '',
    'upstream              share  srtt ms  p95 ms  in flight  failed  standing',
    ...rows,
    '',
    ...log,
  ]
  process.stdout.write(
    `\x1b[2J\x1b[H\x1b[1mheadrace\x1b[0m on ${address.address}:${address.port}, try: dig @${address.address} -p ${address.port} example.com\n\n${lines.join('\n')}\n`,
  )
}

function row(upstream: Upstream): string {
  const { replies, failures, outstanding, srtt, p95 } = upstream.stats
  const share = counts.answered === 0 ? 0 : replies / counts.answered
  const bar = '#'.repeat(Math.round(share * 10)).padEnd(10)
  const ms = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(1)).padStart(7)
  const standing = upstream.suspected ? 'suspected' : upstream.isUp ? 'up' : 'down'
  return `${upstream.name.padEnd(10)} ${bar} ${(share * 100).toFixed(0).padStart(4)} % ${ms(srtt)} ${ms(p95)} ${String(outstanding).padStart(10)} ${String(failures).padStart(7)}  ${standing}`
}

async function stop(): Promise<void> {
  for (const timer of timers) clearInterval(timer)
  await server.close()
  await forwarder.close()
  await Promise.all(stage.servers.map((fake) => fake.close()))
  say(`${counts.answered} of ${counts.asked} queries answered, ${counts.failed} failed.`)
}
