// forwarder.query() of distinct names over UDP at 64 in flight, beside node:dns (c-ares) on the same server.
import { alternate, pace } from './measure.mjs'
import { ask, end, start } from './processes.mjs'

const LABELS = {
  'c-ares': 'node:dns Resolver (c-ares), callbacks',
  'c-ares-promises': 'node:dns promises Resolver (c-ares)',
  headrace: 'forwarder.query()',
  'headrace-answers': 'forwarder.query(), answers read',
}
const TARGET = 1

export async function run({ smoke, rounds }) {
  const variants = Object.keys(LABELS)
  const results = await alternate(variants.map((variant) => ({ variant })), pace(smoke, rounds), once) // prettier-ignore
  const rows = results.map((result, i) => {
    const ratio = result.us / results[0].us
    const target = variants[i] === 'headrace' ? TARGET : undefined
    return { what: LABELS[variants[i]], value: result.us, unit: 'µs CPU/query', ratio, of: 'c-ares', target, met: target === undefined ? null : ratio <= target, qps: result.qps, lost: result.failed, rounds: result.rounds } // prettier-ignore
  })
  return { title: 'In process, distinct names, 64 in flight', rows }
}

/** One fresh caller and responder: { us, qps, failed }. */
export async function once({ variant }, { warm, measure }) {
  const responder = await start('responder.mjs')
  const caller = await start('caller.mjs', [variant, responder.hello.ports[0], 64])
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
  try {
    await pause(warm)
    const before = await ask(caller.child, 'mark')
    await pause(measure)
    const after = await ask(caller.child, 'mark')
    const queries = after.done - before.done
    return {
      us: (after.cpu - before.cpu) / queries,
      qps: (queries * 1000) / (after.at - before.at),
      failed: after.failed,
    }
  } finally {
    await Promise.all([end(caller.child), end(responder.child)])
  }
}
