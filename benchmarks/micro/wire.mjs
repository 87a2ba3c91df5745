// Nanoseconds of CPU per call of what wire does for each query that is forwarded. Run with --import tsx and WIRE=src for the sources.
const room = new URL(process.env['WIRE'] === 'src' ? '../../src/wire/' : '../../build/wire/', import.meta.url)
const extension = process.env['WIRE'] === 'src' ? 'ts' : 'js'
const { Message } = await import(new URL(`message.${extension}`, room))
const { acceptQuery, acceptReply } = await import(new URL(`accept.${extension}`, room))

const PACKETS = 64
const ROUNDS = 5
const ROUND_MS = 60
const names = Array.from({ length: PACKETS }, (_, i) => `host-${i}.bench.example.com`)
const queries = names.map((name) => Message.query(name, 'A', { edns: true }))
const wires = queries.map((query) => query.wire)
const A = (name) => ({ name, type: 'A', ttl: 300, data: '192.0.2.1' })
const small = queries.map((query, i) => Message.reply(query, { answers: [A(names[i])] }))
const chain = queries.map((query, i) =>
  Message.reply(query, {
    answers: [
      { name: names[i], type: 'CNAME', ttl: 300, data: 'edge.cdn.example.net' },
      { name: 'edge.cdn.example.net', type: 'CNAME', ttl: 60, data: 'node.cdn.example.net' },
      A('node.cdn.example.net'),
      A('node.cdn.example.net'),
    ],
    authority: [{ name: 'example.net', type: 'NS', ttl: 3600, data: 'ns1.example.net' }],
  }),
)
const opt = Object.freeze({ udpPayloadSize: 1232, dnssecOk: false, ede: [], options: [], padTo: 0 })
const upstream = Object.freeze({ udpPayloadSize: 1232, edns: true })
const toClient = Object.freeze({ opt, maxSize: 1232 })
const twins = wires.map((wire) => new Message(wire))

const cases = {
  acceptQuery: (i) => acceptQuery(wires[i], false),
  forUpstream: (i) => queries[i].forUpstream(i, upstream),
  'acceptReply, 1 record': (i) => acceptReply(small[i].wire, queries[i]),
  'acceptReply, chain of 5 records': (i) => acceptReply(chain[i].wire, queries[i]),
  copyFor: (i) => small[i].copyFor(queries[i], 0, toClient),
  'copyFor, aged': (i) => small[i].copyFor(queries[i], 7, toClient),
  'copyFor, chain of 5 records, aged': (i) => chain[i].copyFor(queries[i], 7, toClient),
  sameQuestion: (i) => queries[i].sameQuestion(twins[i]),
  'questionKey, first time': (i) => new Message(wires[i]).questionKey,
  scrubbed: (i) => small[i].scrubbed(),
}

/** Keeps results alive, so that no call is optimised away. */
export const sink = { last: null }

function measure(run) {
  for (let i = 0; i < 20_000; i++) sink.last = run(i % PACKETS)
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    let calls = 0
    let used = 0
    const start = process.cpuUsage()
    while (used < ROUND_MS * 1000) {
      for (let i = 0; i < PACKETS * 64; i++) sink.last = run(i % PACKETS)
      calls += PACKETS * 64
      const { user, system } = process.cpuUsage(start)
      used = user + system
    }
    best = Math.min(best, (used * 1000) / calls)
  }
  return best
}

console.log(`wire, ns of CPU per call, best of ${ROUNDS} rounds, Node ${process.version}`)
for (const [name, run] of Object.entries(cases)) console.log(`${name.padEnd(36)}${measure(run).toFixed(0).padStart(6)}`)
