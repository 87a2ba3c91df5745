import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'vitest'
import { Emitter } from '../../src/base/emitter.js'

interface Events {
  reply: [event: { readonly id: number }]
  failure: [event: { readonly why: string }]
}

class Speaker extends Emitter<Events> {
  built = 0

  say(id: number): void {
    this.notify('reply', () => {
      this.built++
      return { id }
    })
  }
}

describe('emitter', () => {
  test('builds no payload when nobody listens', () => {
    const speaker = new Speaker()
    speaker.on('failure', () => {})
    speaker.say(1)
    assert.equal(speaker.built, 0)
  })

  test('builds one payload for all listeners, and calls them in order before it returns', () => {
    const speaker = new Speaker()
    const heard: [string, number][] = []
    const payloads = new Set<object>()
    for (const name of ['a', 'b']) {
      speaker.on('reply', (event) => {
        heard.push([name, event.id])
        payloads.add(event)
      })
    }
    speaker.say(7)
    assert.deepEqual(heard, [
      ['a', 7],
      ['b', 7],
    ])
    assert.equal(payloads.size, 1)
    assert.equal(speaker.built, 1)
  })

  test('once is told once, and off is told nothing more', () => {
    const speaker = new Speaker()
    let [once, on] = [0, 0]
    const listener = (): void => void on++
    speaker.once('reply', () => void once++)
    speaker.on('reply', listener)
    speaker.say(1)
    speaker.say(2)
    speaker.off('reply', listener)
    speaker.say(3)
    assert.deepEqual([once, on, speaker.built], [1, 2, 2])
  })

  test('a listener may take itself off and add others while it is told', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    speaker.once('reply', () => {
      heard.push('first')
      speaker.on('reply', () => heard.push('later'))
    })
    speaker.say(1)
    speaker.say(2)
    assert.deepEqual(heard, ['first', 'later'])
  })
})

describe('a listener that throws', () => {
  const script = (body: string): string => `
    import { Emitter } from '${new URL('../../src/base/emitter.ts', import.meta.url).href}'
    class Speaker extends Emitter { say() { this.notify('reply', () => ({})) } }
    const speaker = new Speaker()
    ${body}`
  const run = (body: string): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script(body)], {
      encoding: 'utf8',
      timeout: 15_000,
    })

  test('surfaces as an uncaught exception, and not in the caller', () => {
    const { stdout, status } = run(`
      process.on('uncaughtException', (error) => console.log('uncaught', error.message))
      speaker.on('reply', () => { throw new Error('mine') })
      speaker.say()
      console.log('the caller goes on')`)
    assert.deepEqual({ stdout, status }, { stdout: 'the caller goes on\nuncaught mine\n', status: 0 })
  })

  test('ends a process that handles no uncaught exceptions, as any bug does', () => {
    const { stderr, status } = run(`speaker.on('reply', () => { throw new Error('mine') }); speaker.say()`)
    assert.notEqual(status, 0)
    assert.match(stderr, /Error: mine/)
  })

  test('does not keep the next event from anybody', () => {
    const { stdout } = run(`
      process.on('uncaughtException', (error) => console.log('uncaught', error.message))
      speaker.on('reply', () => console.log('told'))
      speaker.on('reply', () => { throw new Error('mine') })
      speaker.say()
      speaker.say()`)
    assert.equal(stdout, 'told\ntold\nuncaught mine\nuncaught mine\n')
  })

  test('a payload that cannot be built is no matter of the caller either', () => {
    const { stdout } = run(`
      class Broken extends Emitter { say() { this.notify('reply', () => { throw new Error('payload') }) } }
      process.on('uncaughtException', (error) => console.log('uncaught', error.message))
      const broken = new Broken()
      broken.on('reply', () => console.log('told'))
      broken.say()
      console.log('the caller goes on')`)
    assert.equal(stdout, 'the caller goes on\nuncaught payload\n')
  })
})
