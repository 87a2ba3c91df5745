import { p99Between, percentile } from './figures.js'
import type { Run } from './simulate.js'

/** One line in a panel: values in the panel's units. */
interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface Panel {
  readonly title: string
  readonly label: string
  readonly from: number
  readonly to: number
  readonly ticks: readonly (readonly [at: number, text: string])[]
  readonly lines: readonly Line[]
}

/** Colours that stand out from white and from black; ours are drawn through, peers dashed. */
const COLOURS = new Map([
  ['hedged', '#1f8fdf'],
  ['fastest', '#b95fc9'],
  ['least-outstanding', '#0fa37f'],
  ['dnsproxy, load balancing', '#e07b00'],
  ['lazydns, fastest', '#d64550'],
  ['hickory, 1 at a time', '#8a8f98'],
  ['dnsdist, leastOutstanding', '#a9745f'],
  ['CoreDNS, random', '#7a6ff0'],
])

const WIDTH = 1000
const PANEL = { width: 410, height: 300, top: 40, left: 70, gap: 80 }
const HEIGHT = PANEL.top + PANEL.height + 110
/** Both panels: ms, logarithmic. */
const LEAST = 8
const MOST = 6000
const HEIGHTS = [10, 30, 100, 300, 1000, 5000]

/** An SVG of two panels: how the replies of `tail` are distributed, and how p99 goes on in `outage`, second by second. */
export function plot(tail: readonly Run[], outage: readonly Run[]): string {
  const panels = [distribution(tail), course(outage)]
  const names = [...COLOURS.keys()]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="13">`,
    '<title>How long replies take, by strategy</title>',
    '<style>svg { color: #24292f } @media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }',
    'text { fill: currentColor } .axis { stroke: currentColor; opacity: 0.2 } path { fill: none; stroke-width: 2 }</style>',
    ...panels.map((panel, i) => draw(panel, PANEL.left + i * (PANEL.width + PANEL.gap))),
    ...names.map((name, i) => legend(name, i)),
    '</svg>',
    '',
  ].join('\n')
}

function distribution(runs: readonly Run[]): Panel {
  const ticks = [50, 90, 99, 99.9].map((percent) => [nines(percent / 100), `${percent} %`] as const)
  const lines = chosen(runs).map((run) => {
    const sorted = Float64Array.from(run.elapsed).sort()
    const shares = Array.from({ length: 136 }, (_, i) => 1 - 10 ** -(0.3 + i * 0.02))
    return {
      name: run.contestant.name,
      points: shares.map((share) => [nines(share), percentile(sorted, share)] as const),
    }
  })
  return {
    title: '2 % of the replies take ten times as long',
    label: 'this share of the queries took at most',
    from: 0.3,
    to: 3,
    ticks,
    lines,
  }
}

function course(runs: readonly Run[]): Panel {
  const { duration, outage } = runs[0]!.scenario
  const { from, to } = outage!
  const start = Math.max(0, from / 1000 - 10)
  const end = Math.min(duration, to + 20_000) / 1000
  const lines = chosen(runs).map((run) => ({
    name: run.contestant.name,
    points: Array.from(
      { length: end - start },
      (_, i) => [start + i, p99Between(run, (start + i) * 1000, (start + i + 1) * 1000)] as const,
    ),
  }))
  const ticks = [from, to].map((at) => [at / 1000, `${at / 1000} s`] as const)
  return {
    title: `The nearest of three drops every query from ${from / 1000} to ${to / 1000} s`,
    label: 'p99 of each second',
    from: start,
    to: end,
    ticks,
    lines,
  }
}

/** Those that are drawn, ours last and so on top; the tables have all. */
function chosen(runs: readonly Run[]): Run[] {
  return runs.filter(({ contestant }) => COLOURS.has(contestant.name)).reverse()
}

/** 1 for 90 %, 2 for 99 %, … */
function nines(share: number): number {
  return -Math.log10(1 - share)
}

function draw({ title, label, from, to, ticks, lines }: Panel, left: number): string {
  const { width, height, top } = PANEL
  const bottom = top + height
  const x = (value: number): string => (left + (width * (value - from)) / (to - from)).toFixed(1)
  const y = (ms: number): string => (bottom - (height * Math.log(ms / LEAST)) / Math.log(MOST / LEAST)).toFixed(1)
  return [
    `<text x="${left}" y="${top - 16}" font-weight="bold">${title}</text>`,
    ...HEIGHTS.flatMap((ms) => [
      `<line class="axis" x1="${left}" x2="${left + width}" y1="${y(ms)}" y2="${y(ms)}"/>`,
      `<text x="${left - 6}" y="${y(ms)}" dy="4" text-anchor="end">${ms} ms</text>`,
    ]),
    ...ticks.flatMap(([at, text]) => [
      `<line class="axis" x1="${x(at)}" x2="${x(at)}" y1="${top}" y2="${bottom}"/>`,
      `<text x="${x(at)}" y="${bottom + 18}" text-anchor="middle">${text}</text>`,
    ]),
    `<text x="${left + width / 2}" y="${bottom + 38}" text-anchor="middle">${label}</text>`,
    ...lines.map(({ name, points }) => {
      const path = points.map(([px, py]) => `${x(px)} ${y(py)}`).join(' L')
      return `<path ${stroke(name)} d="M${path}"/>`
    }),
  ].join('\n')
}

function legend(name: string, at: number): string {
  const left = PANEL.left + (at % 4) * 230
  const top = HEIGHT - 40 + Math.floor(at / 4) * 22
  return `<path ${stroke(name)} d="M${left} ${top} h26"/><text x="${left + 32}" y="${top + 4}">${name}</text>`
}

function stroke(name: string): string {
  const dash = name.includes(',') ? ' stroke-dasharray="6 3"' : ''
  return `stroke="${COLOURS.get(name)}"${dash}`
}
