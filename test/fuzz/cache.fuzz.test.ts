import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Cache } from '../../src/cache/cache.js'
import { hashQuestion } from '../../src/cache/key.js'
import { readShared, sharedKey, sharedValue } from '../../src/cache/shared-entry.js'
import { DnsError } from '../../src/errors.js'
import { FakeClock } from '../../src/testing/fake-clock.js'
import { FakeUpstream } from '../../src/testing/fake-upstream.js'
import { Message } from '../../src/wire/message.js'
import { mutate, seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_120)
/** No input may take longer, in ms. */
const SLOW = 5

function fuzz(name: string, run: (below: Below) => () => void): void {
  test(`${name}: nothing but typed errors, nothing slow`, { timeout: SECONDS * 1000 + 20_000 }, () => {
    const below = seeded(SEED)
    const end = performance.now() + SECONDS * 1000
    while (performance.now() < end) {
      const once = run(below)
      const attempt = () => {
        const began = performance.now()
        once()
        return performance.now() - began
      }
      // A pause of the machine is nobody's fault: slow is what is slow each time.
      for (let left = 20; attempt() > SLOW; left--) assert.notEqual(left, 0, 'slow')
    }
  })
}

/** `act`, whose errors must be our own. */
function typed(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof DnsError && error.code === 'ERR_DNS_MALFORMED', String(error))
  }
}

/** A dump whose checksum is right, whatever is in it. */
function sealed(octets: Buffer): Buffer {
  if (octets.length < 4) return octets
  let sum = 0x811c_9dc5
  for (let i = 0; i < octets.length - 4; i++) sum = Math.imul(sum ^ octets[i]!, 0x0100_0193)
  octets.writeUInt32BE(sum >>> 0, octets.length - 4)
  return octets
}

describe('fuzz', async () => {
  const clock = new FakeClock()
  const upstream = new FakeUpstream('up', {}, { clock })
  const full = new Cache(upstream, { clock })
  for (let i = 0; i < 12; i++) await full.query(`name${i}.example`, i % 2 === 0 ? 'A' : 'MX', { dnssecOk: i % 3 === 0 })
  const dump = full.dump()
  const query = { message: Message.query('www.example', 'A') }
  const reply = Message.reply(query, {
    answers: [
      { name: 'www.example', type: 'CNAME', ttl: 60, data: 'x.example' },
      { name: 'x.example', type: 'A', ttl: 60, data: '192.0.2.1' },
    ],
  })
  const value = sharedValue(reply.wire, 0)

  fuzz('Cache.load, sealed', (below) => {
    const bad = sealed(Buffer.from(mutate(dump, below)))
    return () => {
      const cache = new Cache(upstream, { clock, maxSize: 2 ** 20 })
      typed(() => {
        const loaded = cache.load(bad)
        assert.ok(loaded <= 12 && cache.stats.entries <= loaded)
        cache.load(cache.dump())
      })
    }
  })

  fuzz('Cache.load, as it comes', (below) => {
    const bad = mutate(dump, below)
    return () => typed(() => full.load(bad))
  })

  fuzz('values of a store', (below) => {
    const octets = mutate(Buffer.from(value, 'base64'), below)
    const text = below(2) === 0 ? octets.toString('base64') : mutate(Buffer.from(value), below).toString('latin1')
    return () => {
      const read = readShared(text, query.message)
      if (read === null) return
      assert.ok(read.message.sameQuestion(query.message) && Number.isFinite(read.received))
    }
  })

  fuzz('what is kept comes back with the same octets and no higher TTL', (below) => {
    const mutant = Message.read(mutate(reply.wire, below))
    return () => {
      if (mutant === null || !mutant.isReply || !mutant.sameQuestion(query.message)) return
      const cache = new Cache({ exchange: () => Promise.reject(new Error('never')), ask: (_q: unknown, _c: unknown, asking: { onReply(reply: object): void }) => asking.onReply({ message: mutant, upstream: 'x', age: 0 }) }, { clock, maxSize: 2 ** 20 }) // prettier-ignore
      const replies: Message[] = []
      const ctx = { deadline: 5000, scope: null, client: null, purpose: 'query', trace: null } as const
      const asking = { started: 0, deadline: 5000, timeout: undefined, attach: () => false, onReply: (r: { message: Message }) => replies.push(r.message), onFailure: () => assert.fail() } // prettier-ignore
      for (let i = 0; i < 2; i++) cache.ask(query, ctx, asking)
      assert.equal(replies.length, 2)
      const out = (message: Message) => message.copyFor(query.message, 0, { opt: null, maxSize: 65_535 })
      const [first, second] = [replies[0]!.scrubbed(), replies[1]!].map(out)
      if (cache.stats.hits > 0) assert.deepEqual(second!.subarray(4), first!.subarray(4))
    }
  }) // prettier-ignore

  fuzz('keys: the same for the same question, whatever its case; others differ', (below) => {
    const wire = mutate(query.message.wire, below)
    return () => {
      let message: Message
      try {
        message = Message.from(wire)
      } catch {
        return
      }
      if (message.questionEnd === 12) return
      const other = Buffer.from(message.wire)
      for (let i = 12; i < message.questionEnd - 4; i++) {
        const letter = other[i]! | 0x20
        if (letter >= 0x61 && letter <= 0x7a && other[i]! >= 0x41) other[i]! ^= 0x20
      }
      const twin = new Message(other)
      assert.equal(hashQuestion(message.wire, message.questionEnd, 1), hashQuestion(other, twin.questionEnd, 1))
      assert.equal(sharedKey('', message), sharedKey('', twin))
      assert.equal(message.sameQuestion(query.message), message.questionKey === query.message.questionKey)
    }
  })
})
