// An upstream in a process of its own: answers every question with three addresses, at once or when told to.
// Arguments: how many ports, and after how many ms it answers. 'hold' keeps queries until 'release'.
import dgram from 'node:dgram'

const [count = '1', delay = '0'] = process.argv.slice(2)
const ANSWER = Buffer.concat(
  [1, 2, 3].map((host) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, host])),
)
const held = []
let seen = 0
let holding = false

function questionEnd(query) {
  let at = 12
  while (query[at] !== 0) at += query[at] + 1
  return at + 5
}

function replyTo(query) {
  const end = questionEnd(query)
  const reply = Buffer.allocUnsafe(end + ANSWER.length)
  query.copy(reply, 0, 0, end)
  ANSWER.copy(reply, end)
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(3, 6)
  reply.writeUInt32BE(0, 8)
  return reply
}

const sockets = []
for (let i = 0; i < Number(count); i++) {
  const socket = dgram.createSocket({ type: 'udp4' })
  socket.on('message', (query, peer) => {
    seen++
    if (holding) held.push({ socket, query: Buffer.from(query), peer })
    else if (delay !== '0') setTimeout(() => socket.send(replyTo(query), peer.port, peer.address), Number(delay))
    else socket.send(replyTo(query), peer.port, peer.address)
  })
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.setRecvBufferSize(4 << 20)
  sockets.push(socket)
}

process.on('message', async (message) => {
  if (message === 'seen') process.send({ seen })
  if (message === 'hold') holding = true
  if (message !== 'release') return
  holding = false
  // In bursts, so that nobody's receive buffer is what this measures.
  for (let i = 0; i < held.length; i++) {
    held[i].socket.send(replyTo(held[i].query), held[i].peer.port, held[i].peer.address)
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  held.length = 0
  process.send({ released: true })
})
process.on('disconnect', () => process.exit(0))
process.send({ ports: sockets.map((socket) => socket.address().port) })
