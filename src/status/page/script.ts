/**
 * What the page runs. It makes elements and sets text, never HTML, so that a name can be nothing but a name; and it changes only
 * what has changed, so that a screen reader keeps its place.
 */
export const SCRIPT = String.raw`const $ = (id) => document.getElementById(id)
const SVG = 'http://www.w3.org/2000/svg'
const HOUR = 3600000
const MINUTE = 60000
const WIDTH = 300
const WORDS = { up: 'up', suspect: 'suspect', partly: 'partly up', down: 'down', unknown: 'not checked yet' }
const WHATS = {
  timeout: 'no reply in time', connect: 'no connection', tls: 'not authenticated', malformed: 'malformed reply',
  failed: 'failed', up: 'is up again', down: 'is down', suspect: 'is under suspicion', partly: 'is down for some', unknown: 'is unchecked',
}
const SHAPES = { up: 'M5 0a5 5 0 1 0 .01 0z', suspect: 'M5 0L10 9.5H0z', partly: 'M5 0L10 5 5 10 0 5z', down: 'M0 0h10v10H0z', unknown: 'M5 0a5 5 0 1 0 .01 0zM5 2.2a2.8 2.8 0 1 1-.01 0z' }
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })

const number = (n) => (n !== 0 && Math.abs(n) < 10 && !Number.isInteger(n) ? tenths : whole).format(n)
const percent = (part) => (part === null ? '–' : number(part * 100) + ' %')
const duration = (ms) => (ms === null ? '–' : ms < 1000 ? number(ms) + ' ms' : number(ms / 1000) + ' s')
const octets = (n) => (n < 1024 ? n + ' B' : n < 1048576 ? number(n / 1024) + ' KiB' : number(n / 1048576) + ' MiB')
const sum = (list) => list.reduce((total, n) => total + (n ?? 0), 0)
const average = (list) => {
  const known = list.filter((n) => n !== null)
  return known.length === 0 ? null : sum(known) / known.length
}
const plural = (n, one, many) => (n === 1 ? '1 ' + one : number(n) + ' ' + many)
function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 60) return s + ' s'
  if (s < 3600) return Math.floor(s / 60) + ' min'
  return s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' days'
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value)
  element.append(...children)
  return element
}
function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}
function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}
function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
/** Puts a picture of this height into its place; its words are what those hear who can't see it. */
function paint(place, height, words, shapes) {
  let svg = place.firstElementChild
  if (svg === null) {
    svg = draw('svg', { viewBox: '0 0 ' + WIDTH + ' ' + height, preserveAspectRatio: 'none', role: 'img' })
    place.append(svg)
  }
  mark(svg, 'aria-label', words)
  svg.replaceChildren(...shapes.map(([tag, attributes]) => draw(tag, attributes)))
}
/** As many children as there are items, each filled from its item. */
function fill(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove()
  items.forEach((item, i) => {
    if (parent.children[i] === undefined) parent.append(create(item))
    update(parent.children[i], item)
  })
}
function fillTable(body, rows, kinds) {
  const heads = [...body.previousElementSibling.querySelectorAll('th')].map((head) => head.textContent)
  const cellOf = (kind, i) => kind === 'head' ? make('th', { role: 'rowheader', scope: 'row' }) : make('td', { role: 'cell', class: kind, 'data-head': heads[i] })
  fill(body, rows,
    () => make('tr', { role: 'row' }, ...kinds.map(cellOf)),
    (row, cells) => cells.forEach((cell, i) => {
      if (typeof cell === 'string') return say(row.children[i], cell)
      const holder = row.children[i].firstElementChild ?? row.children[i].appendChild(make('span', { class: 'badge' }))
      badge(holder, cell.state, cell.word)
    }))
}
function fillFigures(list, figures) {
  fill(list, figures, () => make('div', null, make('dt'), make('dd')), (box, [term, value]) => {
    say(box.children[0], term)
    say(box.children[1], value)
  })
}
function badge(holder, state, word) {
  if (holder.dataset.state !== state) {
    holder.dataset.state = state
    holder.className = 'badge ' + state
    const svg = draw('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' })
    svg.append(draw('path', { d: SHAPES[state], fill: 'currentColor', 'fill-rule': 'evenodd' }))
    holder.replaceChildren(svg, make('span'))
  }
  say(holder.lastElementChild, word)
}
function worst(states) {
  return ['down', 'partly', 'suspect', 'up'].find((state) => states.includes(state)) ?? 'unknown'
}

let capacity = 150
const x = (i, length) => ((capacity - length + i) / Math.max(1, capacity - 1)) * WIDTH
const at = (n) => n.toFixed(2)
/** Runs of values without a gap, as points. */
function runs(values, y) {
  const found = []
  let run = null
  values.forEach((value, i) => {
    if (value === null) run = null
    else {
      if (run === null) found.push((run = []))
      run.push([x(i, values.length), y(value)])
    }
  })
  return found
}
function linePath(values, y) {
  return runs(values, y).map((run) => {
    const points = run.length === 1 ? [[run[0][0] - 1, run[0][1]], run[0]] : run
    return 'M' + points.map(([px, py]) => at(px) + ' ' + at(py)).join('L')
  }).join('')
}
function areaPath(values, y, floor) {
  return runs(values, y).map((run) => {
    const [first, last] = [run[0][0] - (run.length === 1 ? 1 : 0), run[run.length - 1][0]]
    return 'M' + at(first) + ' ' + floor + 'L' + run.map(([px, py]) => at(px) + ' ' + at(py)).join('L') + 'L' + at(last) + ' ' + floor + 'z'
  }).join('')
}
/** The next 1, 2 or 5 times a power of ten. */
function roundUp(n) {
  if (!(n > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(n))
  return [1, 2, 5, 10].find((step) => step * power >= n) * power
}

const cards = new Map()
function cardFor(name) {
  let card = cards.get(name)
  if (card === undefined) {
    const place = (kind, caption) => {
      const plot = make('div', { class: 'plot' })
      const text = make('figcaption', null, ...caption.map((words) => make('span', null, words)))
      return { plot, text, figure: make('figure', { class: kind }, plot, text) }
    }
    const id = 'upstream-' + cards.size
    card = {
      title: make('h3', { id }), badge: make('span', { class: 'badge' }), where: make('p', { class: 'where' }), figures: make('dl'),
      latency: place('latency', ['', '']), share: place('shares', ['', '']), health: place('health', ['', 'health', 'now']),
    }
    card.root = make('article', { class: 'card', 'aria-labelledby': id }, make('div', { class: 'head' }, card.title, card.badge),
      card.where, card.figures, card.latency.figure, card.share.figure, card.health.figure)
    say(card.title, name)
    cards.set(name, card)
    $('cards').append(card.root)
  }
  return card
}

const stateText = ({ state, forced }) => forced === null ? WORDS[state] : 'forced ' + forced

function showUpstream(upstream, series, scale, span, now) {
  const { name, state, transport, address, health } = upstream
  const card = cardFor(name)
  mark(card.root, 'class', 'card ' + state)
  badge(card.badge, state, stateText(upstream))
  say(card.where, address === '' || address === name ? transport : transport + ' · ' + address)
  const [mean, p95] = [average(series.mean.slice(-15)), average(series.p95.slice(-15))]
  const [share, failed] = [average(series.share.slice(-15)), sum(series.failures)]
  fillFigures(card.figures, [['Mean reply', duration(mean)], ['95 % within', duration(p95)], ['Share', percent(share)], ['Attempts', number(sum(Object.values(upstream.counts)))]])
  const y = (v) => 74 - (Math.min(v, scale) / scale) * 72
  const bars = series.failures.flatMap((n, i) => n === 0 ? [] :
    [['rect', { class: 'fail', x: at(x(i, series.failures.length) - 1), y: at(76 - 8 - Math.min(n, 10) * 2), width: 2, height: at(8 + Math.min(n, 10) * 2) }]])
  const highest = Math.max(0, ...series.p95.map((v) => v ?? 0))
  paint(card.latency.plot, 76,
    'Reply time of ' + name + ' in the last five minutes: ' + (average(series.mean) === null ? 'no replies' :
      'mean ' + duration(average(series.mean)) + ', highest ' + duration(highest)) + ', ' + plural(failed, 'failure', 'failures'), [
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 2, y2: 2, 'stroke-dasharray': '2 4' }],
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 75, y2: 75 }],
    ['path', { class: 'band', d: areaPath(series.p95, y, 75) }],
    ['path', { class: 'line', d: linePath(series.mean, y) }],
    ...bars,
  ])
  say(card.latency.text.children[0], 'reply time, 0 to ' + duration(scale))
  say(card.latency.text.children[1], failed === 0 ? '' : plural(failed, 'failure', 'failures') + ' in 5 min')
  paint(card.share.plot, 26, 'Share of attempts that ' + name + ' got in the last five minutes: ' + percent(average(series.share)), [
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 25, y2: 25 }],
    ['path', { class: 'part', d: areaPath(series.share, (v) => 25 - v * 24, 25) }],
  ])
  say(card.share.text.children[0], 'share of attempts')
  say(card.share.text.children[1], upstream.outstanding === 0 ? '' : number(upstream.outstanding) + ' under way')
  showHealth(card, name, health, span, now)
}
/** The worse, the taller: colour is not all that tells them apart. */
const HEIGHTS = { unknown: 2, up: 6, suspect: 12, partly: 15, down: 20 }
function showHealth(card, name, health, span, now) {
  const from = now - span
  const spans = health.map(({ at: began, state }, i) => ({ state, from: Math.max(from, began), to: health[i + 1]?.at ?? now })).filter((one) => one.to > from)
  const down = sum(spans.filter((one) => one.state === 'down').map((one) => one.to - one.from))
  const began = spans[0]?.from ?? now
  paint(card.health.plot, 20, 'Health of ' + name + ' in the last ' + age(span) + ': ' + (down === 0 ? 'never down' : 'down for ' + age(down)) +
    ', ' + plural(Math.max(0, spans.length - 1), 'change', 'changes') + (began > from + MINUTE ? ', known for ' + age(now - began) : ''), [
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 19.5, y2: 19.5 }],
    ...spans.map((one) => ['rect', { class: 'is-' + one.state, x: at(((one.from - from) / span) * WIDTH), y: 20 - HEIGHTS[one.state],
      width: at(Math.max(1, ((one.to - one.from) / span) * WIDTH)), height: HEIGHTS[one.state] }]),
  ])
  say(card.health.text.children[0], age(span) + ' ago')
}

function showRate(rate) {
  const top = roundUp(Math.max(...rate, 1))
  const y = (v) => 82 - (v / top) * 80
  paint($('rate'), 84, 'Attempts a second in the last five minutes: now ' + number(rate.at(-1) ?? 0) + ', highest ' + number(Math.max(0, ...rate)), [
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 2, y2: 2, 'stroke-dasharray': '2 4' }],
    ['line', { class: 'grid', x1: 0, x2: WIDTH, y1: 83, y2: 83 }],
    ['path', { class: 'band', d: areaPath(rate, y, 83) }],
    ['path', { class: 'line', d: linePath(rate, y) }],
  ])
  say($('rate-from'), '5 min ago · 0 to ' + number(top))
}

function showCache(cache) {
  $('cache-section').hidden = cache === null
  if (cache === null) return
  const { hits, stale, misses, failures } = cache
  const all = hits + stale + misses + failures
  const parts = [['hit', hits], ['stale', stale], ['miss', misses + failures]]
  let left = 0
  paint($('hits'), 22, 'From the cache: ' + percent(all === 0 ? null : hits / all) + ', stale ' + percent(all === 0 ? null : stale / all),
    parts.map(([kind, count]) => {
      const width = all === 0 ? (kind === 'miss' ? WIDTH : 0) : (count / all) * WIDTH
      const shape = ['rect', { class: kind, x: at(left), y: 0, width: at(width), height: 22 }]
      left += width
      return shape
    }))
  const words = [['from the cache', hits], ['stale', stale], ['asked for', misses + failures]]
  words.forEach(([word, count], i) => say($('hits-key').children[i].lastElementChild, percent(all === 0 ? null : count / all) + ' ' + word))
  fillFigures($('cache'), [
    ['Hits', number(hits)], ['Misses', number(misses)], ['Stale replies', number(stale)], ['Known failures', number(failures)],
    ['Joined another', number(cache.coalesced)], ['Prefetched', number(cache.prefetches)], ['Replies kept', number(cache.entries)],
    ['Memory', octets(cache.size)], ['Evicted', number(cache.evictions)],
  ])
}

/** One for all, so that plots compare; a few outliers go over its top. */
function scaleFor(recent) {
  const values = recent.flatMap(({ mean, p95 }) => [...mean, ...p95]).filter((v) => v !== null).sort((a, b) => a - b)
  return roundUp(Math.max(1, values[Math.floor(values.length * 0.97)] ?? 1) * 1.02)
}
/** How far back health is shown: as far as it is known, up to an hour. */
function spanFor(upstreams, now) {
  const known = now - Math.min(now, ...upstreams.map(({ health }) => health[0]?.at ?? now))
  return [5 * MINUTE, 15 * MINUTE, 30 * MINUTE].find((span) => known < span) ?? HOUR
}

/** Tells a screen reader of changes alone. */
const states = new Map()
function tellNews(upstreams) {
  const news = upstreams.filter(({ name, state }) => states.has(name) && states.get(name) !== state)
  for (const { name, state } of upstreams) states.set(name, state)
  if (news.length > 0) say($('news'), news.slice(0, 3).map(({ name, state }) => name + ' is ' + WORDS[state]).join('. '))
}

let times = []
let rate = []
const kept = new Map()
function extend(old, more) {
  return [...old, ...more].slice(-capacity)
}
function keep(report) {
  capacity = Math.ceil(300000 / report.interval)
  if (report.full) {
    kept.clear()
    times = []
    rate = []
  }
  const known = times.length
  times = extend(times, report.times)
  rate = extend(rate, report.rate)
  const names = new Set(report.upstreams.map(({ name }) => name))
  for (const name of [...kept.keys()]) if (!names.has(name)) kept.delete(name)
  for (const { name, series } of report.upstreams) {
    const old = kept.get(name)
    kept.set(name, Object.fromEntries(Object.entries(series).map(([kind, values]) =>
      [kind, extend(old?.[kind] ?? Array(known).fill(kind === 'failures' ? 0 : null), values)])))
  }
}

function show(report) {
  const { upstreams, pools, servers, incidents, cache } = report
  keep(report)
  say($('summary'), report.summary)
  badge($('overall'), worst(upstreams.map(({ state }) => state)), '')
  document.title = report.summary + ' · headrace'
  const meta = [report.version === '' ? '' : 'version ' + report.version, report.uptime === null ? '' : 'running for ' + age(report.uptime * 1000)]
  showMeta(meta.filter((text) => text !== ''), report.problem === null ? 'live' : 'numbers can’t be read: ' + report.problem, report.problem !== null)
  tellNews(upstreams)
  const recent = [...kept.values()]
  const asked = cache === null ? 0 : cache.hits + cache.misses + cache.stale + cache.failures
  fillFigures($('figures'), [
    ['Attempts a second', number(average(rate.slice(-5)) ?? 0)],
    ['Mean reply time', duration(average(recent.flatMap((series) => series.mean.slice(-15))))],
    ...(cache === null ? [] : [['From the cache', percent(asked === 0 ? null : (cache.hits + cache.stale) / asked)]]),
    ['Failures in 5 min', number(sum(recent.flatMap((series) => series.failures)))],
    ['Under way', number(sum(upstreams.map(({ outstanding }) => outstanding)))],
  ])
  showRate(rate)
  const scale = scaleFor(recent)
  const span = spanFor(upstreams, report.at)
  say($('scale'), 'all on one scale, 5 min')
  const names = new Set(upstreams.map(({ name }) => name))
  for (const [name, card] of cards) {
    if (names.has(name)) continue
    card.root.remove()
    cards.delete(name)
  }
  for (const upstream of upstreams) showUpstream(upstream, kept.get(upstream.name), scale, span, report.at)
  $('no-failures').hidden = incidents.length > 0
  $('failures-box').hidden = incidents.length === 0
  fillTable($('failures'), incidents.slice(0, 25).map(({ last, upstream, what, count, text, kind }) =>
    [clockTime.format(last), upstream, WHATS[what] ?? what, kind === 'health' ? '' : number(count), text]), ['when', 'head', '', 'number', 'long'])
  fillTable($('pools'), pools.map((pool) =>
    [pool.name, { state: pool.up ? 'up' : 'down', word: pool.up ? 'up' : 'down' }, pool.strategy, number(pool.priority), pool.members.join(', '), number(pool.answered), number(pool.failed), number(pool.hedges)]),
    ['head', '', '', 'number', 'long', 'number', 'number', 'number'])
  showCache(cache)
  $('clients-section').hidden = servers.length === 0
  fillTable($('clients'), servers.map((server) =>
    [server.transport, ...['queries', 'replies', 'failures', 'dropped', 'denied', 'malformed', 'connections'].map((what) => number(server[what]))]),
    ['head', ...Array(7).fill('number')])
  $('act-section').hidden = !report.actions
  fill($('act-upstream'), upstreams, () => make('option'), (option, { name }) => {
    say(option, name)
    mark(option, 'value', name)
  })
}
function showMeta(texts, word, lost) {
  const meta = $('meta')
  if (meta.firstChild === null) meta.append(make('span'), make('b'))
  say(meta.firstElementChild, texts.length === 0 ? meta.firstElementChild.textContent : texts.join(' · ') + ' · ')
  say(meta.lastElementChild, word)
  mark(meta.lastElementChild, 'class', lost ? 'lost' : '')
}

$('act').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { value } = event.submitter
  const [path, body] = value === 'flush' ? ['flush', {}] : ['force', { upstream: $('act-upstream').value, state: value === 'auto' ? null : value }]
  try {
    const response = await fetch('actions/' + path, {
      method: 'POST', headers: { authorization: 'Bearer ' + $('token').value, 'content-type': 'application/json' }, body: JSON.stringify(body),
    })
    say($('act-result'), await response.text())
  } catch {
    say($('act-result'), 'headrace can’t be reached.')
  }
})

const events = new EventSource('events')
events.onmessage = ({ data }) => show(JSON.parse(data))
events.onerror = () => showMeta([], 'not live: headrace can’t be reached, trying again', true)
`
