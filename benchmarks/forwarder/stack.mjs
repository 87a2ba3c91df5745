// The forwarder under test, in a process of its own. Arguments: variant, and the upstreams' ports as JSON.
// Message 'cpu' asks for the microseconds of processor time that the whole process has used.
import dgram from 'node:dgram'
import { createRequire } from 'node:module'

const [variant, portsJson] = process.argv.slice(2)
const ports = JSON.parse(portsJson)
const VARIANTS = { relay, responder, headrace, 'headrace-64': headrace64, 'headrace-cache': headraceCache, dns2 }

/** The floor: a relay on dgram that only patches message IDs. */
async function relay() {
  const waiting = new Map()
  let next = 0
  const upstream = dgram.createSocket('udp4')
  await new Promise((resolve) => upstream.connect(ports[0], '127.0.0.1', resolve))
  const clients = dgram.createSocket('udp4')
  clients.on('message', (message, peer) => {
    const id = next++ & 0xffff
    waiting.set(id, [message.readUInt16BE(0), peer])
    message.writeUInt16BE(id, 0)
    upstream.send(message)
  })
  upstream.on('message', (message) => {
    const entry = waiting.get(message.readUInt16BE(0))
    if (entry === undefined) return
    waiting.delete(message.readUInt16BE(0))
    message.writeUInt16BE(entry[0], 0)
    clients.send(message, entry[1].port, entry[1].address)
  })
  upstream.on('error', () => {})
  await new Promise((resolve) => clients.bind(0, '127.0.0.1', resolve))
  for (const socket of [upstream, clients]) socket.setRecvBufferSize(4 << 20)
  return clients.address().port
}

/** The floor for a hit: an answer made of octets at hand, to whatever is asked. */
async function responder() {
  const answer = Buffer.from('c00c000100010000012c0004c0000201', 'hex')
  const clients = dgram.createSocket('udp4')
  clients.on('message', (query, peer) => {
    const end = query.indexOf(0, 12) + 5
    const reply = Buffer.allocUnsafe(end + answer.length)
    query.copy(reply, 0, 0, end)
    answer.copy(reply, end)
    reply.writeUInt16BE(0x8180, 2)
    reply.writeUInt16BE(1, 6)
    reply.writeUInt32BE(0, 8)
    clients.send(reply, peer.port, peer.address)
  })
  await new Promise((resolve) => clients.bind(0, '127.0.0.1', resolve))
  clients.setRecvBufferSize(4 << 20)
  return clients.address().port
}

async function headrace(options = {}, more = {}) {
  const { createServer, Forwarder, Pool, Upstream } = await import('headrace')
  const upstreams = ports.map((port) => new Upstream(`127.0.0.1:${port}`, options))
  const pool = new Pool({ name: 'bench', strategy: 'least-outstanding', upstreams })
  const server = await createServer(new Forwarder({ pools: [pool], ...more }), { listen: ['127.0.0.1:0'] })
  return Number(/(\d+)$/.exec(String(server.addresses[0]))[1])
}

function headrace64() {
  return headrace({ sockets: 64 })
}

function headraceCache() {
  return headrace({}, { cache: {} })
}

/** dns2 as its README shows a forwarder: a server, and a UDP client that asks for each query. */
async function dns2() {
  const { createServer, Packet, UDPClient } = createRequire(import.meta.url)('dns2')
  const resolve = UDPClient({ dns: '127.0.0.1', port: ports[0] })
  const server = createServer({
    udp: true,
    handle: async (request, send) => {
      const response = Packet.createResponseFromRequest(request)
      const reply = await resolve(request.questions[0].name)
      response.answers.push(...reply.answers)
      send(response)
    },
  })
  const addresses = await server.listen({ udp: { port: 0, address: '127.0.0.1', type: 'udp4' } })
  return addresses.udp.port
}

const port = await VARIANTS[variant]()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system })
})
process.on('disconnect', () => process.exit(0))
process.send({ port })
