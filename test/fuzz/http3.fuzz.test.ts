import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, test } from 'vitest'
import { HeaderBlockError } from '../../src/http/error.js'
import type { Field } from '../../src/http/field.js'
import { decodeQpack } from '../../src/http/qpack.js'
import { ReceivedRequest } from '../../src/http/received-request.js'
import { ResponseHead } from '../../src/http/response-head.js'
import { H3Error } from '../../src/quic/h3-error.js'
import { frameOf } from '../../src/quic/h3-frames.js'
import { data, goaway, GREETING, headers, octets, OK, response, section, settings, Stage } from '../quic/h3-stage.js'
import { mutate, seeded, type Below } from './mutate.js'

/** Seconds a target; a longer run is asked for by FUZZ_SECONDS, another one by FUZZ_SEED. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 1.5)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_127)
/** No input of at most 64 kB may take longer, in ms. */
const SLOW = 200
const PATIENCE = SECONDS * 2000 + 20_000

const SECTIONS: readonly Buffer[] = [
  section(OK),
  section([...OK, ['content-length', '40'], ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'], ['x-y', 'z'.repeat(200)]]),
  section([[':method', 'GET'], [':scheme', 'https'], [':authority', 'dns.test'], [':path', '/dns-query?dns=AAAB']]), // prettier-ignore
  Buffer.from('0000510b2f696e6465782e68746d6c', 'hex'),
]

function random(size: number, below: Below): Buffer {
  return Buffer.from(Array.from({ length: size }, () => below(256)))
}

/** Calls `run` with the number of the round until the time is up. */
async function rounds(run: (round: number) => void | Promise<void>): Promise<void> {
  const end = performance.now() + SECONDS * 1000
  for (let round = 0; performance.now() < end; round++) await run(round)
}

function fieldsOf(octets: Buffer): Field[] {
  const fields: Field[] = []
  decodeQpack(octets, 0, octets.length, { field: (name, value) => fields.push([name, value]) })
  return fields
}

describe('http3', () => {
  test(
    'field sections: fields that are encoded again the same, or a typed error',
    async () => {
      const below = seeded(SEED)
      await rounds((round) => {
        const wire = round % 4 === 0 ? random(below(60), below) : mutate(SECTIONS[below(SECTIONS.length)]!, below)
        try {
          const fields = fieldsOf(wire)
          assert.deepEqual(fieldsOf(section(fields)), fields)
          const head = new ResponseHead(['age'])
          const request = new ReceivedRequest(['host'])
          for (const [name, value] of fields) {
            head.field(name, value)
            request.field(name, value)
          }
          assert.ok(head.faultAsHead() !== null || (head.status >= 100 && head.status <= 999))
          assert.ok(request.faultAsHead() !== null || request.path.length > 0)
        } catch (error) {
          assert.ok(error instanceof HeaderBlockError, String(error))
        }
      })
    },
    PATIENCE,
  )

  test(
    'a server that says anything: each request ends once, with a response or a typed error, in bounded time',
    async () => {
      const below = seeded(SEED + 1)
      const ends = new Map<string, number>()
      await rounds(async (round) => {
        const t = new Stage()
        if (below(8) > 0) t.connect()
        const asked = t.ask(1 + below(12), below(4) === 0 ? null : 'x'.repeat(below(100)))
        t.connect()
        const theirs = [t.peerOpens(below(6) === 0 ? random(below(9), below) : GREETING)]
        for (let step = 0; step < 12 && !t.session.closed; step++) {
          const ofRequest = below(4) > 0
          const stream = ofRequest ? t.stream(below(asked.length)) : theirs[below(theirs.length)]!
          let wire: Buffer = Buffer.concat(Array.from({ length: 1 + below(3) }, () => anyFrame(ofRequest, below)))
          if (below(8) === 0) wire = mutate(wire, below)
          const from = performance.now()
          const cut = below(wire.length + 1)
          stream.data(wire.subarray(0, cut))
          const last = below(20)
          if (last === 0) stream.reset(0x100 + below(20))
          else stream.data(wire.subarray(cut), ofRequest && last < 10)
          assert.ok(performance.now() - from < SLOW, `slow in round ${round}`)
          if (below(6) === 0 && !t.session.closed) theirs.push(t.peerOpens(octets(below(5), random(below(4), below))))
          if (below(6) === 0) t.session.cancel(asked[below(asked.length)]!)
        }
        t.session.destroy()
        await t.clock.advance(0)
        for (const { error } of asked) assert.ok(error === null || error instanceof H3Error)
        for (const { ended } of asked) {
          const end = ended?.startsWith('200') === true ? '200' : String(ended)
          ends.set(end, (ends.get(end) ?? 0) + 1)
        }
        assert.equal(t.session.size, 0)
        assert.equal(t.clock.pending, 0)
      })
      assert.ok((ends.get('200') ?? 0) > 0 && ends.size > 5, JSON.stringify([...ends]))
    },
    PATIENCE,
  )
})

/** A frame that a server could send, right or wrong. */
function anyFrame(ofRequest: boolean, below: Below): Buffer {
  switch (below(12)) {
    case 0:
      return frameOf(below(16), random(below(40), below))
    case 1:
      return settings(below(10), below(70_000))
    case 2:
      return below(6) === 0 ? goaway(below(40)) : Buffer.alloc(0)
    case 3:
      return headers([[':status', '103']])
    case 4:
      return frameOf(1, mutate(SECTIONS[below(SECTIONS.length)]!, below))
    case 5:
      return data(random(below(300), below))
    default:
      return ofRequest ? response('x'.repeat(below(200))) : frameOf(0x21, random(below(5), below))
  }
}
