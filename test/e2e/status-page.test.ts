import assert from 'node:assert/strict'
import { DnsError, Forwarder } from 'headrace'
import { serveStatus } from 'headrace/status'
import { FakeUpstream } from 'headrace/testing'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { Page } from '../helpers/browser.js'
import { missing, title } from '../helpers/peer.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const EVIL = '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">'
const TOKEN = 'a-token-of-some-length'

let page: Page

async function stage() {
  const one = new FakeUpstream('quad9', { after: 2 })
  const two = new FakeUpstream(EVIL, { after: 2 })
  const forwarder = new Forwarder({
    pools: [{ name: EVIL, strategy: 'failover', upstreams: [one, two] }],
    health: false,
    cache: {},
  })
  const status = await serveStatus({ source: forwarder, listen: '127.0.0.1:0', interval: 250, token: TOKEN })
  cleanups.push(() => forwarder.destroy(), () => status.close(), () => page.goto('about:blank')) // prettier-ignore
  await page.view({ width: 1100, height: 900 })
  let nth = 0
  const ask = () => forwarder.query(`host-${nth++}.example`).catch(() => undefined)
  return { one, two, forwarder, status, ask }
}

const text = (selector: string) => `document.querySelector(${JSON.stringify(selector)})?.textContent`

const chromium = missing('chromium')
describe.skipIf(chromium !== null)(title('the status page in Chromium', chromium), () => {
  beforeAll(async () => {
    page = await Page.open()
  })
  afterAll(() => page.close())

  test('shows upstreams, and changes as they do, without a complaint or a request elsewhere', async () => {
    const { one, forwarder, status, ask } = await stage()
    await page.goto(status.url)
    await page.until(`${text('#summary')} === 'All 2 upstreams are up'`)
    await Promise.all([ask(), ask(), ask()])
    await page.until(`${text('.card dl div:nth-child(4) dd')} === '3'`)
    assert.match(
      await page.evaluate(`document.querySelector('.latency svg').getAttribute('aria-label')`),
      /Reply time of quad9 .* mean [\d.]+ ms/,
    )
    assert.notEqual(await page.until(`document.querySelector('.latency .line').getAttribute('d')`), '')

    one.script = { error: new DnsError('ERR_DNS_TLS', EVIL) }
    await ask()
    await page.until(`${text('#failures tr td.long')} === ${JSON.stringify(EVIL)}`)
    forwarder.upstreams[0]!.force('down')
    await page.until(`${text('#summary')} === 'quad9 is down, 1 other is not'`)
    await page.until(`${text('#news')} === 'quad9 is down'`)
    await page.until(`${text('.card.down .badge')} === 'forced down'`)

    assert.equal(await page.evaluate('window.pwned'), undefined)
    assert.equal(await page.evaluate(`document.querySelectorAll('img').length`), 1)
    assert.equal(await page.evaluate(text('.card:nth-child(2) h3')), EVIL)
    assert.deepEqual(page.complaints, [])
    const elsewhere = page.requests.filter((url) => !url.startsWith(status.url))
    assert.deepEqual(elsewhere, [])
  })

  test('acts for who has the token, and says why it does not for others', async () => {
    const { forwarder, status } = await stage()
    await page.goto(status.url)
    await page.until(
      `!document.querySelector('#act-section').hidden && document.querySelectorAll('#act-upstream option').length === 2`,
    )
    const press = (token: string, value: string) =>
      page.evaluate(
        `document.querySelector('#token').value = ${JSON.stringify(token)}; document.querySelector('button[value=${value}]').click()`,
      )
    await press('wrong-token-entirely', 'down')
    await page.until(`/token/.test(${text('#act-result')})`)
    assert.equal(forwarder.upstreams[0]!.isUp, true)
    await press(TOKEN, 'down')
    await page.until(`${text('#act-result')} === 'It is forced down.'`)
    assert.equal(forwarder.upstreams[0]!.isUp, false)
    await press(TOKEN, 'auto')
    await page.until(`${text('#act-result')} === 'It goes by its checks again.'`)
  })

  test('says that it is not live any more, and is again', async () => {
    const { forwarder, status } = await stage()
    await page.goto(status.url)
    await page.until(`${text('#meta b')} === 'live'`)
    await status.close()
    await page.until(`/not live/.test(${text('#meta b')})`)
    const again = await serveStatus({ source: forwarder, listen: `127.0.0.1:${status.port}`, interval: 250 })
    cleanups.push(() => again.close())
    await page.until(`${text('#meta b')} === 'live'`)
  })

  test.each([
    { width: 320, height: 640, dark: false },
    { width: 390, height: 844, dark: true },
    { width: 1280, height: 900, dark: true },
  ])('fits $width pixels, dark: $dark, with contrast enough for every text', async (view) => {
    const { status, one, ask } = await stage()
    one.script = 'refused'
    await ask()
    await page.view(view)
    await page.goto(status.url)
    await page.until(
      `document.querySelectorAll('.card').length === 2 && !document.querySelector('#failures-box').hidden`,
    )
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), view.width)
    const columns = await page.evaluate<number>(
      `getComputedStyle(document.querySelector('.cards')).gridTemplateColumns.split(' ').length`,
    )
    assert.equal(columns, view.width < 600 ? 1 : 3)
    assert.deepEqual(await page.evaluate(LOW_CONTRASTS), [])
  })

  test.each([390, 1100])('makes sense to a screen reader, %d pixels wide', async (width) => {
    const { status } = await stage()
    await page.view({ width, height: 900 })
    await page.goto(status.url)
    await page.until(`document.querySelectorAll('.card').length === 2`)
    const { nodes } = await page.send('Accessibility.getFullAXTree')
    const all = nodes as { role?: { value: string }; name?: { value: string }; ignored: boolean }[]
    const named = (role: string) =>
      all.filter((n) => !n.ignored && n.role?.value === role).map((n) => n.name?.value ?? '')
    for (const role of ['banner', 'main', 'contentinfo']) assert.equal(named(role).length, 1, role)
    const headings = await page.evaluate<string[]>(
      `[...document.querySelectorAll('section:not([hidden]) :is(h2, h3)')].map((h) => h.tagName + ' ' + h.textContent)`,
    )
    assert.deepEqual(headings.slice(0, 4), ['H2 Now', 'H2 Upstreams', 'H3 quad9', `H3 ${EVIL}`])
    assert.equal(named('heading').length, headings.length + 1)
    assert.ok(named('image').length >= 7)
    for (const role of ['image', 'region', 'article', 'button', 'textbox', 'combobox', 'link'])
      for (const name of named(role)) assert.notEqual(name, '', role)
    assert.equal(named('status').length >= 1, true)
    assert.equal(named('table').length, 1)
    assert.equal(named('columnheader').length, 8)
    assert.deepEqual(named('rowheader'), [EVIL])
  })
})

/** A script for the page: texts whose contrast with what is behind them is under 4.5 to 1 (WCAG 2.2, 1.4.3). */
const LOW_CONTRASTS = `(() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number)
  const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  const background = (element) => {
    for (let e = element; e !== null; e = e.parentElement) {
      const color = channels(getComputedStyle(e).backgroundColor)
      if (color[3] === undefined || color[3] > 0) return color
    }
  }
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  return [...document.querySelectorAll('body *')]
    .filter((e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== ''))
    .filter((e) => e.closest('[hidden], noscript, .skip, .unseen') === null)
    .map((e) => [e.tagName, e.textContent, contrast(luminance(channels(getComputedStyle(e).color)), luminance(background(e)))])
    .filter(([, , ratio]) => !(ratio >= 4.5))
})()`
