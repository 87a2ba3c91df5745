// A client in a process of its own: keeps so many questions, each with a name of its own, in flight at one server.
// Messages: { port, inFlight, names } begins, over and over with so many names if that is given, 'mark' asks for the counts, 'drain' sends no more and says what was lost.
import dgram from 'node:dgram'

const socket = dgram.createSocket({ type: 'udp4' })
const template = Buffer.from('00000100000100000000000009783030303030303030076578616d706c6503636f6d0000010001', 'hex')
const HEX = Buffer.from('0123456789abcdef')
/** After so many ms a question counts as lost, and another one takes its place. */
const PATIENCE = 3000
const sentAt = new Float64Array(65_536)
let serial = (process.pid & 0xfff) << 20
let names = Infinity
let id = 0
let got = 0
let failed = 0
let lost = 0
let inFlight = 0
let draining = false

function send() {
  while (sentAt[id] !== 0) id = (id + 1) & 0xffff
  const query = Buffer.from(template)
  query.writeUInt16BE(id, 0)
  for (let i = 0, n = serial++ % names; i < 8; i++, n >>>= 4) query[21 - i] = HEX[n & 15]
  sentAt[id] = performance.now()
  inFlight++
  id = (id + 1) & 0xffff
  socket.send(query)
}

socket.on('message', (reply) => {
  const answered = reply.readUInt16BE(0)
  if (sentAt[answered] === 0) return
  sentAt[answered] = 0
  inFlight--
  got++
  if ((reply[3] & 15) !== 0) failed++
  if (!draining) send()
})
socket.on('error', () => {})

setInterval(() => {
  const limit = performance.now() - PATIENCE
  for (let i = 0; i < 65_536; i++) {
    if (sentAt[i] === 0 || sentAt[i] > limit) continue
    sentAt[i] = 0
    inFlight--
    lost++
    if (!draining) send()
  }
}, 500)

process.on('message', (message) => {
  if (message === 'mark') process.send({ got, lost, failed, at: performance.now() })
  else if (message === 'drain') drain()
  else {
    names = message.names ?? Infinity
    socket.connect(message.port, '127.0.0.1', () => {
      socket.setRecvBufferSize(4 << 20)
      for (let i = 0; i < message.inFlight; i++) send()
    })
  }
})

function drain() {
  draining = true
  const limit = performance.now() + PATIENCE
  const timer = setInterval(() => {
    if (inFlight > 0 && performance.now() < limit) return
    clearInterval(timer)
    process.send({ got, lost: lost + inFlight, failed })
  }, 20)
}
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
