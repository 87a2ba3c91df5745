import type { Figures } from './figures.js'

const HEAD = ['', 'to the first', 'p50', 'p99', 'failed', 'extra', 'p99 back', 'in use']

/** `rows` as lines of text, columns aligned. */
export function table(rows: readonly Figures[]): string[] {
  const cells = [HEAD, ...rows.map(cellsOf)]
  const width = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(width[0]!) : cell.padStart(width[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

function cellsOf(row: Figures): string[] {
  return [
    `${row.ours ? '' : '  '}${row.name}`,
    percent(row.share),
    milliseconds(row.p50),
    milliseconds(row.p99),
    row.failed === 0 ? '0' : `${row.failed} (${percent(row.failed / row.queries)})`,
    percent(row.extra),
    seconds(row.recovery),
    seconds(row.inUse),
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

/** Empty where it doesn't apply. */
function seconds(ms: number | null): string {
  if (ms === null) return ''
  return ms === Infinity ? 'never' : `${(ms / 1000).toFixed(1)} s`
}
