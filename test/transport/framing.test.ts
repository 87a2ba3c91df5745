import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'vitest'
import { frame, frameAll, FrameReader, MAX_MESSAGE } from '../../src/transport/framing.js'

const SAMPLES = [
  Buffer.from('a'),
  Buffer.alloc(0),
  Buffer.from('hello'),
  randomBytes(300),
  Buffer.alloc(0),
  randomBytes(17),
]

function read(reader: FrameReader, chunks: readonly Buffer[]): Buffer[] {
  const messages: Buffer[] = []
  for (const chunk of chunks) reader.push(chunk, (wire) => messages.push(wire))
  return messages
}

describe('writing', () => {
  test('R-7766-7: length and message come in one buffer', () => {
    assert.deepEqual(frame(Buffer.from('abc')), Buffer.from('\0\x03abc'))
    assert.deepEqual(frame(Buffer.alloc(0)), Buffer.from('\0\0'))
    assert.deepEqual(frame(Buffer.alloc(MAX_MESSAGE)).subarray(0, 2), Buffer.from([255, 255]))
    assert.deepEqual(frameAll(SAMPLES), Buffer.concat(SAMPLES.map(frame)))
    assert.equal(frameAll([]).length, 0)
  })

  test('A25: a frame has no octet more than it says', () => {
    Buffer.allocUnsafe(4096).fill(0xaa)
    for (const message of SAMPLES) assert.equal(frame(message).length, 2 + message.length)
  })
})

describe('reading', () => {
  const stream = frameAll(SAMPLES)

  test('R-7766-7: any split in two at every octet gives the same messages', () => {
    for (let at = 0; at <= stream.length; at++) {
      const reader = new FrameReader()
      assert.deepEqual(read(reader, [stream.subarray(0, at), stream.subarray(at)]), SAMPLES, `split at ${at}`)
      assert.equal(reader.partial, false)
    }
  })

  test('any split in three gives the same messages', () => {
    const short = frameAll([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')])
    for (let a = 0; a <= short.length; a++) {
      for (let b = a; b <= short.length; b++) {
        const messages = read(new FrameReader(), [short.subarray(0, a), short.subarray(a, b), short.subarray(b)])
        assert.deepEqual(messages.map(String), ['ab', '', 'cde'], `split at ${a} and ${b}`)
      }
    }
  })

  test('one octet at a time works, empty chunks too', () => {
    const octets = [...stream].flatMap((octet) => [Buffer.from([octet]), Buffer.alloc(0)])
    assert.deepEqual(read(new FrameReader(), octets), SAMPLES)
  })

  test('the largest message comes whole, in one chunk, in 64 kB chunks and octet by octet', () => {
    const message = randomBytes(MAX_MESSAGE)
    const framed = frame(message)
    assert.deepEqual(read(new FrameReader(), [framed]), [message])
    assert.deepEqual(read(new FrameReader(), [framed.subarray(0, 65_536), framed.subarray(65_536)]), [message])
    assert.deepEqual(
      read(
        new FrameReader(),
        Array.from(framed, (octet) => Buffer.from([octet])),
      ),
      [message],
    )
  })

  test('whole messages are views on the chunk: nothing is copied', () => {
    const [first] = read(new FrameReader(), [stream])
    assert.equal(first!.buffer, stream.buffer)
  })

  test('partial tells whether a message has begun', () => {
    const reader = new FrameReader()
    assert.equal(reader.partial, false)
    read(reader, [Buffer.from([0])])
    assert.equal(reader.partial, true)
    read(reader, [Buffer.from([2, 1])])
    assert.equal(reader.partial, true)
    assert.equal(read(reader, [Buffer.from([1])]).length, 1)
    assert.equal(reader.partial, false)
  })

  test('A25: a message assembled from pieces shows nothing of the pool that it lies in', () => {
    Buffer.allocUnsafe(4096).fill(0xaa)
    const [message] = read(new FrameReader(), [Buffer.from([0]), Buffer.from([5, 1, 2]), Buffer.from([3, 4, 5, 0, 9])])
    assert.deepEqual([...message!], [1, 2, 3, 4, 5])
  })

  test('random splits of random messages come out as they went in', () => {
    for (let round = 0; round < 200; round++) {
      const messages = Array.from({ length: 5 }, () => randomBytes(randomBytes(1)[0]! * (round % 7)))
      const all = frameAll(messages)
      const chunks: Buffer[] = []
      for (let at = 0; at < all.length;) {
        const end = Math.min(all.length, at + 1 + (randomBytes(2).readUInt16BE() % (1 + (round % 900))))
        chunks.push(all.subarray(at, end))
        at = end
      }
      assert.deepEqual(read(new FrameReader(), chunks), messages)
    }
  })
})
