import { option, type Option } from '../base/options.js'
import type { Candidate } from './strategy.js'

/** The `balancingFactor` option; 0 is off. */
export function balancingFactor(): Option<number> {
  return option(0, 'a number over 0, or 0 for no bound', (v) => typeof v === 'number' && Number.isFinite(v) && v >= 0)
}

/**
 * How many queries a member may have outstanding for each unit of its weight and still be given another:
 * factor · (1 + Σ outstanding) / Σ weight. Infinity when `factor` is 0.
 */
export function boundedLoad(candidates: readonly Candidate[], factor: number): number {
  if (factor === 0) return Infinity
  let outstanding = 1
  let weight = 0
  for (let i = 0; i < candidates.length; i++) {
    outstanding += candidates[i]!.outstanding
    weight += candidates[i]!.weight
  }
  return (factor * outstanding) / weight
}

/** Whether `candidate` has more outstanding than `bound`, from {@link boundedLoad}, allows. */
export function isOverloaded(candidate: Candidate, bound: number): boolean {
  return bound !== Infinity && candidate.outstanding > bound * candidate.weight
}
