// A forwarder under 1,000 queries a second for SOAK_SECONDS, in front of upstreams that drop, delay, repeat and garble
// (requirement T16). Fails when the heap grows by over 1 MB an hour, file descriptors are not flat, anything went
// unhandled, or a query got no reply. Each role is a process of its own.
import { fork } from 'node:child_process'
import dgram from 'node:dgram'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 1200)
const RATE = 1000
const SLOPE = 1 // MB an hour
const ANSWER = Buffer.from('c00c000100010000012c0004c0000201', 'hex')
const ROLES = { upstreams, forwarder }

/** Two upstreams with faults, and the port of one that is closed. */
async function upstreams() {
  const ports = []
  for (const bad of [0.02, 0.1]) ports.push(await faulty(bad))
  const closed = dgram.createSocket('udp4')
  await new Promise((resolve) => closed.bind(0, '127.0.0.1', resolve))
  ports.push(closed.address().port)
  closed.close(() => process.send({ ports }))
}

async function faulty(share) {
  const socket = dgram.createSocket('udp4')
  const faults = [
    () => {},
    (reply, send) => setTimeout(send, 300, reply),
    (reply, send) => [send(reply), send(reply)],
    (reply, send) => [send(Buffer.from(reply.map((octet) => octet ^ 0xa5))), send(reply)],
    (reply, send) => send(reply.subarray(0, 7)),
    (reply, send) => (reply.writeUInt16BE((reply[3] & 0xf0) | 2, 2), send(reply)),
  ]
  socket.on('message', (query, peer) => {
    let end = 12
    while (query[end] !== 0) end += query[end] + 1
    const reply = Buffer.concat([query.subarray(0, end + 5), ANSWER])
    reply.writeUInt16BE(0x8180, 2)
    reply.writeUInt16BE(1, 6)
    reply.writeUInt32BE(0, 8)
    const send = (octets) => socket.send(octets, peer.port, peer.address)
    if (Math.random() >= share) send(reply)
    else faults[Math.floor(Math.random() * faults.length)](reply, send)
  })
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.setRecvBufferSize(4 << 20)
  return socket.address().port
}

async function forwarder(ports) {
  let unhandled = 0
  process.on('unhandledRejection', () => unhandled++)
  process.on('uncaughtException', () => unhandled++)
  const { createServer, Forwarder } = await import('headrace')
  const server = await createServer(new Forwarder(ports.map((port) => `127.0.0.1:${port}`)), {
    listen: ['127.0.0.1:0'],
  })
  process.on('message', () => {
    for (let i = 0; i < 4; i++) globalThis.gc()
    const { heapUsed, rss } = process.memoryUsage()
    process.send({ heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20, fds: readdirSync('/proc/self/fd').length, unhandled })
  })
  process.send({ port: Number(/(\d+)$/.exec(String(server.addresses[0]))[1]) })
}

async function soak() {
  const up = await role('upstreams', [])
  const under = await role('forwarder', up.hello.ports)
  const load = new Load(under.hello.port)
  const samples = []
  const every = Math.max(1, SECONDS / 100)
  for (let elapsed = 0; elapsed < SECONDS; elapsed += every) {
    await new Promise((resolve) => setTimeout(resolve, every * 1000))
    const sample = { hours: (elapsed + every) / 3600, ...(await under.ask()) }
    samples.push(sample)
    if (samples.length % 10 === 0)
      console.log(
        `${Math.round(elapsed + every)} s: heap ${sample.heap.toFixed(1)} MB, rss ${sample.rss.toFixed(0)} MB, ${sample.fds} fds, ${load.lost()} of ${load.sent} unanswered`,
      )
  }
  const lost = await load.stop()
  const settled = samples.slice(samples.length >> 2)
  const slope = slopeOf(settled)
  const fds = settled.map((sample) => sample.fds)
  const { unhandled } = samples.at(-1)
  console.log(
    `heap ${slope.toFixed(2)} MB/h, fds ${Math.min(...fds)} to ${Math.max(...fds)}, unhandled ${unhandled}, unanswered ${lost} of ${load.sent}`,
  )
  for (const { child } of [up, under]) child.kill('SIGKILL')
  // A slope over less than ten minutes says nothing.
  const grows = SECONDS >= 600 && slope > SLOPE
  return !grows && Math.max(...fds) - Math.min(...fds) <= 16 && unhandled === 0 && lost === 0
}

async function role(name, argument) {
  const child = fork(fileURLToPath(import.meta.url), [name, JSON.stringify(argument)], { execArgv: ['--expose-gc'] })
  const message = () =>
    new Promise((resolve, reject) => {
      const ended = (code) => reject(new Error(`${name} ended with ${code}`))
      child.once('exit', ended)
      child.once('message', (answer) => {
        child.removeListener('exit', ended)
        resolve(answer)
      })
    })
  const hello = await message()
  return { child, hello, ask: () => (child.send('sample'), message()) }
}

/** MB of heap an hour, by least squares. */
function slopeOf(samples) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(samples.map(({ hours }) => hours)), mean(samples.map(({ heap }) => heap))]
  const [above, below] = samples.reduce(
    ([a, b], { hours, heap }) => [a + (hours - x) * (heap - y), b + (hours - x) ** 2],
    [0, 0],
  )
  return below === 0 ? 0 : above / below
}

/** A client at a steady rate, with a name of its own for every query. */
class Load {
  sent = 0
  #waiting = new Map()
  #lost = 0
  #socket = dgram.createSocket('udp4')
  #began = performance.now()

  constructor(port) {
    this.#socket.on('message', (reply) => this.#waiting.delete(reply.readUInt16BE(0)))
    this.#socket.connect(port, '127.0.0.1', () => {
      this.#socket.setRecvBufferSize(4 << 20)
      this.timer = setInterval(() => this.#send(), 5)
    })
  }

  #send() {
    const due = ((performance.now() - this.#began) / 1000) * RATE
    for (; this.sent < due; this.sent++) {
      const id = this.sent & 0xffff
      // An ID comes round after 65 s: whoever still waits under it waits in vain.
      if (this.#waiting.has(id)) this.#lost++
      this.#waiting.set(id, this.sent)
      const label = Buffer.from(`n${this.sent}`)
      this.#socket.send(
        Buffer.concat([
          Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length]),
          label,
          Buffer.from('04736f616b076578616d706c650000010001', 'hex'),
        ]),
      )
    }
  }

  lost() {
    return this.#lost
  }

  async stop() {
    clearInterval(this.timer)
    await new Promise((resolve) => setTimeout(resolve, 6000))
    this.#socket.close()
    return this.#lost + this.#waiting.size
  }
}

if (process.argv[2] === undefined) process.exit((await soak()) ? 0 : 1)
else await ROLES[process.argv[2]](JSON.parse(process.argv[3]))
