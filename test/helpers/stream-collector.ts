import { Buffer } from 'node:buffer'
import type { ConnectionEnd, StreamHandler } from '../../src/quic/types.js'

/** Calls back once, with all octets of a stream or with why there are none. */
export class StreamCollector implements StreamHandler {
  readonly #chunks: Buffer[] = []
  readonly #done: (got: Buffer | string) => void

  constructor(done: (got: Buffer | string) => void) {
    this.#done = done
  }

  onData(octets: Buffer, fin: boolean): void {
    this.#chunks.push(octets)
    if (fin) this.#done(Buffer.concat(this.#chunks))
  }

  onReset(code: number): void {
    this.#done(`reset with ${code}`)
  }

  onStopped(code: number): void {
    this.#done(`stopped with ${code}`)
  }

  onLost({ cause, code, reason }: ConnectionEnd): void {
    this.#done(`lost: ${cause} ${code} ${reason}`)
  }
}
