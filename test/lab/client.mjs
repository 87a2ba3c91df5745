// A raw client beside the forwarder: asks distinct names over UDP at a steady rate, or all at once, and never repeats.
import dgram from 'node:dgram'
import { serve } from './role.mjs'

const PATIENCE = 6000
const socket = dgram.createSocket('udp4')
await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
socket.setRecvBufferSize(4 << 20)
const waiting = new Map()
let serial = 0
let doubles = 0

socket.on('message', (reply) => {
  const one = waiting.get(reply.readUInt16BE(0))
  if (one === undefined) return
  if (one.took !== null) return void doubles++
  one.took = performance.now() - one.sent
  one.rcode = reply[3] & 15
})

serve(async ({ qps, seconds, burst = 0 }) => {
  const began = performance.now()
  const all = []
  doubles = 0
  waiting.clear()
  while (burst > all.length) all.push(ask(began))
  while (burst === 0 && performance.now() - began < seconds * 1000) {
    // As many as are due, so that a late timer costs no rate.
    while (all.length < ((performance.now() - began) * qps) / 1000) all.push(ask(began))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const end = performance.now() + PATIENCE
  while (performance.now() < end && all.some(({ took }) => took === null))
    await new Promise((resolve) => setTimeout(resolve, 20))
  return { doubles, queries: all.map(({ at, took, rcode }) => ({ at, took, rcode })) }
})

function ask(began) {
  const id = ++serial & 0xffff
  const sent = performance.now()
  const one = { sent, at: sent - began, took: null, rcode: null }
  waiting.set(id, one)
  socket.send(queryFor(id, `q${serial}-${process.pid}.test.example`), 5300, '127.0.0.1')
  return one
}

function queryFor(id, name) {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])])
}
