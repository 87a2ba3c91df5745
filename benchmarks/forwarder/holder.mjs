// Ten thousand questions outstanding at once: what each holds on the heap. Run with --expose-gc.
// Arguments: strategy, upstream ports as JSON, how many questions.
const [strategy, portsJson, countText] = process.argv.slice(2)
const count = Number(countText)
const { Forwarder, Message, Pool } = await import('headrace')
const pool = new Pool({
  strategy,
  timeout: 30_000,
  upstreams: JSON.parse(portsJson).map((port) => `127.0.0.1:${port}`),
})
const forwarder = new Forwarder({ pools: [pool], timeout: 60_000 })
let answered = 0
let failed = 0

const onReply = () => void answered++
const onFailure = () => void failed++
function ask(from, to) {
  for (let i = from; i < to; i++) {
    forwarder.exchange({ message: Message.query(`x${i}.example.com`, 'A') }).then(onReply, onFailure)
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
async function heap() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await pause(20)
  }
  return process.memoryUsage()
}

const STEPS = {
  /** Learn first: sockets, compiled code and statistics are not what a question holds. */
  async warm() {
    for (let i = 0; i < 3; i++) {
      ask(0, count)
      while (answered + failed < (i + 1) * count) await pause(20)
    }
    const { heapUsed, external, arrayBuffers } = await heap()
    answered = failed = 0
    return { heapUsed, external, arrayBuffers }
  },
  async ask() {
    // In bursts, so that the upstream's receive buffer is not what this measures.
    for (let i = 0; i < count; i += 100) {
      ask(i, Math.min(count, i + 100))
      await pause(1)
    }
    return {}
  },
  heap,
  async settled() {
    for (let i = 0; i < 3000 && answered + failed < count; i++) await pause(10)
    return { answered, failed }
  },
}
process.on('message', async (step) => process.send(await STEPS[step]()))
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
