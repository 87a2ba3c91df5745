// A program that asks by itself, without a server: forwarder.query(), a resolver or node:dns, 64 questions in flight.
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
  const { Forwarder, Resolver } = await import('headrace')
  if (variant === 'resolver') {
    const resolver = new Resolver(servers)
    return (next) => resolver.resolve4(name()).then(() => next(null), next)
  }
  if (variant.endsWith('-hit')) return hits(new Resolver(new Forwarder({ upstreams: [await site()], cache: {} })))
  const forwarder = new Forwarder(servers)
  const settle = variant === 'headrace-answers' ? (reply) => reply.answers.length : () => null
  return (next) => forwarder.query(name(), 'A').then((reply) => next(settle(reply) === 0 ? reply : null), next)
}

/** A server of our own that knows both families, for what is asked once and then never again. */
async function site() {
  const { FakeServer } = await import('headrace/testing')
  const server = await FakeServer.listen({ answer: ({ type }) => [type === 'A' ? '192.0.2.1' : '2001:db8::1'] })
  return server.address
}

/** One name over and over, from a cache. */
async function hits(resolver) {
  const host = 'www.example.com'
  if (variant === 'resolver-hit') return (next) => resolver.resolve4(host).then(() => next(null), next)
  if (variant === 'lookup-hit') return (next) => resolver.lookup(host, { all: true }, next)
  if (variant === 'lookup-family-hit') return (next) => resolver.lookup(host, { all: true, family: 4 }, next)
  const { default: CacheableLookup } = await import('cacheable-lookup')
  const node = new dns.promises.Resolver()
  node.setServers(resolver.getServers())
  const { lookup } = new CacheableLookup({ resolver: node })
  const options = variant === 'cacheable-lookup-family-hit' ? { all: true, family: 4 } : { all: true }
  return (next) => lookup(host, options, next)
}

const askOne = await asker()
function loop() {
  askOne((error) => {
    done++
    if (error !== null) failed++
    // What comes from a cache would never let a message through.
    if ((done & 1023) === 0) setImmediate(loop)
    else loop()
  })
}
for (let i = 0; i < Number(inFlightText); i++) loop()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system, done, failed, at: performance.now() })
})
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
