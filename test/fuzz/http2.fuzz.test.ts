import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HeaderBlockError } from '../../src/http/error.js'
import { HpackTable } from '../../src/http/hpack-table.js'
import type { Field } from '../../src/http/field.js'
import { decodeHpack, encodeHpack } from '../../src/http/hpack.js'
import { huffmanDecode, huffmanEncode } from '../../src/http/huffman.js'
import { ResponseHead } from '../../src/http/response-head.js'
import { Http2Error } from '../../src/http2/error.js'
import { FLAG, FRAME } from '../../src/http2/frames.js'
import {
  data,
  frame,
  goaway,
  headers,
  octets,
  OK,
  reset,
  response,
  setting,
  settings,
  Stage,
  u32,
  windowUpdate,
  type Asked,
} from '../http2/fake-peer.js'
import { mutate, seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_120)
/** No input of at most 64 kB may take longer, in ms. */
const SLOW = 200

const BLOCKS: readonly Buffer[] = [
  encodeHpack(OK),
  encodeHpack([...OK, ['content-length', '40'], ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'], ['x-y', 'z'.repeat(200)]]),
  Buffer.concat([Buffer.from([0x20]), encodeHpack(OK)]),
  Buffer.from('400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'hex'),
]

function random(size: number, below: Below): Buffer {
  return Buffer.from(Array.from({ length: size }, () => below(256)))
}

/** Calls `run` with the number of the round until the time is up. */
async function rounds(run: (round: number) => void | Promise<void>): Promise<void> {
  const end = performance.now() + SECONDS * 1000
  for (let round = 0; performance.now() < end; round++) await run(round)
}

function typed(run: () => void): void {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof HeaderBlockError, String(error))
  }
}

describe('http', () => {
  test(
    'Huffman code: anything is text again or a typed error, and text is always itself again',
    async () => {
      const below = seeded(SEED)
      await rounds(() => {
        const octets = random(below(80), below)
        const coded = huffmanEncode(octets)
        assert.equal(huffmanDecode(coded, 0, coded.length), octets.toString('latin1'))
        typed(() => {
          const text = huffmanDecode(octets, 0, octets.length)
          assert.deepEqual(huffmanEncode(Buffer.from(text, 'latin1')), octets)
        })
      })
    },
    SECONDS * 2000 + 20_000,
  )

  test(
    'header blocks: fields that are encoded again the same, or a typed error',
    async () => {
      const below = seeded(SEED + 1)
      await rounds((round) => {
        const block = round % 4 === 0 ? random(below(60), below) : mutate(BLOCKS[below(BLOCKS.length)]!, below)
        typed(() => {
          const fields: Field[] = []
          decodeHpack(block, 0, block.length, new HpackTable(), { field: (name, value) => fields.push([name, value]) })
          const again: Field[] = []
          const coded = encodeHpack(fields)
          decodeHpack(coded, 0, coded.length, new HpackTable(), { field: (name, value) => again.push([name, value]) })
          assert.deepEqual(again, fields)
          const head = new ResponseHead(['age'])
          for (const [name, value] of fields) head.field(name, value)
          assert.ok(head.faultAsHead() !== null || (head.status >= 100 && head.status <= 999))
        })
      })
    },
    SECONDS * 2000 + 20_000,
  )
})

/** Frames that a peer could send, right and wrong, for streams up to `top`. */
function anyFrame(top: number, below: Below): Buffer {
  const stream = below(12) === 0 ? below(top + 6) : 2 * below((top + 1) / 2) + 1
  switch (below(16)) {
    case 0:
      return frame(below(12), below(256), stream, random(below(40), below))
    case 1:
      return settings(setting(below(8), below(3) === 0 ? below(2 ** 31) : below(70_000)))
    case 2:
      return frame(FRAME.SETTINGS, FLAG.ACK, 0)
    case 3:
      return frame(FRAME.PING, below(2), 0, random(8, below))
    case 4:
      return windowUpdate(below(2) * stream, below(4) === 0 ? below(2 ** 31) : 1 + below(1000))
    case 5:
      return reset(stream, below(16))
    case 6:
      return below(6) === 0 ? goaway(below(top + 4), below(16)) : Buffer.alloc(0)
    case 7:
      return headers(stream, [[':status', '103']])
    case 8:
      return frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, mutate(BLOCKS[below(BLOCKS.length)]!, below))
    case 9:
      return octets(headers(stream, OK, 0), frame(FRAME.CONTINUATION, below(2) * FLAG.END_HEADERS, stream, BLOCKS[0]))
    case 10:
      return data(stream, random(below(300), below), below(2))
    case 11:
      return data(stream, octets(below(20), random(20, below)), FLAG.PADDED | below(2))
    case 12:
      return frame(FRAME.GOAWAY, 0, 0, octets(u32(2 ** 31 - 1), u32(0)).subarray(0, below(40) === 0 ? 4 : 8))
    default:
      return response(stream, 'x'.repeat(below(200)))
  }
}

describe('http2', () => {
  test(
    'a peer that says anything: each request ends once, with a response or a typed error, in bounded time',
    async () => {
      const below = seeded(SEED + 2)
      const ends = new Map<string, number>()
      await rounds(async (round) => {
        const t = new Stage({ maxBody: 1000, maxStreams: 1 + below(20) })
        const requests: Asked[] = await t.ask(1 + below(12), 'x'.repeat(below(100)))
        if (below(10) > 0) await t.receive(settings(setting(4, below(100_000))), frame(FRAME.SETTINGS, FLAG.ACK, 0))
        for (let step = 0; step < 12 && !t.session.closed; step++) {
          let wire: Buffer = Buffer.concat(Array.from({ length: 1 + below(6) }, () => anyFrame(25, below)))
          if (below(8) === 0) wire = mutate(wire, below)
          const from = performance.now()
          const cut = below(wire.length + 1)
          t.socket.push(wire.subarray(0, cut))
          await t.receive(wire.subarray(cut))
          assert.ok(performance.now() - from < SLOW, `slow in round ${round}`)
          if (below(3) === 0) requests.push(...(await t.ask(below(4))))
          if (below(4) === 0) t.session.cancel(requests[below(requests.length)] ?? requests[0]!)
        }
        t.session.destroy()
        await t.clock.advance(0)
        for (const { error } of requests) assert.ok(error === null || error instanceof Http2Error)
        for (const { ended } of requests) {
          const end = ended?.startsWith('200') === true ? '200' : String(ended)
          ends.set(end, (ends.get(end) ?? 0) + 1)
        }
        assert.equal(t.session.size, 0)
        assert.equal(t.clock.pending, 0)
      })
      assert.ok((ends.get('200') ?? 0) > 0 && ends.size > 5, JSON.stringify([...ends]))
    },
    SECONDS * 2000 + 20_000,
  )
})
