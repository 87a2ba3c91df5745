// A server over QUIC in a process of its own: headrace's listeners, which answer every question with three addresses by
// themselves. Arguments: files of the certificate and of its key.
import { readFileSync } from 'node:fs'
import { createServer, Message } from 'headrace'

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file))
const answers = [1, 2, 3].map((host) => ({ name: '', type: 'A', ttl: 300, data: `192.0.2.${host}` }))
const root = {
  exchange(query) {
    const { name } = query.message.question
    const message = Message.reply(query, { answers: answers.map((answer) => ({ ...answer, name })) })
    return Promise.resolve({ message, upstream: 'bench', age: 0 })
  },
}
const listen = '127.0.0.1:0'
const server = await createServer(root, { quic: { listen, cert, key }, h3: { listen, cert, key } })
process.on('disconnect', () => process.exit(0))
process.send({ ports: Object.fromEntries(server.addresses.map(({ transport, port }) => [transport, port])) })
