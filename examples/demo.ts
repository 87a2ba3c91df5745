// What `npm start` runs: a forwarder behind a real DNS server, with a live view of who answers what.
//
//   npm start                         three upstreams of its own on loopback: a fast one, a slow one, and one that fails
//   npm start -- 192.0.2.53           your own upstreams, in any form that docs/addresses.md knows
//   npm start -- --strategy parallel  any of docs/strategies.md; balanced asks each in turn, which shows most here
//   npm start -- --listen 127.0.0.1:5353 --seconds 10
import { parseArgs, styleText } from 'node:util'
import { createServer, DnsError, Forwarder, type QueryResult, type Server, type Upstream } from 'headrace'
import { FakeServer, type Fault } from 'headrace/testing'

/** What the third upstream does, one after the other; null: its port is closed. */
const MOODS: readonly { readonly text: string; readonly faults: readonly Fault[] | null }[] = [
  { text: 'answers', faults: [{ kind: 'delay', ms: 15 }] },
  { text: 'is silent', faults: [{ kind: 'drop' }] },
  { text: 'answers again', faults: [{ kind: 'delay', ms: 15 }] },
  { text: 'says SERVFAIL', faults: [{ kind: 'rcode', rcode: 'SERVFAIL' }] },
  { text: 'answers again', faults: [{ kind: 'delay', ms: 15 }] },
  { text: 'has closed its port', faults: null },
]
const MOOD_LASTS = 6000
const ASK_EVERY = 50
/** Shares are of this many replies, the last 5 s or so, so that they follow what happens. */
const RECENT = 100

const live = process.stdout.isTTY
const began = performance.now()
const counts = { asked: 0, answered: 0, failed: 0 }
const recent: (string | null)[] = []
const replies: string[] = []
const happened: string[] = []
let mood = -1 // no moods: the upstreams are your own

try {
  await main()
} catch (error) {
  if (!(error instanceof DnsError) && !(error instanceof TypeError)) throw error
  console.error(error.message)
  process.exitCode = 2
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      listen: { type: 'string', default: '127.0.0.1:0' },
      strategy: { type: 'string', default: 'balanced' },
      seconds: { type: 'string', default: 'Infinity' },
    },
  })
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new TypeError(`--seconds needs a number over 0; got ${values.seconds}`)
  const fakes = positionals.length > 0 ? [] : await embedded()
  const tags = ['fast', 'slow', 'troubled']
  const upstreams = fakes.length > 0 ? fakes.map(({ address }, i) => `${address}|${tags[i]}`) : positionals
  try {
    // The constructor says so if there is no such strategy.
    const forwarder = new Forwarder({ upstreams, strategy: values.strategy as 'balanced' })
    const server = await createServer(forwarder, { listen: values.listen })
    introduce(server, upstreams, fakes.length > 0)
    await show(server, forwarder, fakes, seconds)
  } finally {
    await Promise.all(fakes.map((fake) => fake.close()))
  }
}

/** Asks, draws and changes moods until it is told to stop. */
async function show(server: Server, forwarder: Forwarder, fakes: readonly FakeServer[], seconds: number) {
  listen(forwarder)
  const timers = [
    setInterval(() => void ask(forwarder, fakes.length > 0), ASK_EVERY),
    setInterval(() => draw(server, forwarder), live ? 250 : 2000),
  ]
  const [, , troubled] = fakes
  if (troubled !== undefined) {
    mood = 0
    timers.push(setInterval(() => void nextMood(troubled), MOOD_LASTS))
  }
  await told(seconds)
  for (const timer of timers) clearInterval(timer)
  if (live) process.stdout.write('\x1b[?1049l\x1b[?25h')
  await server.close()
  await forwarder.close()
  console.log([summary(), ...table(forwarder)].join('\n'))
}

/** Three DNS servers on loopback; the third is the one with moods. */
function embedded(): Promise<FakeServer[]> {
  const faults = [[], [{ kind: 'delay', ms: 40 }], MOODS[0]!.faults!] as const
  return Promise.all(faults.map((some) => FakeServer.listen({ faults: some })))
}

async function nextMood(troubled: FakeServer): Promise<void> {
  mood = (mood + 1) % MOODS.length
  const { text, faults } = MOODS[mood]!
  note('bold', `troubled ${text}`)
  if (faults === null) return troubled.refuse()
  troubled.faults = faults
  await troubled.resume()
}

/** One query of our own, through the same forwarder. */
async function ask(forwarder: Forwarder, isStaged: boolean): Promise<void> {
  const name = isStaged ? `host-${counts.asked}.example` : 'example.com'
  counts.asked++
  let line: string
  try {
    const reply = await forwarder.query(name, 'A')
    counts.answered++
    recent.push(reply.upstream)
    line = replyLine(name, reply)
  } catch (error) {
    counts.failed++
    line = `${name}  ${(error as Error).message}`
  }
  replies.push(line)
  if (replies.length > 4) replies.shift()
  if (recent.length > RECENT) recent.shift()
}

function replyLine(name: string, { rcode, answers, upstream, elapsed }: QueryResult): string {
  const data = answers.map((record) => (typeof record.data === 'string' ? record.data : record.type)).join(' ')
  return `${name.padEnd(18)} ${rcode}  ${data}  from ${upstream} in ${elapsed.toFixed(1)} ms`
}

/** Everything that goes wrong, and what the forwarder does about it, as it says so itself. */
function listen(forwarder: Forwarder): void {
  for (const upstream of forwarder.upstreams) {
    upstream.on('failure', ({ error }) => note('red', error.message))
    upstream.on('suspect', () => note('yellow', `${upstream.name} is under suspicion: asked last until it answers`))
  }
  forwarder.pools[0]!.on('attempt', ({ upstream, why }) => {
    if (why === 'failed') note('green', `no good reply: ${upstream} is asked instead`)
    if (why === 'late') note('green', `no reply in time: ${upstream} is asked as well`)
  })
}

function note(colour: 'bold' | 'red' | 'yellow' | 'green', text: string): void {
  const line = `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`
  happened.push(live ? styleText(colour, line.slice(0, process.stdout.columns)) : line)
  if (happened.length > 100) happened.shift()
  // Without a terminal only what changes is worth a line.
  if (!live && (colour === 'bold' || colour === 'yellow')) console.log(line)
}

function introduce(server: Server, upstreams: readonly string[], isStaged: boolean): void {
  if (live) return void process.stdout.write('\x1b[?1049h\x1b[?25l')
  const { address, port } = server.addresses[0]!
  console.log(`headrace listens on ${address} port ${port}, UDP and TCP. Try it from another terminal:`)
  console.log(`  dig @${address} -p ${port} example.com`)
  console.log(`It forwards to ${upstreams.join(', ')}.`)
  if (isStaged) console.log('The third one fails now and then, in a different way each time: watch nobody notice.')
}

/** Repaints in place, cut to the terminal's size: no flicker, no scrolling. */
function draw(server: Server, forwarder: Forwarder): void {
  if (!live) return console.log([summary(), ...table(forwarder)].join('\n  '))
  const { columns = 80, rows = 24 } = process.stdout
  const { address, port, host } = server.addresses[0]!
  const lines = [
    `headrace on ${host}, UDP and TCP. Ctrl-C ends. Ask it yourself:`,
    `  dig @${address} -p ${port} example.com`,
    '',
    ...[summary(), '', ...table(forwarder), '', ...replies, ''].map((line) => line.slice(0, columns)),
  ]
  lines.push(...happened.slice(-Math.max(1, rows - 1 - lines.length)))
  const screen = lines.slice(0, rows - 1).map((line) => `${line}\x1b[K\n`)
  process.stdout.write(`\x1b[H${screen.join('')}\x1b[J`)
}

function summary(): string {
  const now = mood < 0 ? '' : `; now troubled ${MOODS[mood]!.text}`
  return `${counts.asked} queries asked, ${counts.answered} answered, ${counts.failed} failed${now}`
}

function table(forwarder: Forwarder): string[] {
  return ['upstream     recent replies  srtt ms  p95 ms  late  failed  SERVFAIL', ...forwarder.upstreams.map(row)]
}

function row(upstream: Upstream): string {
  const { srtt, p95, late, failures, rcodes } = upstream.stats
  const share = recent.filter((name) => name === upstream.name).length / Math.max(1, recent.length)
  const ms = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(1))
  const cells = [`${(share * 100).toFixed(0)} %`, ms(srtt), ms(p95), late, failures, rcodes[2] ?? 0]
  const widths = [5, 9, 8, 6, 8, 10]
  const bar = '#'.repeat(Math.round(share * 10)).padEnd(10)
  const numbers = cells.map((cell, i) => String(cell).padStart(widths[i]!)).join('')
  return `${upstream.name.slice(0, 12).padEnd(12)} ${bar}${numbers}  ${upstream.suspected ? 'suspected' : 'up'}`
}

/** Resolves on Ctrl-C, on SIGTERM, or after so many seconds; a second Ctrl-C ends at once. */
function told(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
    if (seconds < Infinity) setTimeout(resolve, seconds * 1000)
  })
}
