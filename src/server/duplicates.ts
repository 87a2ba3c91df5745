import { IntTable } from '../base/int-table.js'
import type { Message } from '../wire/message.js'
import type { Answer, Client } from './answer.js'

/**
 * UDP queries under way, to recognise one that a client sends again. Asking for it again would help nobody, and where
 * forwarders go round in circles each repetition would begin a circle of its own (A13).
 */
export class Duplicates {
  readonly #answers = new IntTable<Answer>()

  /** Whether the same query of the same client is under way. */
  has(query: Message, client: Client): boolean {
    const answer = this.#answers.get(keyOf(query, client))
    return answer !== undefined && answer.client.peer === client.peer && answer.query.message.sameQuestion(query)
  }

  /** Notes `answer` until {@link remove}; of two clients with one port and ID only the first is noted. */
  add(answer: Answer): void {
    const key = keyOf(answer.query.message, answer.client)
    if (this.#answers.has(key)) return
    answer.noted = true
    this.#answers.set(key, answer)
  }

  remove(answer: Answer): void {
    if (!answer.noted) return
    answer.noted = false
    this.#answers.delete(keyOf(answer.query.message, answer.client))
  }
}

/** Port and ID in the 32 bits that V8 keeps without allocating. */
function keyOf({ id }: Message, { port }: Client): number {
  return (port << 16) | id
}
