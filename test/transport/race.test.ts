import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { describe, test } from 'vitest'
import { DnsError } from '../../src/errors.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { connectFailure, tlsFailure } from '../../src/transport/failure.js'
import { Race } from '../../src/transport/race.js'
import { optionsFor } from './support.js'

const [A4, B4, C4] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const
const [A6, B6] = ['2001:db8::1', '2001:db8::2'] as const

/** What becomes of an attempt: it connects or fails after so many ms, or never ends. */
type Fate = { readonly after: number; readonly fails?: DnsError } | 'silent'

/** A race whose attempts do as they are told, in virtual time. */
class Track {
  readonly clock = new FakeClock()
  readonly begun: string[] = []
  /** When each began, in ms. */
  readonly times: number[] = []
  readonly open = new Set<Socket>()
  fates: Record<string, Fate>
  addresses: string[]
  readonly race: Race<Socket>
  readonly winners = new Map<Socket, string>()

  constructor(fates: Record<string, Fate>, connectTimeout = 2000) {
    this.fates = fates
    this.addresses = Object.keys(fates)
    const options = optionsFor(53, { name: 'quad9', clock: this.clock, connectTimeout })
    Object.defineProperty(options, 'addresses', { get: () => this.addresses })
    this.race = new Race(options, (address, deadline, signal) => this.#connect(address, deadline, signal))
  }

  /** The address that a race goes to. */
  async run(signal = new AbortController().signal): Promise<string> {
    return this.winners.get(await this.clock.run(this.race.run(signal)))!
  }

  #connect(address: string, deadline: number, signal: AbortSignal): Promise<Socket> {
    this.begun.push(address)
    this.times.push(this.clock.now())
    const fate = this.fates[address]!
    const socket = new Socket()
    this.open.add(socket)
    socket.once('close', () => this.open.delete(socket))
    this.winners.set(socket, address)
    return new Promise((resolve, reject) => {
      const fail = (error: DnsError): void => {
        socket.destroy()
        reject(error)
      }
      const late = new DnsError('ERR_DNS_CONNECT', `${address} is late`)
      this.clock.setTimeout(() => fail(late), deadline - this.clock.now()).unref?.()
      signal.addEventListener('abort', () => fail(new DnsError('ERR_DNS_CLOSED', 'stopped')))
      if (fate === 'silent') return
      this.clock.setTimeout(() => (fate.fails === undefined ? resolve(socket) : fail(fate.fails)), fate.after)
    })
  }
}

function refused(address: string, code = 'ECONNREFUSED'): DnsError {
  const peer = { name: 'quad9', address, port: 53, source: null }
  return connectFailure(peer, Object.assign(new Error(code), { code }))
}

describe('a race', () => {
  test('of thousands of addresses eight are tried', async () => {
    const addresses = Array.from({ length: 3000 }, (_, n) => `127.1.${n >> 8}.${n & 255}`)
    const track = new Track(Object.fromEntries(addresses.map((address) => [address, 'silent'])))
    await assert.rejects(track.run(), { code: 'ERR_DNS_CONNECT' })
    assert.deepEqual([track.begun, track.times.at(-1)], [addresses.slice(0, 8), 1750])
    assert.equal(track.clock.pending, 0)
  })

  test('one address is simply connected to; its error comes as it is', async () => {
    const track = new Track({ [A4]: { after: 5 } })
    assert.equal(await track.run(), A4)
    const error = refused(A4)
    track.fates = { [A4]: { after: 5, fails: error } }
    await assert.rejects(track.run(), (thrown) => thrown === error)
  })

  test('RFC 8305, section 5: a fast address is asked alone', async () => {
    const track = new Track({ [A6]: { after: 249 }, [A4]: { after: 1 } })
    assert.equal(await track.run(), A6)
    assert.deepEqual(track.begun, [A6])
    assert.equal(track.clock.pending, 0)
  })

  test('RFC 8305, section 5: the next address is tried as well every 250 ms; who is first wins, the others are closed', async () => {
    const track = new Track({ [A6]: 'silent', [A4]: { after: 300 }, [B6]: 'silent', [B4]: 'silent' })
    assert.equal(await track.run(), A4)
    assert.deepEqual([track.begun, track.times], [[A6, A4, B6], [0, 250, 500]]) // prettier-ignore
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([track.open.size, track.clock.pending], [1, 0])
  })

  test('RFC 8305, section 5: the next address is tried at once when one fails, and 250 ms later the one after', async () => {
    const track = new Track({ [A6]: { after: 10, fails: refused(A6) }, [A4]: 'silent', [B6]: { after: 1 } })
    assert.equal(await track.run(), B6)
    assert.deepEqual([track.begun, track.times], [[A6, A4, B6], [0, 10, 260]]) // prettier-ignore
  })

  test('RFC 8305, section 4: families take turns, beginning with the one that stands first', async () => {
    const late = (address: string): Fate => ({ after: 1, fails: refused(address) })
    const all = [A4, B4, C4, A6, B6]
    const track = new Track(Object.fromEntries(all.map((address) => [address, late(address)])))
    await assert.rejects(track.run())
    assert.deepEqual(track.begun, [A4, A6, B4, B6, C4])
  })

  test('the address that worked last is tried first, with the other family behind it, until it is gone', async () => {
    const track = new Track({ [A6]: 'silent', [B6]: 'silent', [A4]: { after: 1 } })
    assert.equal(await track.run(), A4)
    track.begun.length = 0
    track.fates[A4] = { after: 1, fails: refused(A4) }
    track.fates[A6] = { after: 1, fails: refused(A6) }
    track.fates[B6] = { after: 1 }
    assert.equal(await track.run(), B6)
    assert.deepEqual(track.begun, [A4, A6, B6])
    track.begun.length = 0
    track.addresses = [A6, A4]
    track.fates[A6] = { after: 1 }
    assert.equal(await track.run(), A6)
    assert.deepEqual(track.begun, [A6])
  })

  test('of a short time every address gets its share', async () => {
    const track = new Track({ [A6]: 'silent', [A4]: 'silent', [B4]: { after: 20 } }, 90)
    assert.equal(await track.run(), B4)
    assert.deepEqual(track.times, [0, 30, 60])
  })

  test('all silent: it ends at connectTimeout', async () => {
    const track = new Track({ [A6]: 'silent', [A4]: 'silent' }, 400)
    await assert.rejects(track.run(), { code: 'ERR_DNS_CONNECT', message: `${A6} is late; ${A4} is late` })
    assert.equal(track.clock.now(), 400)
    assert.equal(track.open.size, 0)
  })

  test('two that connect in one turn: one is handed out, the other closed', async () => {
    const track = new Track({ [A6]: { after: 251 }, [A4]: { after: 1 } })
    const winner = await track.clock.run(track.race.run(new AbortController().signal))
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(winner.destroyed, false)
    assert.deepEqual([...track.open], [winner])
  })
})

describe('a race that nobody wins', () => {
  test('the error names every address and why, and keeps all causes', async () => {
    const failures = [refused(A6, 'ENETUNREACH'), refused(A4)]
    const track = new Track({ [A6]: { after: 1, fails: failures[0]! }, [A4]: { after: 1, fails: failures[1]! } })
    await assert.rejects(track.run(), (error: DnsError) => {
      assert.deepEqual([error.code, error.upstream], ['ERR_DNS_CONNECT', 'quad9'])
      assert.equal(
        error.message,
        'quad9 cannot be reached: there is no route to [2001:db8::1]:53; quad9 refused the connection: nothing listens on 192.0.2.1:53',
      )
      const cause = error.cause as AggregateError & { code: string }
      assert.deepEqual(cause.errors, failures)
      // That there is no IPv6 here doesn't make the refusal our own fault.
      assert.equal(cause.code, 'ECONNREFUSED')
      return true
    })
  })

  test('without a route to any of them the code says so', async () => {
    const unreachable = (address: string): Fate => ({ after: 1, fails: refused(address, 'ENETUNREACH') })
    const track = new Track({ [A6]: unreachable(A6), [A4]: unreachable(A4) })
    await assert.rejects(track.run(), (error: DnsError) => (error.cause as { code: string }).code === 'ENETUNREACH')
  })

  test('one that could not be trusted makes it ERR_DNS_TLS', async () => {
    const peer = { name: 'quad9', address: A4, port: 853, source: null }
    const fails = tlsFailure(peer, 'the certificate has expired')
    const track = new Track({ [A6]: { after: 1, fails: refused(A6) }, [A4]: { after: 1, fails } })
    await assert.rejects(track.run(), { code: 'ERR_DNS_TLS' })
  })
})

describe('a race that is given up', () => {
  test.each([
    ['one address', [A4]],
    ['several', [A6, A4, B6]],
  ])('%s: it rejects, everything is closed, no timer is left', async (_, addresses) => {
    const track = new Track(Object.fromEntries(addresses.map((address) => [address, 'silent'])))
    const abort = new AbortController()
    track.clock.setTimeout(() => abort.abort(), 300)
    await assert.rejects(track.run(abort.signal), { code: 'ERR_DNS_CLOSED' })
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([track.clock.now(), track.open.size, track.clock.pending], [300, 0, 0])
    assert.equal(track.begun.length, Math.min(addresses.length, 2))
  })

  test('at the moment of success: the connection is closed', async () => {
    const abort = new AbortController()
    const socket = new Socket()
    const race = new Race(optionsFor(53), () => {
      abort.abort()
      return Promise.resolve(socket)
    })
    await assert.rejects(race.run(abort.signal), { code: 'ERR_DNS_CLOSED' })
    assert.equal(socket.destroyed, true)
  })
})
