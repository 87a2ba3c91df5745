import type { Message } from '../wire/message.js'

/** Names of one type that are remembered, and as many again from before. */
const GENERATION = 500

/**
 * Queries for names that were answered at once, as a cache does: they are likely to be asked for again, and encoding
 * one costs as much as the cache. Others are not kept: 1,000 that outlive their query cost the collector 2 µs each.
 */
export class Questions {
  readonly #types = new Map<number, Recent>()

  get(name: string, type: number): Message | undefined {
    return this.#types.get(type)?.get(name)
  }

  add(name: string, type: number, question: Message): void {
    let recent = this.#types.get(type)
    if (recent === undefined) this.#types.set(type, (recent = new Recent()))
    recent.add(name, question)
  }
}

/** The last few hundred, and those before them that were asked for since. */
class Recent {
  #young = new Map<string, Message>()
  #old = new Map<string, Message>()

  get(name: string): Message | undefined {
    const young = this.#young.get(name)
    if (young !== undefined) return young
    const old = this.#old.get(name)
    if (old !== undefined) this.add(name, old)
    return old
  }

  add(name: string, question: Message): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, question)
  }
}
