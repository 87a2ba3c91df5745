import type { TraceCandidate, TraceStep } from '../exchanger.js'

/** One step of a trace as a line for people. */
export function traceText(step: TraceStep): string {
  switch (step.step) {
    case 'route':
      return `route ${step.suffix}: ${step.action}`
    case 'cache':
      return `cache: ${step.result}${step.age > 0 ? `, ${step.age} s old` : ''}`
    case 'pool':
      return `pool ${step.pool} (priority ${step.priority}): ${step.asked ? 'asked' : 'not asked'}, ${step.why}`
    case 'order':
      return `pool ${step.pool}: ${step.strategy} orders ${step.candidates.map(candidateText).join(', ')}`
    case 'attempt':
      return `pool ${step.pool}: asks ${step.upstream} (${step.why})`
    case 'skip':
      return `pool ${step.pool}: skips ${step.upstream}, ${step.why}`
    case 'send':
      return `${step.upstream}: sent over ${step.transport} (${step.why})`
    case 'outcome':
      return `${step.upstream}: ${step.result} after ${milliseconds(step.elapsed)}`
    case 'verdict':
      return `pool ${step.pool}: ${step.upstream === null ? 'no reply' : `takes the reply of ${step.upstream}`}, ${step.why}`
    default:
      return step satisfies never
  }
}

/** A span as people read it: two digits below 10 ms, none above. */
export function milliseconds(span: number): string {
  return `${span < 10 ? span.toFixed(1) : Math.round(span)} ms`
}

function candidateText({ name, outstanding, srtt, suspected, health, share }: TraceCandidate): string {
  const known = Number.isNaN(srtt) ? 'unmeasured' : `srtt ${milliseconds(srtt)}`
  const parts = [health, known, `${outstanding} outstanding`]
  if (suspected) parts.push('suspected')
  if (share < 1) parts.push(`gets ${Math.round(share * 100)} % of its share`)
  return `${name} (${parts.join(', ')})`
}
