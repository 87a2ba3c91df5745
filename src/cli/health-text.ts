import type { ChangeEvent, ProbeEvent } from '../health/events.js'
import { rcodeName } from '../wire/constants.js'
import { milliseconds } from './trace-text.js'

/** A probe as a line for people. */
export function probeText(event: ProbeEvent): string {
  const { upstream, result, elapsed, state, nextProbe } = event
  return `Probe of ${upstream}: ${result}${reasonFor(event)}, ${milliseconds(elapsed)}; ${state}, ${nextText(nextProbe)}`
}

/** A change of a member's health as a line for people. */
export function changeText(event: ChangeEvent): string {
  return `Health of ${event.upstream}: ${event.from} to ${event.to}, ${causeText(event)}`
}

function reasonFor({ failure, excuse, rcode }: ProbeEvent): string {
  const reasons: string[] = []
  if (failure !== null) reasons.push(failure)
  if (rcode !== null) reasons.push(rcodeName(rcode))
  if (excuse !== null) reasons.push(`excused: ${excuse}`)
  return reasons.length === 0 ? '' : ` (${reasons.join(', ')})`
}

function causeText({ cause, evidence }: ChangeEvent): string {
  switch (cause) {
    case 'probe': {
      const { good, bad, failure } = evidence
      return bad > 0 ? `${bad} bad in a row, the last by ${failure}` : `${good} good in a row`
    }
    case 'queries':
      return `${evidence.failed} of ${evidence.samples} queries failed`
    case 'network':
      return `another network: ${evidence.reason}`
    default:
      return cause satisfies never
  }
}

function nextText(wait: number): string {
  return wait === Infinity ? 'no probe is due' : `next in ${(wait / 1000).toFixed(1)} s`
}
