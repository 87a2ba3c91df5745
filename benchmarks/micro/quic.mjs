// CPU of this process per question over one QUIC connection, to a QuicServer in a child process that sends back what it
// gets: QuicClient beside the bare client on the same core.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { FakeAuthority } from 'headrace/testing'
import { connectBare } from '../forwarder/bare-quic.mjs'
import { dist } from './_harness.mjs'

const CHILD = 'serve'
const smoke = process.argv.includes('--smoke')
const ROUNDS = smoke ? 1 : 5
const QUESTIONS = smoke ? 500 : 30_000
const WARM_UP = smoke ? 100 : 20_000
const QUESTION = Buffer.alloc(128, 1)
const ignore = () => {}

if (process.argv[2] === CHILD) await serve()
else await main()

async function serve() {
  const { QuicServer } = await import(new URL('quic/server.js', dist))
  const authority = new FakeAuthority()
  const server = await QuicServer.create({
    ...authority.issue({ names: ['quic.test'] }),
    alpn: ['echo'],
    streams: 1000,
    onConnection: () => ({
      onConnected: ignore,
      onCredit: ignore,
      onClosed: ignore,
      onStream: (_connection, stream) => ({
        onData: (octets, fin) => stream.write(octets, fin),
        onReset: ignore,
        onStopped: ignore,
        onLost: ignore,
      }),
    }),
  })
  process.on('disconnect', () => process.exit())
  process.send({ port: await server.bind('127.0.0.1', 0), ca: authority.cert })
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), [CHILD])
  const [peer] = await once(child, 'message')
  const results = {}
  for (const inFlight of [64, 8, 1]) {
    const clients = { QuicClient: await ours(peer), bare: await connectBare({ ...peer, serverName: 'quic.test', alpn: 'echo' }) } // prettier-ignore
    const rounds = {}
    for (const [name, ask] of Object.entries(clients)) {
      await drive(ask, inFlight, WARM_UP)
      rounds[name] = []
    }
    for (let i = 0; i < ROUNDS; i++) {
      for (const [name, ask] of Object.entries(clients)) rounds[name].push(await cost(ask, inFlight))
    }
    for (const [name, figures] of Object.entries(rounds)) {
      const us = figures.sort((a, b) => a - b)[ROUNDS >> 1]
      results[`${name}, ${inFlight} in flight`] = us
      console.log(`${`${name}, ${inFlight} in flight`.padEnd(34)}${us.toFixed(2).padStart(7)} µs CPU a question`)
    }
    const ratio = results[`QuicClient, ${inFlight} in flight`] / results[`bare, ${inFlight} in flight`]
    console.log(`${' '.repeat(34)}${ratio.toFixed(2).padStart(7)} times`)
  }
  child.disconnect()
  process.exit() // the bare client's socket holds it
}

async function ours({ port, ca }) {
  const { QuicClient } = await import(new URL('quic/client.js', dist))
  const client = await QuicClient.create({ alpn: ['echo'], ca })
  const connection = await new Promise((resolve, reject) => {
    client.connect({
      address: '127.0.0.1',
      port,
      serverName: 'quic.test',
      handler: { onConnected: resolve, onStream: ignore, onCredit: ignore, onClosed: (_, end) => reject(end) },
    })
  })
  return (octets, next) => {
    const parts = []
    const stream = connection.open({
      onData(part, fin) {
        parts.push(part)
        if (fin) next(parts.length === 1 ? part : Buffer.concat(parts))
      },
      onReset: ignore,
      onStopped: ignore,
      onLost: ignore,
    })
    stream.write(octets, true)
  }
}

async function cost(ask, inFlight) {
  const before = process.cpuUsage()
  await drive(ask, inFlight, QUESTIONS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / QUESTIONS
}

/** Asks `count` questions, so many at once. */
function drive(ask, inFlight, count) {
  return new Promise((resolve) => {
    let asked = 0
    let answered = 0
    const next = () => {
      if (++answered === count) resolve()
      else if (asked < count) one()
    }
    const one = () => {
      asked++
      ask(QUESTION, next)
    }
    for (let i = 0; i < inFlight; i++) one()
  })
}
