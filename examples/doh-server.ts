// A server over TLS and HTTPS whose certificate is renewed while it runs. The forwarder behind it needs no network:
//
//   npx tsx examples/doh-server.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, Forwarder, Upstream } from 'headrace'
import { FakeAuthority, FakeUpstream } from 'headrace/testing'

// What an ACME client would write: a certificate and its key, in two files.
const authority = new FakeAuthority()
const folder = mkdtempSync(join(tmpdir(), 'headrace-example-'))
const certFile = join(folder, 'cert.pem')
const keyFile = join(folder, 'key.pem')
function renew(): string {
  const { cert, key, pin } = authority.issue({ names: ['dns.example', '127.0.0.1'] })
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
  return pin
}

let pin = renew()
const forwarder = new Forwarder({ upstreams: [new FakeUpstream('behind')] })
const server = await createServer(forwarder, {
  tls: { listen: '127.0.0.1:0', certFile, keyFile },
  https: { listen: '127.0.0.1:0', certFile, keyFile, path: '/dns-query' },
})
server.on('query', ({ client }) => console.log(`  asked over ${client.transport}`))

// What any client would do; this one wants to see the very key that the server should have.
async function askAll(): Promise<void> {
  for (const address of server.addresses) {
    const upstream = new Upstream(String(address), { tls: { ca: authority.cert, pins: [pin] } })
    const { rcode } = await upstream.query('www.example', 'A')
    console.log(`${address.transport}: ${rcode}`)
    await upstream.close()
  }
}

await askAll()
pin = renew()
await server.reloadCertificates() // connections that are there stay; new ones are shown the new certificate
console.log('certificate renewed')
await askAll()

await server.close()
await forwarder.close()
rmSync(folder, { recursive: true })
