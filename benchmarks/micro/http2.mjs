// CPU of this process per request, over one connection to a node:http2 server in a child process: our session beside node:http2's client.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { dist } from './_harness.mjs'

const CHILD = 'serve'
const smoke = process.argv.includes('--smoke')
const ROUNDS = smoke ? 1 : 5
const REQUESTS = smoke ? 200 : 30_000
const WARM_UP = smoke ? 50 : 10_000
const QUERY = Buffer.alloc(128, 1)
const TYPE = 'application/dns-message'

if (process.argv[2] === CHILD) serve()
else await main()

function serve() {
  const server = http2.createServer()
  const reply = Buffer.alloc(180, 2)
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.on('data', () => {})
    stream.on('end', () => {
      stream.respond({
        ':status': 200,
        'content-type': TYPE,
        'content-length': reply.length,
        'cache-control': 'max-age=300',
      })
      stream.end(reply)
    })
  })
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('disconnect', () => process.exit())
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), [CHILD])
  const [port] = await once(child, 'message')
  const results = {}
  const row = (name, us) => console.log(`${name.padEnd(34)}${us.toFixed(2).padStart(7)} µs CPU a request`)
  for (const inFlight of [64, 8, 1]) {
    const clients = { Http2Session: ours, 'node:http2': theirs }
    const rounds = {}
    for (const [name, make] of Object.entries(clients)) {
      const client = await make(port)
      await drive(client.ask, inFlight, WARM_UP)
      rounds[name] = { client, figures: [] }
    }
    for (let i = 0; i < ROUNDS; i++) {
      for (const { client, figures } of Object.values(rounds)) figures.push(await cost(client.ask, inFlight))
    }
    for (const [name, { client, figures }] of Object.entries(rounds)) {
      client.close()
      results[`${name}, ${inFlight} in flight`] = figures.sort((a, b) => a - b)[ROUNDS >> 1]
      row(`${name}, ${inFlight} in flight`, results[`${name}, ${inFlight} in flight`])
    }
    const ratio = results[`Http2Session, ${inFlight} in flight`] / results[`node:http2, ${inFlight} in flight`]
    console.log(`${' '.repeat(34)}${ratio.toFixed(2).padStart(7)} times`)
  }
  child.disconnect()
}

async function cost(ask, inFlight) {
  const before = process.cpuUsage()
  await drive(ask, inFlight, REQUESTS)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / REQUESTS
}

/** Sends `count` requests, `inFlight` at any time. `ask(done)` sends one. */
function drive(ask, inFlight, count) {
  return new Promise((resolve) => {
    let left = count
    let out = 0
    const next = () => {
      if (left > 0) {
        left--
        out++
        ask(done)
      } else if (out === 0) resolve()
    }
    const done = () => {
      out--
      next()
    }
    for (let i = 0; i < inFlight; i++) next()
  })
}

async function ours(port) {
  const { Http2Session } = await import(new URL('http2/session.js', dist))
  const { HttpRequest } = await import(new URL('http/request.js', dist))
  const { HPACK } = await import(new URL('http/hpack.js', dist))
  const { RequestHead } = await import(new URL('http/request-head.js', dist))
  const { systemClock } = await import(new URL('base/clock.js', dist))
  const head = new RequestHead(
    {
      method: 'POST',
      scheme: 'http',
      authority: 'localhost',
      path: '/dns-query',
      headers: [
        ['content-type', TYPE],
        ['accept', TYPE],
      ],
    },
    HPACK,
  )
  class Asked extends HttpRequest {
    constructor(done) {
      super(head, QUERY)
      this.done = done
    }
    onResponse(status, headers, body) {
      if (status !== 200 || headers.get('content-type') !== TYPE || body.length !== 180)
        throw new Error('another response')
      this.done()
    }
    onFailure(error) {
      throw error
    }
  }
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const options = {
    name: 'bench',
    clock: systemClock,
    wanted: ['content-type', 'age'],
    maxBody: 65_535,
    maxStreams: 1000,
  }
  const owner = { onRetired() {}, onDrained() {}, onClosed() {} }
  const session = new Http2Session(socket, { ...options, pingAfter: 1000, pingTimeout: 2000 }, owner)
  return { ask: (done) => session.send(new Asked(done)), close: () => session.destroy() }
}

async function theirs(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  await once(session, 'connect')
  const headers = {
    ':method': 'POST',
    ':path': '/dns-query',
    'content-type': TYPE,
    accept: TYPE,
    'content-length': QUERY.length,
  }
  const ask = (done) => {
    const stream = session.request(headers)
    let head
    const parts = []
    stream.on('response', (given) => (head = given))
    stream.on('data', (part) => parts.push(part))
    stream.on('close', () => {
      const body = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      if (head[':status'] !== 200 || head['content-type'] !== TYPE || body.length !== 180)
        throw new Error('another response')
      done()
    })
    stream.end(QUERY)
  }
  return { ask, close: () => session.destroy() }
}
