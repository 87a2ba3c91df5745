import type { Incident } from '../metrics/incidents.js'
import { REPLIES } from '../metrics/statuses.js'
import type { PoolReport, StatusReport, UpstreamReport } from '../status/report.js'
import { printable } from './reply-text.js'
import { milliseconds } from './trace-text.js'

/** What the text has to fit, and what may be in it. */
export interface Screen {
  readonly columns: number
  /** Infinity: as many as there are. */
  readonly rows: number
  readonly colour: boolean
  /** Whether small bars may be drawn, which need UTF-8. */
  readonly bars: boolean
}

/** The least that a name is given. */
const MIN_NAME = 10
/** Samples that figures of the moment are taken over. */
const LATEST = 15
const BARS = '▁▂▃▄▅▆▇█'
const COLOURS: Readonly<Record<string, number>> = { up: 32, suspect: 33, partly: 33, down: 31, unknown: 2 }
const WORDS: Readonly<Record<string, string>> = { partly: 'up in part', unknown: 'unchecked' }

/** One column of upstreams. */
interface Column {
  readonly head: string
  readonly width: number
  text(upstream: UpstreamReport): string
  /** Text stands at the left, numbers at the right. */
  readonly left?: true
}

/** The most wanted first: where there is little room, the last ones are left out. */
const COLUMNS: readonly Column[] = [
  { head: 'STATE', width: 11, left: true, text: stateText },
  { head: 'REPLY', width: 8, text: ({ series }) => span(mean(series.mean.slice(-LATEST))) },
  { head: 'SHARE', width: 6, text: ({ series }) => percent(mean(series.share.slice(-LATEST))) },
  { head: 'FAILED', width: 7, text: ({ counts }) => count(failed(counts)) },
  { head: '95 %', width: 8, text: ({ series }) => span(mean(series.p95.slice(-LATEST))) },
  { head: 'ATTEMPTS', width: 10, text: ({ counts }) => count(sum(Object.values(counts))) },
  { head: 'OUT', width: 5, text: ({ outstanding }) => count(outstanding) },
]
/** Reply times of so many samples are drawn. */
const SPARK = 24
/** What is no failure of an attempt. */
const FINE: ReadonlySet<string> = new Set([...REPLIES, 'cancelled'])

/** A line, and the part of it that is coloured. */
interface Line {
  readonly text: string
  readonly coloured?: { readonly from: number; readonly to: number; readonly colour: number }
}

/** A report as lines for a terminal, none longer and no more than fit; everything of others is printable. */
export function topLines(report: StatusReport, screen: Screen): readonly string[] {
  const lines: readonly Line[] = [
    ...[headText(report), printable(report.summary), ''].map(plain),
    ...upstreamLines(report.upstreams, screen),
    ...['', ...report.pools.map(poolText), '', ...report.incidents.map((one) => incidentText(one, report.at))].map(
      plain,
    ),
  ]
  return lines.slice(0, screen.rows).map((line) => lineText(line, screen))
}

function plain(text: string): Line {
  return { text }
}

/** An escape sequence takes no room: it is put in once the line is as long as it may be. */
function lineText({ text, coloured }: Line, { columns, colour }: Screen): string {
  const cut = text.length > columns ? `${text.slice(0, columns - 1)}>` : text
  if (!colour || coloured === undefined || coloured.to >= columns) return cut
  const { from, to, colour: code } = coloured
  return `${cut.slice(0, from)}\u001b[${code}m${cut.slice(from, to)}\u001b[0m${cut.slice(to)}`
}

function headText({ version, uptime, rate, cache, upstreams, problem }: StatusReport): string {
  const failures = sum(upstreams.flatMap(({ series }) => series.failures))
  const asked = cache === null ? 0 : cache.hits + cache.stale + cache.misses + cache.failures
  const parts = [
    `headrace ${printable(version)}`.trim(),
    ...(uptime === null ? [] : [`up ${ageText(uptime * 1000)}`]),
    `${count(mean(rate.slice(-LATEST)) ?? 0)} attempts/s`,
    ...(asked === 0 ? [] : [`${percent((cache!.hits + cache!.stale) / asked)} from the cache`]),
    `${count(failures)} failures in 5 min`,
    ...(problem === null ? [] : [`NOT READ: ${printable(problem)}`]),
  ]
  return parts.join(', ')
}

function upstreamLines(upstreams: readonly UpstreamReport[], { columns, bars }: Screen): readonly Line[] {
  const longest = Math.max(MIN_NAME, ...upstreams.map(({ name }) => printable(name).length))
  const shown: Column[] = []
  let room = columns - MIN_NAME
  for (const column of COLUMNS) {
    if (room < column.width + 1) break
    room -= column.width + 1
    shown.push(column)
  }
  const nameWidth = Math.min(longest, MIN_NAME + Math.max(0, room))
  const drawn = bars && shown.length === COLUMNS.length && room - (nameWidth - MIN_NAME) > SPARK + 1
  const head = [fit('UPSTREAM', nameWidth, true), ...shown.map(({ head: text, width, left }) => fit(text, width, left))]
  const scale = Math.max(1, ...upstreams.flatMap(({ series }) => series.mean.slice(-SPARK).map((ms) => ms ?? 0)))
  return [
    plain(head.join(' ').trimEnd()),
    ...upstreams.map((upstream): Line => {
      const cells = [
        fit(printable(upstream.name), nameWidth, true),
        ...shown.map(({ text, width, left }) => fit(text(upstream), width, left)),
        ...(drawn ? [sparkText(upstream.series.mean.slice(-SPARK), scale)] : []),
      ]
      const from = nameWidth + 1
      return {
        text: cells.join(' ').trimEnd(),
        coloured: { from, to: from + stateText(upstream).length, colour: COLOURS[upstream.state] ?? 0 },
      }
    }),
  ]
}

function poolText({ name, up, strategy, answered, failed: lost, hedges }: PoolReport): string {
  const counts = `${count(answered)} answered, ${count(lost)} failed, ${count(hedges)} hedges`
  return `pool ${printable(name)}: ${up ? 'up' : 'DOWN'}, ${printable(strategy)}, ${counts}`
}

function incidentText({ last, upstream, what, count: times, text }: Incident, now: number): string {
  const often = times > 1 ? ` (${count(times)} times)` : ''
  return `${`${ageText(now - last)} ago`.padEnd(11)} ${printable(upstream)}: ${printable(what)}${often}${text === '' ? '' : `, ${printable(text)}`}`
}

function stateText({ state, forced }: UpstreamReport): string {
  return forced === null ? (WORDS[state] ?? printable(state)) : `forced ${printable(forced)}`
}

/** Bars of one scale for all; a space where there was no reply. */
function sparkText(values: readonly (number | null)[], scale: number): string {
  return values
    .map((value) => (value === null ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor((value / scale) * BARS.length))]))
    .join('')
}

function fit(text: string, width: number, left = false): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}>` : text
  return left ? cut.padEnd(width) : cut.padStart(width)
}

function failed(counts: UpstreamReport['counts']): number {
  return sum(Object.entries(counts).flatMap(([status, times]) => (FINE.has(status) ? [] : [times])))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : sum(known) / known.length
}

function span(ms: number | null): string {
  return ms === null ? '-' : milliseconds(ms)
}

function percent(part: number | null): string {
  return part === null ? '-' : `${Math.round(part * 100)} %`
}

function count(value: number): string {
  return value < 1e6 ? Math.round(value).toLocaleString('en') : `${(value / 1e6).toFixed(1)} M`
}

function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}
