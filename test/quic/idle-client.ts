// Asks once, and leaves its connection open.
import { Buffer } from 'node:buffer'
import { QuicClient } from '../../src/quic/client.js'
import { ask, when } from './stage.js'

const client = await QuicClient.create({ alpn: ['echo'], ca: process.env['CA']! })
const { connection, connected } = when(client, {
  address: '127.0.0.1',
  port: Number(process.env['PORT']),
  serverName: 'quic.test',
})
// Whoever waits holds the process: the client never does.
const waits = setTimeout(() => process.exit(1), 10_000)
await connected
await ask(connection, Buffer.from('hello'))
clearTimeout(waits)
console.log('answered')
