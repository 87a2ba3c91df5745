// 10,000 queries outstanding at once: heap a query, everything answered in the end, and nothing kept after.
import { ask, end, start } from './processes.mjs'

const CASES = [
  { what: 'one upstream', strategy: 'failover', upstreams: 1, target: 1024 },
  { what: 'parallel over three upstreams', strategy: 'parallel', upstreams: 3, target: 2048 },
]
/** How late the upstream is while the pool learns, in ms: so that nothing is sent again while the heap is looked at. */
const PATIENT = { smoke: 300, else: 1500 }
/** What may remain on the heap of 10,000 queries once they are answered, in octets each. */
const RETAINED = 20

export async function run({ smoke }) {
  const count = smoke ? 1000 : 10_000
  const rows = []
  for (const { what, strategy, upstreams, target } of CASES) {
    const { held, retained, answered, failed, external } = await once(
      strategy,
      upstreams,
      count,
      smoke ? PATIENT.smoke : PATIENT.else,
    )
    rows.push({ what: `${what}: heap each`, value: held, unit: 'octets', target, met: held <= target, external })
    rows.push({
      what: `${what}: kept after`,
      value: retained,
      unit: 'octets',
      target: RETAINED,
      met: smoke ? null : retained <= RETAINED,
    })
    rows.push({
      what: `${what}: unanswered`,
      value: count - answered,
      unit: 'queries',
      target: 0,
      met: answered === count && failed === 0,
    })
  }
  return { title: `${count} outstanding at once`, rows }
}

async function once(strategy, upstreams, count, delay) {
  const responder = await start('responder.mjs', [upstreams, delay])
  const holder = await start('holder.mjs', [strategy, JSON.stringify(responder.hello.ports), count], {
    execArgv: ['--expose-gc'],
  })
  try {
    const before = await ask(holder.child, 'warm')
    const { seen } = await ask(responder.child, 'seen')
    responder.child.send('hold')
    await ask(holder.child, 'ask')
    await arrived(responder.child, seen + count * upstreams)
    const during = await ask(holder.child, 'heap')
    await ask(responder.child, 'release')
    const { answered, failed } = await ask(holder.child, 'settled')
    const after = await ask(holder.child, 'heap')
    const each = (to, from) => Math.round((to - from) / count)
    return {
      held: each(during.heapUsed, before.heapUsed),
      retained: each(after.heapUsed, before.heapUsed),
      external: each(during.external, before.external),
      answered,
      failed,
    }
  } finally {
    await Promise.all([end(holder.child), end(responder.child)])
  }
}

async function arrived(responder, count) {
  for (let i = 0; i < 500; i++) {
    if ((await ask(responder, 'seen')).seen >= count) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('not every query reached the upstream')
}
