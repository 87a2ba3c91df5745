// A document of another system becomes a forwarder, and one with mistakes says all of them. Runs without a network:
//
//   npx tsx examples/config.ts
import { Forwarder } from 'headrace'
import { ConfigError, parseConfig } from 'headrace/config'

const lazydns = `
plugins:
  - tag: forward
    type: forward
    args:
      upstreams: ["192.0.2.1:53", "https://dns.example/dns-query|doh"]
      strategy: fastest
      health_checks: true
`
const config = parseConfig(lazydns)
const forwarder = new Forwarder(config.forwarder)
for (const { name, strategy, members } of forwarder.pools) {
  console.log(`${config.format}: pool ${name}, ${strategy.name}: ${members.map((member) => member.name).join(', ')}`)
}
await forwarder.close()

const mistaken = `
[[dns.pools]]
strategy = "Paralel"
servers = ["tsl://192.0.2.1", "192.0.2.2"]
`
try {
  parseConfig(mistaken, { file: 'headrace.toml' })
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  console.log(error.message)
}
