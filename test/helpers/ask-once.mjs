// Asks once for www.example through the addresses in the second argument, prints the RCODE, and closes the forwarder where
// the first argument is "close". The third is the file of the authority to trust.
import { readFileSync } from 'node:fs'
import { Forwarder } from 'headrace'

const [how, addresses, file] = process.argv.slice(2)
const forwarder = new Forwarder({
  upstreams: addresses.split(','),
  strategy: 'parallel',
  upstreamDefaults: { tls: { ca: readFileSync(file) } },
})
console.log((await forwarder.query('www.example', 'A')).rcode)
if (how === 'close') await forwarder.close()
