// The least that asks over QUIC: one connection on the core, driven without classes, guards or queues, one stream a
// question. What headrace's own clients are compared with.
import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { brotliDecompressSync } from 'node:zlib'

const HEAD = 28
const ADDRESS = 24
const [CONNECTED, LOST, DATA] = [1, 2, 3]

/**
 * Connects to a server on 127.0.0.1, and gives `ask(octets, next)`: `octets` go out on a stream of their own, and `next` is
 * called with all that comes back; it waits where the server grants no stream. `greeting` goes out first, on a
 * unidirectional stream. `suites`: ciphers to offer, by their numbers in TLS 1.3; without any the core's own choice.
 */
export async function connectBare({ port, ca, serverName, alpn, suites = [], greeting = null }) {
  const core = await instantiate()
  const { put, taken, exports } = core
  const certificates = [...String(ca).matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END/g)]
  const config = [
    Buffer.from([1]),
    u32(30_000),
    u32(0),
    list([Buffer.from(alpn)]),
    list(suites.map((suite) => Buffer.from([suite >> 8, suite & 255]))),
    list(certificates.map(([, base64]) => Buffer.from(base64, 'base64'))),
    list([]),
    u32(0),
  ]
  if (exports.quic_start_client(put(Buffer.concat(config))) !== 0) throw new Error('the core refuses the configuration')

  const socket = createSocket('udp4')
  await new Promise((resolve) => socket.connect(port, '127.0.0.1', resolve))
  const remote = Buffer.alloc(ADDRESS)
  remote.writeUInt16LE(port)
  remote.writeUInt16LE(4, 2)
  remote.set([127, 0, 0, 1], 4)
  const name = Buffer.from(serverName)
  const connection = exports.quic_connect(
    put(Buffer.concat([u32(0), u32(5000), u32(1), remote, u32(name.length), name])),
  )
  if (connection < 0) throw new Error('the core refuses to connect')

  const waiting = new Map()
  let inbox = []
  let woken = false
  let timer
  let settle
  const connected = new Promise((resolve, reject) => (settle = { resolve, reject }))

  /** What waits until the server grants a stream. */
  const queue = []
  const begin = (octets, next) => {
    const stream = exports.quic_open(connection, 0)
    if (stream < 0) return false
    waiting.set(stream, { parts: [], next })
    exports.quic_write(connection, stream, put(octets), 1)
    return true
  }
  const wake = () => {
    if (woken) return
    woken = true
    setImmediate(turn)
  }
  const turn = () => {
    woken = false
    if (inbox.length > 0) {
      const all = Buffer.concat(inbox)
      inbox = []
      exports.quic_receive(put(all))
    }
    for (let events = taken(exports.quic_turn()); events.length > 0; events = taken(exports.quic_turn())) tell(events)
    for (let batch = taken(exports.quic_transmit()); batch.length > 0; batch = taken(exports.quic_transmit())) {
      for (let at = 0; at < batch.length;) {
        const start = at + 12 + ADDRESS
        const end = start + batch.readUInt32LE(at)
        socket.send(batch.subarray(start, end))
        at = end
      }
    }
    clearTimeout(timer)
    const due = exports.quic_next_due()
    if (due >= 0) timer = setTimeout(turn, Math.ceil(due))
  }
  const tell = (events) => {
    for (let at = 0; at < events.length;) {
      const end = at + HEAD + events.readUInt32LE(at + 24)
      const kind = events[at]
      if (kind === DATA) {
        const stream = events.readUInt32LE(at + 8)
        const waits = waiting.get(stream)
        // A stream of the server's own, whatever it says.
        if (waits === undefined) {
          at = end
          continue
        }
        waits.parts.push(Buffer.from(events.subarray(at + HEAD, end)))
        if (events[at + 1] === 1) {
          waiting.delete(stream)
          waits.next(waits.parts.length === 1 ? waits.parts[0] : Buffer.concat(waits.parts))
        }
      } else if (kind === CONNECTED) settle.resolve()
      else if (kind === LOST) settle.reject(new Error(events.toString('utf8', at + HEAD, end)))
      at = end
    }
    while (queue.length > 0 && begin(...queue[0])) queue.shift()
  }

  socket.on('message', (octets) => {
    inbox.push(u32(octets.length), u32(1), remote, octets)
    wake()
  })
  wake()
  await connected
  if (greeting !== null) exports.quic_write(connection, exports.quic_open(connection, 1), put(greeting), 0)
  return (octets, next) => {
    if (queue.length > 0 || !begin(octets, next)) queue.push([octets, next])
    wake()
  }
}

async function instantiate() {
  const { MODULE } = await import('../../build/quic/core/artefact.js')
  const module = new WebAssembly.Module(brotliDecompressSync(Buffer.from(MODULE, 'base64')))
  const view = () => new DataView(exports.memory.buffer)
  const known = {
    random_get: (at, n) => {
      randomFillSync(new Uint8Array(exports.memory.buffer, at, n))
      return 0
    },
    clock_time_get: (id, _precision, out) => {
      view().setBigUint64(out, id === 0 ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint(), true)
      return 0
    },
    environ_sizes_get: (count, size) => {
      view().setUint32(count, 0, true)
      view().setUint32(size, 0, true)
      return 0
    },
  }
  const wasi = Object.fromEntries(
    WebAssembly.Module.imports(module).map(({ name }) => [name, known[name] ?? (() => 0)]),
  )
  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi })
  exports._initialize?.()
  let memory = new Uint8Array(exports.memory.buffer)
  const octets = () =>
    memory.buffer === exports.memory.buffer ? memory : (memory = new Uint8Array(exports.memory.buffer))
  return {
    exports,
    put(data) {
      const at = exports.quic_input(data.length)
      octets().set(data, at)
      return data.length
    },
    taken(n) {
      if (n === 0) return Buffer.alloc(0)
      const at = exports.quic_output()
      return Buffer.from(octets().subarray(at, at + n))
    },
  }
}

function u32(value) {
  const octets = Buffer.alloc(4)
  octets.writeUInt32LE(value)
  return octets
}

function list(items) {
  return Buffer.concat([u32(items.length), ...items.flatMap((item) => [u32(item.length), item])])
}
