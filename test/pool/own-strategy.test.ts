import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Strategy, type Candidate } from 'headrace'
import { stage } from './stage.js'

type Method = 'order' | 'width' | 'stagger' | 'mayHedge' | 'settled'

/** A user's strategy with a mistake in one method. */
class Broken extends Strategy {
  readonly name = 'broken'
  readonly #method: Method

  constructor(method: Method) {
    super()
    this.#method = method
  }

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    this.#at('order')
    return candidates
  }

  override width(): number {
    this.#at('width')
    return 1
  }

  override stagger(): number {
    this.#at('stagger')
    return 5
  }

  override mayHedge(): boolean {
    this.#at('mayHedge')
    return true
  }

  override settled(): void {
    this.#at('settled')
  }

  #at(method: Method): void {
    if (method === this.#method) throw new Error('a mistake')
  }
}

/** A user's strategy that returns whatever it likes. */
class Odd extends Strategy {
  readonly name = 'odd'
  readonly #give: (candidates: readonly Candidate[]) => unknown
  readonly #number: number

  constructor(give: (candidates: readonly Candidate[]) => unknown, number = 1) {
    super()
    this.#give = give
    this.#number = number
  }

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    return this.#give(candidates) as Iterable<C>
  }

  override width(): number {
    return this.#number
  }

  override stagger(): number {
    return this.#number
  }
}

describe("a user's strategy", () => {
  test.each<Method>(['order', 'width', 'stagger', 'mayHedge', 'settled'])(
    'that throws in %s() fails the query, which leaves nothing behind',
    async (method) => {
      const t = stage(new Broken(method), { a: { after: 20 }, b: { after: 20 } })
      await assert.rejects(t.query(), {
        code: 'ERR_DNS_NO_UPSTREAM',
        message: `pool default: strategy broken threw in ${method}()`,
      })
      await t.pool.close()
      assert.deepEqual([t.pool.outstanding, t.clock.pending], [0, 0])
    },
  )

  test.each<Method>(['order', 'settled'])('that throws in %s() over one member fails the query too', async (method) => {
    const t = stage(new Broken(method), { a: {} })
    await assert.rejects(t.query(), { code: 'ERR_DNS_NO_UPSTREAM' })
    await t.pool.close()
  })

  test.each<[string, (candidates: readonly Candidate[]) => unknown]>([
    ['nothing', () => []],
    ['undefined', () => undefined],
    ['copies', (candidates) => candidates.map((candidate) => ({ ...candidate }))],
    ['somebody undefined', () => [undefined]],
  ])('that orders %s fails the query', async (_what, give) => {
    for (const script of [{ a: {} }, { a: {}, b: {} }])
      await assert.rejects(stage(new Odd(give), script).query(), { code: 'ERR_DNS_NO_UPSTREAM' })
  })

  test.each([NaN, 0, -1, 1e9])('whose numbers are %d is asked all the same', async (number) => {
    const t = stage(new Odd((candidates) => candidates, number), { a: { silent: true }, b: {} })
    assert.equal((await t.query()).upstream, 'b')
  })

  test('that orders without end is drawn from as often as there are members', async () => {
    const endless = function* (candidates: readonly Candidate[]) {
      for (;;) yield candidates[0]
    }
    const t = stage(new Odd(endless), { a: { fail: true }, b: { fail: true } })
    await assert.rejects(t.query(), { code: 'ERR_DNS_ALL_FAILED' })
    assert.equal(t.upstreams.a.asked, 2)
  })
})
