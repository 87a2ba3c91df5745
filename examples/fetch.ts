// fetch, agents and sockets reach hosts by names that only our upstream knows. Runs without the internet:
//
//   npx tsx examples/fetch.ts
import { createServer, get, Agent as HttpAgent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Resolver, Upstream } from 'headrace'
import { FakeServer } from 'headrace/testing'
import { Agent, fetch as undiciFetch } from 'undici'

const site = createServer((request, response) => response.end(`hello from ${request.headers.host?.split(':')[0]}\n`))
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
const { port } = site.address() as AddressInfo

// A DNS server over HTTPS that knows the site, and nothing else.
const dns = await FakeServer.listen({
  transports: ['https'],
  answer: ({ name, type }) => (name.endsWith('.intern') && type === 'A' ? ['127.0.0.1'] : 'NXDOMAIN'),
})
const upstream = new Upstream(dns.address, { tls: { ca: dns.ca } })
const resolver = new Resolver(upstream)
const { lookup } = resolver.callbacks // resolver.lookup, typed for callbacks alone

// undici: a dispatcher; global fetch takes one of its own version of undici
const dispatcher = new Agent({ connect: { lookup } })
console.log('undici:', (await (await undiciFetch(`http://wiki.intern:${port}/`, { dispatcher })).text()).trim())
await dispatcher.close()

// http and https: an agent, which axios, got and ws take in their ways
const agent = new HttpAgent({ lookup })
const answer = await new Promise<string>((resolve, reject) => {
  get({ host: 'mail.intern', port, agent }, (response) => response.setEncoding('utf8').on('data', resolve)).on('error', reject)
}) // prettier-ignore
console.log('http.Agent:', answer.trim())
agent.destroy()

// code that can't be told: everything that calls dns.lookup, until uninstall()
resolver.install()
console.log('global fetch:', (await (await fetch(`http://shop.intern:${port}/`)).text()).trim())
resolver.uninstall()

const failed = await undiciFetch(`http://nowhere.example:${port}/`, { dispatcher: new Agent({ connect: { lookup } }) }).catch((error: unknown) => error as Error) // prettier-ignore
if (failed instanceof Error) console.log('a name that is not there:', (failed.cause as Error).message)

await resolver.close()
await upstream.close()
await dns.close()
site.closeAllConnections()
site.close()
