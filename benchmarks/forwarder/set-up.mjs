// How long the first answer takes over each encrypted transport: in a new process, by a new upstream, and by one whose
// connection has ended, which resumes its session.
import { startOwn } from './connections.mjs'
import { median } from './measure.mjs'
import { end, start } from './processes.mjs'

const TRANSPORTS = ['tls', 'https', 'doq', 'h3']
const STATES = {
  cold: 'cold: loading the library, and what else the transport needs',
  warm: 'warm: a new upstream',
  resumed: 'resumed: the same upstream again',
}

export async function run({ smoke, rounds = smoke ? 1 : 5 }) {
  const server = await startOwn()
  try {
    const rows = []
    for (const transport of TRANSPORTS) {
      const runs = []
      for (let round = 0; round < rounds; round++) runs.push(await once(transport, server, smoke ? 3 : 100))
      for (const [state, what] of Object.entries(STATES)) {
        const of = (unit) => median(runs.map((one) => one[state][unit]))
        rows.push({ what: `${transport}, ${what}`, value: of('ms'), unit: 'ms', more: `${(of('us') / 1000).toFixed(1)} ms CPU`, rounds: runs.map((one) => one[state]) }) // prettier-ignore
      }
    }
    return { title: 'the first answer, from a server of headrace’s own', rows }
  } finally {
    await server.stop()
  }
}

async function once(transport, { ports, ca }, count) {
  const args = [transport, ports[transport], 'set-up', count]
  const { child, hello } = await start('connector.mjs', args, {
    execArgv: ['--expose-gc'],
    env: { NODE_EXTRA_CA_CERTS: ca },
  })
  await end(child)
  return hello
}
