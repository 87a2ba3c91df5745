// A server over TLS and QUIC in a process of its own: headrace's listeners, which answer every question with three addresses by
// themselves. Arguments: files of the certificate and of its key. To every message it says what memory it has, in octets.
import { readFileSync } from 'node:fs'
import { createServer, Message } from 'headrace'
import { memory } from './memory.mjs'

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file))
const answers = [1, 2, 3].map((host) => ({ name: '', type: 'A', ttl: 300, data: `192.0.2.${host}` }))
const root = {
  exchange(query) {
    const { name } = query.message.question
    const message = Message.reply(query, { answers: answers.map((answer) => ({ ...answer, name })) })
    return Promise.resolve({ message, upstream: 'bench', age: 0 })
  },
}
const own = { listen: '127.0.0.1:0', cert, key }
const server = await createServer(root, {
  tls: own,
  https: own,
  quic: own,
  h3: own,
  // No limit is what this measures.
  maxConnections: 10_000,
  maxConnectionsPerClient: 10_000,
  idleTimeout: 600_000,
})
process.on('message', () => process.send(memory()))
process.on('disconnect', () => process.exit(0))
process.send({ ports: Object.fromEntries(server.addresses.map(({ transport, port }) => [transport, port])) })
