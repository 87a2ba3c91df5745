// A DNS server in front of a forwarder. The upstreams are functions, so it runs without a network.
import { createSocket } from 'node:dgram'
import { createServer, Forwarder, Message, type FunctionUpstream } from 'headrace'

const upstream = (name: string, address: string): FunctionUpstream => ({
  name,
  exchange: (query) =>
    Promise.resolve(
      Message.reply(query, { answers: [{ name: query.message.question!.name, type: 'A', ttl: 300, data: address }] }),
    ),
})

const forwarder = new Forwarder({
  upstreams: [upstream('first', '192.0.2.1'), upstream('second', '192.0.2.2')],
  strategy: 'failover',
})
const server = await createServer(forwarder, {
  listen: '127.0.0.1:0', // UDP and TCP, on a port that is free for both
  allow: ['127.0.0.0/8'], // nobody else is answered
})

const [address] = server.addresses
console.log(`Listening on ${String(address)}: dig @${address!.address} -p ${address!.port} example.com`)

server.on('reply', ({ client, query, upstream: by, elapsed }) => {
  console.log(
    `${client.address} asked for ${query.question?.name}; ${by} answered within ${elapsed < 1000 ? 'a second' : elapsed}`,
  )
})
server.on('denied', ({ client, why }) => console.log(`${client.address} was turned away: ${why}`))

// What any DNS client would do.
const client = createSocket('udp4')
const reply = await new Promise<Message>((resolve) => {
  client.once('message', (octets) => resolve(Message.from(octets)))
  client.send(Message.query('www.example.com', 'A', { id: 4711 }).wire, address!.port, address!.address)
})
client.close()
console.log(reply.id, reply.answers[0]?.data)

await server.close() // answers what is under way first
await forwarder.close() // whoever made it closes it
console.log(server.stats.replies, 'reply sent')
