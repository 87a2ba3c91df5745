import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contentTypeOf, exposition, formatFor, type MetricsSnapshot } from 'headrace/metrics'
import { describe, test } from 'vitest'
import { missing, peer, run, temporaryFolder, title } from '../helpers/peer.js'
import { stage, valueOf } from './stage.js'

const SNAPSHOT: MetricsSnapshot = [
  {
    name: 'headrace_example',
    type: 'counter',
    help: 'Says "so" \\ or\nnot.',
    unit: null,
    samples: [
      { suffix: '_total', labels: { upstream: 'a"b\\c\nd', status: 'noerror' }, value: 5 },
      { suffix: '_total', labels: {}, value: Infinity },
    ],
  },
  {
    name: 'headrace_wait_seconds',
    type: 'histogram',
    help: 'Waits.',
    unit: 'seconds',
    samples: [
      { suffix: '_bucket', labels: { le: '1.0' }, value: 1 },
      { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
      { suffix: '_sum', labels: {}, value: 0.5 },
      { suffix: '_count', labels: {}, value: 2 },
    ],
  },
  { name: 'headrace_build', type: 'info', help: 'Build.', unit: null, samples: [{ suffix: '_info', labels: { version: '1' }, value: 1 }] }, // prettier-ignore
]

describe('exposition', () => {
  test('writes OpenMetrics 1.0', () => {
    assert.equal(
      exposition(SNAPSHOT),
      `# TYPE headrace_example counter
# HELP headrace_example Says \\"so\\" \\\\ or\\nnot.
headrace_example_total{upstream="a\\"b\\\\c\\nd",status="noerror"} 5
headrace_example_total +Inf
# TYPE headrace_wait_seconds histogram
# UNIT headrace_wait_seconds seconds
# HELP headrace_wait_seconds Waits.
headrace_wait_seconds_bucket{le="1.0"} 1
headrace_wait_seconds_bucket{le="+Inf"} 2
headrace_wait_seconds_sum 0.5
headrace_wait_seconds_count 2
# TYPE headrace_build info
# HELP headrace_build Build.
headrace_build_info{version="1"} 1
# EOF
`,
    )
  })

  test("writes Prometheus' own format, where a counter's name has _total and infos are gauges", () => {
    const text = exposition(SNAPSHOT, { format: 'prometheus' })
    assert.match(
      text,
      /^# TYPE headrace_example_total counter\n# HELP headrace_example_total Says "so" \\\\ or\\nnot\.\n/,
    )
    assert.match(text, /# TYPE headrace_build_info gauge\n/)
    assert.doesNotMatch(text, /UNIT|EOF/)
  })

  test('refuses a format that it does not know', () => {
    assert.throws(() => exposition([], { format: 'json' as never }), { code: 'ERR_DNS_INVALID_OPTION' })
  })

  test.each([
    {
      accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      format: 'openmetrics',
    },
    { accept: 'text/plain', format: 'prometheus' },
    { accept: undefined, format: 'prometheus' },
  ] as const)('is $format for Accept: $accept', ({ accept, format }) => {
    assert.equal(formatFor(accept), format)
    assert.match(contentTypeOf(format), format === 'openmetrics' ? /^application\/openmetrics-text/ : /^text\/plain/)
  })

  test.each([
    '__proto__',
    'constructor',
    'toString',
    'a\u0000b\u001b[31m',
    '<script>alert(1)</script>',
    'ö|“”',
    'a}b{c=,"',
    '\ud800',
  ])('has upstreams named %j', async (name) => {
    const { metrics, ask } = stage({ names: [name] })
    await ask()
    assert.equal(valueOf(metrics.snapshot(), `headrace_upstream_queries_total{upstream="${name}",status="noerror"}`), 1)
    const written = name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
    assert.ok(metrics.text().includes(`headrace_upstream_up{upstream="${written}"} 1\n`))
    assert.equal(({} as { x?: unknown }).x, undefined)
  })

  test('never has a QNAME in it', async () => {
    const { metrics, upstreams, ask } = stage({ cache: {} })
    await ask('secret-name.example')
    upstreams['one']!.script = upstreams['two']!.script = 'silent'
    await ask('other-secret-name.example')
    const all = metrics.text() + JSON.stringify(metrics.snapshot()) + JSON.stringify(metrics.incidents)
    assert.match(all, /timeout/)
    assert.doesNotMatch(all, /secret/)
  })

  test('is as long with 10,000 names asked for as with one', async () => {
    const { metrics, ask } = stage()
    await ask()
    const lines = metrics.text().split('\n').length
    for (let i = 0; i < 10_000; i++) await ask(`host-${i}.example`)
    assert.equal(metrics.text().split('\n').length, lines)
  })
})

const promtool = missing('promtool')
describe.skipIf(promtool !== null)(title('promtool', promtool), () => {
  test('has nothing against any of our metrics', async () => {
    const { metrics, ask } = stage({ cache: {} }, { process: true })
    await ask()
    const file = join(temporaryFolder('promtool'), 'metrics.txt')
    writeFileSync(file, metrics.text('prometheus'))
    const { code, stdout, stderr } = await run('/bin/sh', [
      '-c',
      `exec "$0" check metrics <"$1"`,
      peer('promtool')!,
      file,
    ])
    assert.deepEqual({ code, output: stdout + stderr }, { code: 0, output: '' })
  })
})
