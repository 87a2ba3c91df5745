import { createSocket } from 'node:dgram'
import { HOSTS } from './nsd.js'
import { pause } from './peer.js'
import { buildQuery, rcodeOf } from './raw-dns.js'

/** How long a client waits for what is out, in ms. */
const PATIENCE = 5500

/** A reply that came. */
interface Sample {
  /** Time of day at which it was asked for, in ms. */
  readonly at: number
  readonly elapsed: number
}

/** A client that asks for the hosts of load.example at a steady rate, each question once, and counts what became of it. */
export class Load {
  sent = 0
  lost = 0
  failed = 0
  readonly #samples: Sample[] = []
  readonly #perSecond: number
  readonly #socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  readonly #waiting = new Map<number, number>()
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  #stopped: Promise<void> | null = null

  constructor(port: number, perSecond: number) {
    this.#perSecond = perSecond
    this.#socket.on('message', (reply: Buffer) => this.#take(reply))
    this.#socket.connect(port, '127.0.0.1')
    this.#timer = setInterval(() => this.#sendDue(), 5)
  }

  /** The longest wait for a reply, in ms. */
  get slowest(): number {
    return Math.max(0, ...this.#samples.map(({ elapsed }) => elapsed))
  }

  /** What 99 % of the replies stayed within that were asked for from `from` on and before `to`, times of day in ms. */
  p99(from: number, to: number): number {
    const times = this.#samples.filter(({ at }) => at >= from && at < to).map(({ elapsed }) => elapsed)
    return times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? NaN
  }

  /** Sends no more, and waits for what is out; a second call waits along. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop())
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer)
    const limit = performance.now() + PATIENCE
    while (this.#waiting.size > 0 && performance.now() < limit) await pause(50)
    this.lost = this.#waiting.size
    this.#socket.close()
  }

  #sendDue(): void {
    const due = ((performance.now() - this.#began) / 1000) * this.#perSecond
    while (this.sent < due) {
      const id = this.sent & 0xffff
      const query = buildQuery(`h${this.sent % HOSTS}.load.example`, 1, { id })
      this.#waiting.set(id, performance.now())
      this.#socket.send(query)
      this.sent++
    }
  }

  #take(reply: Buffer): void {
    const id = reply.readUInt16BE(0)
    const asked = this.#waiting.get(id)
    if (asked === undefined) return
    this.#waiting.delete(id)
    const elapsed = performance.now() - asked
    this.#samples.push({ at: Date.now() - elapsed, elapsed })
    if (rcodeOf(reply) !== 0 || reply.readUInt16BE(6) !== 1) this.failed++
  }
}
