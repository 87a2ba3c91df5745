import { mergeRule } from './families.js'
import type { MetricsSnapshot } from './snapshot.js'
import { FamilyTally } from './tally.js'

/**
 * Snapshots of several processes as one: values under the same labels are added up, gauges too, so that those that are 0 or 1
 * come to the number of processes that say so. Uptime, round-trip time and infos are the largest.
 */
export function mergeSnapshots(snapshots: Iterable<MetricsSnapshot>): MetricsSnapshot {
  const families = new Map<string, FamilyTally>()
  for (const snapshot of snapshots) {
    for (const family of snapshot) {
      let into = families.get(family.name)
      if (into === undefined) families.set(family.name, (into = new FamilyTally(family, mergeRule(family.name))))
      for (const { suffix, labels, value } of family.samples) into.add(suffix, labels, value)
    }
  }
  return [...families.values()].map(({ family }) => family)
}
