import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { changeText, probeText } from '../../src/cli/health-text.js'
import type { ChangeEvent, ChangeReason, ProbeEvent } from '../../src/health/events.js'

const GOOD: ProbeEvent = {
  upstream: 'near',
  result: 'good',
  failure: null,
  excuse: null,
  rcode: 0,
  error: null,
  elapsed: 4.21,
  state: 'up',
  nextProbe: 30_210,
}

describe('a probe', () => {
  test.each<[Partial<ProbeEvent>, string]>([
    [{}, 'Probe of near: good (NOERROR), 4.2 ms; up, next in 30.2 s'],
    [
      { result: 'bad', failure: 'timeout', rcode: null, elapsed: 2000, state: 'down', nextProbe: 1000 },
      'Probe of near: bad (timeout), 2000 ms; down, next in 1.0 s',
    ],
    [{ result: 'bad', failure: 'rcode', rcode: 2 }, 'Probe of near: bad (rcode, SERVFAIL), 4.2 ms; up, next in 30.2 s'],
    [
      { result: 'void', failure: 'timeout', rcode: null, excuse: 'stall' },
      'Probe of near: void (timeout, excused: stall), 4.2 ms; up, next in 30.2 s',
    ],
    [
      { result: 'void', excuse: 'our side', rcode: null, nextProbe: Infinity },
      'Probe of near: void (excused: our side), 4.2 ms; up, no probe is due',
    ],
  ])('with %j is said in a line', (given, text) => assert.equal(probeText({ ...GOOD, ...given }), text))
})

describe('a change', () => {
  test.each<[ChangeReason, string]>([
    [{ cause: 'probe', evidence: { good: 0, bad: 3, failure: 'network' } }, '3 bad in a row, the last by network'],
    [{ cause: 'probe', evidence: { good: 2, bad: 0, failure: null } }, '2 good in a row'],
    [{ cause: 'queries', evidence: { samples: 50, failed: 11 } }, '11 of 50 queries failed'],
    [{ cause: 'network', evidence: { reason: 'sleep' } }, 'another network: sleep'],
  ])('by %j is said in a line', (reason, text) => {
    const event: ChangeEvent = { upstream: 'near', from: 'unknown', to: 'down', nextProbe: 1000, ...reason }
    assert.equal(changeText(event), `Health of near: unknown to down, ${text}`)
  })
})
