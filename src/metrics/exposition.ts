import { oneOf, readOptions } from '../base/options.js'
import type { MetricFamily, MetricSample, MetricsSnapshot } from './snapshot.js'

/** Which text: OpenMetrics 1.0, or the older one that Prometheus calls its own (0.0.4). */
export type ExpositionFormat = 'openmetrics' | 'prometheus'

/** Options of {@link exposition}. */
export interface ExpositionOptions {
  /** @default 'openmetrics' */
  readonly format?: ExpositionFormat
}

const OPTIONS = { format: oneOf<ExpositionFormat>('openmetrics', 'openmetrics', 'prometheus') }

const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
}

/** The media type of {@link exposition}'s text. */
export function contentTypeOf(format: ExpositionFormat): string {
  return CONTENT_TYPES[format]
}

/** The format that a client asks for with this `Accept` field: OpenMetrics where it is named, else what every scraper reads. */
export function formatFor(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus'
}

/** A snapshot as text for a scraper. @throws {DnsError} ERR_DNS_INVALID_OPTION */
export function exposition(snapshot: MetricsSnapshot, options: ExpositionOptions = {}): string {
  const { format } = readOptions('exposition', OPTIONS, options)
  const body = snapshot.map((family) => familyText(family, format)).join('')
  return format === 'openmetrics' ? `${body}# EOF\n` : body
}

function familyText({ name, type, help, unit, samples }: MetricFamily, format: ExpositionFormat): string {
  const open = format === 'openmetrics'
  const written = open ? name : `${name}${{ counter: '_total', info: '_info', gauge: '', histogram: '' }[type]}`
  const lines = [`# TYPE ${written} ${!open && type === 'info' ? 'gauge' : type}`]
  if (open && unit !== null) lines.push(`# UNIT ${written} ${unit}`)
  lines.push(`# HELP ${written} ${open ? escapeLabel(help) : help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`)
  for (const { suffix, labels, value } of samples)
    lines.push(`${name}${suffix}${labelsText(labels)} ${numberText(value)}`)
  return `${lines.join('\n')}\n`
}

function labelsText(labels: MetricSample['labels']): string {
  const all = Object.entries(labels)
  return all.length === 0 ? '' : `{${all.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`
}

/** Backslash, quote and line feed, as both formats have it. */
function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
