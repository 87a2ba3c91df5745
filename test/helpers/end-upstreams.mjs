// Ends three upstreams over the scheme in the second argument, by the method in the first: one that has answered, at the
// address in the third, one that nobody listens for, and one whose handshake has just begun. The fourth is the file of the
// authority to trust. Prints how their queries ended, and at its own exit how many ms it took since.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Upstream } from 'headrace'

const [how, scheme, address, file] = process.argv.slice(2)
const tls = { ca: readFileSync(file) }

/** A port, and the socket that has it; nothing that comes there is answered, and it holds no process. */
async function port() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.unref()
  return { socket, at: `${scheme}://127.0.0.1:${socket.address().port}` }
}

const [closed, silent] = [await port(), await port()]
// Connected to another, it takes nothing from us, and nobody else gets its port meanwhile.
closed.socket.connect(silent.socket.address().port, '127.0.0.1')
await once(closed.socket, 'connect')
const begun = once(silent.socket, 'message')
const upstreams = [address, closed.at, silent.at].map((at) => new Upstream(at, { tls, timeout: 1500 }))
const asked = upstreams.map((upstream) => upstream.query('www.example', 'A').then(({ rcode }) => rcode, ({ code }) => code)) // prettier-ignore
await Promise.all([asked[0], asked[1], begun])
for (const upstream of upstreams) void upstream[how]()
console.log((await Promise.all(asked)).join(' '))
const over = performance.now()
process.once('exit', () => console.log(Math.round(performance.now() - over)))
