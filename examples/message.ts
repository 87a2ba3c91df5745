// DNS messages by hand: a query, a reply to it, the octets, and back. Runs without a network:
//
//   npx tsx examples/message.ts
import { DnsError, Message } from 'headrace'

const query = Message.query('www.example', 'MX', { id: 4711, dnssecOk: true })
console.log(query.question, 'ID', query.id, 'RD', query.recursionDesired, 'DO', query.edns?.dnssecOk)

const reply = Message.reply(query, {
  answers: [
    { name: 'www.example', type: 'MX', ttl: 300, data: { preference: 10, exchange: 'mail.example' } },
    { name: 'www.example', type: 'MX', ttl: 300, data: { preference: 20, exchange: 'backup.example' } },
  ],
  additional: [{ name: 'mail.example', type: 'A', ttl: 60, data: '192.0.2.25' }],
})
console.log(`the reply takes ${reply.wire.length} octets`)

// What came from a socket or a file is copied and checked whole before anything is read from it.
const read = Message.from(reply.wire)
console.log('RCODE', read.rcode, 'lowest TTL', read.minTtl, 'same question:', read.sameQuestion(query))
for (const record of read.answers) {
  if (record.type === 'MX') console.log(record.name, record.ttl, record.data.preference, record.data.exchange)
}
for (const { name, type, data } of read.additional) console.log(name, type, data)

// A type without fields here is octets (RFC 3597).
const unknown = Message.reply(Message.query('www.example', 'TYPE65280'), {
  answers: [{ name: 'www.example', type: 65280, ttl: 1, data: Buffer.from('deadbeef', 'hex') }],
})
console.log(unknown.answers[0]?.type, unknown.answers[0]?.data)

try {
  Message.from(reply.wire.subarray(0, 40))
} catch (error) {
  if (!(error instanceof DnsError)) throw error
  console.log(error.code, error.message)
}
