// A forwarder and its server, from the built package, which says whom it got replies from and how its upstreams fare: a
// line of JSON each, with the time of day. The arguments: options of the forwarder as JSON, and for how long the event
// loop is to stand still each second, in ms.
import { createServer, Forwarder } from 'headrace'

const [options, stall] = process.argv.slice(2)
const forwarder = new Forwarder(JSON.parse(options))
const say = (what) => console.log(JSON.stringify({ at: Date.now(), ...what }))

forwarder.on('reply', ({ upstream, elapsed }) => say({ what: 'reply', upstream, elapsed }))
for (const upstream of forwarder.upstreams)
  for (const what of ['suspect', 'down', 'up'])
    upstream.on(what, ({ cause }) => say({ what, cause, upstream: upstream.name }))

const { addresses } = await createServer(forwarder, { listen: ['127.0.0.1:0'] })
console.log(`${addresses[0].address}:${addresses[0].port}`)

if (Number(stall) > 0) {
  const still = new Int32Array(new SharedArrayBuffer(4))
  setInterval(() => Atomics.wait(still, 0, 0, Number(stall)), 1000)
}
