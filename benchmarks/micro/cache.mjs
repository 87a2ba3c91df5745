// A million one-address replies in the cache: octets of memory each, the longest pause while filling, and what an entry
// costs to keep and to find; beside it a Map of Buffers.
import { dist, keep, measure } from './_harness.mjs'

const { Cache } = await import(new URL('cache/cache.js', dist))
const { Message } = await import(new URL('wire/message.js', dist))

const smoke = process.argv.includes('--smoke')
const COUNT = smoke ? 20_000 : 1_000_000
const MAX_EACH = 250
const MAX_PAUSE = 20

const query = Message.query('host-0000000.example.com', 'A')
const reply = Message.reply(query, {
  answers: [{ name: 'host-0000000.example.com', type: 'A', ttl: 300, data: '192.0.2.1' }],
})

/** `wire` with the number in its first label set to `n`. */
function numbered(wire, n) {
  const octets = Buffer.from(wire)
  for (let at = 24, left = n; at > 17; at--, left = Math.floor(left / 10)) octets[at] = 0x30 + (left % 10)
  return octets
}
const queryFor = (n) => ({ message: new Message(numbered(query.wire, n)) })
const replyFor = (n) => ({ message: new Message(numbered(reply.wire, n)), upstream: 'bench', age: 0 })

const memory = () => {
  for (let i = 0; i < 3; i++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Calls `put` for each of them. @returns octets each and the longest pause, in ms */
function fill(put) {
  const before = memory()
  let longest = 0
  let last = performance.now()
  for (let n = 0; n < COUNT; n++) {
    put(n)
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  return { each: (memory() - before) / COUNT, longest }
}

function print(what, { each, longest }, judged) {
  const verdict = (ok) => (smoke || !judged ? '' : ok ? ', met' : ', MISSED')
  console.log(`${what}: ${each.toFixed(0)} octets each${verdict(each <= MAX_EACH)}, longest pause ${longest.toFixed(1)} ms${verdict(longest <= MAX_PAUSE)}`) // prettier-ignore
}

const context = { deadline: Infinity, scope: null, client: null, purpose: 'query', trace: null }
const asking = { started: 0, deadline: 1e9, timeout: undefined, attach: () => false, onReply: keep, onFailure(error) { throw error } } // prettier-ignore
const store = (n, cache) => cache.ask(queryFor(n), context, asking)
const upstream = { ask: (asked, _ctx, sink) => sink.onReply(replyFor(Number(asked.message.wire.latin1Slice(18, 25)))) }

print(
  'warm-up',
  fill((n) => store(n, (globalThis.warm ??= new Cache(upstream)))),
  false,
)
globalThis.warm.destroy()
const cache = new Cache(upstream, { maxSize: 2 ** 28 })
print(
  `${COUNT} replies, at most ${MAX_EACH} octets and ${MAX_PAUSE} ms`,
  fill((n) => store(n, cache)),
  true,
)
const { entries, evicted, size } = cache.stats
console.log(`${entries} entries, ${evicted} evicted, ${(size / entries).toFixed(0)} octets each by its own count`)

const map = new Map()
print('Map of Buffers by questionKey', fill((n) => map.set(queryFor(n).message.questionKey, replyFor(n).message.wire)), false) // prettier-ignore

console.log('\nevery name another one')
const queries = Array.from({ length: 65_536 }, (_, i) => queryFor(Math.floor((i * COUNT) / 65_536)))
let serial = COUNT
measure({
  hit: (i) => cache.ask(queries[i & 0xffff], context, asking),
  'miss, asked, kept': () => store(serial++ % 9_999_999, cache),
  'the asking alone': () => upstream.ask(queryFor(serial++ % 9_999_999), context, asking),
  'Map of Buffers, found': (i) => new Message(map.get(new Message(queries[i & 0xffff].message.wire).questionKey)),
})
cache.destroy()
