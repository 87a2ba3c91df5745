import type { LookupAddress } from 'node:dns'
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { canonicalIp } from '../address/ip.js'
import { asciiOf } from './question.js'

/** How often the file is looked at, in ms. */
const INTERVAL = 1000

/** A hosts file, as hosts(5) describes it: read when it is first needed, and again when it has changed. A missing one is empty. `now` is clock time, in ms. */
export class Hosts {
  readonly #path: string | false
  #addresses: ReadonlyMap<string, readonly LookupAddress[]> = new Map()
  #names: ReadonlyMap<string, readonly string[]> = new Map()
  #lookedAt = -Infinity
  #version = ''

  /** @param path false: there is none */
  constructor(path: string | false) {
    this.#path = path
  }

  /** The addresses of a name, in the order of the file; empty when it isn't there. @param name in lower case and ASCII, without a trailing dot */
  addresses(name: string, now: number): readonly LookupAddress[] {
    this.#refresh(now)
    return this.#addresses.get(name) ?? []
  }

  /** The names of an IP address, in the order of the file; empty when it isn't there. */
  names(ip: string, now: number): readonly string[] {
    this.#refresh(now)
    return this.#names.get(canonicalIp(ip) ?? '') ?? []
  }

  #refresh(now: number): void {
    if (this.#path === false || now - this.#lookedAt < INTERVAL) return
    this.#lookedAt = now
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const version = `${mtimeMs} ${size} ${ino}`
      if (version === this.#version) return
      this.#read(readFileSync(this.#path, 'utf8'))
      this.#version = version
    } catch {
      // Gone or unreadable: nothing is in it, until it is back.
      this.#read('')
      this.#version = ''
    }
  }

  #read(text: string): void {
    const addresses = new Map<string, LookupAddress[]>()
    const names = new Map<string, string[]>()
    for (const line of text.split('\n')) {
      const [address = '', ...aliases] = line.split('#', 1)[0]!.trim().split(/\s+/)
      const family = isIP(address)
      if (family === 0) continue
      for (const alias of aliases) {
        const known = append(addresses, (asciiOf(alias) || alias).toLowerCase())
        if (!known.some((one) => one.address === address)) known.push({ address, family })
      }
      append(names, canonicalIp(address)!).push(...aliases)
    }
    this.#addresses = addresses
    this.#names = names
  }
}

function append<T>(map: Map<string, T[]>, key: string): T[] {
  let list = map.get(key)
  if (list === undefined) map.set(key, (list = []))
  return list
}
