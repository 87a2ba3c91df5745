// Sums up a run of .ci/run: vitest's JSON reports and the file "steps" in the folder given. The last line it prints is
// "N passed, N failed, N skipped"; the status is 1 when anything failed.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

const folder = process.argv[2]
const counts = { passed: 0, failed: 0, skipped: 0 }
const troubles = []

for (const file of readdirSync(folder).filter((name) => /^vitest-.*\.json$/.test(name))) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  counts.passed += report.numPassedTests
  counts.skipped += report.numPendingTests + report.numTodoTests
  for (const { name, status, assertionResults } of report.testResults) {
    const failed = assertionResults.filter((result) => result.status === 'failed')
    // A file that fails before its tests, or in a hook, has no failed test to count.
    if (status === 'failed' && failed.length === 0) failed.push({ fullName: '(the file itself)' })
    counts.failed += failed.length
    for (const { fullName } of failed) troubles.push(`${relative(process.cwd(), name)}: ${fullName}`)
  }
}

// A step that ran vitest has its tests counted above; it counts itself only when it failed for another reason.
const failedTests = counts.failed
const steps = join(folder, 'steps')
for (const line of existsSync(steps) ? readFileSync(steps, 'utf8').trim().split('\n') : []) {
  const result = line.slice(0, line.indexOf(' '))
  if (result === 'failed' && failedTests > 0 && line.startsWith('failed npm test')) continue
  counts[result]++
  if (result === 'failed') troubles.push(`step: ${line.slice(7)}`)
}

for (const trouble of troubles) console.log(`FAILED ${trouble}`)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1)
