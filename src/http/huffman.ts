import { Buffer } from 'node:buffer'
import { HeaderBlockError } from './error.js'
import { CODE_LENGTHS, CODES, EOS } from './huffman-code.js'

/**
 * One step of the decoder for each inner node of the code's tree and next four bits: the node after them, in bits 0 to
 * 7; the octet that they complete, if any, in bits 8 to 15, with {@link EMITS}; or {@link FAILS}. No code is shorter than
 * five bits, so that four complete one octet at most.
 */
const STEPS = new Uint32Array(256 * 16)
const EMITS = 1 << 16
const FAILS = 1 << 17
/** Whether a string may end at a node: after at most 7 bits of an unfinished code, all of them 1 (RFC 7541, section 5.2). */
const MAY_END = new Uint8Array(256)
buildSteps()

let scratch = Buffer.allocUnsafeSlow(512)

/**
 * The string that octets `start` to `end` are the Huffman code of (RFC 7541, section 5.2), one character an octet.
 *
 * @throws {HeaderBlockError} EOS in it, or padding that is longer than 7 bits or not all ones
 */
export function huffmanDecode(octets: Buffer, start: number, end: number): string {
  // The shortest code has 5 bits.
  const room = Math.ceil(((end - start) * 8) / 5)
  if (scratch.length < room) scratch = Buffer.allocUnsafeSlow(2 * room)
  const out = scratch
  let size = 0
  let node = 0
  for (let at = start; at < end; at++) {
    const octet = octets[at]!
    const high = STEPS[(node << 4) | (octet >> 4)]!
    if ((high & EMITS) !== 0) out[size++] = (high >> 8) & 0xff
    const low = STEPS[((high & 0xff) << 4) | (octet & 15)]!
    if ((low & EMITS) !== 0) out[size++] = (low >> 8) & 0xff
    if (((high | low) & FAILS) !== 0) throw new HeaderBlockError('the end-of-string symbol within a string')
    node = low & 0xff
  }
  if (MAY_END[node] === 0) throw new HeaderBlockError('a string that ends within a code')
  return out.toString('latin1', 0, size)
}

/** How many octets {@link huffmanEncode} makes of `octets`. */
export function huffmanLength(octets: Buffer): number {
  let bits = 0
  for (const octet of octets) bits += CODE_LENGTHS[octet]!
  return Math.ceil(bits / 8)
}

/** The Huffman code of `octets`, padded with ones (RFC 7541, section 5.2). */
export function huffmanEncode(octets: Buffer): Buffer {
  const out = Buffer.allocUnsafe(huffmanLength(octets))
  let at = 0
  let held = 0
  let bits = 0
  for (const octet of octets) {
    for (let left = CODE_LENGTHS[octet]!; left > 0;) {
      const taken = Math.min(left, 8 - bits)
      left -= taken
      held = (held << taken) | ((CODES[octet]! >>> left) & ((1 << taken) - 1))
      bits += taken
      if (bits < 8) continue
      out[at++] = held
      held = bits = 0
    }
  }
  if (bits > 0) out[at] = (held << (8 - bits)) | (0xff >> bits)
  return out
}

function buildSteps(): void {
  const tree = codeTree()
  for (let node = 0; node < tree.length; node++) {
    for (let bits = 0; bits < 16; bits++) STEPS[(node << 4) | bits] = step(tree, node, bits)
  }
  MAY_END[0] = 1
  for (let node = tree[0]![1], depth = 1; depth <= 7; node = tree[node]![1], depth++) MAY_END[node] = 1
}

/** Where four bits lead from `node`. A child below 0 is the leaf of symbol `-1 - child`. */
function step(tree: readonly [number, number][], node: number, bits: number): number {
  let flags = 0
  for (let bit = 3; bit >= 0; bit--) {
    const child: number = tree[node]![((bits >> bit) & 1) as 0 | 1]
    if (child === -1 - EOS) return FAILS
    if (child < 0) flags = EMITS | ((-1 - child) << 8)
    node = Math.max(0, child)
  }
  return flags | node
}

/** The inner nodes, the root first: the child at bit 0 and the child at bit 1. */
function codeTree(): [number, number][] {
  const tree: [number, number][] = [[0, 0]]
  for (const [symbol, code] of CODES.entries()) {
    let node = 0
    for (let left = CODE_LENGTHS[symbol]! - 1; left > 0; left--) {
      const bit = ((code >>> left) & 1) as 0 | 1
      if (tree[node]![bit] === 0) tree[node]![bit] = tree.push([0, 0]) - 1
      node = tree[node]![bit]
    }
    tree[node]![(code & 1) as 0 | 1] = -1 - symbol
  }
  return tree
}
