// Memory of a thousand connections that are idle, each of an upstream of its own, and of the server's end of them.
import { startOwn } from './connections.mjs'
import { ask, end, start } from './processes.mjs'

const TRANSPORTS = { smoke: ['tls', 'h3'], else: ['tls', 'https', 'doq', 'h3'] }

export async function run({ smoke }) {
  const count = smoke ? 20 : 1000
  const rows = []
  for (const transport of TRANSPORTS[smoke ? 'smoke' : 'else']) {
    const server = await startOwn()
    try {
      rows.push(...(await once(transport, server, count)))
    } finally {
      await server.stop()
    }
  }
  return { title: `${count} idle connections, each of an upstream of its own`, rows }
}

async function once(transport, { ports, ca, memory }, count) {
  const { child, hello } = await start('connector.mjs', [transport, ports[transport], 'hold', count], {
    execArgv: ['--expose-gc'],
    env: { NODE_EXTRA_CA_CERTS: ca },
  })
  try {
    const before = await memory()
    const { after, connections } = await ask(child, 'open')
    const served = await memory()
    return [
      rowOf(`${transport}, upstream`, hello.before, after, connections),
      rowOf(`${transport}, listener`, before, served, connections),
    ]
  } finally {
    await end(child)
  }
}

function rowOf(what, before, after, connections) {
  const kB = (name) => (after[name] - before[name]) / connections / 1000
  return { what, value: kB('rss'), unit: 'kB resident each', more: `${kB('heapUsed').toFixed(1)} kB of it on the heap` }
}
