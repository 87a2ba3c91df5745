import { Cache, type AskOptions, type CacheOptions } from 'headrace'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import type { Script } from '../../src/testing/behaviour.js'

/** A cache before one scripted upstream, in virtual time. */
export function stage(script: Script = {}, options: CacheOptions = {}) {
  const clock = new FakeClock()
  const upstream = new FakeUpstream('up', script, { clock })
  const cache = new Cache(upstream, { clock, ...options })
  const query = (name = 'www.example', type = 'A', more: AskOptions = {}) => clock.run(cache.query(name, type, more))
  return { clock, upstream, cache, query }
}

/** The SOA record of a zone as negative replies carry it. */
export function soa(name: string, ttl: number, minimum: number) {
  const data = { mname: `ns.${name}`, rname: `admin.${name}`, serial: 1, refresh: 1, retry: 1, expire: 1, minimum }
  return { name, type: 'SOA', ttl, data }
}
