import type { Delivery } from './fake-delivery.js'

/** Replies on one connection: held back until there are so many, and then sent last first; and not more than so many. */
export class FakeReplies {
  #held: (() => void)[] = []
  #count = 0

  /** `finish` closes the connection once what was sent is out. */
  add({ gather, closeAfter }: Pick<Delivery, 'gather' | 'closeAfter'>, send: () => void, finish: () => void): void {
    if (this.#count >= closeAfter) return
    this.#count++
    this.#held.push(send)
    if (this.#held.length >= gather) {
      const held = this.#held.reverse()
      this.#held = []
      for (const each of held) each()
    }
    if (this.#count >= closeAfter) finish()
  }
}
