import type { Message } from '../wire/message.js'
import { questionOf } from './question.js'

/** Names of one type that are remembered, as many again from before. */
const GENERATION = 500

type Question = ReturnType<typeof questionOf>

/** Queries for names that were asked for lately: encoding one costs as much as answering it from a cache. */
export class Questions {
  readonly #types = new Map<number, Recent>()

  /** As {@link questionOf}. */
  of(name: string, type: number): Question {
    let recent = this.#types.get(type)
    if (recent === undefined) this.#types.set(type, (recent = new Recent()))
    return recent.get(name) ?? recent.add(name, questionOf(name, type))
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

  add<T extends Question>(name: string, question: T): T {
    if (typeof question === 'string') return question
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, question)
    return question
  }
}
