// Why did this query go where it went? `trace: true` writes every decision down. Runs without a network:
//
//   npx tsx examples/trace.ts
import { Forwarder, type TraceStep } from 'headrace'
import { FakeServer } from 'headrace/testing'

const bad = await FakeServer.listen({ faults: [{ kind: 'rcode', rcode: 'SERVFAIL' }] })
const lossy = await FakeServer.listen({ faults: [{ kind: 'drop', transport: 'udp', first: 1 }] })

const forwarder = new Forwarder({
  pools: [
    { name: 'primary', priority: 1, strategy: 'failover', upstreams: [`${bad.address}|bad`] },
    { name: 'backup', priority: 2, strategy: 'failover', upstreams: [`${lossy.address}|lossy`] },
  ],
})

const { rcode, upstream, trace } = await forwarder.query('www.example', 'A', { trace: true })
for (const step of trace ?? []) console.log(describe(step))
console.log(`${rcode} from ${upstream}`)

// Without `trace: true` nothing is collected, and it costs nothing.
console.log((await forwarder.query('www.example', 'A')).trace)

await forwarder.close()
await bad.close()
await lossy.close()

/** Steps are plain objects, told apart by `step`: print them, or count them in a test. */
function describe(step: TraceStep): string {
  switch (step.step) {
    case 'pool':
      return `pool ${step.pool}: ${step.asked ? 'asked' : 'not asked'}, ${step.why}`
    case 'attempt':
      return `  asks ${step.upstream} (${step.why})`
    case 'send':
      return `    over ${step.transport} (${step.why})`
    case 'outcome':
      return `    ${step.upstream}: ${step.result}`
    case 'verdict':
      return `  ${step.upstream ?? 'no reply'}: ${step.why}`
    case 'order':
      return `  ${step.strategy} orders ${step.candidates.map(({ name }) => name).join(', ')}`
    case 'route':
      return `route ${step.suffix}: ${step.action}`
    case 'cache':
      return `cache: ${step.result}`
    case 'skip':
      return `  skips ${step.upstream}, ${step.why}`
    default:
      return step satisfies never
  }
}
