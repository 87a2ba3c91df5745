// A program that asks by itself, without a server: forwarder.query() or node:dns, 64 questions in flight.
// Arguments: variant, upstream port, how many in flight.
import dns from 'node:dns'

const [variant, port, inFlightText] = process.argv.slice(2)
let asked = (process.pid & 0xfff) << 20
let done = 0
let failed = 0
const name = () => `x${(asked++ >>> 0).toString(16).padStart(8, '0')}.example.com`

async function asker() {
  const servers = [`127.0.0.1:${port}`]
  if (variant === 'c-ares') {
    const resolver = new dns.Resolver()
    resolver.setServers(servers)
    return (next) => resolver.resolve4(name(), next)
  }
  if (variant === 'c-ares-promises') {
    const resolver = new dns.promises.Resolver()
    resolver.setServers(servers)
    return (next) => resolver.resolve4(name()).then(() => next(null), next)
  }
  const { Forwarder } = await import('headrace')
  const forwarder = new Forwarder(servers)
  const settle = variant === 'headrace-answers' ? (reply) => reply.answers.length : () => null
  return (next) => forwarder.query(name(), 'A').then((reply) => next(settle(reply) === 0 ? reply : null), next)
}

const askOne = await asker()
function loop() {
  askOne((error) => {
    done++
    if (error !== null) failed++
    loop()
  })
}
for (let i = 0; i < Number(inFlightText); i++) loop()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system, done, failed, at: performance.now() })
})
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
