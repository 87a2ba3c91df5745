// Deadlines and cancellation beside what Node offers for the same.
import { dist, measure } from './_harness.mjs'

const { Alarm, Deadlines } = await import(new URL('base/deadlines.js', dist))
const { CancelScope } = await import(new URL('base/cancel.js', dist))
const { DecayingAverage } = await import(new URL('base/decaying-average.js', dist))
const { systemClock } = await import(new URL('base/clock.js', dist))

class Bell extends Alarm {
  ring() {}
}
const nothing = () => {}
const OTHERS = 1000
const deadlines = new Deadlines(systemClock)
const others = Array.from({ length: OTHERS }, () => new Bell())
for (const [i, other] of others.entries()) deadlines.set(other, systemClock.now() + 60_000 + i * 5)
const timers = Array.from({ length: OTHERS }, (_, i) => setTimeout(nothing, 60_000 + i * 5))
const bell = new Bell()

console.log(`setting and clearing a deadline, ${OTHERS} others pending`)
measure({
  'Deadlines set + clear': () => {
    deadlines.set(bell, systemClock.now() + 2000)
    deadlines.clear(bell)
  },
  'setTimeout + clearTimeout': () => clearTimeout(setTimeout(nothing, 2000)),
})
for (const timer of timers) clearTimeout(timer)
for (const other of others) deadlines.clear(other)

console.log('\na cancel scope with one thing attached')
const target = { cancel: nothing }
measure({
  'CancelScope + attach': () => {
    const scope = new CancelScope()
    scope.attach(target)
    return scope
  },
  'CancelScope + attach + cancel': () => {
    const scope = new CancelScope()
    scope.attach(target)
    scope.cancel()
    return scope
  },
  'AbortController + listener': () => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', nothing, { once: true })
    return controller
  },
  'AbortController + listener + abort': () => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', nothing, { once: true })
    controller.abort()
    return controller
  },
})

console.log('\nstatistics')
const average = new DecayingAverage(60_000)
measure({ 'DecayingAverage add': (i) => average.add(i & 63, i >> 4) })
