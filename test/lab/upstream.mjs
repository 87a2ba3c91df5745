// A scripted upstream: answers every question with one A record, after a round trip that it adds itself, over UDP and
// TCP. Counts what it was sent of each name.
import dgram from 'node:dgram'
import net from 'node:net'
import { serve, setting } from './role.mjs'

const ANSWER = Buffer.from('c00c000100010000012c0004c0000201', 'hex')
const { address, rtt, jitter = 0 } = setting()
const seen = new Map()
let total = 0
let connections = 0

const socket = dgram.createSocket('udp4')
socket.on('message', (query, peer) => {
  note(query, 0)
  later(() => socket.send(replyTo(query), peer.port, peer.address))
})
await new Promise((resolve) => socket.bind(53, address, resolve))
socket.setRecvBufferSize(4 << 20)

const server = net.createServer((connection) => {
  connections++
  // What was written before the handshake could have been over waits for it: the kernel's takes no time here.
  const established = performance.now() + rtt
  let rest = Buffer.alloc(0)
  connection.on('error', () => {})
  connection.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const size = rest.readUInt16BE(0)
      const query = rest.subarray(2, 2 + size)
      rest = rest.subarray(2 + size)
      note(query, 1)
      const reply = replyTo(query)
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      setTimeout(
        () => connection.write(Buffer.concat([length, reply])),
        Math.max(0, established - performance.now()) + rtt,
      )
    }
  })
})
await new Promise((resolve) => server.listen(53, address, resolve))

serve((message) => {
  if (message === 'total') return total
  const counts = [...seen.values()]
  const most = (at) => counts.reduce((max, count) => Math.max(max, count[at]), 0)
  const answer = {
    names: seen.size,
    total,
    connections,
    udp: most(0),
    tcp: most(1),
    byTcp: counts.filter((count) => count[1] > 0).length,
  }
  if (message === 'clear') seen.clear()
  return answer
})

function later(send) {
  setTimeout(send, Math.max(0, rtt + jitter * (2 * Math.random() - 1)))
}

function note(query, at) {
  const name = query.toString('latin1', 12, nameEnd(query)).toLowerCase()
  let counts = seen.get(name)
  if (counts === undefined) seen.set(name, (counts = [0, 0]))
  counts[at]++
  total++
}

function replyTo(query) {
  const reply = Buffer.concat([query.subarray(0, nameEnd(query) + 4), ANSWER])
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(1, 6)
  reply.writeUInt32BE(0, 8)
  return reply
}

function nameEnd(query) {
  let end = 12
  while (query[end] !== 0) end += query[end] + 1
  return end + 1
}
