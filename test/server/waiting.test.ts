import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Deadlines } from '../../src/base/deadlines.js'
import { Answer, type AnswerOwner, type Client, type ReturnPath } from '../../src/server/answer.js'
import { Waiting } from '../../src/server/waiting.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { Message } from '../../src/wire/message.js'

function stage(): { clock: FakeClock; line: Waiting; expired: Answer[]; join: () => Answer } {
  const clock = new FakeClock()
  const expired: Answer[] = []
  const line = new Waiting(new Deadlines(clock), 100, (answer) => expired.push(answer))
  const join = (): Answer => {
    const answer = new Answer(
      {} as AnswerOwner,
      { message: Message.query('a.example') },
      {} as Client,
      {} as ReturnPath,
      clock.now(),
    )
    line.add(answer)
    return answer
  }
  return { clock, line, expired, join }
}

describe('answers that wait', () => {
  test('expire in the order in which they came, each after the delay', async () => {
    const { clock, expired, join } = stage()
    const first = join()
    await clock.advance(30)
    const second = join()
    await clock.advance(70)
    assert.deepEqual(expired, [first])
    await clock.advance(29)
    assert.deepEqual(expired, [first])
    await clock.advance(2)
    assert.deepEqual(expired, [first, second])
    assert.equal(clock.pending, 0)
  })

  test('do not expire once they are taken out, from whichever place', async () => {
    const { clock, line, expired, join } = stage()
    const [first, second, third, fourth] = [join(), join(), join(), join()]
    line.remove(second)
    line.remove(first)
    line.remove(fourth)
    line.remove(fourth)
    await clock.advance(200)
    assert.deepEqual(expired, [third])
  })

  test('expire all the same when the oldest left early and the alarm rang for nobody', async () => {
    const { clock, line, expired, join } = stage()
    line.remove(join())
    await clock.advance(50)
    const late = join()
    await clock.advance(60)
    assert.deepEqual(expired, [])
    await clock.advance(50)
    assert.deepEqual(expired, [late])
  })

  test('may be taken out while they are visited, and leave no timer behind', () => {
    const { clock, line, join } = stage()
    const answers = [join(), join(), join()]
    const seen: Answer[] = []
    line.each((answer) => {
      seen.push(answer)
      line.remove(answer)
    })
    assert.deepEqual(seen, answers)
    line.rest()
    const deadline = join()
    line.remove(deadline)
    line.rest()
    assert.ok(clock.pending <= 1) // an unreferenced timer may run out by itself
  })
})
