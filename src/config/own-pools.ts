import { readOptions, show } from '../base/options.js'
import { checkCacheOptions } from '../cache/options.js'
import type { ForwarderOptions, ForwarderRoute } from '../forwarder/forwarder.js'
import { FORWARDER_OPTIONS } from '../forwarder/options.js'
import { POOL_OPTIONS, type PoolOptions, type UpstreamSpec } from '../pool/options.js'
import { readHealth, readMember, readUpstreamOptions, type Reading } from './members.js'
import { readOwn, type Readers } from './own-options.js'
import { Section, isTable, type Placed } from './section.js'

const ACTIONS = ['refuse', 'nxdomain', 'nodata'] as const

/** A forwarder by our own names. */
export function readForwarder(reading: Reading, section: Section): ForwarderOptions {
  const members = (given: Placed): readonly (string | UpstreamSpec)[] => readMembers(reading, given)
  const readers: Readers = {
    pools: (given) => readPools(reading, given),
    upstreams: members,
    fallback: members,
    routes: (given) => readRoutes(reading, given),
    health: (given) => readHealth(reading, given),
    upstreamDefaults: (given) => readDefaults(reading, given),
    cache: (given) => readCache(reading, given),
  }
  return readOwn(section, (options) => readOptions('Forwarder', FORWARDER_OPTIONS, options), readers)
}

/** One pool by our own names. */
export function readPool(reading: Reading, section: Section): PoolOptions {
  const readers: Readers = {
    upstreams: (given) => readMembers(reading, given),
    health: (given) => readHealth(reading, given),
    upstreamDefaults: (given) => readDefaults(reading, given),
  }
  return readOwn(section, (options) => readOptions('Pool', POOL_OPTIONS, options), readers)
}

/** An array of upstreams, or one. */
export function readMembers(reading: Reading, { value, path }: Placed): readonly (string | UpstreamSpec)[] {
  const items: readonly Placed[] = Array.isArray(value)
    ? value.map((item: unknown, i) => ({ value: item, path: [...path, i] }))
    : [{ value, path }]
  return items.flatMap((item) => readMember(reading, item) ?? [])
}

/** A cache by our own names; false: none, true: one with all defaults. */
export function readCache(reading: Reading, given: Placed): ForwarderOptions['cache'] {
  if (given.value === false) return false
  if (given.value === true) return {}
  const section = Section.from(reading.problems, given, reading.spelling)
  return section === null ? undefined : readOwn(section, (options) => checkCacheOptions(options, 'Cache', ''))
}

function readPools(reading: Reading, { value, path }: Placed): readonly PoolOptions[] {
  if (!Array.isArray(value)) {
    reading.problems.error(path, `must be an array of tables; got ${show(value)}`)
    return []
  }
  return value.flatMap((item: unknown, i) => {
    const section = Section.from(reading.problems, { value: item, path: [...path, i] }, reading.spelling)
    return section === null ? [] : readPool(reading, section)
  })
}

function readDefaults(reading: Reading, given: Placed): PoolOptions['upstreamDefaults'] {
  const section = Section.from(reading.problems, given, reading.spelling)
  return section === null ? undefined : readUpstreamOptions(reading, section)
}

/** Suffix to upstreams, `{ to, leak }` or `{ action }`. */
function readRoutes(reading: Reading, given: Placed): ForwarderOptions['routes'] {
  const section = Section.from(reading.problems, given, reading.spelling)
  if (section === null) return undefined
  const routes = section.left.flatMap((suffix): [string, ForwarderRoute][] => {
    const route = readRoute(reading, { value: section.take(suffix), path: section.at(suffix) })
    return route === undefined ? [] : [[suffix, route]]
  })
  return Object.fromEntries(routes)
}

function readRoute(reading: Reading, given: Placed): ForwarderRoute | undefined {
  const { problems, spelling } = reading
  if (!isTable(given.value) || 'addr' in given.value) return readMembers(reading, given)
  const section = Section.from(problems, given, spelling)!
  const to = section.has('to') ? readMembers(reading, { value: section.take('to'), path: section.at('to') }) : null
  const leak = section.boolean('leak')
  const action = section.oneOf('action', ACTIONS)
  section.finish(['to', 'leak', 'action'])
  if (section.has('to') === section.has('action')) problems.error(given.path, 'needs either "to" or "action"')
  if (action !== undefined) return { action }
  return to === null ? undefined : { to, ...(leak !== undefined && { leak }) }
}
