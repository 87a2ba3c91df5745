// Pictures of the status page, for docs/status.png and to look at: a quarter of an hour of virtual time, then Chromium.
//
//   npx tsx test/status/picture.ts FOLDER
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DnsError, Forwarder } from 'headrace'
import { collectMetrics, type MetricSample } from 'headrace/metrics'
import { serveStatus } from 'headrace/status'
import { FakeClock, FakeUpstream } from 'headrace/testing'
import { Page } from '../helpers/browser.js'

const [folder = '.'] = process.argv.slice(2)
const MINUTES = 17
const TICK = 125

/** The same noise every time, so that pictures differ by what was changed. */
let seed = 7
const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647

const clock = new FakeClock(Date.UTC(2026, 10, 26, 9, 44))
const fakes = {
  quad9: new FakeUpstream('quad9', { after: [9, 16] }, { clock, random }),
  cloudflare: new FakeUpstream('cloudflare', { after: [7, 21] }, { clock, random }),
  isp: new FakeUpstream('isp', { after: [3, 9] }, { clock, random }),
  office: new FakeUpstream('office', { after: [17, 30] }, { clock, random }),
}
const forwarder = new Forwarder({
  pools: [{ name: 'everywhere', strategy: 'weighted', upstreams: Object.values(fakes) }],
  health: { interval: 2000, query: { name: 'example.com', type: 'A' } },
  cache: {},
  clock,
})
const PLACES: Readonly<Record<string, readonly [transport: string, address: string]>> = {
  quad9: ['tls', 'tls://9.9.9.9'],
  cloudflare: ['h3', 'h3://cloudflare-dns.com/dns-query'],
  isp: ['udp', '198.51.100.53:53'],
  office: ['tcp', 'tcp://192.0.2.53'],
}
/** They are functions, so that time can be virtual; on the picture they are what they stand for. */
const metrics = collectMetrics(forwarder, { clock })
const read = metrics.snapshot.bind(metrics)
metrics.snapshot = () =>
  read().map((family) =>
    family.name === 'headrace_upstream' ? { ...family, samples: family.samples.map(placed) } : family,
  )

const status = await serveStatus({
  source: metrics,
  listen: '127.0.0.1:0',
  interval: 2000,
  token: 'a-token-of-some-length',
  clock,
})
for (let tick = 0; tick < (MINUTES * 60_000) / TICK; tick++) {
  const minute = (tick * TICK) / 60_000
  troubles(minute)
  const asked = 2 + Math.sin(minute * 1.9) + 2 * random()
  for (let i = 0; i < asked; i++) {
    const nth = Math.floor(random() ** 2 * 40_000)
    void forwarder.query(`host-${nth}.example`).catch(() => undefined)
  }
  await clock.advance(TICK)
}

const page = await Page.open()
mkdirSync(folder, { recursive: true })
for (const [name, width, height] of [
  ['desktop', 1280, 900],
  ['phone', 390, 844],
] as const) {
  for (const dark of [false, true]) {
    await page.view({ width, height, dark })
    await page.goto(status.url)
    await page.until(`document.querySelectorAll('.card').length === 4`)
    writeFileSync(join(folder, `${name}-${dark ? 'dark' : 'light'}.png`), await page.screenshot())
  }
}
await page.view({ width: 1280, height: 1272 })
writeFileSync(join(folder, 'status.png'), await page.screenshot(false))
console.log(page.complaints.join('\n') || 'no complaint')
await page.close()
await status.close()
forwarder.destroy()

function placed(sample: MetricSample): MetricSample {
  const [transport, address] = PLACES[sample.labels['upstream'] ?? ''] ?? ['', '']
  return { ...sample, labels: { ...sample.labels, transport, address } }
}

/** What the upstreams suffer, by the minute. */
function troubles(minute: number): void {
  const between = (from: number, to: number): boolean => minute >= from && minute < to
  const swell = between(13, 14.6) ? Math.sin(((minute - 13) / 1.6) * Math.PI) : 0
  const wander = 2 * Math.sin(minute * 2.3)
  fakes.cloudflare.script = { after: [8 + wander + 9 * swell, 19 + wander + 26 * swell] }
  fakes.quad9.script = { after: [11 - wander / 2, 16 + wander] }
  if (between(4, 5.2)) fakes.isp.script = 'silent'
  else if (between(16.3, 99)) fakes.isp.script = 'refused'
  else fakes.isp.script = () => (random() < 0.004 ? 'silent' : { after: [3, 9] })
  fakes.office.script = { after: [17, 30] }
  if (between(9, 9.9)) fakes.office.script = { error: new DnsError('ERR_DNS_TLS', 'certificate has expired') }
}
